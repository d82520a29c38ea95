package golden

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"testing"
	"unicode/utf8"
)

// All are the files of every folder of vectors, by folder and name.
func All(t testing.TB) map[string]map[string][]byte {
	t.Helper()
	return map[string]map[string][]byte{
		"statement": Files(t, Statements(t)), "document": Files(t, Documents(t)), "detail": Files(t, Details(t)),
		"verify": Verification(t),
	}
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
		var buf bytes.Buffer
		enc := json.NewEncoder(&buf)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if err := enc.Encode(v); err != nil {
			t.Fatal(err)
		}
		if out[v.Name+".json"] != nil {
			t.Fatalf("two vectors are named %s", v.Name)
		}
		out[v.Name+".json"] = buf.Bytes()
	}
	return out
}
