package tlog

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

type pkixExtension = pkix.Extension

// Token is a timestamp that was read and not yet believed.
type Token struct {
	Time         time.Time
	Accuracy     time.Duration
	Serial       *big.Int
	Policy       string
	Nonce        *big.Int            // nil: none
	Certificates []*x509.Certificate // those that the token brings along

	imprintHash crypto.Hash
	imprint     []byte
	info        []byte // DER of TSTInfo

	digestHash crypto.Hash // of info, and of what was signed
	infoDigest []byte      // as the signed attributes say it
	certHash   crypto.Hash
	certDigest []byte // of the signing certificate, as the signed attributes say it
	issuer     []byte // the signer identifier: issuer and serial
	serial     *big.Int
	keyID      []byte // or subject key identifier
	signed     []byte // DER SET OF the signed attributes
	algorithm  x509.SignatureAlgorithm
	signature  []byte
}

// maxCertificates bounds the certificates that a token brings along.
const maxCertificates = 8

var (
	oidSignedData           = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidTSTInfo              = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
	oidContentType          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidSigningCertificateV2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}
)

// granted is PKIStatusInfo in the one form kept: granted, and no more words.
var granted = []byte{0x30, 0x03, 0x02, 0x01, 0x00}

// ParseTimestamp reads a timestamp in the form it is kept in: the DER of an
// RFC 3161 TimeStampResp whose status is granted without strings, so that
// `openssl ts -verify -in` and a Sigstore bundle take it as it is. DER
// throughout, one signer, no CRLs, no unsigned attributes: nothing is let pass
// that the authority didn't sign or that isn't needed to check what it signed.
// Errors wrap ErrTimestamp.
func ParseTimestamp(kept []byte) (*Token, error) {
	status, token, err := splitReply(kept)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(status, granted) {
		return nil, unread("its status is not plain granted")
	}
	t := &Token{}
	if err := t.read(token); err != nil {
		return nil, err
	}
	return t, nil
}

// KeptTimestamp brings an authority's reply into the form that is kept: its
// status may have strings, which nobody signs and which are left out. A
// refusal is an error that repeats what the authority says. Nothing is verified.
func KeptTimestamp(reply []byte) ([]byte, error) {
	status, token, err := splitReply(reply)
	if err != nil {
		return nil, err
	}
	s, code := cryptobyte.String(status), int64(0)
	if !s.ReadASN1(&s, der.SEQUENCE) || !s.ReadASN1Integer(&code) {
		return nil, unread("its status can't be read")
	}
	if code != 0 && code != 1 {
		return nil, fmt.Errorf("couldn't have a timestamp: the authority answers status %d (%.100q)", code, words(s))
	}
	if len(token) == 0 {
		return nil, unread("there is none in the reply")
	}
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(granted)
		b.AddBytes(token)
	})
	kept, err := b.Bytes()
	if err != nil {
		return nil, fmt.Errorf("couldn't keep a timestamp: %w", err)
	}
	if _, err := ParseTimestamp(kept); err != nil {
		return nil, err
	}
	return kept, nil
}

// words are the printable parts of a refusal's strings, for a log's reader.
func words(s cryptobyte.String) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, string(s))
}

func unread(why string) error {
	return fmt.Errorf("couldn't read a timestamp: %s: %w", why, ErrTimestamp)
}

// splitReply parts TimeStampResp ::= SEQUENCE { status, timeStampToken OPTIONAL }.
func splitReply(b []byte) (status, token []byte, err error) {
	if len(b) > MaxTimestamp {
		return nil, nil, unread(fmt.Sprintf("it has %d bytes, and none has more than %d", len(b), MaxTimestamp))
	}
	s := cryptobyte.String(b)
	var first cryptobyte.String
	if !s.ReadASN1(&s, der.SEQUENCE) || len(s)+headerOf(len(s)) != len(b) || !s.ReadASN1Element(&first, der.SEQUENCE) {
		return nil, nil, unread("it is no TimeStampResp")
	}
	return first, s, nil
}

