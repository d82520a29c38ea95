package tlog

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"filippo.io/mldsa"
	mldsax509 "filippo.io/mldsa/x509"
	"golang.org/x/mod/sumdb/note"
)

// A log's ML-DSA-44 signature is a C2SP tlog-cosignature of type 0x06 by the
// log itself: over the head, not over the note's text, with timestamp 0 (it
// says nothing of time), and made deterministically, so that every replica
// publishes the same bytes.

// mldsaType is the C2SP signed-note signature type of ML-DSA-44.
const mldsaType = 0x06

// mldsaSignature is the length of a timestamp and a signature, in bytes.
const mldsaSignature = 8 + mldsa.MLDSA44SignatureSize

// ParseMLDSAKey reads an ML-DSA-44 SPKI (RFC 9881) that re-encodes to itself.
func ParseMLDSAKey(spki []byte) (*mldsa.PublicKey, error) {
	parsed, err := mldsax509.ParsePKIXPublicKey(spki)
	if err != nil {
		return nil, fmt.Errorf("couldn't read log key: %w", err)
	}
	key, ok := parsed.(*mldsa.PublicKey)
	if !ok || key.Parameters() != mldsa.MLDSA44() {
		return nil, errors.New("couldn't read log key: not ML-DSA-44")
	}
	if again, err := MLDSASPKI(key); err != nil || !bytes.Equal(again, spki) {
		return nil, errors.New("couldn't read log key: the SPKI does not re-encode to itself")
	}
	return key, nil
}

// MLDSASPKI encodes an ML-DSA-44 key as a log document lists it, 1334 bytes.
func MLDSASPKI(key *mldsa.PublicKey) ([]byte, error) {
	b, err := mldsax509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("couldn't encode log key: %w", err)
	}
	return b, nil
}

// MLDSAKeyHash is the C2SP key id of an ML-DSA-44 key under this name.
func MLDSAKeyHash(name string, key *mldsa.PublicKey) uint32 {
	h := sha256.New()
	h.Write([]byte(name + "\n"))
	h.Write([]byte{mldsaType})
	h.Write(key.Bytes())
	return binary.BigEndian.Uint32(h.Sum(nil))
}

// cosignedMessage is what is signed (C2SP tlog-cosignature, ML-DSA-44 signed
// message): of the whole tree, so from leaf 0 on. The log says no time, 0; a
// witness says when it was.
func cosignedMessage(cosigner string, seconds uint64, c Checkpoint) []byte {
	b := make([]byte, 0, 12+1+len(cosigner)+8+1+len(c.Origin)+8+8+len(c.Root))
	b = append(b, "subtree/v1\n\x00"...)
	b = append(b, byte(len(cosigner)))
	b = append(b, cosigner...)
	b = binary.BigEndian.AppendUint64(b, seconds)
	b = append(b, byte(len(c.Origin)))
	b = append(b, c.Origin...)
	b = binary.BigEndian.AppendUint64(b, 0) // start
	b = binary.BigEndian.AppendUint64(b, c.Size)
	return append(b, c.Root[:]...)
}

type mldsaKey struct {
	name string
	hash uint32
	key  *mldsa.PublicKey
}

func (k *mldsaKey) Name() string    { return k.name }
func (k *mldsaKey) KeyHash() uint32 { return k.hash }

// Verify reads the text of the note as a checkpoint; others the key never signs.
func (k *mldsaKey) Verify(text, sig []byte) bool {
	c, err := ParseCheckpointBody(text)
	if err != nil || len(sig) != mldsaSignature || binary.BigEndian.Uint64(sig) != 0 {
		return false
	}
	return mldsa.Verify(k.key, cosignedMessage(k.name, 0, c), sig[8:], nil) == nil
}

// NewMLDSAVerifier verifies the log's ML-DSA-44 signatures of its checkpoints.
func NewMLDSAVerifier(origin string, key *mldsa.PublicKey) (note.Verifier, error) {
	if key == nil || key.Parameters() != mldsa.MLDSA44() || len(origin) == 0 || len(origin) > 255 {
		return nil, errors.New("couldn't make the log's verifier: not an ML-DSA-44 key of a named log")
	}
	return &mldsaKey{origin, MLDSAKeyHash(origin, key), key}, nil
}

type mldsaSigner struct {
	mldsaKey
	private *mldsa.PrivateKey
}

// NewMLDSASigner signs checkpoints by an ML-DSA-44 key in memory.
func NewMLDSASigner(origin string, key *mldsa.PrivateKey) (note.Signer, error) {
	if key == nil {
		return nil, errors.New("couldn't make the log's signer: no ML-DSA-44 key")
	}
	if _, err := NewMLDSAVerifier(origin, key.PublicKey()); err != nil {
		return nil, err
	}
	return &mldsaSigner{mldsaKey{origin, MLDSAKeyHash(origin, key.PublicKey()), key.PublicKey()}, key}, nil
}

// Sign signs the checkpoint that the text is; the same text, the same bytes.
func (s *mldsaSigner) Sign(text []byte) ([]byte, error) {
	c, err := ParseCheckpointBody(text)
	if err != nil {
		return nil, err
	}
	sig, err := s.private.SignDeterministic(cosignedMessage(s.name, 0, c), nil)
	if err != nil {
		return nil, fmt.Errorf("couldn't sign the checkpoint: %w", err)
	}
	return append(make([]byte, 8, mldsaSignature), sig...), nil
}
