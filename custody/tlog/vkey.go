package tlog

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"

	"filippo.io/mldsa"
	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/custody"
)

// ParseVerifierKey reads a log's verifier key as C2SP signed-note writes it,
// NAME+HASH+BASE64 of a type byte and the key: Ed25519 (0x01) or ML-DSA-44 (0x06).
func ParseVerifierKey(vkey string) (note.Verifier, error) {
	if key, err := parseMLDSA(vkey); err == nil {
		return key, nil
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the log's key %.80q: %w", vkey, err)
	}
	return v, nil
}

// VerifierKeys writes the keys of a log document that this version knows, in
// the document's order: the first is Ed25519.
func VerifierKeys(doc custody.LogDocument) ([]string, error) {
	var all []string
	for _, k := range doc.Keys {
		switch k.Algorithm {
		case custody.LogEd25519:
			key, err := ParseLogKey(k.Key)
			if err != nil {
				return nil, err
			}
			vkey, err := note.NewEd25519VerifierKey(doc.Origin, key)
			if err != nil {
				return nil, fmt.Errorf("couldn't write the log's key: %w", err)
			}
			all = append(all, vkey)
		case custody.LogMLDSA44:
			key, err := ParseMLDSAKey(k.Key)
			if err != nil {
				return nil, err
			}
			all = append(all, mldsaVerifierKey(doc.Origin, key))
		}
	}
	return all, nil
}

func mldsaVerifierKey(name string, key *mldsa.PublicKey) string {
	return fmt.Sprintf("%s+%08x+%s", name, MLDSAKeyHash(name, key), base64.StdEncoding.EncodeToString(append([]byte{mldsaType}, key.Bytes()...)))
}

// parseMLDSA reads exactly what mldsaVerifierKey writes.
func parseMLDSA(vkey string) (*mldsaKey, error) {
	name, rest, _ := strings.Cut(vkey, "+")
	_, key64, _ := strings.Cut(rest, "+")
	raw, err := base64.StdEncoding.Strict().DecodeString(key64)
	if err != nil || len(raw) == 0 || raw[0] != mldsaType || !validName(name) || len(name) > maxForeignOrigin {
		return nil, errors.New("not name+hash+key of an ML-DSA-44 key")
	}
	key, err := mldsa.NewPublicKey(mldsa.MLDSA44(), raw[1:])
	if err != nil {
		return nil, fmt.Errorf("couldn't read the ML-DSA-44 key: %w", err)
	}
	if mldsaVerifierKey(name, key) != vkey {
		return nil, errors.New("its hash is not its key's")
	}
	return &mldsaKey{name, MLDSAKeyHash(name, key), key}, nil
}

// mldsaWitness verifies a witness's ML-DSA-44 cosignatures (C2SP
// tlog-cosignature), which say when they were made and cover the head alone.
type mldsaWitness struct{ mldsaKey }

// Verify checks timestamp (not 0 and below 2^63) and signature over the head
// that the text is.
func (w *mldsaWitness) Verify(text, sig []byte) bool {
	c, err := ParseCheckpointBody(text)
	if err != nil || len(sig) != mldsaSignature {
		return false
	}
	seconds := binary.BigEndian.Uint64(sig)
	return seconds != 0 && seconds <= math.MaxInt64 && mldsa.Verify(w.key, cosignedMessage(w.name, seconds, c), sig[8:], nil) == nil
}