// headerOf is the length of a DER tag and length before n bytes of content.
func headerOf(n int) int {
	switch {
	case n < 0x80:
		return 2
	case n < 0x100:
		return 3
	}
	return 4 // MaxTimestamp is below 64 KiB
}

// read reads ContentInfo and SignedData (RFC 5652, sections 3 and 5.1).
func (t *Token) read(b []byte) error {
	var s, content, algorithms, encapsulated, signers cryptobyte.String
	var kind asn1.ObjectIdentifier
	var version int64
	outer := cryptobyte.String(b)
	if !outer.ReadASN1(&s, der.SEQUENCE) || !outer.Empty() || !s.ReadASN1ObjectIdentifier(&kind) || !kind.Equal(oidSignedData) ||
		!s.ReadASN1(&content, tagged(0)) || !s.Empty() {
		return unread("it is no signed data")
	}
	if !content.ReadASN1(&s, der.SEQUENCE) || !content.Empty() || !s.ReadASN1Integer(&version) || version != 3 ||
		!s.ReadASN1(&algorithms, der.SET) || !s.ReadASN1(&encapsulated, der.SEQUENCE) {
		return unread("it is no signed data of version 3")
	}
	if err := t.readCertificates(&s); err != nil {
		return err
	}
	if !s.ReadASN1(&signers, der.SET) || !s.Empty() {
		return unread("it has more than certificates and one signer")
	}
	if err := t.readSigner(signers); err != nil {
		return err
	}
	if h, ok := readHash(&algorithms); !ok || h != t.digestHash || !algorithms.Empty() {
		return unread("it lists other digests than its signer's")
	}
	if !encapsulated.ReadASN1ObjectIdentifier(&kind) || !kind.Equal(oidTSTInfo) || !encapsulated.ReadASN1(&content, tagged(0)) ||
		!encapsulated.Empty() || !content.ReadASN1Bytes(&t.info, der.OCTET_STRING) || !content.Empty() {
		return unread("what was signed says nothing of a time")
	}
	return t.readInfo(t.info)
}

func tagged(n uint8) der.Tag { return der.Tag(n).ContextSpecific().Constructed() }

func (t *Token) readCertificates(s *cryptobyte.String) error {
	var list, one cryptobyte.String
	var present bool
	if !s.ReadOptionalASN1(&list, &present, tagged(0)) {
		return unread("its certificates can't be read")
	}
	for !list.Empty() {
		if !list.ReadASN1Element(&one, der.SEQUENCE) || len(t.Certificates) == maxCertificates {
			return unread("its certificates are none, or too many")
		}
		c, err := x509.ParseCertificate(one)
		if err != nil {
			return unread(fmt.Sprintf("a certificate can't be read (%.100s)", err.Error()))
		}
		t.Certificates = append(t.Certificates, c)
	}
	return nil
}

// readSigner reads the one SignerInfo (RFC 5652, section 5.3).
func (t *Token) readSigner(signers cryptobyte.String) error {
	var s, sid, attributes cryptobyte.String
	var version int64
	if !signers.ReadASN1(&s, der.SEQUENCE) || !signers.Empty() || !s.ReadASN1Integer(&version) {
		return unread("it has not exactly one signer")
	}
	switch version {
	case 1:
		var issuer cryptobyte.String
		t.serial = new(big.Int)
		if !s.ReadASN1(&sid, der.SEQUENCE) || !sid.ReadASN1Element(&issuer, der.SEQUENCE) || !sid.ReadASN1Integer(t.serial) || !sid.Empty() {
			return unread("its signer is not named by issuer and serial number")
		}
		t.issuer = issuer
	case 3:
		if !s.ReadASN1Bytes((*[]byte)(&t.keyID), der.Tag(0).ContextSpecific()) || len(t.keyID) == 0 {
			return unread("its signer is not named by a key identifier")
		}
	default:
		return unread("its signer is of another version than 1 or 3")
	}
	var ok bool
	if t.digestHash, ok = readHash(&s); !ok {
		return unread("it was signed with another digest than SHA-256, SHA-384 or SHA-512")
	}
	if !s.ReadASN1Element(&attributes, tagged(0)) {
		return unread("it has no signed attributes")
	}
	if t.algorithm, ok = readSignatureAlgorithm(&s, t.digestHash); !ok {
		return unread("it was signed with an algorithm that is not read")
	}
	if !s.ReadASN1Bytes(&t.signature, der.OCTET_STRING) || !s.Empty() {
		return unread("it has unsigned attributes, or no signature")
	}
	// What is signed is the SET OF, not the tagged form it is sent in.
	t.signed = append([]byte{byte(der.SET)}, attributes[1:]...)
	return t.readAttributes(attributes)
}

