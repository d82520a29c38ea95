package acquisition

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
)

// FuzzParse: whatever a file holds, a log read of it keeps to the limits, shows no
// character that could mislead, states no hash that does not stand in it, and is
// never said to match what it does not contain.
func FuzzParse(f *testing.F) {
	for _, file := range logs(f) {
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		l, err := Parse("image.dd.sha256", content)
		if err != nil {
			return
		}
		within(t, l, decode(content).content)
	})
}

// FuzzReaders gives every program's reader what is not meant for it.
func FuzzReaders(f *testing.F) {
	for _, file := range logs(f) {
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		for _, r := range readers {
			text := decode(content).whole()
			if l := r.read(text, "image.dd"); l != nil {
				l.finish()
				within(t, l, text.content)
			}
		}
	})
}

func within(t *testing.T, l *Log, content string) {
	t.Helper()
	low := strings.ToLower(content)
	for _, run := range append([]*Log{l}, l.Earlier...) {
		if len(run.Hashes) > maxHashes || len(run.Images) > maxImages || len(run.Odd) > 20 || len(l.Earlier) > maxRuns {
			t.Fatalf("limits: %d hashes, %d images, %d runs", len(run.Hashes), len(run.Images), len(l.Earlier))
		}
		for _, h := range run.Hashes {
			if !strings.Contains(low, h.Value) {
				t.Fatalf("a hash that the log does not have: %+v", h)
			}
		}
		for _, d := range run.Damage {
			if len(d.Ranges) > maxRanges || d.Sectors > 0 && d.Bytes > 0 {
				t.Fatalf("damage: %+v", d)
			}
			for _, r := range d.Ranges {
				if r.Last < r.First {
					t.Fatalf("a range that ends before it begins: %+v", r)
				}
			}
		}
		for _, at := range []Time{run.Started, run.Ended, run.VerifyStarted, run.VerifyEnded} {
			if _, ok := at.Instant(); ok != at.Zone {
				t.Fatalf("a time with a zone has an instant, and no other: %+v", at)
			}
		}
	}
	b, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range string(b) {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			t.Fatalf("%U is shown: %s", r, b)
		}
	}
	for _, row := range l.Rows() {
		if row.Label == "" || row.Value == "" {
			t.Fatalf("an empty row: %+v", row)
		}
	}
	for _, r := range receptions {
		nothing := r.received
		nothing.Digests, nothing.Media, nothing.Segments = nil, nil, nil
		for _, s := range Compare(l, nothing).Statements {
			if s.Kind == Match {
				t.Fatalf("%q of a log that nothing was there to match", s.Text)
			}
		}
		for _, s := range Compare(l, r.received).Statements {
			if s.Text == "" || s.Kind == Match && !strings.Contains(low, md5Hex) && !strings.Contains(low, sha1Hex) && !strings.Contains(low, sha256Hex) {
				t.Fatalf("%q of a log without the hash", s.Text)
			}
		}
	}
}

// TestEveryLogCutAnywhere: a log that ends early is read as far as it goes, claims
// no more than the whole one, and never panics.
func TestEveryLogCutAnywhere(t *testing.T) {
	for _, file := range logs(t) {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		whole, err := Parse(filepath.Base(file), content)
		if err != nil {
			t.Fatal(err)
		}
		for n := 0; n < len(content); n += 1 + len(content)/200 {
			l, err := Parse(filepath.Base(file), content[:n])
			if err != nil {
				continue
			}
			within(t, l, decode(content[:n]).content)
			for _, h := range l.Hashes {
				found := false
				for _, w := range whole.Hashes {
					found = found || w.Value == h.Value
				}
				if !found && len(whole.Earlier) == 0 {
					t.Errorf("%s cut at %d has %+v, which the whole log has not", file, n, h)
				}
			}
		}
	}
}
