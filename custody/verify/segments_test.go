package verify_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/custody/testdata/golden"
	"github.com/evidence-custody/custodyd/custody/verify"
)

// TestNamesTheSegments: what is wrong with the files of an image is said by
// their names, so that somebody can go and look for the one.
func TestNamesTheSegments(t *testing.T) {
	for vector, want := range map[string]string{
		"bytes-mismatch-segments-missing":         "these segments are missing: exhibit.E02",
		"bytes-mismatch-segments-missing-but-one": "missing: exhibit.E01, exhibit.E02 (it was given alone: give the folder of all of them)",
		"bytes-mismatch-segments-order":           "in another order",
		"bytes-mismatch-segments-differ":          "no file given is its exhibit.E02; none of its segments: exhibit.E02",
		"bytes-mismatch-segments-foreign":         "none of its segments: exhibit.E04",
		"bytes-match-segmented-under-other-names": "other names than its manifest",
		"bytes-match-segments-sizes":              "the record contradicts itself",
		"bytes-match-segmented":                   "SHA-256 of each of its 3 segments, size and block tree recomputed",
	} {
		var v golden.Expected
		if err := json.Unmarshal(read(t, filepath.Join(goldenDir, vector+".json")), &v); err != nil {
			t.Fatal(err)
		}
		r, err := golden.Examine(read(t, filepath.Join(goldenDir, v.Policy)), readAll(t, v.Dossiers), readAll(t, v.Artifacts), readSets(t, v.Sets))
		if err != nil {
			t.Fatal(err)
		}
		said := ""
		for _, f := range r.Findings {
			if f.Name == v.Shows && (f.Name == verify.BytesMismatch || strings.Contains(f.Detail, "segmented image")) {
				said += f.Detail
			}
		}
		if !strings.Contains(said, want) {
			t.Errorf("%s says %q, without %q", vector, said, want)
		}
	}
}
