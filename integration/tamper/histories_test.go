package tamper

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/ledger/ledgertest"
	"github.com/evidence-custody/custodyd/custody/ledger/localpg"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/custody/witness"
	"github.com/evidence-custody/custodyd/evidence"
)

// cosigner is a witness that has cosigned the record's head.
type cosigner struct {
	w    *witness.Witness
	size uint64
}

func newCosigner(t *testing.T, r *record) *cosigner {
	t.Helper()
	seed := sha256.Sum256([]byte("witness"))
	signer, err := tlog.NewCosigner("witness.example", ed25519.NewKeyFromSeed(seed[:]))
	need(t, err)
	shelf, err := witness.OpenDirectory(filepath.Join(t.TempDir(), "witness"), time.Now())
	need(t, err)
	vkey, err := note.NewEd25519VerifierKey(ledgertest.Origin, ledgertest.LogKey().Public().(ed25519.PublicKey))
	need(t, err)
	need(t, shelf.Add(ledgertest.Origin, vkey))
	c := &cosigner{w: witness.New(signer, shelf, time.Now, nil)}
	if said := c.asked(t, r.note, nil); said != "" {
		t.Fatalf("the witness refuses the record itself: %s", said)
	}
	c.size = r.size
	return c
}

// asked asks for a cosignature, with the consistency proof that is given.
func (c *cosigner) asked(t *testing.T, note []byte, proof []evidence.Digest) string {
	t.Helper()
	body := fmt.Appendf(nil, "old %d\n", c.size)
	for _, h := range proof {
		body = fmt.Appendf(body, "%s\n", base64.StdEncoding.EncodeToString(h[:]))
	}
	body = append(append(body, '\n'), note...)
	_, err := c.w.AddCheckpoint(testContext(t), body)
	var no *witness.Refusal
	if errors.As(err, &no) {
		return fmt.Sprintf("%d: %s", no.Status, no.Error())
	}
	need(t, err)
	return ""
}

// judgeHistory asks everybody about another database in the place of the
// record's: the witness too, for the head is another one.
func (m *matrix) judgeHistory(tampering string, d ledgertest.Database) {
	t, ctx := m.t, testContext(m.t)
	t.Helper()
	got := row{table: "the whole database", tampering: tampering}
	l, err := ledger.Inspect(ctx, d.DSN(localpg.Superuser), nil)
	need(t, err)
	got.check = m.said(l.Check(ctx))
	l.Close()
	cfg := d.Config()
	cfg.Signed = m.record.note
	if l, err = ledger.Open(ctx, cfg); err == nil {
		l.Close()
	}
	got.start = m.said(err)
	// The operator forgets what lies beside the keys, and publishes.
	l = d.Open(t)
	cp, err := l.Checkpoint(ctx)
	need(t, err)
	var proof []evidence.Digest
	if cp.Size > m.witness.size {
		proof, err = l.Consistency(ctx, m.witness.size, cp.Size)
		need(t, err)
	}
	l.Close()
	keepNotes(t, d)
	got.audit = m.outsider.sees(t, serve(t, d.Connect(t, localpg.Superuser)))
	got.witness = m.witness.asked(t, cp.Note, proof)
	m.add(got)
}

// histories are what an operator can do who has every key of the service: the
// database itself is without a fault, and only who saw the other one can tell.
func (m *matrix) histories() {
	t := m.t
	grow := func(d ledgertest.Database, n int) ledgertest.Database {
		l := d.Open(t)
		openCases(t, l, m.record.scene, n, "other")
		l.Close()
		return d
	}
	m.judgeHistory("roll back to a backup", m.record.backup.Copy(t))
	m.judgeHistory("roll back to a backup and go on: as long", grow(m.record.backup.Copy(t), events-backupAt))
	m.judgeHistory("roll back to a backup and go on: longer", grow(m.record.backup.Copy(t), events-backupAt+10))
	// The same genesis, and the service's own last word another one: no person's
	// key is needed for that.
	fork := m.record.backup.Copy(t)
	l := fork.Open(t)
	for range events - backupAt {
		cp, err := l.Checkpoint(testContext(t))
		need(t, err)
		_, err = l.Observe(testContext(t), docket.Act{Body: &custody.ReportIssued{Case: m.record.scene.Case, For: m.record.scene.Second.Party, Items: []custody.ID{},
			Over: cp.Seen(), Files: custody.ReportFiles{JSON: evidence.Sum(cp.Note), PDF: evidence.Sum(cp.Note)}}}, docket.Effects{})
		need(t, err)
	}
	l.Close()
	m.judgeHistory("fork the log with the service's own events", fork)
	empty := ledgertest.NewDatabase(t)
	l = empty.Open(t)
	ledgertest.Retell(t, l, m.record.scene.Story, 0)
	openCases(t, l, m.record.scene, 1, "other")
	l.Close()
	m.judgeHistory("tell the whole story again from genesis, otherwise", empty)
}
