package rulingtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/evidence"
)

// Key is somebody's key in a story.
type Key struct {
	Public  seal.PublicKey
	Party   custody.Party // zero for root and service keys
	Cert    *custody.ID   // leaf hash of key.certified, or of org.founded for a root key
	Class   custody.Class
	private *ecdsa.PrivateKey
}

// NewKey makes the key of that name: the same name gives the same key.
func NewKey(name string) *Key {
	// The SHA-256 of a name is a scalar in range but for odds of 2^-32; try on.
	for scalar := sha256.Sum256([]byte("key:" + name)); ; scalar = sha256.Sum256(scalar[:]) {
		private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar[:])
		if err != nil {
			continue
		}
		public, err := seal.FromECDSA(&private.PublicKey, nil)
		if err != nil {
			panic(err) // a P-256 key encodes
		}
		return &Key{Public: public, Class: custody.ClassPerson, private: private}
	}
}

// ID returns the key's id.
func (k *Key) ID() custody.ID { return k.Public.ID() }

// Seal signs a payload. The nonce is derived from key and payload (RFC 6979),
// so the signature is the same every time.
func (k *Key) Seal(payload []byte) (Sealed, error) {
	digest := sha256.Sum256(seal.PAE(payload))
	raw, err := k.private.Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		return Sealed{}, err
	}
	sig, err := seal.NormaliseSignature(raw)
	if err != nil {
		return Sealed{}, err
	}
	return Sealed{seal.Envelope{Payload: payload, Signature: sig}, k.Public}, nil
}

// salt returns the salt of that name.
func salt(name string) custody.Salt { return custody.Salt(evidence.Sum([]byte("salt:" + name))) }

// nonce returns the nonce of that name.
func nonce(name string) custody.ID { return evidence.Sum([]byte("nonce:" + name)) }
