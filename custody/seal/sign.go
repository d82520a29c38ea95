package seal

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"fmt"
	"math/big"

	"github.com/sigstore/sigstore/pkg/signature"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/evidence-custody/custodyd/custody"
)

// Signer signs events with one key, wherever the key is kept.
type Signer interface {
	// Public returns the verifying key.
	Public() PublicKey
	// Sign seals a payload. It must return an envelope that Public verifies.
	Sign(payload []byte) (Envelope, error)
}

// NewSigner signs with a key in memory.
func NewSigner(key *ecdsa.PrivateKey) (Signer, error) {
	if key == nil {
		return nil, refuse(RuleKeyForm, "no key")
	}
	public, err := FromECDSA(&key.PublicKey, nil)
	if err != nil {
		return nil, err
	}
	inner, err := signature.LoadSigner(key, crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("couldn't load signing key: %w", err)
	}
	return &signer{public: public, sign: func(message []byte) ([]byte, error) {
		return inner.SignMessage(bytes.NewReader(message))
	}}, nil
}

// NewRemoteSigner signs with a key that is kept elsewhere: sign returns the
// ECDSA P-256 signature, in DER, of a message's SHA-256, with public's key.
// Every signature is brought to its one form and checked, as NewSigner's are.
func NewRemoteSigner(public PublicKey, sign func(message []byte) ([]byte, error)) (Signer, error) {
	if public.key == nil || sign == nil {
		return nil, refuse(RuleKeyForm, "no key")
	}
	return &signer{public: public, sign: sign}, nil
}

type signer struct {
	public PublicKey
	sign   func(message []byte) ([]byte, error)
}

func (s *signer) Public() PublicKey { return s.public }

func (s *signer) Sign(payload []byte) (Envelope, error) {
	if len(payload) == 0 || len(payload) > custody.MaxPayload {
		return Envelope{}, refuse(RuleEnvelopeSize, "the payload has %d bytes; between 1 and %d are allowed", len(payload), custody.MaxPayload)
	}
	raw, err := s.sign(PAE(payload))
	if err != nil {
		return Envelope{}, fmt.Errorf("couldn't sign: %w", err)
	}
	sig, err := NormaliseSignature(raw)
	if err != nil {
		return Envelope{}, err
	}
	e := Envelope{Payload: bytes.Clone(payload), Signature: sig}
	// A faulty signer must not put a signature into the world that nobody accepts.
	if err := s.public.Verify(e); err != nil {
		return Envelope{}, err
	}
	return e, nil
}

var (
	order     = elliptic.P256().Params().N
	halfOrder = new(big.Int).Rsh(order, 1)
)

// NormaliseSignature returns the low-s twin of a DER signature in minimal DER.
func NormaliseSignature(der []byte) ([]byte, error) {
	r, s, err := parseSignature(der)
	if err != nil {
		return nil, err
	}
	if s.Cmp(halfOrder) > 0 {
		s.Sub(order, s)
	}
	return encodeSignature(r, s)
}

// checkSignature holds a signature to its one form (FORMAT, SIG).
func checkSignature(der []byte) error {
	if inOneForm(der) {
		return nil
	}
	return whyNotInOneForm(der)
}

var orderBytes, halfOrderBytes = [32]byte(order.Bytes()), [32]byte(halfOrder.FillBytes(make([]byte, 32)))

// inOneForm reads what checkSignature accepts from the bytes alone: who verifies
// many signatures would otherwise pay for big integers at each. Whatever it does
// not accept is judged the long way; a test holds the two to each other.
func inOneForm(der []byte) bool {
	if len(der) < 2 || len(der) > maxSignature || der[0] != 0x30 || int(der[1]) != len(der)-2 {
		return false
	}
	r, rest, ok := cutInteger(der[2:])
	if !ok {
		return false
	}
	s, rest, ok := cutInteger(rest)
	return ok && len(rest) == 0 && bytes.Compare(r[:], orderBytes[:]) < 0 && bytes.Compare(s[:], halfOrderBytes[:]) <= 0
}

// cutInteger takes one INTEGER in minimal DER, of 1 to 256 bits.
func cutInteger(b []byte) (n [32]byte, rest []byte, ok bool) {
	if len(b) < 3 || b[0] != 0x02 || b[1] == 0 || int(b[1]) > len(n)+1 || len(b)-2 < int(b[1]) {
		return n, nil, false
	}
	digits, rest := b[2:2+b[1]], b[2+b[1]:]
	switch {
	case digits[0] >= 0x80: // negative
		return n, nil, false
	case digits[0] == 0:
		if len(digits) == 1 || digits[1] < 0x80 { // zero, or not minimal
			return n, nil, false
		}
		digits = digits[1:]
	case len(digits) > len(n):
		return n, nil, false
	}
	copy(n[len(n)-len(digits):], digits)
	return n, rest, true
}

// whyNotInOneForm says what keeps a signature from its one form.
func whyNotInOneForm(der []byte) error {
	r, s, err := parseSignature(der)
	if err != nil {
		return err
	}
	again, err := encodeSignature(r, s)
	if err != nil || !bytes.Equal(again, der) {
		return refuse(RuleSignatureForm, "not minimal DER")
	}
	if s.Cmp(halfOrder) > 0 {
		return refuse(RuleSignatureHighS, "s is over half the group order: the twin of the signature that was made")
	}
	return nil
}

// parseSignature reads SEQUENCE { r INTEGER, s INTEGER } with 1 <= r, s < n.
func parseSignature(der []byte) (r, s *big.Int, err error) {
	r, s = new(big.Int), new(big.Int)
	if len(der) > maxSignature {
		return nil, nil, refuse(RuleSignatureForm, "%d bytes; a signature by P-256 has at most %d", len(der), maxSignature)
	}
	input := cryptobyte.String(der)
	var inner cryptobyte.String
	if !input.ReadASN1(&inner, asn1.SEQUENCE) || !input.Empty() || !inner.ReadASN1Integer(r) || !inner.ReadASN1Integer(s) || !inner.Empty() {
		return nil, nil, refuse(RuleSignatureForm, "not the DER of two integers")
	}
	if r.Sign() <= 0 || s.Sign() <= 0 || r.Cmp(order) >= 0 || s.Cmp(order) >= 0 {
		return nil, nil, refuse(RuleSignatureForm, "r or s is outside 1..n-1")
	}
	return r, s, nil
}

func encodeSignature(r, s *big.Int) ([]byte, error) {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1BigInt(r)
		b.AddASN1BigInt(s)
	})
	out, err := b.Bytes()
	if err != nil {
		return nil, fmt.Errorf("couldn't encode signature: %w", err)
	}
	return out, nil
}
