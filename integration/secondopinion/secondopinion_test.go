// Package secondopinion holds a second verifier, in Python, written from
// custody/SPEC.md and the vectors in custody/testdata, to the findings that
// those vectors expect.
package secondopinion

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// python is the interpreter that Debian's python3-cryptography belongs to.
const python = "/usr/bin/python3"

const testdata = "../../custody/testdata"

// expected names the members by which a vector says what must be found.
var expected = []string{"accuracy", "count", "eventId", "exit", "expect", "findings", "id", "leafHash", "rule", "sha256", "time", "verdict"}

// kinds are the folders of vectors, and what stands beside them.
var (
	kinds  = []string{"detail", "document", "dossier", "seal", "statement", "tlog", "verify"}
	beside = []string{"fuzz", "generate", "golden", "timestamp", "verify/files"} // programs, their seeds, and files that vectors use or hold as base64
)

// needPython skips the test where Python or its library is missing, or fails it
// where everything is required.
func needPython(t *testing.T) {
	t.Helper()
	if out, err := exec.Command(python, "-c", "import cryptography").CombinedOutput(); err != nil {
		if os.Getenv("CUSTODY_TEST_REQUIRE") == "all" {
			t.Fatalf("Debian's python3 and python3-cryptography are needed: %v %s", err, out)
		}
		t.Skip("Debian's python3 and python3-cryptography are not installed")
	}
}

// command runs the second verifier.
func command(t *testing.T, stdin []byte, args ...string) []byte {
	t.Helper()
	needPython(t)
	// What it is made of is opened here, so that a result kept by go test is not
	// kept over a change of it.
	parts, err := filepath.Glob("*.py")
	if err != nil || len(parts) == 0 {
		t.Fatalf("no verifier is here: %v", err)
	}
	for _, part := range append(parts, "../../custody/SPEC.md") {
		if _, err := os.ReadFile(part); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(python, append([]string{"-B", "-W", "ignore", "verifier.py"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(stdin), &stderr
	start := time.Now()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("verifier.py %s: %v\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	t.Logf("verifier.py %s: %v", args[0], time.Since(start).Round(time.Millisecond))
	return out
}

// vectors reads what every vector expects, by file and name.
func vectors(t *testing.T) map[string]map[string]any {
	t.Helper()
	out := map[string]map[string]any{}
	err := filepath.WalkDir(testdata, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel := filepath.ToSlash(strings.TrimPrefix(file, filepath.FromSlash(testdata)+string(filepath.Separator)))
		switch {
		case d.IsDir() && slices.Contains(beside, rel):
			return filepath.SkipDir
		case d.IsDir():
			return nil
		case !slices.Contains(kinds, path.Dir(rel)) || path.Ext(rel) != ".json":
			t.Errorf("%s is no vector that this test knows", rel)
			return nil
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var many []map[string]any
		if bytes.HasPrefix(raw, []byte("[")) {
			err = json.Unmarshal(raw, &many)
		} else {
			many = make([]map[string]any, 1)
			err = json.Unmarshal(raw, &many[0])
		}
		for _, v := range many {
			want := map[string]any{}
			for _, m := range expected {
				if x, ok := v[m]; ok && x != "" && (m != "accuracy" || v["expect"] == "ok") {
					want[m] = x
				}
			}
			if len(want) == 0 {
				t.Errorf("%s: a vector that expects nothing that this test knows", rel)
			}
			name, _ := v["name"].(string)
			if key := rel + " " + name; out[key] != nil {
				t.Errorf("%s stands there twice", key)
			} else {
				out[key] = want
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestVectors: the second verifier finds of every vector what it expects.
func TestVectors(t *testing.T) {
	want, count := vectors(t), map[string]int{}
	for line := range bytes.Lines(command(t, nil, "vectors", testdata)) {
		var o struct {
			File, Name string
			Got        map[string]any
		}
		if err := json.Unmarshal(line, &o); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		key := o.File + " " + o.Name
		if !reflect.DeepEqual(o.Got, want[key]) {
			got, _ := json.Marshal(o.Got)
			expect, _ := json.Marshal(want[key])
			t.Errorf("%s:\n got %s\nwant %s", key, got, expect)
		}
		delete(want, key)
		count[path.Dir(o.File)]++
	}
	for key := range want {
		t.Errorf("%s: not looked at", key)
	}
	for _, kind := range kinds {
		if count[kind] == 0 {
			t.Errorf("no vector of kind %s", kind)
		}
	}
	t.Logf("vectors: %v", count)
}
