package tlog

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"filippo.io/mldsa"
	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
)

// Checkpoint is a log's head: how many leaves, and their root.
type Checkpoint struct {
	Origin string          `json:"origin"` // bare lower-case host name (FORMAT, ORIGIN)
	Size   uint64          `json:"size"`
	Root   evidence.Digest `json:"root"`
}

// ErrCheckpoint reports a note that is not a checkpoint of the log asked for,
// or not signed by it.
var ErrCheckpoint = errors.New("not a checkpoint signed by this log")

// maxNote bounds a signed note with all its cosignatures, in bytes.
const maxNote = 64 << 10

// Body returns the three lines that are signed (C2SP tlog-checkpoint).
func (c Checkpoint) Body() []byte {
	return fmt.Appendf(nil, "%s\n%d\n%s\n", c.Origin, c.Size, base64.StdEncoding.EncodeToString(c.Root[:]))
}

// ParseCheckpointBody reads exactly what Body writes; extension lines are refused.
func ParseCheckpointBody(b []byte) (Checkpoint, error) {
	lines := strings.Split(string(b), "\n")
	if len(lines) != 4 || lines[3] != "" {
		return Checkpoint{}, fmt.Errorf("couldn't read %d lines: %w", len(lines)-1, ErrCheckpoint)
	}
	size, err := strconv.ParseUint(lines[1], 10, 64)
	if err != nil || size > MaxSize {
		return Checkpoint{}, fmt.Errorf("couldn't read size: %w", ErrCheckpoint)
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != sha256.Size {
		return Checkpoint{}, fmt.Errorf("couldn't read root: %w", ErrCheckpoint)
	}
	c := Checkpoint{Origin: lines[0], Size: size, Root: evidence.Digest(root)}
	if !custody.ValidOrigin(c.Origin) || !bytes.Equal(c.Body(), b) {
		return Checkpoint{}, fmt.Errorf("couldn't read origin or form: %w", ErrCheckpoint)
	}
	return c, nil
}

// SignCheckpoint returns the signed note; the first signer is the Ed25519 log key.
func SignCheckpoint(c Checkpoint, signers ...note.Signer) ([]byte, error) {
	if !custody.ValidOrigin(c.Origin) {
		return nil, fmt.Errorf("couldn't sign checkpoint: origin %.80q is not a bare lower-case host name", c.Origin)
	}
	if c.Size > MaxSize {
		return nil, fmt.Errorf("couldn't sign checkpoint: %d leaves, and no log has more than %d", c.Size, uint64(MaxSize))
	}
	if len(signers) == 0 {
		return nil, errors.New("couldn't sign checkpoint: no signer")
	}
	b, err := note.Sign(&note.Note{Text: string(c.Body())}, signers...)
	if err != nil {
		return nil, fmt.Errorf("couldn't sign checkpoint: %w", err)
	}
	return b, nil
}

// OpenCheckpoint verifies a signed note as a checkpoint of origin by at least
// one of the log's keys, or, where they are LogVerifiers, by one of each
// algorithm. Signatures by others (witnesses) are let pass unread; a bad
// signature by a known key is refused. Errors wrap ErrCheckpoint.
func OpenCheckpoint(msg []byte, origin string, keys note.Verifiers) (Checkpoint, error) {
	if len(msg) > maxNote {
		return Checkpoint{}, fmt.Errorf("couldn't open a note of %d bytes: %w", len(msg), ErrCheckpoint)
	}
	n, err := note.Open(msg, keys)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("couldn't open note: %w (%v)", ErrCheckpoint, err)
	}
	if all, ok := keys.(*logVerifiers); ok {
		if missing := all.missing(n.Sigs); missing != "" {
			return Checkpoint{}, fmt.Errorf("couldn't find a signature by the log's %s key: %w", missing, ErrCheckpoint)
		}
	}
	c, err := ParseCheckpointBody([]byte(n.Text))
	if err != nil {
		return Checkpoint{}, err
	}
	if c.Origin != origin {
		return Checkpoint{}, fmt.Errorf("couldn't accept origin %.80q for %.80q: %w", c.Origin, origin, ErrCheckpoint)
	}
	return c, nil
}

// ed25519Type is the C2SP signed-note signature type of Ed25519.
const ed25519Type = 0x01

// KeyHash is the C2SP key id: the first four bytes of
// SHA-256(name || "\n" || type || key), big endian.
func KeyHash(origin string, key ed25519.PublicKey) uint32 {
	id := LogID(origin, key)
	return binary.BigEndian.Uint32(id[:4])
}

// LogID is the whole 32-byte hash of which KeyHash is the start; Sigstore
// bundles carry it as logId.keyId.
func LogID(origin string, key ed25519.PublicKey) evidence.Digest {
	b := append([]byte(origin+"\n"), ed25519Type)
	return sha256.Sum256(append(b, key...))
}

