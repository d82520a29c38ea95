package strongbox

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ErrWrapped reports a wrapped key that doesn't unwrap: it was altered, or
// belongs to another object or key-encryption key.
var ErrWrapped = errors.New("the wrapped data key is not authentic")

// WrappingKey is a key-encryption key that is at hand; one in a KMS wraps there.
type WrappingKey struct {
	id  string
	key [32]byte
}

const (
	wrapVersion = 1
	wrappedSize = 1 + 12 + 32 + 16 // version, nonce, key, tag

	idLabel   = "custodyd key-encryption key 1: id"
	wrapLabel = "custodyd key-encryption key 1: wrap"
	aadLabel  = "custodyd data key 1"
)

// NewWrappingKey takes a key of 32 random bytes.
func NewWrappingKey(secret []byte) (*WrappingKey, error) {
	if len(secret) != 32 {
		return nil, fmt.Errorf("couldn't use a key-encryption key of %d bytes, it must have 32", len(secret))
	}
	id, err := hkdf.Key(sha256.New, secret, nil, idLabel, 16)
	if err != nil {
		return nil, fmt.Errorf("couldn't name the key-encryption key: %w", err)
	}
	key, err := hkdf.Key(sha256.New, secret, nil, wrapLabel, 32)
	if err != nil {
		return nil, fmt.Errorf("couldn't derive from the key-encryption key: %w", err)
	}
	return &WrappingKey{id: hex.EncodeToString(id), key: [32]byte(key)}, nil
}

// ID names the key by 32 hex digits that follow from it and don't lead to it:
// another key has another id.
func (w *WrappingKey) ID() string { return w.id }

// Format implements fmt.Formatter: it shows the id and nothing else.
func (w *WrappingKey) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "key-encryption key "+w.id)
}

func (w *WrappingKey) aead() (cipher.AEAD, error) {
	block, err := aes.NewCipher(w.key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// Binding is what a wrapped key is bound to, so that no row of a database can
// be put in another's place: a label, the key-encryption key's id and the name
// of the object, each ended by a zero byte, which none of them holds. A KMS
// that wraps is given it as associated data.
func Binding(id, object string) ([]byte, error) {
	if id == "" || object == "" || strings.ContainsRune(id+object, 0) {
		return nil, fmt.Errorf("couldn't bind a data key to object %.80q and key %.80q", object, id)
	}
	return []byte(aadLabel + "\x00" + id + "\x00" + object + "\x00"), nil
}

// Wrap encrypts the data key of an object with AES-256-GCM under a key derived
// from the key-encryption key: version (1), nonce (12 random bytes), key and
// tag, 61 bytes. Random nonces bound the number of keys that one
// key-encryption key wraps to 2^32, far beyond any number of objects.
func (w *WrappingKey) Wrap(rand io.Reader, object string, k *DataKey) ([]byte, error) {
	aad, err := Binding(w.id, object)
	if err != nil {
		return nil, err
	}
	aead, err := w.aead()
	if err != nil {
		return nil, fmt.Errorf("couldn't wrap the data key of %s: %w", object, err)
	}
	out := make([]byte, 1+12, wrappedSize)
	out[0] = wrapVersion
	if _, err := io.ReadFull(rand, out[1:]); err != nil {
		return nil, fmt.Errorf("couldn't wrap the data key of %s: %w", object, err)
	}
	return aead.Seal(out, out[1:], k.key[:], aad), nil
}

// Unwrap returns the data key of an object. Whatever Wrap didn't make of this
// object with this key is ErrWrapped.
func (w *WrappingKey) Unwrap(object string, wrapped []byte) (*DataKey, error) {
	if len(wrapped) != wrappedSize || wrapped[0] != wrapVersion {
		return nil, fmt.Errorf("couldn't unwrap the data key of %s: %w", object, ErrWrapped)
	}
	aad, err := Binding(w.id, object)
	if err != nil {
		return nil, err
	}
	aead, err := w.aead()
	if err != nil {
		return nil, fmt.Errorf("couldn't unwrap the data key of %s: %w", object, err)
	}
	var k DataKey
	if _, err := aead.Open(k.key[:0], wrapped[1:1+12], wrapped[1+12:], aad); err != nil {
		return nil, fmt.Errorf("couldn't unwrap the data key of %s: %w", object, ErrWrapped)
	}
	return &k, nil
}

// Expose hands the bytes of the data key to a KMS that wraps it; DataKeyOf
// takes them back. Nothing else may see them.
func (k *DataKey) Expose() []byte { return append([]byte(nil), k.key[:]...) }

// DataKeyOf is the inverse of Expose.
func DataKeyOf(b []byte) (*DataKey, error) {
	if len(b) != 32 {
		return nil, fmt.Errorf("couldn't use a data key of %d bytes: %w", len(b), ErrWrapped)
	}
	return &DataKey{key: [32]byte(b)}, nil
}
