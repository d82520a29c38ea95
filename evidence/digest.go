package evidence

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"

	"github.com/evidence-custody/custodyd/evidence/sum"
)

// Digest is a SHA-256 value: 32 bytes, written as 64 lowercase hex digits.
//
// It identifies artifacts, founding documents, events, leaves and keys; the
// context says which (FORMAT, IDS).
type Digest [sha256.Size]byte

// ErrDigest reports text that is not exactly 64 lowercase hex digits.
var ErrDigest = errors.New("not 64 lowercase hex digits")

// Sum returns the SHA-256 of b.
func Sum(b []byte) Digest { return sha256.Sum256(b) }

// NewSHA256 returns a SHA-256 for much data: several such hashes that are
// written to at once share a processor better than crypto/sha256's.
func NewSHA256() hash.Hash { return sum.New() }

// ParseDigest reads exactly 64 lowercase hex digits. One digest has one
// spelling: upper case is refused, so that text comparison is identity.
func ParseDigest(s string) (Digest, error) {
	var d Digest
	if len(s) != hex.EncodedLen(len(d)) {
		return Digest{}, fmt.Errorf("couldn't read digest %.80q: %w", s, ErrDigest)
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return Digest{}, fmt.Errorf("couldn't read digest %.80q: %w", s, ErrDigest)
		}
	}
	if _, err := hex.Decode(d[:], []byte(s)); err != nil {
		return Digest{}, fmt.Errorf("couldn't read digest %.80q: %w", s, ErrDigest)
	}
	return d, nil
}

// String returns the 64 lowercase hex digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// Short returns the first 12 hex digits, for people's eyes only.
func (d Digest) Short() string { return hex.EncodeToString(d[:6]) }

// IsZero reports whether d is the zero value, which no input is known to hash to.
func (d Digest) IsZero() bool { return d == Digest{} }

// MarshalText implements encoding.TextMarshaler.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler; see ParseDigest.
func (d *Digest) UnmarshalText(b []byte) error {
	p, err := ParseDigest(string(b))
	if err != nil {
		return err
	}
	*d = p
	return nil
}

// Compare orders digests bytewise, which is also the order of their hex text.
func (d Digest) Compare(o Digest) int {
	for i := range d {
		if d[i] != o[i] {
			if d[i] < o[i] {
				return -1
			}
			return 1
		}
	}
	return 0
}
