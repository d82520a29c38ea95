package notes

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"strings"
	"testing"

	"filippo.io/mldsa"
	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/seal/sealtest"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

func MlKey(t testing.TB, name string) *mldsa.PrivateKey {
	t.Helper()
	seed := sha256.Sum256([]byte("mldsa:" + name))
	k, err := mldsa.NewPrivateKey(mldsa.MLDSA44(), seed[:])
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TwoKeys is the document of a log with a key of each algorithm.
func TwoKeys(t testing.TB) custody.LogDocument {
	t.Helper()
	ed, err := x509.MarshalPKIXPublicKey(EdKey("log").Public())
	if err != nil {
		t.Fatal(err)
	}
	ml, err := tlog.MLDSASPKI(MlKey(t, "log").PublicKey())
	if err != nil || len(ml) != 1334 {
		t.Fatalf("%d bytes, %v", len(ml), err)
	}
	return custody.LogDocument{Document: custody.DocLog, Mode: custody.ModeTest, Origin: Origin, ServiceKeys: [][]byte{sealtest.Public(t, "service").SPKI()},
		Keys: []custody.LogKey{{Algorithm: custody.LogEd25519, Key: ed}, {Algorithm: custody.LogMLDSA44, Key: ml}}}
}

func EdSigner(t testing.TB, name string) note.Signer {
	t.Helper()
	s, err := tlog.NewLogSigner(Origin, EdKey(name))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func MlSigner(t testing.TB, name string) note.Signer {
	t.Helper()
	s, err := tlog.NewMLDSASigner(Origin, MlKey(t, name))
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

// TwoKeyVectors are checkpoints of a log with a key of each algorithm.
func TwoKeyVectors(t testing.TB) []twoKeyVector {
	t.Helper()
	doc := TwoKeys(t)
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
	head := tlog.Checkpoint{Origin: Origin, Size: 7, Root: evidence.Sum([]byte("root"))}
	sign := func(c tlog.Checkpoint, by ...note.Signer) string {
		b, err := tlog.SignCheckpoint(c, by...)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	ed, ml := EdSigner(t, "log"), MlSigner(t, "log")
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
	vector := func(name, expect string, document []byte, Signed string) twoKeyVector {
		v := twoKeyVector{Name: name, Expect: expect, Document: string(document), Note: Signed}
		if expect == "ok" {
			v.Size = head.Size
		}
		return v
	}
	return []twoKeyVector{
		vector("ok", "ok", document, both),
		vector("the-other-way-round", "ok", document, sign(head, ml, ed)),
		vector("ed25519-missing", "refused", document, sign(head, ml)),
		vector("ml-dsa-missing", "refused", document, sign(head, ed)),
		vector("ml-dsa-by-another-key", "refused", document, sign(head, ed, MlSigner(t, "other"))),
		vector("ml-dsa-of-another-head", "refused", document, sign(head, ed)+otherML[len(otherML)-2]),
		vector("ml-dsa-flipped", "refused", document, change(func(s []byte) []byte { s[100] ^= 1; return s })),
		vector("ml-dsa-with-a-time", "refused", document, change(func(s []byte) []byte { s[7] = 1; return s })),
		vector("ml-dsa-cut", "refused", document, change(func(s []byte) []byte { return s[:len(s)-1] })),
		vector("ml-dsa-not-listed", "ok", older, both),
		vector("ed25519-alone", "ok", older, sign(head, ed)),
	}
}
