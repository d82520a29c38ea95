package consignment

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// lay writes files below a new folder: name to content.
func lay(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func survey1(t *testing.T, paths ...string) []Entry {
	t.Helper()
	out, err := Survey(paths, false)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestNothingIsLeftOutSilently: whatever lies in a folder has an entry, and what is
// not deposited says why.
func TestNothingIsLeftOutSilently(t *testing.T) {
	const bidi, nfd = "evil\u202egpj.dd", "cafe\u0301.dd"
	dir := lay(t, map[string]string{"a.dd": "a", ".hidden": "h", "empty.dd": "", "b/c/deep.dd": "d", "b/‏چشم‌دید.dd": "u",
		"گواہی.dd": "urdu", bidi: "b", nfd: "n", "not\xffutf8.dd": "x", "back\\slash": "s", "new\nline": "l"})
	for _, err := range []error{os.Symlink("a.dd", filepath.Join(dir, "link.dd")), os.Symlink("b", filepath.Join(dir, "linked")),
		syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600), os.Mkdir(filepath.Join(dir, "nothing"), 0o700)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	got := map[string]string{}
	for _, e := range survey1(t, dir, filepath.Join(dir, "a.dd"), filepath.Join(dir, "absent")) {
		rel, _ := strings.CutPrefix(e.Rel, filepath.Base(dir)+"/")
		got[rel] = e.What + "|" + e.Name + "|" + e.Why
		if strings.ContainsAny(e.Rel+e.Name, "\n\u202e\u200f") {
			t.Errorf("%q can mislead", e.Rel)
		}
	}
	want := map[string]string{
		".hidden": "artifact|.hidden|", "b/c/deep.dd": "artifact|deep.dd|", "b/%E2%80%8Fچشم‌دید.dd": "artifact|%E2%80%8Fچشم‌دید.dd|",
		"گواہی.dd": "artifact|گواہی.dd|", "evil%E2%80%AEgpj.dd": "artifact|evil%E2%80%AEgpj.dd|", "caf\u00e9.dd": "artifact|caf\u00e9.dd|",
		"not%FFutf8.dd": "artifact|not%FFutf8.dd|", `back\slash`: "artifact|back%5Cslash|", "new%0Aline": "artifact|new%0Aline|",
		"empty.dd": "left out||empty (rule artifact.empty)", "link.dd": "left out||symbolic link to a.dd, not followed",
		"linked": "left out||symbolic link to b, not followed", "pipe": "left out||not a regular file",
		"a.dd": "left out||named twice", "absent": "left out||can't be read: no such file or directory",
	}
	for name, what := range want {
		if got[name] != what {
			t.Errorf("%s: %q, want %q", name, got[name], what)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d entries, want %d: %v", len(got), len(want), got)
	}
}

func TestManyAreRefusedBeforeTheyAreRead(t *testing.T) {
	dir := t.TempDir()
	s := survey{seen: map[string]bool{}, entries: make([]Entry, MaxEntries-2)}
	for i := range 4 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.at(dir, "dir"); !errors.Is(err, ErrTooMany) {
		t.Errorf("%v", err)
	}
}

// TestLogsGoWithTheirImage: by the whole name, by the stem, by what they name, and
// never by guessing between two.
func TestLogsGoWithTheirImage(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	dc3dd := func(image string) string {
		return "dc3dd 7.2 started at 2026-01-01 00:00:00 +0000\ncommand line: dc3dd if=/dev/sdb of=" + image + "\noutput results for file `" + image + "':\n"
	}
	dir := lay(t, map[string]string{
		"one.E01": "EVF", "one.E01.txt": "Created By AccessData FTK Imager 4.7\n", "one.info": "GUYMAGER ACQUISITION INFO FILE\n",
		"two.dd": "2", "two.log": dc3dd("elsewhere.dd"), "three.dd": "3", "run.log": dc3dd("three.dd"),
		"pair.dd": "p", "pair.img": "q", "pair.log": dc3dd("neither.dd"),
		"note.txt": "nothing of the kind", "two.dd.sha256": sum + "  two.dd\n", "two.dd.sha256.sha256": sum + "  two.dd.sha256\n",
		"sub/run.log": dc3dd("three.dd"),
	})
	entries := survey1(t, dir)
	got := map[string]string{}
	for _, e := range entries {
		rel, _ := strings.CutPrefix(e.Rel, filepath.Base(dir)+"/")
		got[rel] = e.What
		if e.What == Log {
			got[rel] += " of " + entries[e.Of].Name
		}
	}
	for name, want := range map[string]string{
		"one.E01": Artifact, "one.E01.txt": "log of one.E01", "one.info": "log of one.E01", "two.log": "log of two.dd", "run.log": "log of three.dd",
		"pair.log": Artifact, "note.txt": Artifact, "two.dd.sha256": "log of two.dd", "two.dd.sha256.sha256": Artifact, "sub/run.log": Artifact,
	} {
		if got[name] != want {
			t.Errorf("%s: %s, want %s", name, got[name], want)
		}
	}
	order := byImage(entries)
	for at, i := range order {
		if entries[i].What == Log && slices.Index(order, entries[i].Of) > at {
			t.Errorf("%s comes before its image", entries[i].Rel)
		}
	}
	if files, _ := Bytes(entries); files != len(entries) {
		t.Errorf("%d files of %d", files, len(entries))
	}
}

// TestSegmentsAreOneImage: wherever they were found, in whatever order, and never
// with one missing or cut short.
func TestSegmentsAreOneImage(t *testing.T) {
	dir := lay(t, map[string]string{
		"box/a.E01": "1", "box/a.E02": "22", "box/a.E03": "3", "box/a.E01.txt": "Created By AccessData FTK Imager 4.7\n",
		"box/gap.E01": "1", "box/gap.E03": "3", "box/b.001": "11", "box/b.002": "11", "box/b.003": "1",
		"box/cut.001": "11", "box/cut.002": "1", "box/cut.003": "11", "box/alone.001": "x", "box/sub/a.E04": "4",
	})
	box := filepath.Join(dir, "box")
	show := func(entries []Entry) map[string]string {
		got := map[string]string{}
		for _, e := range entries {
			got[filepath.Base(e.Path)] = e.What
			switch {
			case e.What == LeftOut:
				got[filepath.Base(e.Path)] = e.Why[:strings.IndexAny(e.Why, ";")]
			case e.What == Segment || e.What == Log:
				got[filepath.Base(e.Path)] += " of " + entries[e.Of].Name
			case e.Set != nil:
				got[filepath.Base(e.Path)] += fmt.Sprintf(" of %d files, %d bytes", len(e.Set), e.Bytes(entries))
			}
		}
		return got
	}
	const gap = "couldn't take the set of segments: gap.e02: this segment is not there: bring it from where the image was made (missing)"
	const lone = "couldn't take the set of segments: a.e01: this segment is not there: bring it from where the image was made (missing)"
	const cut = "couldn't take the set of segments: cut.002: has 1 bytes, the first piece 2: it was cut short, or belongs to another image (size)"
	got := show(survey1(t, box))
	for name, want := range map[string]string{
		"a.E01": "artifact of 3 files, 4 bytes", "a.E02": "segment of a.E01", "a.E03": "segment of a.E01", "a.E01.txt": "log of a.E01", "a.E04": lone,
		"gap.E01": gap, "gap.E03": gap, "b.001": "artifact of 3 files, 5 bytes", "b.002": "segment of b.001", "b.003": "segment of b.001",
		"cut.001": cut, "cut.002": cut, "cut.003": cut, "alone.001": "artifact",
	} {
		if got[name] != want {
			t.Errorf("%s: %s, want %s", name, got[name], want)
		}
	}
	// One segment named means the image; the others named, too, change nothing.
	entries := survey1(t, filepath.Join(box, "a.E02"), filepath.Join(box, "a.E01"), filepath.Join(box, "alone.001"))
	if got := show(entries); len(entries) != 4 || got["a.E01"] != "artifact of 3 files, 4 bytes" || got["a.E02"] != "segment of a.E01" {
		t.Errorf("named: %v", got)
	}
	apart, err := Survey([]string{box}, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range apart {
		if e.What != Artifact && e.What != Log {
			t.Errorf("alone: %s is %s %s", e.Rel, e.What, e.Why)
		}
	}
}
