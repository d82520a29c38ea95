package golden

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"path/filepath"
	"testing"
	"unicode/utf8"

	"github.com/evidence-custody/custodyd/custody/testdata/golden/notes"
	"github.com/evidence-custody/custodyd/custody/testdata/golden/seals"
)

// All are the files of every folder of vectors below dir, which is
// custody/testdata, by folder and name. Timestamps that other programs made are
// read there; vectors of dossiers are kept by package dossier's tests.
func All(t testing.TB, dir string) map[string]map[string][]byte {
	t.Helper()
	return map[string]map[string][]byte{
		"statement": Files(t, Statements(t)), "document": Files(t, Documents(t)), "detail": Files(t, Details(t)),
		"seal": {"keys.json": list(t, seals.KeyVectors(t)), "signatures.json": list(t, seals.SignatureVectors(t)), "envelopes.json": list(t, seals.EnvelopeVectors(t))},
		"tlog": {"leaves.json": list(t, notes.LeafVectors(t)), "checkpoints.json": list(t, notes.CheckpointVectors(t)), "witnesses.json": list(t, notes.WitnessVectors(t)),
			"mldsa.json": list(t, notes.TwoKeyVectors(t)), "timestamps.json": list(t, notes.TimestampVectors(t, filepath.Join(dir, "timestamp")))},
		"verify": Verification(t),
	}
}

// list encodes vectors as one file.
func list(t testing.TB, vectors any) []byte {
	t.Helper()
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(vectors); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// Vector is one golden vector. Exactly one of Text and Base64 is set; the
// bytes are that text or those bytes, repeated Times times where it is set.
type Vector struct {
	Name   string `json:"name"`
	Type   string `json:"type,omitempty"` // documents: founding, organisation or log
	Expect string `json:"expect"`         // ok, or the rule that refuses
	SHA256 string `json:"sha256,omitempty"`
	Text   string `json:"payload,omitempty"`
	Base64 string `json:"payloadBase64,omitempty"`
	Times  int    `json:"times,omitempty"`
}

func newVector(name, expect string, payload []byte) Vector {
	v := Vector{Name: name, Expect: expect}
	if utf8.Valid(payload) && len(payload) > 0 {
		v.Text = string(payload)
	} else {
		v.Base64 = base64.StdEncoding.EncodeToString(payload)
	}
	return v
}

// Bytes returns what the vector is of.
func (v Vector) Bytes(t testing.TB) []byte {
	t.Helper()
	b := []byte(v.Text)
	if v.Text == "" {
		var err error
		if b, err = base64.StdEncoding.DecodeString(v.Base64); err != nil {
			t.Fatal(err)
		}
	}
	return bytes.Repeat(b, max(1, v.Times))
}

// Files encodes vectors, each as a file of its name.
func Files(t testing.TB, vectors []Vector) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for _, v := range vectors {
		if out[v.Name+".json"] != nil {
			t.Fatalf("two vectors are named %s", v.Name)
		}
		out[v.Name+".json"] = list(t, v)
	}
	return out
}
