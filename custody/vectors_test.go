package custody_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/testdata/golden"
)

// goldenVectors compares made with the files of dir, and returns what they hold.
func goldenVectors(t *testing.T, dir string, made []golden.Vector) []golden.Vector {
	t.Helper()
	dir = filepath.Join("testdata", dir)
	want := golden.Files(t, made)
	for name, content := range want {
		if have, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !bytes.Equal(have, content) {
			t.Errorf("vector %s is not what is made now (%v); the format is fixed: find out why before go run ./custody/testdata/generate", name, err)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors in %s: %v", dir, err)
	}
	var out []golden.Vector
	for _, f := range files {
		if want[filepath.Base(f)] == nil {
			t.Errorf("%s is a vector that the code no longer makes", f)
		}
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var v golden.Vector
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
		var v golden.Vector
		if err := json.Unmarshal(b, &v); err != nil {
			f.Fatal(err)
		}
		if payload := v.Bytes(f); len(payload) < 8<<10 {
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