// readAttributes reads the signed attributes: in DER's order, none twice, each
// with one value.
func (t *Token) readAttributes(element cryptobyte.String) error {
	var list, attribute, before cryptobyte.String
	var kind asn1.ObjectIdentifier
	if !element.ReadASN1(&list, tagged(0)) {
		return unread("its signed attributes can't be read")
	}
	seen := map[string]bool{}
	for !list.Empty() {
		var values, value cryptobyte.String
		var tag der.Tag
		if !list.ReadASN1Element(&attribute, der.SEQUENCE) || bytes.Compare(before, attribute) >= 0 {
			return unread("its signed attributes are not in order")
		}
		before = attribute
		s := attribute
		if !s.ReadASN1(&s, der.SEQUENCE) || !s.ReadASN1ObjectIdentifier(&kind) || !s.ReadASN1(&values, der.SET) || !s.Empty() ||
			!values.ReadAnyASN1Element(&value, &tag) || !values.Empty() || seen[kind.String()] {
			return unread("a signed attribute has not exactly one value")
		}
		seen[kind.String()] = true
		switch {
		case kind.Equal(oidContentType):
			var of asn1.ObjectIdentifier
			if !value.ReadASN1ObjectIdentifier(&of) || !of.Equal(oidTSTInfo) {
				return unread("its signed attributes say that no time was signed")
			}
		case kind.Equal(oidMessageDigest):
			if !value.ReadASN1Bytes(&t.infoDigest, der.OCTET_STRING) {
				return unread("its signed digest can't be read")
			}
		case kind.Equal(oidSigningCertificateV2):
			if !t.readSigningCertificate(value) {
				return unread("its signed attribute about the certificate can't be read")
			}
		}
	}
	for _, needed := range []asn1.ObjectIdentifier{oidContentType, oidMessageDigest, oidSigningCertificateV2} {
		if !seen[needed.String()] {
			return unread(fmt.Sprintf("the signed attribute %s is missing", needed))
		}
	}
	return nil
}

// readSigningCertificate reads SigningCertificateV2 (RFC 5035, section 3),
// whose first entry is the certificate that signed.
func (t *Token) readSigningCertificate(value cryptobyte.String) bool {
	var s, list, first cryptobyte.String
	if !value.ReadASN1(&s, der.SEQUENCE) || !s.ReadASN1(&list, der.SEQUENCE) || !list.ReadASN1(&first, der.SEQUENCE) {
		return false
	}
	t.certHash = crypto.SHA256 // the default
	if first.PeekASN1Tag(der.SEQUENCE) {
		var ok bool
		if t.certHash, ok = readHash(&first); !ok {
			return false
		}
	}
	return first.ReadASN1Bytes(&t.certDigest, der.OCTET_STRING)
}