// NewLogVerifier verifies the log's checkpoints.
func NewLogVerifier(origin string, key ed25519.PublicKey) (note.Verifier, error) {
	vkey, err := note.NewEd25519VerifierKey(origin, key)
	if err != nil {
		return nil, fmt.Errorf("couldn't make the log's verifier: %w", err)
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, fmt.Errorf("couldn't make the log's verifier: %w", err)
	}
	return v, nil
}

// NewLogSigner signs checkpoints with an Ed25519 key, in memory or wherever
// key keeps it.
func NewLogSigner(origin string, key crypto.Signer) (note.Signer, error) {
	var public ed25519.PublicKey
	switch k := key.(type) {
	case nil:
	case ed25519.PrivateKey:
		if len(k) == ed25519.PrivateKeySize {
			public = k.Public().(ed25519.PublicKey)
		}
	default:
		public, _ = key.Public().(ed25519.PublicKey)
	}
	if len(public) != ed25519.PublicKeySize {
		return nil, errors.New("couldn't make the log's signer: not an Ed25519 key")
	}
	return &logSigner{origin, KeyHash(origin, public), public, key}, nil
}

type logSigner struct {
	name   string
	hash   uint32
	public ed25519.PublicKey
	key    crypto.Signer
}

func (s *logSigner) Name() string    { return s.name }
func (s *logSigner) KeyHash() uint32 { return s.hash }

// Sign checks what it made: a key kept elsewhere may have been replaced there.
func (s *logSigner) Sign(msg []byte) ([]byte, error) {
	sig, err := s.key.Sign(nil, msg, crypto.Hash(0))
	if err != nil {
		return nil, fmt.Errorf("couldn't sign the checkpoint: %w", err)
	}
	if !ed25519.Verify(s.public, msg, sig) {
		return nil, errors.New("couldn't sign the checkpoint: the signature made is not one of the log's key")
	}
	return sig, nil
}

// ParseLogKey reads an Ed25519 SPKI that re-encodes to itself.
func ParseLogKey(spki []byte) (ed25519.PublicKey, error) {
	parsed, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return nil, fmt.Errorf("couldn't read log key: %w", err)
	}
	key, ok := parsed.(ed25519.PublicKey)
	if !ok {
		return nil, errors.New("couldn't read log key: not Ed25519")
	}
	if again, err := x509.MarshalPKIXPublicKey(key); err != nil || !bytes.Equal(again, spki) {
		return nil, errors.New("couldn't read log key: the SPKI does not re-encode to itself")
	}
	return key, nil
}

// logVerifiers are a log's keys, and which signatures a checkpoint must have.
type logVerifiers struct {
	note.Verifiers
	algorithms []custody.LogKeyAlgorithm // of keys, in the order of the document
	keys       []note.Verifier
}

// missing is the first algorithm of which there is a key and no signature.
func (v *logVerifiers) missing(sigs []note.Signature) custody.LogKeyAlgorithm {
	signed := map[custody.LogKeyAlgorithm]bool{}
	for i, k := range v.keys {
		for _, s := range sigs {
			if s.Name == k.Name() && s.Hash == k.KeyHash() {
				signed[v.algorithms[i]] = true
			}
		}
	}
	for _, a := range v.algorithms {
		if !signed[a] {
			return a
		}
	}
	return ""
}

// AnyLogKey returns the same keys, of which one signature is enough: for a head
// that a witness hands on, who keeps only the signatures that it knows. It is
// evidence against the log, never for it.
func AnyLogKey(keys note.Verifiers) note.Verifiers {
	if all, ok := keys.(*logVerifiers); ok {
		return all.Verifiers
	}
	return keys
}

// LogVerifiers returns the checkpoint verifiers that a log document lists.
// OpenCheckpoint by them wants a signature of each algorithm that is listed
// and that this version knows: Ed25519 always, ML-DSA-44 where it stands there.
func LogVerifiers(doc custody.LogDocument) (note.Verifiers, error) {
	all := &logVerifiers{}
	for _, k := range doc.Keys {
		var v note.Verifier
		var err error
		switch k.Algorithm {
		case custody.LogEd25519:
			var key ed25519.PublicKey
			if key, err = ParseLogKey(k.Key); err == nil {
				v, err = NewLogVerifier(doc.Origin, key)
			}
		case custody.LogMLDSA44:
			var key *mldsa.PublicKey
			if key, err = ParseMLDSAKey(k.Key); err == nil {
				v, err = NewMLDSAVerifier(doc.Origin, key)
			}
		default:
			continue // an algorithm this reader does not know adds nothing; the first key is always Ed25519
		}
		if err != nil {
			return nil, err
		}
		all.algorithms, all.keys = append(all.algorithms, k.Algorithm), append(all.keys, v)
	}
	if !slices.Contains(all.algorithms, custody.LogEd25519) {
		return nil, errors.New("couldn't find an Ed25519 log key in the log document")
	}
	all.Verifiers = note.VerifierList(all.keys...)
	return all, nil
}
