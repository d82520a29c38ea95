package dossier_test

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/evidence-custody/custodyd/custody/dossier"
)

// TestBothWaysToThePlaces: where the files stand is found from the central
// directory, or, where anything is odd, from each local header. Whatever is
// changed of a zip, both must say the same of it.
func TestBothWaysToThePlaces(t *testing.T) {
	same := func(what string, at int, b []byte) bool {
		_, short := dossier.Decode(bytes.NewReader(b), int64(len(b)), dossier.DefaultLimits)
		_, long := dossier.DecodeLong(bytes.NewReader(b), int64(len(b)), dossier.DefaultLimits)
		if (short == nil) != (long == nil) || short != nil && short.Error() != long.Error() {
			t.Fatalf("%s %d: %v; the long way: %v", what, at, short, long)
		}
		return short == nil
	}
	good := encode(t, sample(t, 2))
	if !dossier.Directed(good) || !same("nothing changed", 0, good) {
		t.Fatal("a good dossier is not read the short way")
	}
	directory := bytes.Index(good, []byte{0x50, 0x4b, 0x01, 0x02})
	near := func(i int) bool { // a local header or its name
		from := max(0, i-80)
		return bytes.Contains(good[from:min(len(good), i+4)], []byte{0x50, 0x4b, 0x03, 0x04})
	}
	for i := range good {
		if i < directory && !near(i) {
			continue
		}
		for _, x := range []byte{0x01, 0x80} {
			b := bytes.Clone(good)
			b[i] ^= x
			if same("byte", i, b) {
				t.Fatalf("byte %d changed, and still a dossier", i)
			}
		}
		if i%7 == 0 {
			same("without byte", i, append(bytes.Clone(good[:i]), good[i+1:]...))
			same("with a byte more at", i, append(append(bytes.Clone(good[:i]), good[i]), good[i:]...))
			same("up to byte", i, good[:i])
		}
	}
	same("with a byte behind", len(good), append(bytes.Clone(good), 0))
	for _, file := range []string{"zips.json", "whole.json"} {
		raw, err := os.ReadFile("../testdata/dossier/" + file)
		if err != nil {
			t.Fatal(err)
		}
		var all []zipVector
		if err := json.Unmarshal(raw, &all); err != nil || len(all) == 0 {
			t.Fatalf("no vectors in %s: %v", file, err)
		}
		for i, v := range all {
			same(file, i, v.Zip)
		}
	}
}
