package tlog

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/evidence"
)

// ErrLeaf reports bytes that are not a leaf of this format.
var ErrLeaf = errors.New("not a canonical hashedrekord 0.0.2 leaf")

// maxLeaf is the tlog-tiles limit for one entry, in bytes.
const maxLeaf = 65535

// maxSignature bounds a DER signature by P-256, in bytes.
const maxSignature = 72

// Leaf returns the log entry that commits to a sealed event (FORMAT, LEAF):
// about 490 bytes.
func Leaf(e seal.Envelope, key seal.PublicKey) []byte {
	digest := e.EventID()
	return encodeLeaf(digest[:], e.Signature, key.SPKI())
}

// The fixed parts of a leaf, between which stand digest, signature and key.
const (
	leafStart     = `{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{"hashedRekordV002":{"data":{"algorithm":"SHA2_256","digest":"`
	leafSignature = `"},"signature":{"content":"`
	leafKey       = `","verifier":{"keyDetails":"PKIX_ECDSA_P256_SHA_256","publicKey":{"rawBytes":"`
	leafEnd       = `"}}}}}}`
)

// AppendLeaf appends the leaf of the event of that id, for whoever makes many
// and keeps none.
func AppendLeaf(b []byte, id evidence.Digest, sig []byte, key seal.PublicKey) []byte {
	var spki [128]byte
	return appendLeaf(b, id[:], sig, key.AppendSPKI(spki[:0]))
}

func encodeLeaf(digest, sig, spki []byte) []byte {
	return appendLeaf(make([]byte, 0, 512), digest, sig, spki)
}

func appendLeaf(b, digest, sig, spki []byte) []byte {
	enc := base64.StdEncoding
	b = append(b, leafStart...)
	b = enc.AppendEncode(b, digest)
	b = append(b, leafSignature...)
	b = enc.AppendEncode(b, sig)
	b = append(b, leafKey...)
	b = enc.AppendEncode(b, spki)
	return append(b, leafEnd...)
}

// LeafFields is what a leaf commits to.
type LeafFields struct {
	EventID   evidence.Digest
	Signature []byte // DER
	SPKI      []byte // DER
}

// Encode returns the leaf that commits to these.
func (f LeafFields) Encode() []byte { return encodeLeaf(f.EventID[:], f.Signature, f.SPKI) }

// ParseLeaf reads a leaf; only bytes that Leaf would write pass, of some
// P-256 key and some signature. Whether that signature holds is a question of
// its own (seal.PublicKey.VerifyEventID). Errors wrap ErrLeaf.
func ParseLeaf(b []byte) (LeafFields, error) {
	f, _, err := ParseLeafBy(b, seal.ParseSPKI)
	return f, err
}

// ParseLeafBy is ParseLeaf for whoever reads many leaves of few keys: parse
// must be seal.ParseSPKI or remember what that answered. The key is returned too.
func ParseLeafBy(b []byte, parse func(spki []byte) (seal.PublicKey, error)) (LeafFields, seal.PublicKey, error) {
	f, ok := splitLeaf(b)
	if !ok {
		return LeafFields{}, seal.PublicKey{}, fmt.Errorf("couldn't read leaf of %d bytes: %w", len(b), ErrLeaf)
	}
	key, err := parse(f.SPKI)
	if err != nil {
		return LeafFields{}, seal.PublicKey{}, fmt.Errorf("couldn't read leaf: %w (%v)", ErrLeaf, err)
	}
	return f, key, nil
}

// splitLeaf finds the three parts between the fixed ones. It is the comparison
// at the end that judges: decoding base64 passes over line breaks.
func splitLeaf(b []byte) (f LeafFields, ok bool) {
	if len(b) > maxLeaf {
		return f, false
	}
	digest, rest, ok := cutPart(b, leafStart)
	if !ok || len(digest) != sha256.Size {
		return f, false
	}
	if f.Signature, rest, ok = cutPart(rest, leafSignature); !ok || len(f.Signature) == 0 || len(f.Signature) > maxSignature {
		return f, false
	}
	if f.SPKI, rest, ok = cutPart(rest, leafKey); !ok || string(rest) != leafEnd {
		return f, false
	}
	f.EventID = evidence.Digest(digest)
	return f, bytes.Equal(encodeLeaf(digest, f.Signature, f.SPKI), b)
}

// cutPart takes the fixed text, then base64 up to the next quote.
func cutPart(b []byte, fixed string) (part, rest []byte, ok bool) {
	if b, ok = bytes.CutPrefix(b, []byte(fixed)); !ok {
		return nil, nil, false
	}
	end := bytes.IndexByte(b, '"')
	if end < 0 {
		return nil, nil, false
	}
	part = make([]byte, base64.StdEncoding.DecodedLen(end))
	n, err := base64.StdEncoding.Strict().Decode(part, b[:end])
	return part[:n], b[end:], err == nil
}

// LeafHash is the RFC 6962 leaf hash, SHA-256(0x00 || leaf): what chains and
// basis refer to.
func LeafHash(leaf []byte) evidence.Digest {
	h := sha256.New()
	h.Write([]byte{0})
	h.Write(leaf)
	return evidence.Digest(h.Sum(nil))
}

// NodeHash is the RFC 6962 interior hash, SHA-256(0x01 || left || right).
func NodeHash(left, right evidence.Digest) evidence.Digest {
	var b [1 + 2*sha256.Size]byte
	b[0] = 1
	copy(b[1:], left[:])
	copy(b[1+sha256.Size:], right[:])
	return sha256.Sum256(b[:])
}
