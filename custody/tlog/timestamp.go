package tlog

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"
)

// Authority is a time-stamping authority that a policy accepts: every listed
// certificate is an anchor, be it the authority's own or one above it.
type Authority struct {
	Name         string
	Certificates []*x509.Certificate
}

// Timestamp is what an authority said: these bytes existed at Time.
type Timestamp struct {
	Time        time.Time         // UTC, as exact as the authority says it
	Accuracy    time.Duration     // how far Time may be off, either way; 0: the authority doesn't say
	Authority   string            // the name that the policy gives whoever said it
	Certificate *x509.Certificate // the one that signed
	Serial      *big.Int          // the authority's number of this timestamp
	Policy      string            // dotted OID of the policy that the authority followed
}

// MaxTimestamp bounds a timestamp as it is kept, in bytes.
const MaxTimestamp = 16 << 10

var (
	// ErrTimestamp reports bytes that are no timestamp of the message: not of
	// the form, of another message, or not signed by the certificate they name.
	ErrTimestamp = errors.New("not a timestamp of this message")
	// ErrAuthority reports a timestamp by somebody whom the policy doesn't
	// accept, or whose certificate was not fit for it at that time.
	ErrAuthority = errors.New("not a timestamp by an accepted authority")
)

// VerifyTimestamp checks a timestamp, in the form it is kept in, of message by
// one of the authorities (SPEC, Timestamps). Nothing is said of revocation.
// Errors wrap ErrTimestamp or ErrAuthority.
func VerifyTimestamp(kept, message []byte, authorities []Authority) (Timestamp, error) {
	t, err := ParseTimestamp(kept)
	if err != nil {
		return Timestamp{}, err
	}
	return t.Verify(message, authorities)
}

// Of reports whether the token speaks of message. Who says so was not checked.
func (t *Token) Of(message []byte) bool { return bytes.Equal(sum(t.imprintHash, message), t.imprint) }

// Verify checks a timestamp as VerifyTimestamp does.
func (t *Token) Verify(message []byte, authorities []Authority) (Timestamp, error) {
	if !t.Of(message) {
		return Timestamp{}, fmt.Errorf("couldn't find the message's digest in the timestamp: %w", ErrTimestamp)
	}
	cert, err := t.signer(authorities)
	if err != nil {
		return Timestamp{}, err
	}
	if err := t.checkSignature(cert); err != nil {
		return Timestamp{}, err
	}
	if err := fitForTime(cert); err != nil {
		return Timestamp{}, err
	}
	out := Timestamp{Time: t.Time, Accuracy: t.Accuracy, Certificate: cert, Serial: t.Serial, Policy: t.Policy}
	var reason error
	for _, a := range authorities {
		if err := t.certifiedBy(cert, a); err != nil {
			reason = err
			continue
		}
		out.Authority = a.Name
		return out, nil
	}
	return Timestamp{}, fmt.Errorf("couldn't accept a timestamp by %.80q of %s: %w (%v)", cert.Subject, t.Time.Format(time.RFC3339), ErrAuthority, reason)
}

// signer finds the certificate that the signed attribute names by its digest,
// in the token itself or among those accepted.
func (t *Token) signer(authorities []Authority) (*x509.Certificate, error) {
	known := slices.Clone(t.Certificates)
	for _, a := range authorities {
		known = append(known, a.Certificates...)
	}
	for _, c := range known {
		if !bytes.Equal(sum(t.certHash, c.Raw), t.certDigest) {
			continue
		}
		if !t.names(c) {
			return nil, fmt.Errorf("couldn't accept a timestamp whose signed attribute names another certificate than its signer: %w", ErrTimestamp)
		}
		return c, nil
	}
	return nil, fmt.Errorf("couldn't find the certificate that signed: neither the timestamp nor the policy has it: %w", ErrAuthority)
}

// names says whether the (unsigned) signer identifier is of this certificate.
func (t *Token) names(c *x509.Certificate) bool {
	if t.keyID != nil {
		return bytes.Equal(t.keyID, c.SubjectKeyId)
	}
	return bytes.Equal(t.issuer, c.RawIssuer) && t.serial.Cmp(c.SerialNumber) == 0
}

// checkSignature checks what the certificate's key signed: the attributes, of
// which one is the digest of what is said of the time.
func (t *Token) checkSignature(c *x509.Certificate) error {
	if !bytes.Equal(sum(t.digestHash, t.info), t.infoDigest) {
		return fmt.Errorf("couldn't find the digest of the time's statement among what was signed: %w", ErrTimestamp)
	}
	if err := weak(c); err != nil {
		return fmt.Errorf("couldn't verify the authority's signature: %w (%v)", ErrTimestamp, err)
	}
	if err := c.CheckSignature(t.algorithm, t.signed, t.signature); err != nil {
		return fmt.Errorf("couldn't verify the authority's signature: %w (%.200s)", ErrTimestamp, err.Error())
	}
	return nil
}

var oidExtKeyUsage = []int{2, 5, 29, 37}

// fitForTime holds the signing certificate to RFC 3161, section 2.3: extended
// key usage of time stamping, nothing else, critical.
func fitForTime(c *x509.Certificate) error {
	critical := slices.ContainsFunc(c.Extensions, func(e pkixExtension) bool { return e.Id.Equal(oidExtKeyUsage) && e.Critical })
	if !critical || len(c.UnknownExtKeyUsage) != 0 || !slices.Equal(c.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}) {
		return fmt.Errorf("couldn't accept a certificate whose critical use is not time stamping alone: %w", ErrAuthority)
	}
	if c.KeyUsage != 0 && c.KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) == 0 {
		return fmt.Errorf("couldn't accept a certificate whose key is not for signing: %w", ErrAuthority)
	}
	return nil
}

// certifiedBy finds a path from the signing certificate to an anchor of the
// authority, every certificate of which was valid at the time said.
func (t *Token) certifiedBy(c *x509.Certificate, a Authority) error {
	anchors, between := x509.NewCertPool(), x509.NewCertPool()
	for _, anchor := range a.Certificates {
		anchors.AddCert(anchor)
	}
	for _, other := range t.Certificates {
		between.AddCert(other)
	}
	paths, err := c.Verify(x509.VerifyOptions{Roots: anchors, Intermediates: between, CurrentTime: t.Time,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}})
	if err != nil {
		return err
	}
	for _, path := range paths {
		if !slices.ContainsFunc(path, func(c *x509.Certificate) bool { return weak(c) != nil }) {
			return nil
		}
	}
	return errors.New("a key on the way to the anchor is not RSA of 2048 to 8192 bits, ECDSA of 256 or more, or Ed25519")
}

// weak refuses keys that nobody should sign time with, and those so long that
// checking them is an attack.
func weak(c *x509.Certificate) error {
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		if n := k.N.BitLen(); 2048 <= n && n <= 8192 {
			return nil
		}
	case *ecdsa.PublicKey:
		if k.Curve.Params().BitSize >= 256 {
			return nil
		}
	case ed25519.PublicKey:
		return nil
	}
	return errors.New("not RSA of 2048 to 8192 bits, ECDSA of 256 or more, or Ed25519")
}

// sum digests with one of the three algorithms that the reader lets pass.
func sum(h crypto.Hash, b []byte) []byte {
	switch h {
	case crypto.SHA256:
		d := sha256.Sum256(b)
		return d[:]
	case crypto.SHA384:
		d := sha512.Sum384(b)
		return d[:]
	case crypto.SHA512:
		d := sha512.Sum512(b)
		return d[:]
	}
	return nil
}
