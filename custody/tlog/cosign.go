package tlog

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/evidence"
)

// maxForeignOrigin bounds the origin line of a log that is not ours, in bytes.
const maxForeignOrigin = 255

// ParseForeignCheckpoint reads the body of any C2SP checkpoint: its origin may
// be anything that names a signer, and extension lines may follow, which are
// signed and say nothing here. A witness reads so; a verifier of evidence uses
// ParseCheckpointBody. Errors wrap ErrCheckpoint.
func ParseForeignCheckpoint(body []byte) (Checkpoint, error) {
	lines := strings.SplitN(string(body), "\n", 4)
	if len(lines) != 4 || len(body) > maxNote || len(lines[0]) > maxForeignOrigin || !validName(lines[0]) || strings.Contains(lines[0], "+") {
		return Checkpoint{}, fmt.Errorf("couldn't read origin: %w", ErrCheckpoint)
	}
	if rest := lines[3]; rest != "" && (!strings.HasSuffix(rest, "\n") || strings.HasPrefix(rest, "\n") || strings.Contains(rest, "\n\n")) {
		return Checkpoint{}, fmt.Errorf("couldn't read extension lines: %w", ErrCheckpoint)
	}
	// Size and root are held to the form that our own have: one form for a number.
	c, err := ParseCheckpointBody([]byte("log.invalid\n" + lines[1] + "\n" + lines[2] + "\n"))
	c.Origin = lines[0]
	return c, err
}

// Cosigner makes a witness's cosignatures (C2SP tlog-cosignature,
// cosignature/v1: Ed25519).
type Cosigner struct {
	witness
	private crypto.Signer
}

// NewCosigner takes the witness's name, best a URL without its scheme, and its
// Ed25519 key.
func NewCosigner(name string, key crypto.Signer) (*Cosigner, error) {
	if !validName(name) || strings.Contains(name, "+") || len(name) > maxForeignOrigin {
		return nil, fmt.Errorf("couldn't make cosigner: %.80q is no name for a signature line (no spaces, no +, at most %d bytes)", name, maxForeignOrigin)
	}
	if key == nil {
		return nil, errors.New("couldn't make cosigner: no key")
	}
	public, ok := key.Public().(ed25519.PublicKey)
	if !ok || len(public) != ed25519.PublicKeySize {
		return nil, errors.New("couldn't make cosigner: not an Ed25519 key")
	}
	return &Cosigner{witness{name, cosignerHash(name, public), public}, key}, nil
}

func cosignerHash(name string, key ed25519.PublicKey) uint32 {
	sum := sha256.Sum256(append(append([]byte(name+"\n"), cosignatureType), key...))
	return binary.BigEndian.Uint32(sum[:])
}

// VerifierKey is what NewWitnessVerifier reads.
func (c *Cosigner) VerifierKey() string {
	return fmt.Sprintf("%s+%08x+%s", c.name, c.hash, base64.StdEncoding.EncodeToString(append([]byte{cosignatureType}, c.key...)))
}

// Cosign returns the signature over a checkpoint's body, said to be made at a
// time, to the second. It states that this is the largest head of that log that
// the witness has seen, and that it goes on from all before: see to that first.
func (c *Cosigner) Cosign(body []byte, at time.Time) (Signature, error) {
	if _, err := ParseForeignCheckpoint(body); err != nil {
		return Signature{}, fmt.Errorf("couldn't cosign: %w", err)
	}
	seconds := at.Unix()
	if seconds <= 0 {
		return Signature{}, fmt.Errorf("couldn't cosign: %s is no time of a cosignature", at.UTC().Format(time.RFC3339))
	}
	sig, err := c.private.Sign(nil, cosignedText(uint64(seconds), body), crypto.Hash(0))
	if err != nil {
		return Signature{}, fmt.Errorf("couldn't cosign: %w", err)
	}
	out := Signature{Name: c.name, KeyHash: c.hash, Bytes: append(binary.BigEndian.AppendUint64(nil, uint64(seconds)), sig...)}
	// A key kept elsewhere may have been replaced there.
	if !c.Verify(body, out.Bytes) {
		return Signature{}, errors.New("couldn't cosign: the signature made is not one of the witness's key")
	}
	return out, nil
}

// cosignedText is what a cosignature/v1 signs.
func cosignedText(seconds uint64, body []byte) []byte {
	return fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", seconds, body)
}

// Signature is one signature line of a signed note (C2SP signed-note).
type Signature struct {
	Name    string
	KeyHash uint32
	Bytes   []byte // what follows the key's hash: for a cosignature 8 bytes of time and the signature
}

// signatureMark begins a signature line: an em dash and a space.
const signatureMark = "\u2014 "

