// Package tsatest is a time-stamping authority for tests: it stamps any
// message at any time, as RFC 3161 wants it or with one defect. One name has
// one key, and the same stamps come out the same.
package tsatest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/evidence-custody/custodyd/custody/tlog"
)

// Authority is a root and a time-stamping certificate below it.
type Authority struct {
	Root, Certificate *x509.Certificate
	RootKey, Key      *ecdsa.PrivateKey

	serial atomic.Int64 // of the last stamp
}

// Validity of an authority's certificates: everything that tests call now.
var (
	NotBefore = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	NotAfter  = time.Date(2060, 1, 1, 0, 0, 0, 0, time.UTC)
)

// New makes an authority. Options change its own certificate before it is issued.
func New(tb testing.TB, name string, options ...func(*x509.Certificate)) *Authority {
	tb.Helper()
	a := &Authority{RootKey: key("root of " + name), Key: key(name)}
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name + " root"}, NotBefore: NotBefore, NotAfter: NotAfter,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	a.Root = issue(tb, root, root, a.RootKey, a.RootKey)
	own := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotBefore: NotBefore, NotAfter: NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtraExtensions: []pkix.Extension{Use(tb, true, 8)}}
	for _, o := range options {
		o(own)
	}
	a.Certificate = issue(tb, own, a.Root, a.Key, a.RootKey)
	return a
}

// Use is an extended key usage extension; 8 is time stamping, 3 code signing.
func Use(tb testing.TB, critical bool, purposes ...int) pkix.Extension {
	tb.Helper()
	var ids []asn1.ObjectIdentifier
	for _, p := range purposes {
		ids = append(ids, asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, p})
	}
	b, err := asn1.Marshal(ids)
	if err != nil {
		tb.Fatal(err)
	}
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: critical, Value: b}
}

// key is a name's private key.
func key(name string) *ecdsa.PrivateKey {
	for scalar := sha256.Sum256([]byte("tsatest:" + name)); ; scalar = sha256.Sum256(scalar[:]) {
		if k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar[:]); err == nil {
			return k
		}
	}
}

func issue(tb testing.TB, template, parent *x509.Certificate, subject, by *ecdsa.PrivateKey) *x509.Certificate {
	tb.Helper()
	b, err := x509.CreateCertificate(nil, template, parent, &subject.PublicKey, by)
	if err != nil {
		tb.Fatal(err)
	}
	c, err := x509.ParseCertificate(b)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// Accepted is the authority as a policy lists it: by its root.
func (a *Authority) Accepted() tlog.Authority {
	return tlog.Authority{Name: a.Certificate.Subject.CommonName, Certificates: []*x509.Certificate{a.Root}}
}

// PEM is the authority's root as a configuration's certificate file has it.
func (a *Authority) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Root.Raw})
}

// Stamp says that message existed at that time; in the form that is kept.
func (a *Authority) Stamp(tb testing.TB, message []byte, at time.Time, defects ...Defect) []byte {
	tb.Helper()
	digest := sha256.Sum256(message)
	b, err := a.Reply(digest[:], nil, at, defects...)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// Defect is one thing that a token has wrong.
type Defect int

// The defects; each makes a token that is otherwise right and freshly signed.
const (
	NoCertificate       Defect = iota + 1 // none in the token: right, if the policy has it
	NoSigningAttribute                    // no signing-certificate attribute
	OtherSigningCert                      // the attribute is of the root
	NoContentType                         // no content-type attribute
	NoMessageDigest                       // no message-digest attribute
	WrongMessageDigest                    // of something else
	WrongSignature                        // by another key
	UnsignedAttributes                    // some, empty
	TwoSigners                            // the same twice
	CriticalExtension                     // an extension nobody knows
	TrailingBytes                         // behind the reply
	NotTime                               // signed data of another content type
	SHA1Imprint                           // a 20-byte digest
	StatusWords                           // granted, in words too: right as a reply, not as kept
	Refusal                               // status 2
	TrailingFraction                      // 20260101000000.50Z
	AttributesUnordered                   // not in DER's order
)

var (
	sha256ID = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	tstInfo  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
)

// Reply answers a request for a SHA-256 digest; nonce may be nil.
func (a *Authority) Reply(digest []byte, nonce *big.Int, at time.Time, defects ...Defect) ([]byte, error) {
	m := maker{a: a, has: map[Defect]bool{}}
	for _, d := range defects {
		m.has[d] = true
	}
	token, err := m.token(m.info(digest, nonce, at))
	if err != nil {
		return nil, err
	}
	return build(func(b *cryptobyte.Builder) {
		sequence(b, func(b *cryptobyte.Builder) {
			sequence(b, func(b *cryptobyte.Builder) {
				switch {
				case m.has[Refusal]:
					b.AddASN1Int64(2)
				default:
					b.AddASN1Int64(0)
				}
				if m.has[StatusWords] || m.has[Refusal] {
					sequence(b, func(b *cryptobyte.Builder) {
						b.AddASN1(der.UTF8String, func(b *cryptobyte.Builder) { b.AddBytes([]byte("as it is")) })
					})
				}
			})
			if !m.has[Refusal] {
				b.AddBytes(token)
			}
		})
		if m.has[TrailingBytes] {
			b.AddBytes([]byte{0, 0})
		}
	})
}

type maker struct {
	a   *Authority
	has map[Defect]bool
}

func build(f func(*cryptobyte.Builder)) ([]byte, error) {
	var b cryptobyte.Builder
	f(&b)
	return b.Bytes()
}

func sequence(b *cryptobyte.Builder, f cryptobyte.BuilderContinuation) { b.AddASN1(der.SEQUENCE, f) }

func algorithm(b *cryptobyte.Builder, id asn1.ObjectIdentifier) {
	sequence(b, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(id) })
}

