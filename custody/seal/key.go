package seal

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"

	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/evidence-custody/custodyd/evidence"
)

// PublicKey is an ECDSA P-256 public key in its one encoding.
type PublicKey struct {
	key      *ecdsa.PublicKey
	spki     []byte
	verifier signature.Verifier
	id       evidence.Digest // of spki
}

// ParseSPKI reads a SubjectPublicKeyInfo in DER. It refuses every key but an
// uncompressed P-256 point with named curve that re-encodes to these bytes:
// one key has one id.
func ParseSPKI(der []byte) (PublicKey, error) {
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return PublicKey{}, refuse(RuleKeyForm, "%v", err)
	}
	key, ok := parsed.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return PublicKey{}, refuse(RuleKeyForm, "not an ECDSA P-256 key")
	}
	return FromECDSA(key, der)
}

// FromECDSA wraps a P-256 key. Where der is not nil, it must be the key's one
// encoding.
func FromECDSA(key *ecdsa.PublicKey, der []byte) (PublicKey, error) {
	if key == nil || key.Curve != elliptic.P256() || key.X == nil || key.Y == nil {
		return PublicKey{}, refuse(RuleKeyForm, "not an ECDSA P-256 key")
	}
	spki, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return PublicKey{}, refuse(RuleKeyForm, "%v", err)
	}
	// A key of its own: what the caller does to his must not part it from its id.
	parsed, err := x509.ParsePKIXPublicKey(spki)
	key, ok := parsed.(*ecdsa.PublicKey)
	if err != nil || !ok {
		return PublicKey{}, refuse(RuleKeyForm, "not a point of P-256: %v", err)
	}
	if der != nil && !bytes.Equal(spki, der) {
		return PublicKey{}, refuse(RuleKeyForm, "the SPKI does not re-encode to itself")
	}
	v, err := signature.LoadVerifier(key, crypto.SHA256)
	if err != nil {
		return PublicKey{}, refuse(RuleKeyForm, "%v", err)
	}
	return PublicKey{key: key, spki: spki, verifier: v, id: evidence.Sum(spki)}, nil
}

// ParsePublicPEM reads exactly what PEM writes, one PUBLIC KEY block. Text
// around it or another line length is refused: tools differ in which block of
// a file with several they take.
func ParsePublicPEM(b []byte) (PublicKey, error) {
	block, rest := pem.Decode(b)
	if block == nil || len(rest) != 0 || !bytes.Equal(cryptoutils.PEMEncode(cryptoutils.PublicKeyPEMType, block.Bytes), b) {
		return PublicKey{}, refuse(RuleKeyForm, "not exactly one PEM block of type PUBLIC KEY")
	}
	return ParseSPKI(block.Bytes)
}

// ID is the key's identity: SHA-256 of its SPKI DER.
// For the zero PublicKey it is that of nothing.
func (k PublicKey) ID() evidence.Digest {
	if k.key == nil {
		return evidence.Sum(nil)
	}
	return k.id
}

// SPKI returns the SubjectPublicKeyInfo DER.
func (k PublicKey) SPKI() []byte { return bytes.Clone(k.spki) }

// AppendSPKI appends what SPKI returns.
func (k PublicKey) AppendSPKI(b []byte) []byte { return append(b, k.spki...) }

// PEM returns the SPKI as a PUBLIC KEY block, as openssl reads it.
func (k PublicKey) PEM() []byte {
	return cryptoutils.PEMEncode(cryptoutils.PublicKeyPEMType, k.spki)
}

// ECDSA returns the key itself, or nil for the zero PublicKey.
func (k PublicKey) ECDSA() *ecdsa.PublicKey { return k.key }

// Verify reports whether the envelope's signature is this key's over its
// payload, in its one form. Every error is an *Error.
func (k PublicKey) Verify(e Envelope) error {
	if k.verifier == nil {
		return refuse(RuleKeyForm, "no key")
	}
	if err := checkSignature(e.Signature); err != nil {
		return err
	}
	if err := k.verifier.VerifySignature(bytes.NewReader(e.Signature), bytes.NewReader(PAE(e.Payload))); err != nil {
		return refuse(RuleSignatureInvalid, "not by key %s over this payload", k.ID().Short())
	}
	return nil
}

// GenerateKey makes a P-256 key from the system's randomness.
func GenerateKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("couldn't generate a key: %w", err)
	}
	return key, nil
}
