package tlog

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/evidence"
)

// cosignatureType is the signature type of an Ed25519 cosignature/v1
// (C2SP tlog-cosignature).
const cosignatureType = 0x04

// NewWitnessVerifier reads a witness's verifier key, NAME+HASH+BASE64 of the
// type byte 0x04 and the Ed25519 key, or 0x06 and the ML-DSA-44 key. It verifies
// timestamped cosignatures.
func NewWitnessVerifier(vkey string) (note.Verifier, error) {
	name, rest, _ := strings.Cut(vkey, "+")
	hash, key64, _ := strings.Cut(rest, "+")
	want, err := strconv.ParseUint(hash, 16, 32)
	raw, err64 := base64.StdEncoding.Strict().DecodeString(key64)
	if err == nil && err64 == nil && len(raw) > 0 && raw[0] == mldsaType {
		key, err := parseMLDSA(vkey)
		if err != nil {
			return nil, fmt.Errorf("couldn't read witness key %.80q: %w", vkey, err)
		}
		return &mldsaWitness{*key}, nil
	}
	if err != nil || err64 != nil || hash != fmt.Sprintf("%08x", want) || !validName(name) || len(raw) != 1+ed25519.PublicKeySize || raw[0] != cosignatureType ||
		base64.StdEncoding.EncodeToString(raw) != key64 { // the decoder lets line breaks pass
		return nil, fmt.Errorf("couldn't read witness key %.80q: not name+hash+key of a cosignature/v1 witness", vkey)
	}
	if uint64(cosignerHash(name, raw[1:])) != want {
		return nil, fmt.Errorf("couldn't read witness key %.80q: its hash is not its key's", vkey)
	}
	return &witness{name, uint32(want), raw[1:]}, nil
}

// validName: the names that a note's signature lines can carry.
func validName(name string) bool {
	return name != "" && utf8.ValidString(name) && strings.IndexFunc(name, unicode.IsSpace) < 0
}

type witness struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (w *witness) Name() string    { return w.name }
func (w *witness) KeyHash() uint32 { return w.hash }

// Verify checks timestamp (8 bytes, big endian; not 0 and below 2^63) and
// signature over "cosignature/v1\ntime T\n" and the checkpoint's lines.
func (w *witness) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	seconds := binary.BigEndian.Uint64(sig)
	return seconds != 0 && seconds <= math.MaxInt64 && ed25519.Verify(w.key, cosignedText(seconds, msg), sig[8:])
}

// CountWitnesses returns how many different witnesses cosigned the note. A
// cosignature that does not hold counts for nothing, and neither does a
// verifier that NewWitnessVerifier did not make: without its key it could be
// counted twice under two names.
func CountWitnesses(msg []byte, witnesses []note.Verifier) int {
	counted := map[evidence.Digest]bool{}
	for _, w := range witnesses {
		id := WitnessKeyID(w)
		if id.IsZero() || counted[id] {
			continue
		}
		if _, err := note.Open(msg, note.VerifierList(w)); err == nil {
			counted[id] = true
		}
	}
	return len(counted)
}
