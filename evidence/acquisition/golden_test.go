package acquisition

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	md5Hex    = "bcd80ec5ad5e06411237fb7b970548bc"
	sha1Hex   = "2a13f9fd11b21e7655956425262a6d1ce9bbcbeb"
	sha256Hex = "a6927ff3e169527a4563166acd2b170407b7d6049c5831799fc99d754ff5f211"
)

// whole are the digests of the media data that most logs in testdata are about.
func whole() map[Algorithm]string {
	return map[Algorithm]string{MD5: md5Hex, SHA1: sha1Hex, SHA256: sha256Hex}
}

// receptions are what each log is held against.
var receptions = []struct {
	title    string
	received Received
}{
	{"the raw image", Received{Name: "MA-1.dd", Size: 4719104, Container: Raw, Digests: whole()}},
	{"the raw image, with SHA-256 alone", Received{Name: "MA-1.dd", Size: 4719104, Container: Raw, Digests: map[Algorithm]string{SHA256: sha256Hex}}},
	{"an E01 that nobody decoded", Received{Name: "MA-1.E01", Size: 2067449, Container: EWF,
		Digests: map[Algorithm]string{MD5: strings.Repeat("e", 32), SHA1: strings.Repeat("e", 40), SHA256: strings.Repeat("e", 64)}}},
	{"the E01, decoded", Received{Name: "MA-1.E01", Size: 2067449, Container: EWF,
		Digests: map[Algorithm]string{SHA256: strings.Repeat("e", 64)}, Media: &Media{Size: 4719104, Digests: whole()}}},
	{"a raw image cut short", Received{Name: "MA-1.dd", Size: 4194304, Container: Raw,
		Digests: map[Algorithm]string{MD5: strings.Repeat("f", 32)}}},
	{"a folder's AD1", Received{Name: "folder.ad1", Size: 9000, Container: Other, Digests: whole()}},
}

func logs(t testing.TB) []string {
	t.Helper()
	all, err := filepath.Glob("testdata/logs/*")
	if err != nil || len(all) < 40 {
		t.Fatalf("%d logs: %v", len(all), err)
	}
	var out []string
	for _, f := range all {
		if filepath.Base(f) != "README.md" {
			out = append(out, f)
		}
	}
	return out
}

// TestGolden holds what is read of each log, and every word said of it beside what
// was received, to testdata/golden.txt.
func TestGolden(t *testing.T) {
	var b strings.Builder
	for _, file := range logs(t) {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		l, err := Parse(filepath.Base(file), content)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		fmt.Fprintf(&b, "== %s (%s)\n", filepath.Base(file), l.Encoding)
		for _, row := range l.Rows() {
			fmt.Fprintf(&b, "  %s: %s\n", row.Label, row.Value)
		}
		for _, d := range l.Damage {
			fmt.Fprintf(&b, "  ranges of %s: %v\n", d.Kind, d.Ranges)
		}
		for _, r := range receptions {
			run := l.For(r.received.Name)
			fmt.Fprintf(&b, "  beside %s:\n", r.title)
			for _, s := range Compare(run, r.received).Statements {
				fmt.Fprintf(&b, "    %-12s  %s\n", s.Kind, s.Text)
			}
		}
		b.WriteString("\n")
	}
	const golden = "testdata/golden.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.String(); got != string(want) {
		g, w := strings.Split(got, "\n"), strings.Split(string(want), "\n")
		for i := range g {
			if i >= len(w) || g[i] != w[i] {
				t.Fatalf("line %d is\n%s\nand not\n%s\n(go test -update, and read what changed)", i+1, g[i], append(w, "")[min(i, len(w))])
			}
		}
		t.Fatal("the golden file has more lines")
	}
}
