package keyring

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"fmt"

	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/evidence"
)

func newKey(priv *ecdsa.PrivateKey, meta Meta) (*Key, error) {
	signer, err := seal.NewSigner(priv)
	if err != nil {
		return nil, fmt.Errorf("couldn't use key: %w", err)
	}
	return &Key{Meta: meta, signer: signer, priv: priv}, nil
}

// Public returns the public key.
func (k *Key) Public() seal.PublicKey { return k.signer.Public() }

// Sign seals an event's payload.
func (k *Key) Sign(payload []byte) (seal.Envelope, error) { return k.signer.Sign(payload) }

// KeyID is the SHA-256 of the key's SPKI, by which the log knows it.
func (k *Key) KeyID() evidence.Digest { return k.signer.Public().ID() }

// SignJWT signs a client assertion (ES256, RFC 7518 section 3.4) and returns
// r and s, 32 bytes each. The input starts with a base64url header, so it can
// never be the "DSSEv1 " of an event: one key may serve both.
func (k *Key) SignJWT(signingInput []byte) ([]byte, error) {
	sum := sha256.Sum256(signingInput)
	r, s, err := ecdsa.Sign(rand.Reader, k.priv, sum[:])
	if err != nil {
		return nil, fmt.Errorf("couldn't sign assertion: %w", err)
	}
	rs := make([]byte, 64)
	r.FillBytes(rs[:32])
	s.FillBytes(rs[32:])
	return rs, nil
}
