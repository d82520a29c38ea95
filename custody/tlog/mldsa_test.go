package tlog_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"

	"filippo.io/mldsa"
	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/seal/sealtest"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// TestTwoSignatures: where the log document lists a key of each algorithm, a
// checkpoint needs a signature of each.
func TestTwoSignatures(t *testing.T) {
	notes := map[string]string{}
	for _, v := range sealtest.Vectors(t, "tlog/mldsa.json", twoKeyVectors(t)) {
		notes[v.Name] = v.Note
		t.Run(v.Name, func(t *testing.T) {
			doc, err := custody.ParseLogDocument([]byte(v.Document))
			if err != nil {
				t.Fatal(err)
			}
			keys, err := tlog.LogVerifiers(doc)
			if err != nil {
				t.Fatal(err)
			}
			c, err := tlog.OpenCheckpoint([]byte(v.Note), doc.Origin, keys)
			switch {
			case v.Expect == "ok" && (err != nil || c.Size != v.Size):
				t.Errorf("%+v, %v", c, err)
			case v.Expect != "ok" && !errors.Is(err, tlog.ErrCheckpoint):
				t.Errorf("%+v, %v", c, err)
			}
		})
	}
	doc, byEd25519 := twoKeys(t), []byte(notes["ml-dsa-missing"])
	if _, err := tlog.OpenCheckpoint(byEd25519, origin, must(tlog.LogVerifiers(doc))); err == nil || !strings.Contains(err.Error(), "ml-dsa-44") {
		t.Errorf("it is not said which signature is missing: %v", err)
	}
	if c, err := tlog.OpenCheckpoint(byEd25519, origin, tlog.AnyLogKey(must(tlog.LogVerifiers(doc)))); err != nil || c.Size != 7 || c.Root != evidence.Sum([]byte("root")) {
		t.Errorf("a head that a witness hands on: %v", err)
	}
	// Who knows the Ed25519 key alone, reads it all the same (C2SP signed-note).
	v, err := tlog.NewLogVerifier(origin, edKey("log").Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := note.Open([]byte(notes["ok"]), note.VerifierList(v)); err != nil || len(n.UnverifiedSigs) != 1 {
		t.Errorf("%v", err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestParseMLDSAKey(t *testing.T) {
	good := twoKeys(t).Keys[1].Key
	if k, err := tlog.ParseMLDSAKey(good); err != nil || !k.Equal(mlKey(t, "log").PublicKey()) {
		t.Error(err)
	}
	k65, err := mldsa.GenerateKey(mldsa.MLDSA65())
	if err != nil {
		t.Fatal(err)
	}
	larger, err := tlog.MLDSASPKI(k65.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]byte{nil, good[1:], append(bytes.Clone(good), 0), larger, twoKeys(t).Keys[0].Key} {
		if _, err := tlog.ParseMLDSAKey(bad); err == nil {
			t.Errorf("reads %d bytes", len(bad))
		}
		doc := twoKeys(t)
		doc.Keys[1].Key = bad
		if _, err := tlog.LogVerifiers(doc); err == nil {
			t.Errorf("verifiers by a key of %d bytes that cannot be read", len(bad))
		}
	}
	if _, err := tlog.NewMLDSASigner(origin, k65); err == nil {
		t.Error("signs with ML-DSA-65")
	}
}

func BenchmarkSignCheckpoint(b *testing.B) {
	head := tlog.Checkpoint{Origin: origin, Size: 7, Root: evidence.Sum([]byte("root"))}
	for name, signers := range map[string][]note.Signer{"ed25519": {edSigner(b, "log")}, "both": {edSigner(b, "log"), mlSigner(b, "log")}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				head.Size++
				if _, err := tlog.SignCheckpoint(head, signers...); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkOpenCheckpoint(b *testing.B) {
	head := tlog.Checkpoint{Origin: origin, Size: 7, Root: evidence.Sum([]byte("root"))}
	for name, n := range map[string]int{"ed25519": 1, "both": 2} {
		doc := twoKeys(b)
		doc.Keys = doc.Keys[:n]
		keys := must(tlog.LogVerifiers(doc))
		signed := must(tlog.SignCheckpoint(head, []note.Signer{edSigner(b, "log"), mlSigner(b, "log")}[:n]...))
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				must(tlog.OpenCheckpoint(signed, origin, keys))
			}
		})
	}
}
