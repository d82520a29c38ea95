package tlog_test

import (
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/tlog"
)

// TestMLDSAWitness: a witness with a post-quantum key counts like another, and
// says when.
func TestMLDSAWitness(t *testing.T) {
	pq, err := tlog.NewWitnessVerifier(mldsaVerifierKeyOf(t, "pq.example"))
	if err != nil {
		t.Fatal(err)
	}
	ed, err := tlog.NewWitnessVerifier(func() string { k, _ := witnessKey("a.example"); return k }())
	if err != nil {
		t.Fatal(err)
	}
	text := string(head.Body())
	other := head
	other.Size++
	for name, tt := range map[string]struct {
		lines string
		count int
	}{
		"both":               {cosigned("a.example", text, 5) + mldsaCosigned(t, "pq.example", head, 6), 2},
		"it alone":           {mldsaCosigned(t, "pq.example", head, 6), 1},
		"twice":              {mldsaCosigned(t, "pq.example", head, 6) + mldsaCosigned(t, "pq.example", head, 7), 1},
		"without a time":     {mldsaCosigned(t, "pq.example", head, 0), 0},
		"time over 2^63":     {mldsaCosigned(t, "pq.example", head, 1<<63), 0},
		"of another head":    {mldsaCosigned(t, "pq.example", other, 6), 0},
		"by another witness": {strings.Replace(mldsaCosigned(t, "other.example", head, 6), "other.example", "pq.example", 1), 0},
	} {
		if n := tlog.CountWitnesses([]byte(signed(text)+tt.lines), []note.Verifier{pq, ed, pq}); n != tt.count {
			t.Errorf("%s: counts %d, want %d", name, n, tt.count)
		}
	}
	extended := text + "extension\n"
	if n := tlog.CountWitnesses([]byte(signed(extended)+mldsaCosigned(t, "pq.example", head, 6)), []note.Verifier{pq}); n != 0 {
		t.Error("an extension line, which it does not cover, is let pass")
	}
}

// TestVerifierKeys: what is written of a log document's keys is read back, and
// verifies what they signed.
func TestVerifierKeys(t *testing.T) {
	doc := twoKeys(t)
	doc.Keys = append(doc.Keys, custody.LogKey{Algorithm: "later", Key: []byte{1}})
	keys, err := tlog.VerifierKeys(doc)
	if err != nil || len(keys) != 2 {
		t.Fatalf("%v, %v", keys, err)
	}
	ed, err := tlog.NewLogSigner(origin, edKey("log"))
	if err != nil {
		t.Fatal(err)
	}
	pq, err := tlog.NewMLDSASigner(origin, mlKey(t, "log"))
	if err != nil {
		t.Fatal(err)
	}
	msg, err := tlog.SignCheckpoint(head, ed, pq)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		v, err := tlog.ParseVerifierKey(k)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tlog.OpenCheckpoint(msg, origin, note.VerifierList(v)); err != nil {
			t.Errorf("%.60s: %v", k, err)
		}
	}
	pqKey := keys[1]
	for name, bad := range map[string]string{"empty": "", "other name": "x" + pqKey, "cut": pqKey[:len(pqKey)-4], "more": pqKey + "AAAA", "a witness's": func() string { k, _ := witnessKey("a.example"); return k }()} {
		if _, err := tlog.ParseVerifierKey(bad); err == nil {
			t.Errorf("%s: read", name)
		}
	}
}
