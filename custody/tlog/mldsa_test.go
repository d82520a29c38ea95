package tlog_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
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

func mlKey(t testing.TB, name string) *mldsa.PrivateKey {
	t.Helper()
	seed := sha256.Sum256([]byte("mldsa:" + name))
	k, err := mldsa.NewPrivateKey(mldsa.MLDSA44(), seed[:])
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// twoKeys is the document of a log with a key of each algorithm.
func twoKeys(t testing.TB) custody.LogDocument {
	t.Helper()
	ed, err := x509.MarshalPKIXPublicKey(edKey("log").Public())
	if err != nil {
		t.Fatal(err)
	}
	ml, err := tlog.MLDSASPKI(mlKey(t, "log").PublicKey())
	if err != nil || len(ml) != 1334 {
		t.Fatalf("%d bytes, %v", len(ml), err)
	}
	return custody.LogDocument{Document: custody.DocLog, Mode: custody.ModeTest, Origin: origin, ServiceKeys: [][]byte{sealtest.Public(t, "service").SPKI()},
		Keys: []custody.LogKey{{Algorithm: custody.LogEd25519, Key: ed}, {Algorithm: custody.LogMLDSA44, Key: ml}}}
}

func edSigner(t testing.TB, name string) note.Signer {
	t.Helper()
	s, err := tlog.NewLogSigner(origin, edKey(name))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mlSigner(t testing.TB, name string) note.Signer {
	t.Helper()
	s, err := tlog.NewMLDSASigner(origin, mlKey(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

type twoKeyVector struct {
	Name     string `json:"name"`
	Expect   string `json:"expect"`   // ok or refused
	Size     uint64 `json:"size"`     // of ok
	Document string `json:"document"` // text
	Note     string `json:"note"`
}

// TestTwoSignatures: where the log document lists a key of each algorithm, a
// checkpoint needs a signature of each.
func TestTwoSignatures(t *testing.T) {
	doc := twoKeys(t)
	document, _, err := doc.Encode()
	if err != nil {
		t.Fatal(err)
	}
	one := doc
	one.Keys = doc.Keys[:1]
	older, _, err := one.Encode()
	if err != nil {
		t.Fatal(err)
	}
	head := tlog.Checkpoint{Origin: origin, Size: 7, Root: evidence.Sum([]byte("root"))}
	sign := func(c tlog.Checkpoint, by ...note.Signer) string {
		b, err := tlog.SignCheckpoint(c, by...)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	ed, ml := edSigner(t, "log"), mlSigner(t, "log")
	both := sign(head, ed, ml)
	if again := sign(head, ed, ml); again != both {
		t.Fatal("signed twice, it is not the same")
	}
	// change edits the raw ML-DSA signature, behind its four bytes of key hash.
	change := func(f func(sig []byte) []byte) string {
		lines := strings.SplitAfter(both, "\n")
		at := len(lines) - 2
		fields := strings.Fields(lines[at])
		raw, err := base64.StdEncoding.DecodeString(fields[2])
		if err != nil || len(raw) != 4+8+mldsa.MLDSA44SignatureSize {
			t.Fatalf("%d bytes, %v", len(raw), err)
		}
		lines[at] = fields[0] + " " + fields[1] + " " + base64.StdEncoding.EncodeToString(append(raw[:4:4], f(raw[4:])...)) + "\n"
		return strings.Join(lines, "")
	}
	other := head
	other.Size = 8
	otherML := strings.SplitAfter(sign(other, ml), "\n")
	vector := func(name, expect string, document []byte, signed string) twoKeyVector {
		v := twoKeyVector{Name: name, Expect: expect, Document: string(document), Note: signed}
		if expect == "ok" {
			v.Size = head.Size
		}
		return v
	}
	for _, v := range sealtest.Vectors(t, "tlog/mldsa.json", []twoKeyVector{
		vector("ok", "ok", document, both),
		vector("the-other-way-round", "ok", document, sign(head, ml, ed)),
		vector("ed25519-missing", "refused", document, sign(head, ml)),
		vector("ml-dsa-missing", "refused", document, sign(head, ed)),
		vector("ml-dsa-by-another-key", "refused", document, sign(head, ed, mlSigner(t, "other"))),
		vector("ml-dsa-of-another-head", "refused", document, sign(head, ed)+otherML[len(otherML)-2]),
		vector("ml-dsa-flipped", "refused", document, change(func(s []byte) []byte { s[100] ^= 1; return s })),
		vector("ml-dsa-with-a-time", "refused", document, change(func(s []byte) []byte { s[7] = 1; return s })),
		vector("ml-dsa-cut", "refused", document, change(func(s []byte) []byte { return s[:len(s)-1] })),
		vector("ml-dsa-not-listed", "ok", older, both),
		vector("ed25519-alone", "ok", older, sign(head, ed)),
	}) {
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
	if _, err := tlog.OpenCheckpoint([]byte(sign(head, ed)), origin, must(tlog.LogVerifiers(doc))); err == nil || !strings.Contains(err.Error(), "ml-dsa-44") {
		t.Errorf("it is not said which signature is missing: %v", err)
	}
	if c, err := tlog.OpenCheckpoint([]byte(sign(head, ed)), origin, tlog.AnyLogKey(must(tlog.LogVerifiers(doc)))); err != nil || c != head {
		t.Errorf("a head that a witness hands on: %v", err)
	}
	// Who knows the Ed25519 key alone, reads it all the same (C2SP signed-note).
	v, err := tlog.NewLogVerifier(origin, edKey("log").Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := note.Open([]byte(both), note.VerifierList(v)); err != nil || len(n.UnverifiedSigs) != 1 {
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
