package elsewhere

import (
	"archive/zip"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/evidence"
)

// segmentsAreOne looks at what the batch's images in segments became.
func segmentsAreOne(t *testing.T, dir string) {
	t.Helper()
	type put struct {
		Item     string
		Segments int
		Artifact struct {
			SHA256 evidence.Digest
			Size   uint64
		}
		Media *struct {
			MD5, StoredMD5 string
			Damaged        uint64
			Differs        bool
			Size           uint64
		}
	}
	var set, bad, raw put
	parse(t, dir, "set.json", &set)
	parse(t, dir, "bad.json", &bad)
	parse(t, dir, "raw.json", &raw)
	if set.Segments != 3 || set.Media == nil || set.Media.MD5 != set.Media.StoredMD5 || set.Media.Damaged != 0 || set.Media.Size != 3000320 {
		t.Errorf("E01 set: %+v %+v", set, set.Media)
	}
	if bad.Segments != 3 || bad.Media == nil || bad.Media.Damaged != 1 || !bad.Media.Differs || bad.Artifact.SHA256 == set.Artifact.SHA256 {
		t.Errorf("damaged set: %+v %+v", bad, bad.Media)
	}
	if raw.Segments != 4 || raw.Media != nil || raw.Artifact.Size != 3000320 {
		t.Errorf("raw set: %+v", raw)
	}
	if code, words := file(t, dir, "bad.code"), file(t, dir, "bad.txt"); code == "0\n" || !strings.Contains(words, "nothing was signed: 1 chunks of the E01 cannot be decoded, the first at byte") || !strings.Contains(words, "segment 2") {
		t.Errorf("damaged: exit %s%s", code, words)
	}
	if code, words := file(t, dir, "gap.code"), file(t, dir, "gap.txt"); code == "0\n" || !strings.Contains(words, "MA-4.e02: this segment is not there") {
		t.Errorf("a segment missing: exit %s%s", code, words)
	}
	if words := file(t, dir, "set.err"); !strings.Contains(words, "Muhammad Ali") || !strings.Contains(words, "FIR 12/2026") {
		t.Errorf("the image's own words aren't shown:\n%s", words)
	}

	if sums := file(t, dir, "got.txt"); strings.Count(sums, ": OK") != 3 || !strings.HasPrefix(file(t, dir, "got.sum"), set.Artifact.SHA256.String()) {
		t.Errorf("what came back:\n%s%s", sums, file(t, dir, "got.sum"))
	}

	if words := file(t, dir, "shown.txt"); !strings.Contains(words, set.Artifact.SHA256.String()+"\nfiles   3 segments; the SHA-256 is that of their manifest\n") {
		t.Errorf("the item is shown as\n%s", words)
	}

	// The dossier holds the manifest that stock tools read.
	z, err := zip.OpenReader(filepath.Join(dir, "batch.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	f, err := z.Open("data/documents/" + set.Artifact.SHA256.String() + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	m, err := evidence.ParseManifest(text)
	if err != nil || len(m) != 3 || m.Digest() != set.Artifact.SHA256 || m[2].Name != "MA-4.E03" {
		t.Errorf("manifest %q: %v", text, err)
	}
	var verified struct {
		Findings []struct{ Name, Subject string }
	}
	parse(t, dir, "verify.json", &verified)
	matched := map[string]bool{}
	for _, f := range verified.Findings {
		if f.Name == "bytes-match" {
			matched[f.Subject] = true
		}
	}
	if !matched[set.Artifact.SHA256.String()] || !matched[raw.Artifact.SHA256.String()] {
		t.Errorf("sets that were given aren't found on record: %v", matched)
	}
}

// segmentsInTheReport: the report lists the files of an image as its manifest does.
func segmentsInTheReport(t *testing.T, dir string) {
	t.Helper()
	var report struct {
		Artifacts []struct {
			SHA256, SHA256Of string
			FileName         struct{ Value string }
			Segments         []struct {
				Name   struct{ Value string }
				SHA256 string
			}
		}
	}
	parse(t, filepath.Join(dir, "report"), "report.json", &report)
	for _, a := range report.Artifacts {
		if a.FileName.Value != "MA-5.001" {
			continue
		}
		list := ""
		for _, s := range a.Segments {
			list += s.SHA256 + "  " + s.Name.Value + "\n"
		}
		if a.SHA256Of != "manifest" || len(a.Segments) != 4 || evidence.Sum([]byte(list)).String() != a.SHA256 {
			t.Errorf("the report tells the segmented image as %+v", a)
		}
		return
	}
	t.Error("the report has no artifact MA-5.001")
}
