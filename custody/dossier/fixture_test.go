package dossier_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/seal/sealtest"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/custody/tlog/tsatest"
	"github.com/evidence-custody/custodyd/evidence"
)

const origin = "log.example.org"

// artifact is the file that every sample event is about.
var artifact = []byte("the bytes of a disk image\n")

func logKey() ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("dossier log"))
	return ed25519.NewKeyFromSeed(seed[:])
}

// logDocument founds the sample log.
func logDocument(t testing.TB) []byte {
	t.Helper()
	key, err := x509.MarshalPKIXPublicKey(logKey().Public())
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := custody.LogDocument{Document: custody.DocLog, Keys: []custody.LogKey{{Algorithm: custody.LogEd25519, Key: key}}, Mode: custody.ModeTest,
		Origin: origin, Salt: custody.Salt(evidence.Sum([]byte("salt"))), ServiceKeys: [][]byte{sealtest.Public(t, "service").SPKI()}}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// statement is a payload with the members that stock tools look at. A dossier
// holds events to their form only, so the predicate says little.
func statement(i int) []byte {
	return fmt.Appendf(nil, `{"_type":"%s","predicate":{"nonce":"%s"},"predicateType":"%s","subject":[{"digest":{"sha256":"%s"}}]}`,
		custody.StatementType, evidence.Sum(fmt.Append(nil, i)), custody.PredicateType, evidence.Sum(artifact))
}

// sample is a dossier of n events, two of three by the officer, in a log with
// another leaf before and after each.
func sample(t testing.TB, n int) *dossier.Dossier {
	t.Helper()
	var tree tlog.Tree
	events := make([]dossier.Event, n)
	for i := range events {
		name := "officer"
		if i%3 == 2 {
			name = "analyst"
		}
		tree.Append(tlog.LeafHash(fmt.Append(nil, i)))
		e := dossier.Event{Index: tree.Size(), Envelope: sealtest.Seal(t, name, statement(i)), Key: sealtest.Public(t, name)}
		tree.Append(tlog.LeafHash(tlog.Leaf(e.Envelope, e.Key)))
		events[i] = e
	}
	tree.Append(tlog.LeafHash([]byte("last")))
	for i := range events {
		proof, err := tlog.ProveInclusion(tree.Size(), events[i].Index, &tree)
		if err != nil {
			t.Fatal(err)
		}
		events[i].Proof = proof
	}
	root, err := tree.Root(tree.Size())
	if err != nil {
		t.Fatal(err)
	}
	signer, err := tlog.NewLogSigner(origin, logKey())
	if err != nil {
		t.Fatal(err)
	}
	note, err := tlog.SignCheckpoint(tlog.Checkpoint{Origin: origin, Size: tree.Size(), Root: root}, signer)
	if err != nil {
		t.Fatal(err)
	}
	d := &dossier.Dossier{Log: logDocument(t), Checkpoint: note, Scope: dossier.Scope{Case: evidence.Sum([]byte("case"))}, Events: events}
	if n == 0 {
		return d
	}
	consistency, err := tlog.ProveConsistency(2, tree.Size(), &tree)
	if err != nil {
		t.Fatal(err)
	}
	document, detail := []byte(`{"document":"case"}`), []byte("{\"field\":\"note\",\"value\":\"\u0645\u062d\u0645\u062f\"}")
	d.Scope.Items = custody.SortedIDs(evidence.Sum([]byte("disk")), evidence.Sum([]byte("phone")))
	d.Consistency = map[uint64][]evidence.Digest{0: nil, 2: consistency}
	d.Documents = map[evidence.Digest][]byte{evidence.Sum(document): document}
	d.Details = map[evidence.Digest][]byte{evidence.Sum(detail): detail}
	d.Blocks = map[evidence.Digest][]byte{evidence.Sum(artifact): bytes.Repeat([]byte{7}, 64)}
	d.Attachments = map[string][]byte{"report.json": []byte("{}"), "empty.txt": {}}
	return d
}

func encode(t testing.TB, d *dossier.Dossier) []byte {
	t.Helper()
	b, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func decode(b []byte) (*dossier.Dossier, error) {
	return dossier.Decode(bytes.NewReader(b), int64(len(b)), dossier.DefaultLimits)
}

// ruleOf is the rule that err names, or "ok".
func ruleOf(err error) string {
	var m *dossier.MalformedError
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &m):
		return m.Rule
	}
	return "untyped: " + err.Error()
}

// timed is a sample with everything that tells of time, and tlog-proofs.
func timed(t testing.TB) (*dossier.Dossier, *tsatest.Authority) {
	t.Helper()
	d, authority := sample(t, 3), tsatest.New(t, "clock")
	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	signer, err := tlog.NewLogSigner(origin, logKey())
	if err != nil {
		t.Fatal(err)
	}
	older := tlog.Checkpoint{Origin: origin, Size: 2, Root: evidence.Sum([]byte("older"))}
	note, err := tlog.SignCheckpoint(older, signer)
	if err != nil {
		t.Fatal(err)
	}
	body, _, _ := bytes.Cut(d.Checkpoint, []byte("\n\n"))
	d.Checkpoints, d.Times, d.Proofs = map[uint64][]byte{2: note}, map[evidence.Digest][]byte{}, true
	for _, message := range [][]byte{append(body, '\n'), older.Body()} {
		stamp := authority.Stamp(t, message, at)
		d.Times[evidence.Sum(stamp)] = stamp
	}
	first, second := authority.Stamp(t, d.Events[0].Envelope.Signature, at), authority.Stamp(t, d.Events[0].Envelope.Signature, at)
	d.Events[0].Timestamps = [][]byte{first, second}
	slices.SortFunc(d.Events[0].Timestamps, bytes.Compare)
	d.Events[2].Timestamps = [][]byte{authority.Stamp(t, d.Events[2].Envelope.Signature, at)}
	return d, authority
}
