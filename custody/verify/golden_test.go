package verify_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/custody/testdata/golden"
	"github.com/evidence-custody/custodyd/custody/verify"
)

const goldenDir = "../testdata/verify"

// TestGoldenVectorsAreMadeToday: the files are exactly those that the program
// makes. The format is fixed: find out why before making them anew.
func TestGoldenVectorsAreMadeToday(t *testing.T) {
	made := golden.Verification(t)
	have := map[string]bool{}
	err := filepath.WalkDir(goldenDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(goldenDir, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		have[name] = true
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if want, ok := made[name]; !ok {
			t.Errorf("%s is no longer made", name)
		} else if !bytes.Equal(want, content) {
			t.Errorf("%s is not what is made today", name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range made {
		if !have[name] {
			t.Errorf("%s is missing: go run ./custody/testdata/generate", name)
		}
	}
}

// alone ends an examination: nothing that the baseline notes can be said.
var alone = map[verify.Name]bool{verify.DossierMalformed: true, verify.LogDocument: true, verify.CheckpointInvalid: true}

// baseline is what every other vector's dossier is found to be.
var baseline = map[verify.Name]bool{verify.CompleteTo: true, verify.BytesMatch: true}

// TestGoldenVectors reads the vectors as a stranger would, from the files
// alone: each finding has its vector, which produces it and nothing beside the
// baseline's notes.
func TestGoldenVectors(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(goldenDir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors in %s: %v", goldenDir, err)
	}
	shown := map[verify.Name]bool{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			var want golden.Expected
			dec := json.NewDecoder(bytes.NewReader(read(t, file)))
			dec.DisallowUnknownFields()
			if err := dec.Decode(&want); err != nil {
				t.Fatal(err)
			}
			shown[want.Shows] = true
			if !strings.HasPrefix(name, string(want.Shows)) {
				t.Errorf("it shows %s", want.Shows)
			}
			var policy []byte
			if want.Policy != "" {
				policy = read(t, filepath.Join(goldenDir, want.Policy))
			}
			r, err := golden.Examine(policy, readAll(t, want.Dossiers), readAll(t, want.Artifacts), readSets(t, want.Sets))
			if err != nil {
				t.Fatal(err)
			}
			same(t, r, want)
			only(t, want)
		})
	}
	for n, severity := range verify.Names() {
		if !shown[n] {
			t.Errorf("no vector shows %s (%s)", n, severity)
		}
	}
}

// same holds a result to the vector, word for word but for the words.
func same(t *testing.T, r *verify.Result, want golden.Expected) {
	t.Helper()
	if r.Verdict != want.Verdict || r.Verdict.ExitCode() != want.Exit {
		t.Errorf("verdict %s, exit %d; want %s, %d", r.Verdict, r.Verdict.ExitCode(), want.Verdict, want.Exit)
	}
	got := []golden.Finding{}
	for _, f := range r.Findings {
		got = append(got, golden.Finding{Dossier: f.Dossier, Event: f.Event, Name: f.Name, Rule: f.Rule, Severity: f.Severity, Subject: f.Subject})
	}
	a, errA := json.Marshal(got)
	b, errB := json.Marshal(want.Findings)
	if errA != nil || errB != nil || !bytes.Equal(a, b) {
		t.Errorf("found\n%s\nwant\n%s", a, b)
	}
}

// only holds a vector to its one finding.
func only(t *testing.T, v golden.Expected) {
	t.Helper()
	found := map[verify.Name]bool{}
	for _, f := range v.Findings {
		found[f.Name] = true
		if f.Name != v.Shows && (alone[v.Shows] || !baseline[f.Name]) {
			t.Errorf("it also shows %s", f.Name)
		}
	}
	if !found[v.Shows] {
		t.Errorf("it does not show %s", v.Shows)
	}
	for n := range baseline {
		if !alone[v.Shows] && !found[n] {
			t.Errorf("it lacks the baseline's %s", n)
		}
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.FromSlash(path))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func readAll(t *testing.T, names []string) [][]byte {
	t.Helper()
	var out [][]byte
	for _, n := range names {
		out = append(out, read(t, filepath.Join(goldenDir, n)))
	}
	return out
}

func readSets(t *testing.T, sets [][]golden.Segment) []golden.Set {
	t.Helper()
	var out []golden.Set
	for _, set := range sets {
		var one golden.Set
		for _, f := range set {
			one.Names, one.Contents = append(one.Names, f.Name), append(one.Contents, read(t, filepath.Join(goldenDir, f.File)))
		}
		out = append(out, one)
	}
	return out
}
