package ledger_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/ledger/localpg"
	"github.com/evidence-custody/custodyd/custody/tlog"
)

func cosignerOf(t *testing.T, name string) (*tlog.Cosigner, note.Verifier) {
	t.Helper()
	seed := sha256.Sum256([]byte(name))
	c, err := tlog.NewCosigner(name, ed25519.NewKeyFromSeed(seed[:]))
	if err != nil {
		t.Fatal(err)
	}
	v, err := tlog.NewWitnessVerifier(c.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	return c, v
}

// TestQuorum: what the quorum cosigned is what is shown, receipts wait for it no
// longer than they may, and nothing waits for it to be in the log.
func TestQuorum(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	first, d, story := scene(t)
	a, va := cosignerOf(t, "a")
	b, vb := cosignerOf(t, "b")
	stranger, _ := cosignerOf(t, "stranger")
	cfg := d.Config()
	cfg.Witnesses, cfg.Quorum, cfg.WitnessWait = []note.Verifier{va, vb}, 2, 200*time.Millisecond
	l, err := ledger.Open(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	other, err := ledger.Open(ctx, cfg) // another replica, which asks no witness
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	cosign := func(c *tlog.Cosigner, size uint64) tlog.Signature {
		t.Helper()
		cp, err := l.CheckpointAt(ctx, size)
		if err != nil {
			t.Fatal(err)
		}
		text, _, err := tlog.SplitNote(cp.Note)
		if err != nil {
			t.Fatal(err)
		}
		s, err := c.Cosign(text, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	keep := func(c *tlog.Cosigner, size uint64) {
		t.Helper()
		if err := l.KeepCosignature(ctx, size, cosign(c, size)); err != nil {
			t.Fatal(err)
		}
	}
	count := func(msg []byte) int { return tlog.CountWitnesses(msg, cfg.Witnesses) }

	n := size(t, l)
	if _, err := l.Cosigned(ctx); !errors.Is(err, docket.ErrNotFound) {
		t.Errorf("nothing cosigned yet: %v", err)
	}
	keep(a, n)
	if _, err := l.Cosigned(ctx); !errors.Is(err, docket.ErrNotFound) {
		t.Errorf("one of two: %v", err)
	}
	began := time.Now()
	cp, quorum, err := l.Witnessed(ctx, n)
	if took := time.Since(began); err != nil || quorum || cp.Size != n || count(cp.Note) != 1 || took < cfg.WitnessWait || took > 10*time.Second {
		t.Errorf("after %s: quorum %v, %d leaves, %v", took, quorum, cp.Size, err)
	}
	for name, line := range map[string]tlog.Signature{"stranger's": cosign(stranger, n), "of another head": cosign(b, n-1)} {
		if err := l.KeepCosignature(ctx, n, line); err == nil {
			t.Errorf("kept a cosignature %s", name)
		}
	}
	keep(b, n)
	keep(b, n)
	for _, replica := range []*ledger.Ledger{l, other} {
		if cp, quorum, err = replica.Witnessed(ctx, n); err != nil || !quorum || cp.Size != n || count(cp.Note) != 2 {
			t.Errorf("quorum %v, %d leaves, %d witnesses, %v", quorum, cp.Size, count(cp.Note), err)
		}
	}

	// The log goes on, and the witnesses do not.
	receipts := appendCases(t, l, story, 3)
	if cp, err = l.Cosigned(ctx); err != nil || cp.Size != n {
		t.Errorf("shows %d leaves, want %d: %v", cp.Size, n, err)
	}
	got, err := l.WitnessedReceipts(ctx, true, receipts...)
	if err != nil || got[0].Witnessed || string(got[0].Checkpoint) != string(receipts[0].Checkpoint) {
		t.Errorf("without an answer: %+v, %v", got[0], err)
	}
	// They answer while somebody waits; another replica hears of it, too.
	now := size(t, l)
	cfg.WitnessWait = time.Minute
	patient, err := ledger.Open(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer patient.Close()
	answered := make(chan error, 1)
	go func() {
		time.Sleep(50 * time.Millisecond)
		answered <- errors.Join(l.KeepCosignature(ctx, now, cosign(a, now)), l.KeepCosignature(ctx, now, cosign(b, now)))
	}()
	got, err = patient.WitnessedReceipts(ctx, true, receipts...)
	if err := errors.Join(err, <-answered); err != nil {
		t.Fatal(err)
	}
	for i, r := range got {
		if !r.Witnessed || r.Created != receipts[i].Created || r.Size != now || count(r.Checkpoint) != 2 || tlog.VerifyInclusion(r.LeafHash, r.Index, r.Size, r.Inclusion, r.Root) != nil {
			t.Errorf("receipt %d: %+v", i, r)
		}
	}
	if c, err := l.LastCosignature(ctx, va); err != nil || c.Size != now || c.Line.String() == "" || time.Since(c.Line.Time()) > time.Minute {
		t.Errorf("last cosignature: %+v, %v", c, err)
	}
	// A caller that gives up is not held.
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, _, err := patient.Witnessed(gone, now+1); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if err := l.Check(ctx); err != nil {
		t.Error(err)
	}
	if _, err := l.Proven(ctx, n, now); err != nil {
		t.Error(err)
	}
	for _, open := range []*ledger.Ledger{first, l, other, patient} {
		open.Close() // a database in use is not copied
	}

	// Rows that a hand changed are not believed.
	for name, change := range map[string]string{
		"moved":   `UPDATE custody.cosignatures SET size = (SELECT min(size) FROM custody.checkpoints) WHERE name = 'b' AND size = (SELECT max(size) FROM custody.cosignatures)`,
		"spoilt":  `UPDATE custody.cosignatures SET signature = set_byte(signature, 20, get_byte(signature, 20) # 1)`,
		"re-said": `UPDATE custody.cosignatures SET said = said - interval '1 day'`,
	} {
		c := d.Copy(t)
		super := c.Connect(t, localpg.Superuser)
		if _, err := super.ExecContext(ctx, change); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: the triggers let it pass: %v", name, err)
		}
		unguard(t, c)
		if _, err := super.ExecContext(ctx, change); err != nil {
			t.Fatal(err)
		}
		changed := c.Config()
		changed.Witnesses, changed.Quorum = cfg.Witnesses, cfg.Quorum
		l, err := ledger.Open(ctx, changed)
		if err != nil {
			t.Fatal(err)
		}
		var altered *docket.Altered
		if err := l.Check(ctx); !errors.As(err, &altered) {
			t.Errorf("%s: nobody noticed: %v", name, err)
		}
		if name == "spoilt" {
			if _, err := l.Cosigned(ctx); !errors.As(err, &altered) {
				t.Errorf("%s: shown with a quorum: %v", name, err)
			}
			if err := l.Ready(ctx); !errors.As(err, &altered) {
				t.Errorf("%s: appending goes on: %v", name, err)
			}
		}
		l.Close()
	}
}

// TestWithoutQuorum: what witnesses said is shown, and nobody waits for it.
func TestWithoutQuorum(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	_, d, _ := scene(t)
	a, va := cosignerOf(t, "a")
	cfg := d.Config()
	cfg.Witnesses, cfg.WitnessWait = []note.Verifier{va}, time.Hour
	l, err := ledger.Open(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	n := size(t, l)
	if cp, quorum, err := l.Witnessed(ctx, n+100); err != nil || quorum || cp.Size != n {
		t.Errorf("quorum %v, %d leaves, %v", quorum, cp.Size, err)
	}
	cp, err := l.Checkpoint(ctx)
	if err != nil {
		t.Fatal(err)
	}
	text, _, err := tlog.SplitNote(cp.Note)
	if err != nil {
		t.Fatal(err)
	}
	line, err := a.Cosign(text, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.KeepCosignature(ctx, n, line); err != nil {
		t.Fatal(err)
	}
	if cp, err = l.Cosigned(ctx); err != nil || cp.Size != n || tlog.CountWitnesses(cp.Note, cfg.Witnesses) != 1 {
		t.Errorf("%v: %s", err, cp.Note)
	}
}

// TestOutside: what is known elsewhere is asked before anything is signed, and
// its no is Open's.
func TestOutside(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	_, d, _ := scene(t)
	cfg := d.Config()
	no := docket.AlteredF("a witness has seen more")
	signed := false
	cfg.Published = func(docket.Checkpoint) { signed = true }
	cfg.Outside = func(ctx context.Context, l *ledger.Ledger) error {
		if cp, err := l.Checkpoint(ctx); err != nil || cp.Size == 0 {
			t.Errorf("%d leaves, %v", cp.Size, err)
		}
		if _, err := l.Proven(ctx, 1, 3); err != nil {
			t.Error(err)
		}
		if r, err := l.Recovered(ctx); err != nil || r != 0 {
			t.Errorf("recovered %d, %v", r, err)
		}
		return no
	}
	var altered *docket.Altered
	if _, err := ledger.Open(ctx, cfg); !errors.As(err, &altered) || altered != no || signed {
		t.Errorf("%v, signed %v", err, signed)
	}
}
