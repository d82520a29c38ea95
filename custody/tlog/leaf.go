package tlog

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
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

func encodeLeaf(digest, sig, spki []byte) []byte {
	enc := base64.StdEncoding
	b := make([]byte, 0, 512)
	b = append(b, `{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{"hashedRekordV002":{"data":{"algorithm":"SHA2_256","digest":"`...)
	b = enc.AppendEncode(b, digest)
	b = append(b, `"},"signature":{"content":"`...)
	b = enc.AppendEncode(b, sig)
	b = append(b, `","verifier":{"keyDetails":"PKIX_ECDSA_P256_SHA_256","publicKey":{"rawBytes":"`...)
	b = enc.AppendEncode(b, spki)
	return append(b, `"}}}}}}`...)
}

// LeafFields is what a leaf commits to.
type LeafFields struct {
	EventID   evidence.Digest
	Signature []byte // DER
	SPKI      []byte // DER
}

// ParseLeaf reads a leaf; only bytes that Leaf would write pass, of some
// P-256 key and some signature. Whether that signature holds cannot be said
// without the event. Errors wrap ErrLeaf.
func ParseLeaf(b []byte) (LeafFields, error) {
	if len(b) > maxLeaf {
		return LeafFields{}, fmt.Errorf("couldn't read leaf of %d bytes: %w", len(b), ErrLeaf)
	}
	var raw struct {
		Spec struct {
			Record struct {
				Data struct {
					Digest []byte `json:"digest"`
				} `json:"data"`
				Signature struct {
					Content  []byte `json:"content"`
					Verifier struct {
						PublicKey struct {
							RawBytes []byte `json:"rawBytes"`
						} `json:"publicKey"`
					} `json:"verifier"`
				} `json:"signature"`
			} `json:"hashedRekordV002"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return LeafFields{}, fmt.Errorf("couldn't read leaf: %w (%.200s)", ErrLeaf, err.Error())
	}
	r := raw.Spec.Record
	spki := r.Signature.Verifier.PublicKey.RawBytes
	// The comparison is what judges; the reading above only finds the parts.
	if len(r.Data.Digest) != sha256.Size || !bytes.Equal(encodeLeaf(r.Data.Digest, r.Signature.Content, spki), b) {
		return LeafFields{}, fmt.Errorf("couldn't read leaf: %w", ErrLeaf)
	}
	if n := len(r.Signature.Content); n == 0 || n > maxSignature {
		return LeafFields{}, fmt.Errorf("couldn't read leaf with a signature of %d bytes: %w", n, ErrLeaf)
	}
	if _, err := seal.ParseSPKI(spki); err != nil {
		return LeafFields{}, fmt.Errorf("couldn't read leaf: %w (%v)", ErrLeaf, err)
	}
	return LeafFields{EventID: evidence.Digest(r.Data.Digest), Signature: r.Signature.Content, SPKI: spki}, nil
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