// readInfo reads TSTInfo (RFC 3161, section 2.4.2).
func (t *Token) readInfo(b []byte) error {
	var s, imprint, when, part cryptobyte.String
	var policy asn1.ObjectIdentifier
	var version int64
	var ok, present bool
	outer := cryptobyte.String(b)
	if !outer.ReadASN1(&s, der.SEQUENCE) || !outer.Empty() || !s.ReadASN1Integer(&version) || version != 1 ||
		!s.ReadASN1ObjectIdentifier(&policy) || !s.ReadASN1(&imprint, der.SEQUENCE) {
		return unread("its statement is not of version 1")
	}
	t.Policy = policy.String()
	if t.imprintHash, ok = readHash(&imprint); !ok || !imprint.ReadASN1Bytes(&t.imprint, der.OCTET_STRING) || !imprint.Empty() {
		return unread("the message's digest is none of SHA-256, SHA-384 or SHA-512")
	}
	t.Serial = new(big.Int)
	if !s.ReadASN1Integer(t.Serial) || !s.ReadASN1(&when, der.GeneralizedTime) {
		return unread("it has no serial number or no time")
	}
	if t.Time, ok = parseGenTime(string(when)); !ok {
		return unread(fmt.Sprintf("%.40q is not a time", string(when)))
	}
	if !s.ReadOptionalASN1(&part, &present, der.SEQUENCE) || present && !t.readAccuracy(part) {
		return unread("its accuracy can't be read")
	}
	if s.PeekASN1Tag(der.BOOLEAN) && (!s.ReadASN1Boolean(&ok) || !ok) { // DER leaves FALSE out
		return unread("its ordering can't be read")
	}
	if s.PeekASN1Tag(der.INTEGER) {
		if t.Nonce = new(big.Int); !s.ReadASN1Integer(t.Nonce) {
			return unread("its nonce can't be read")
		}
	}
	if !s.SkipOptionalASN1(tagged(0)) || !s.ReadOptionalASN1(&part, &present, tagged(1)) || !s.Empty() || present && !readableExtensions(part) {
		return unread("it says more than is read")
	}
	return nil
}

// readAccuracy reads Accuracy ::= SEQUENCE { seconds, millis [0], micros [1] }, all optional.
func (t *Token) readAccuracy(s cryptobyte.String) bool {
	var seconds, millis, micros int64
	if s.PeekASN1Tag(der.INTEGER) && !s.ReadASN1Integer(&seconds) {
		return false
	}
	for i, to := range []*int64{&millis, &micros} {
		tag := der.Tag(i).ContextSpecific()
		if s.PeekASN1Tag(tag) && (!s.ReadASN1Int64WithTag(to, tag) || *to < 1 || *to > 999) {
			return false
		}
	}
	const year = 366 * 24 * 60 * 60
	t.Accuracy = time.Duration(seconds)*time.Second + time.Duration(millis)*time.Millisecond + time.Duration(micros)*time.Microsecond
	return s.Empty() && seconds >= 0 && seconds <= year
}

// readableExtensions lets pass what needn't be understood: nothing critical.
func readableExtensions(s cryptobyte.String) bool {
	for !s.Empty() {
		var e cryptobyte.String
		var id asn1.ObjectIdentifier
		if !s.ReadASN1(&e, der.SEQUENCE) || !e.ReadASN1ObjectIdentifier(&id) || !e.ReadASN1(&e, der.OCTET_STRING) {
			return false
		}
	}
	return true
}

// parseGenTime reads YYYYMMDDhhmmss[.f]Z without trailing zeros (RFC 3161, section 2.4.2).
func parseGenTime(s string) (time.Time, bool) {
	const layout = "20060102150405"
	rest, ok := strings.CutSuffix(s, "Z")
	whole, fraction, dotted := strings.Cut(rest, ".")
	if !ok || len(whole) != len(layout) || dotted && (fraction == "" || len(fraction) > 9 || strings.HasSuffix(fraction, "0")) {
		return time.Time{}, false
	}
	t, err := time.Parse(layout, whole)
	if err != nil || t.Year() < 1970 {
		return time.Time{}, false
	}
	if dotted {
		if strings.Trim(fraction, "0123456789") != "" {
			return time.Time{}, false
		}
		d, err := time.ParseDuration("0." + fraction + "s")
		if err != nil {
			return time.Time{}, false
		}
		t = t.Add(d)
	}
	return t, true
}
