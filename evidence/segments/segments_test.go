package segments_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/ewf"
	"github.com/evidence-custody/custodyd/evidence/segments"
)

func TestFind(t *testing.T) {
	for name, c := range map[string]struct {
		names  string
		chosen string
		set    string
		ewf    bool
		rule   string
	}{
		"one file":            {"a.dd b.dd", "a.dd", "a.dd", false, ""},
		"without a dot":       {"image x", "image", "image", false, ""},
		"E01":                 {"d.E03 d.E01 x.E01 d.E02 d.txt", "d.E01", "d.E01 d.E02 d.E03", true, ""},
		"from its middle":     {"d.E01 d.E02 d.E03", "d.E02", "d.E01 d.E02 d.E03", true, ""},
		"one E01":             {"d.E01 e.E02", "d.E01", "d.E01", true, ""},
		"lower case":          {"d.e01 d.e02", "d.e01", "d.e01 d.e02", true, ""},
		"SMART":               {"d.s01 d.s02", "d.s01", "d.s01 d.s02", true, ""},
		"SMART beside E01":    {"d.s01 d.s02 d.E01", "d.s02", "d.s01 d.s02", true, ""},
		"raw from 1":          {"d.001 d.002 d.003", "d.001", "d.001 d.002 d.003", false, ""},
		"raw from 0":          {"d.000 d.001", "d.000", "d.000 d.001", false, ""},
		"raw, one piece":      {"d.001 d.txt", "d.001", "d.001", false, ""},
		"split":               {"d.aa d.ab d.ac", "d.ab", "d.aa d.ab d.ac", false, ""},
		"four digits":         {"d.0001 d.0002", "d.0001", "d.0001 d.0002", false, ""},
		"dots in the name":    {"a.b.E01 a.b.E02 a.c.E02", "a.b.E01", "a.b.E01 a.b.E02", true, ""},
		"a text file":         {"d.txt d.aaa", "d.txt", "d.txt", false, ""},
		"a year":              {"report.2026 report.2025", "report.2026", "report.2026", false, ""},
		"missing":             {"d.E01 d.E02 d.E04", "d.E01", "", true, "missing"},
		"missing, raw":        {"d.001 d.003", "d.001", "", false, "missing"},
		"first missing":       {"d.E02 d.E03", "d.E02", "", true, "missing"},
		"doubled":             {"d.E01 d.e01 d.E02", "d.E01", "", true, "doubled"},
		"doubled by its stem": {"D.E01 d.E01", "d.E01", "", true, "doubled"},
	} {
		t.Run(name, func(t *testing.T) {
			set, isEWF, err := segments.Find(strings.Fields(c.names), c.chosen)
			var refused *segments.Error
			if c.rule != "" {
				if !errors.As(err, &refused) || refused.Rule != c.rule {
					t.Errorf("%v, %v", set, err)
				}
				return
			}
			if err != nil || strings.Join(set, " ") != c.set || isEWF != c.ewf {
				t.Errorf("%v %v, %v", set, isEWF, err)
			}
		})
	}
}

// TestNames beyond the 99th, to the last that there can be.
func TestNames(t *testing.T) {
	var names []string
	for n := 1; n <= 99; n++ {
		names = append(names, fmt.Sprintf("d.E%02d", n))
	}
	for a := 'E'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			for c := 'A'; c <= 'Z'; c++ {
				names = append(names, fmt.Sprintf("d.%c%c%c", a, b, c))
			}
		}
	}
	if len(names) != evidence.MaxSegments {
		t.Fatalf("%d names, and %d segments allowed", len(names), evidence.MaxSegments)
	}
	mixed := slices.Clone(names)
	slices.Reverse(mixed)
	for _, chosen := range []string{"d.E01", "d.EAA", "d.ZZZ"} {
		set, isEWF, err := segments.Find(mixed, chosen)
		if err != nil || !isEWF || !slices.Equal(set, names) {
			t.Errorf("%s: %d of them, %v", chosen, len(set), err)
		}
	}
	if _, _, err := segments.Find(slices.DeleteFunc(mixed, func(n string) bool { return n == "d.FAC" }), "d.E01"); err == nil || !strings.Contains(err.Error(), "d.fac") {
		t.Errorf("%v", err)
	}
}

func TestCheckRaw(t *testing.T) {
	for name, c := range map[string]struct {
		sizes []int64
		fine  bool
	}{
		"equal": {[]int64{5, 5, 5}, true}, "last shorter": {[]int64{5, 5, 1}, true}, "one": {[]int64{5}, true},
		"middle shorter": {[]int64{5, 4, 5}, false}, "last larger": {[]int64{5, 5, 6}, false}, "empty": {[]int64{5, 0}, false},
	} {
		err := segments.CheckRaw([]string{"a", "b", "c"}, c.sizes)
		if (err == nil) != c.fine {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOverAHundred: ewfacquire's own names beyond .E99, read as one medium.
func TestOverAHundred(t *testing.T) {
	acquire, err := exec.LookPath("ewfacquire")
	if err != nil {
		if os.Getenv("CUSTODY_TEST_REQUIRE") == "all" {
			t.Fatal("ewfacquire is missing, and CUSTODY_TEST_REQUIRE=all")
		}
		t.Skip("ewfacquire is missing")
	}
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "disk.raw"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(102<<20), f.Close()); err != nil { // sparse, and stored as it is
		t.Fatal(err)
	}
	cmd := exec.Command(acquire, "-u", "-q", "-c", "none", "-t", "d", "-C", "c", "-D", "d", "-e", "e", "-E", "e", "-N", "n", "-m", "fixed", "-M", "physical", "-S", "1048576", "disk.raw")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	set, isEWF, err := segments.Find(names, "d.E01")
	if err != nil || !isEWF || len(set) < 102 || set[99] != "d.EAA" {
		t.Fatalf("%v, %v", set, err)
	}
	var opened []ewf.Segment
	for _, name := range set {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		opened = append(opened, ewf.Segment{ReaderAt: f, Name: name, Size: info.Size()})
	}
	m, err := ewf.Open(opened)
	if err != nil {
		t.Fatal(err)
	}
	r, err := m.Verify(t.Context(), ewf.Options{MD5: true})
	if err != nil || !r.Matches(m.Stored) || r.FlawCount != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}
