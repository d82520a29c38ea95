package ledger_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"strings"
	"testing"

	"filippo.io/mldsa"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/custody/ledger/ledgertest"
	"github.com/evidence-custody/custodyd/custody/tlog"
)

// A log with an ML-DSA-44 key has each checkpoint signed by it too: the same
// bytes by every replica, and by none without that key.
func TestPostQuantumLog(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	key, err := mldsa.GenerateKey(mldsa.MLDSA44())
	if err != nil {
		t.Fatal(err)
	}
	document, err := ledger.NewLogDocument(ledgertest.Origin, custody.ModeTest, ledgertest.LogKey().Public().(ed25519.PublicKey), key.PublicKey(), ledgertest.Service().Public(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	d := ledgertest.NewDatabase(t)
	cfg := d.Config()
	cfg.LogMLDSA = key
	l, err := ledger.Open(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	receipt, err := l.Found(ctx, document)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := custody.ParseLogDocument(document)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := tlog.LogVerifiers(doc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tlog.OpenCheckpoint(receipt.Checkpoint, doc.Origin, keys); err != nil || bytes.Count(receipt.Checkpoint, []byte("\n\u2014 ")) != 2 {
		t.Errorf("%v: %s", err, receipt.Checkpoint)
	}
	replica, err := ledger.Open(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer replica.Close()
	if cp, err := replica.Checkpoint(ctx); err != nil || !bytes.Equal(cp.Note, receipt.Checkpoint) {
		t.Errorf("a replica signs other bytes: %v", err)
	}
	if err := replica.Check(ctx); err != nil {
		t.Error(err)
	}
	other, err := mldsa.GenerateKey(mldsa.MLDSA44())
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []*mldsa.PrivateKey{nil, other} {
		cfg.LogMLDSA = wrong
		if l, err := ledger.Open(ctx, cfg); err == nil {
			l.Close()
			t.Error("it signs without the key that its document lists")
		} else if !strings.Contains(err.Error(), "ML-DSA-44") {
			t.Error(err)
		}
	}
}