func tagged(n uint8) der.Tag { return der.Tag(n).ContextSpecific().Constructed() }

// info is TSTInfo.
func (m maker) info(digest []byte, nonce *big.Int, at time.Time) []byte {
	b, err := build(func(b *cryptobyte.Builder) {
		sequence(b, func(b *cryptobyte.Builder) {
			b.AddASN1Int64(1)
			b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 2})
			sequence(b, func(b *cryptobyte.Builder) {
				if m.has[SHA1Imprint] {
					algorithm(b, asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26})
					digest = digest[:20]
				} else {
					algorithm(b, sha256ID)
				}
				b.AddASN1OctetString(digest)
			})
			b.AddASN1Int64(m.a.serial.Add(1))
			when := at.UTC().Format("20060102150405.999999999") + "Z"
			if m.has[TrailingFraction] {
				when = at.UTC().Format("20060102150405") + ".50Z"
			}
			b.AddASN1(der.GeneralizedTime, func(b *cryptobyte.Builder) { b.AddBytes([]byte(when)) })
			sequence(b, func(b *cryptobyte.Builder) { b.AddASN1Int64(1) }) // accurate to the second
			if nonce != nil {
				b.AddASN1BigInt(nonce)
			}
			if m.has[CriticalExtension] {
				b.AddASN1(tagged(1), func(b *cryptobyte.Builder) {
					sequence(b, func(b *cryptobyte.Builder) {
						b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{1, 2, 3})
						b.AddASN1Boolean(true)
						b.AddASN1OctetString(nil)
					})
				})
			}
		})
	})
	if err != nil {
		panic(err) // of integers and bytes made above
	}
	return b
}

// attributes are the signed ones, as SET OF content.
func (m maker) attributes(info []byte) ([]byte, error) {
	digest, cert := sha256.Sum256(info), sha256.Sum256(m.a.Certificate.Raw)
	if m.has[WrongMessageDigest] {
		digest[0]++
	}
	if m.has[OtherSigningCert] {
		cert = sha256.Sum256(m.a.Root.Raw)
	}
	attribute := func(b *cryptobyte.Builder, id asn1.ObjectIdentifier, value cryptobyte.BuilderContinuation) {
		sequence(b, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(id)
			b.AddASN1(der.SET, value)
		})
	}
	var parts []func(*cryptobyte.Builder)
	if !m.has[NoContentType] {
		parts = append(parts, func(b *cryptobyte.Builder) {
			attribute(b, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(tstInfo) })
		})
	}
	if !m.has[NoMessageDigest] {
		parts = append(parts, func(b *cryptobyte.Builder) {
			attribute(b, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}, func(b *cryptobyte.Builder) { b.AddASN1OctetString(digest[:]) })
		})
	}
	if !m.has[NoSigningAttribute] {
		parts = append(parts, func(b *cryptobyte.Builder) {
			attribute(b, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}, func(b *cryptobyte.Builder) {
				sequence(b, func(b *cryptobyte.Builder) {
					sequence(b, func(b *cryptobyte.Builder) {
						sequence(b, func(b *cryptobyte.Builder) { b.AddASN1OctetString(cert[:]) })
					})
				})
			})
		})
	}
	if m.has[AttributesUnordered] {
		parts[0], parts[1] = parts[1], parts[0]
	}
	return build(func(b *cryptobyte.Builder) {
		for _, p := range parts {
			p(b)
		}
	})
}

// token is ContentInfo.
func (m maker) token(info []byte) ([]byte, error) {
	attributes, err := m.attributes(info)
	if err != nil {
		return nil, err
	}
	set, err := build(func(b *cryptobyte.Builder) {
		b.AddASN1(der.SET, func(b *cryptobyte.Builder) { b.AddBytes(attributes) })
	})
	if err != nil {
		return nil, err
	}
	digest, key := sha256.Sum256(set), m.a.Key
	if m.has[WrongSignature] {
		key = m.a.RootKey
	}
	signature, err := key.Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	signer := func(b *cryptobyte.Builder) {
		sequence(b, func(b *cryptobyte.Builder) {
			b.AddASN1Int64(1)
			sequence(b, func(b *cryptobyte.Builder) {
				b.AddBytes(m.a.Certificate.RawIssuer)
				b.AddASN1BigInt(m.a.Certificate.SerialNumber)
			})
			algorithm(b, sha256ID)
			b.AddASN1(tagged(0), func(b *cryptobyte.Builder) { b.AddBytes(attributes) })
			algorithm(b, asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2})
			b.AddASN1OctetString(signature)
			if m.has[UnsignedAttributes] {
				b.AddASN1(tagged(1), func(*cryptobyte.Builder) {})
			}
		})
	}
	content := tstInfo
	if m.has[NotTime] {
		content = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	}
	return build(func(b *cryptobyte.Builder) {
		sequence(b, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2})
			b.AddASN1(tagged(0), func(b *cryptobyte.Builder) {
				sequence(b, func(b *cryptobyte.Builder) {
					b.AddASN1Int64(3)
					b.AddASN1(der.SET, func(b *cryptobyte.Builder) { algorithm(b, sha256ID) })
					sequence(b, func(b *cryptobyte.Builder) {
						b.AddASN1ObjectIdentifier(content)
						b.AddASN1(tagged(0), func(b *cryptobyte.Builder) { b.AddASN1OctetString(info) })
					})
					if !m.has[NoCertificate] {
						b.AddASN1(tagged(0), func(b *cryptobyte.Builder) { b.AddBytes(m.a.Certificate.Raw) })
					}
					b.AddASN1(der.SET, func(b *cryptobyte.Builder) {
						signer(b)
						if m.has[TwoSigners] {
							signer(b)
						}
					})
				})
			})
		})
	})
}