// Limits on signature lines.
const (
	maxSignatures     = 64      // lines of one answer or note that are read
	maxSignatureBytes = 8 << 10 // ML-DSA-44 has 2420; what others may add stays below
)

// String is the line, with its newline.
func (s Signature) String() string {
	return signatureMark + s.Name + " " + base64.StdEncoding.EncodeToString(append(binary.BigEndian.AppendUint32(nil, s.KeyHash), s.Bytes...)) + "\n"
}

// Time is when a cosignature says that it was made; the zero time where it is
// none. Verify first.
func (s Signature) Time() time.Time {
	if len(s.Bytes) < 8 {
		return time.Time{}
	}
	seconds := binary.BigEndian.Uint64(s.Bytes)
	if seconds == 0 || seconds > math.MaxInt64 {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0).UTC()
}

// ErrSignatureLines reports bytes that are not signature lines.
var ErrSignatureLines = errors.New("not the signature lines of a note")

// ParseSignatures reads one or more signature lines, each in the one form that
// String writes. Errors wrap ErrSignatureLines.
func ParseSignatures(b []byte) ([]Signature, error) {
	var out []Signature
	for line := range bytes.Lines(b) {
		if len(out) == maxSignatures {
			return nil, fmt.Errorf("couldn't read more than %d: %w", maxSignatures, ErrSignatureLines)
		}
		rest, marked := strings.CutPrefix(strings.TrimSuffix(string(line), "\n"), signatureMark)
		name, text, _ := strings.Cut(rest, " ")
		raw, err := base64.StdEncoding.Strict().DecodeString(text)
		if !marked || err != nil || !validName(name) || strings.Contains(name, "+") || len(name) > maxForeignOrigin || len(raw) < 5 || len(raw) > 4+maxSignatureBytes {
			return nil, fmt.Errorf("couldn't read line %d: %w", len(out)+1, ErrSignatureLines)
		}
		s := Signature{Name: name, KeyHash: binary.BigEndian.Uint32(raw), Bytes: raw[4:]}
		if s.String() != string(line) { // also: no newline, or a carriage return that base64 lets pass
			return nil, fmt.Errorf("couldn't read line %d: %w", len(out)+1, ErrSignatureLines)
		}
		out = append(out, s)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("couldn't find any: %w", ErrSignatureLines)
	}
	return out, nil
}

// SplitNote returns a signed note's text, which its signatures cover, and its
// signature lines. Errors wrap ErrSignatureLines.
func SplitNote(msg []byte) (text []byte, signatures []Signature, err error) {
	if len(msg) > maxNote {
		return nil, nil, fmt.Errorf("couldn't split a note of %d bytes: %w", len(msg), ErrSignatureLines)
	}
	at := bytes.LastIndex(msg, []byte("\n\n"))
	if at < 0 {
		return nil, nil, fmt.Errorf("couldn't find the end of the text: %w", ErrSignatureLines)
	}
	signatures, err = ParseSignatures(msg[at+2:])
	return msg[:at+1], signatures, err
}

// AddSignatures appends lines to a signed note. A line that the note has
// already, by name and key, stays as it is there.
func AddSignatures(msg []byte, add ...Signature) ([]byte, error) {
	_, have, err := SplitNote(msg)
	if err != nil {
		return nil, fmt.Errorf("couldn't add signatures: %w", err)
	}
	out := bytes.Clone(msg)
	for _, s := range add {
		same := func(h Signature) bool { return h.Name == s.Name && h.KeyHash == s.KeyHash }
		if slices.ContainsFunc(have, same) {
			continue
		}
		have, out = append(have, s), append(out, s.String()...)
	}
	if len(have) > maxSignatures || len(out) > maxNote {
		return nil, fmt.Errorf("couldn't add signatures: %d lines, %d bytes are too many: %w", len(have), len(out), ErrSignatureLines)
	}
	return out, nil
}

// Cosignature returns the first of the lines that is v's and holds for the
// note's text; false for none. Others' lines are let pass unread.
func Cosignature(v note.Verifier, text []byte, lines []Signature) (Signature, bool) {
	for _, s := range lines {
		if s.Name == v.Name() && s.KeyHash == v.KeyHash() && v.Verify(text, s.Bytes) {
			return s, true
		}
	}
	return Signature{}, false
}

// WitnessKeyID tells witnesses apart: SHA-256 of the key alone, since one key
// under two names is one witness. It is zero for a verifier that
// NewWitnessVerifier did not make.
func WitnessKeyID(v note.Verifier) evidence.Digest {
	switch w := v.(type) {
	case *witness:
		return sha256.Sum256(w.key)
	case *mldsaWitness:
		return sha256.Sum256(w.key.Bytes())
	}
	return evidence.Digest{}
}
