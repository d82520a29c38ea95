package custody_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/evidence-custody/custodyd/custody"
)

var update = flag.Bool("update", false, "write the golden vectors anew")

// vector is one golden vector. Exactly one of Text and Base64 is set; the
// bytes are that text or those bytes, repeated Times times where it is set.
type vector struct {
	Name   string `json:"name"`
	Type   string `json:"type,omitempty"` // documents: founding, organisation or log
	Expect string `json:"expect"`         // ok, or the rule that refuses
	SHA256 string `json:"sha256,omitempty"`
	Text   string `json:"payload,omitempty"`
	Base64 string `json:"payloadBase64,omitempty"`
	Times  int    `json:"times,omitempty"`
}

func newVector(name, expect string, payload []byte) vector {
	v := vector{Name: name, Expect: expect}
	if utf8.Valid(payload) && len(payload) > 0 {
		v.Text = string(payload)
	} else {
		v.Base64 = base64.StdEncoding.EncodeToString(payload)
	}
	return v
}

func (v vector) bytes(t testing.TB) []byte {
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

// goldenVectors compares made with the files of dir (or writes them), and
// returns what the files hold.
func goldenVectors(t *testing.T, dir string, made []vector) []vector {
	t.Helper()
	dir = filepath.Join("testdata", dir)
	if *update {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]bool{}
	for _, v := range made {
		var buf bytes.Buffer
		enc := json.NewEncoder(&buf)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if err := enc.Encode(v); err != nil {
			t.Fatal(err)
		}
		name := v.Name + ".json"
		if want[name] {
			t.Fatalf("two vectors are named %s", v.Name)
		}
		want[name] = true
		if *update {
			if err := os.WriteFile(filepath.Join(dir, name), buf.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		have, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !bytes.Equal(have, buf.Bytes()) {
			t.Errorf("vector %s is not what the code makes now (%v); the format is fixed, so find out why before -update", name, err)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors in %s: %v", dir, err)
	}
	var out []vector
	for _, f := range files {
		if !want[filepath.Base(f)] {
			t.Errorf("%s is a vector that the code no longer makes", f)
		}
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var v vector
		dec := json.NewDecoder(bytes.NewReader(b))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&v); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		out = append(out, v)
	}
	return out
}

// seed adds the golden vectors of dir that are not large to a fuzz target's corpus.
func seed(f *testing.F, dir string) {
	f.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", dir, "*.json"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds in %s: %v", dir, err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		var v vector
		if err := json.Unmarshal(b, &v); err != nil {
			f.Fatal(err)
		}
		if payload := v.bytes(f); len(payload) < 8<<10 {
			f.Add(payload)
		}
	}
}

// ruleOf returns "ok" for no error and the refusal's rule for one.
func ruleOf(t *testing.T, err error) string {
	t.Helper()
	var r *custody.Refusal
	switch {
	case err == nil:
		return "ok"
	case !errors.As(err, &r):
		t.Errorf("an error that is no refusal: %v", err)
		return ""
	case r.Detail == "" || strings.Contains(r.Error(), "%!"):
		t.Errorf("the refusal's words are %q", r.Error())
	}
	return r.Rule
}
