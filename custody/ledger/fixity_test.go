package ledger_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/ledger/ledgertest"
	"github.com/evidence-custody/custodyd/custody/ledger/localpg"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/evidence"
)

// deposited appends the deposit of content with its artifact's row.
func deposited(t *testing.T, l *ledger.Ledger, s *rulingtest.Scene, content string, stored time.Time) docket.Artifact {
	t.Helper()
	doc, item := ledgertest.Document(t, custody.DocItem, "description", content)
	leaf := evidence.BlockLeaf([]byte(content))
	a := custody.Artifact{SHA256: evidence.Sum([]byte(content)), Size: uint64(len(content)), BlockRoot: evidence.BlockRoot([]evidence.Digest{leaf})}
	sub := ledgertest.Seal(t, s.Officer, ledgertest.Draft(t, l, s.Officer, &custody.Deposited{Artifact: a, Case: s.Case, Format: custody.FormatRaw,
		Item: item, Parent: &s.Disk, Role: custody.RoleMaster}, s.Custody(s.Disk)))
	sub.Documents = [][]byte{doc}
	reception := s.Reception(item, a)
	reception.Retention.Mode = custody.RetentionGovernance
	row := docket.Artifact{Item: item, Case: s.Case, SHA256: a.SHA256, Size: a.Size, BlockRoot: a.BlockRoot, SHA1: unhex(t, reception.SHA1), MD5: unhex(t, reception.MD5),
		Bucket: "b", Key: content, Version: "v", Encoding: custody.EncodingPlain, Retention: custody.RetentionGovernance, Until: farAway, Leaves: leaf[:], Stored: stored}
	sub.Effects.Artifact = &row
	if _, err := l.Deposit(testContext(t), sub, docket.Act{Body: reception}); err != nil {
		t.Fatal(err)
	}
	return row
}

const lease = time.Minute

// TestFixityTurns: the one that was told apart the longest ago is next, one
// process has it at a time, and what is read of it stays when the process dies.
func TestFixityTurns(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	l, d, s := scene(t)
	day := time.Now().Add(-90 * 24 * time.Hour).Truncate(time.Second)
	newer, older := deposited(t, l, s, "newer", day.Add(time.Hour)), deposited(t, l, s, "older", day)
	if _, err := l.ClaimFixity(ctx, "a", day, lease); !errors.Is(err, docket.ErrNotFound) {
		t.Fatalf("none is due: %v", err)
	}
	claim := func(who string, want docket.Artifact) docket.Fixity {
		t.Helper()
		f, err := l.ClaimFixity(ctx, who, time.Now(), lease)
		if err != nil || f.Item != want.Item {
			t.Fatalf("%s gets %s, %v; want %s", who, f.Item.Short(), err, want.Item.Short())
		}
		return f
	}
	f := claim("a", older)
	claim("b", newer)
	if _, err := l.ClaimFixity(ctx, "c", time.Now(), lease); !errors.Is(err, docket.ErrNotFound) {
		t.Fatalf("both are held: %v", err)
	}
	f.Next, f.Count, f.Bad, f.Short = 7, 2, []uint64{3, 5}, true
	if err := l.KeepFixity(ctx, "a", f, lease); err != nil {
		t.Fatal(err)
	}
	if err := l.KeepFixity(ctx, "b", f, lease); !errors.Is(err, docket.ErrClosed) {
		t.Fatalf("kept by another than its holder: %v", err)
	}
	// The process dies: its time runs out, and another goes on where it was.
	if err := l.KeepFixity(ctx, "a", f, -time.Second); err != nil {
		t.Fatal(err)
	}
	again := claim("c", older)
	if again.Next != 7 || again.Count != 2 || !slices.Equal(again.Bad, []uint64{3, 5}) || !again.Short || again.Began.IsZero() || !again.Began.Equal(claimedAt(t, l, older)) {
		t.Fatalf("taken over: %+v", again)
	}
	if err := l.KeepFixity(ctx, "a", f, lease); !errors.Is(err, docket.ErrClosed) {
		t.Fatalf("the dead one comes back: %v", err)
	}
	if err := l.Check(ctx); err != nil {
		t.Fatal(err)
	}
	// Somebody asks for the newer one: it is next as soon as it is free.
	if n, err := l.AskFixity(ctx, newer.Item); err != nil || n != 1 {
		t.Fatalf("%d asked for: %v", n, err)
	}
	if _, err := l.ClaimFixity(ctx, "d", day, lease); !errors.Is(err, docket.ErrNotFound) {
		t.Fatal("what another holds was given twice")
	}
	letGo(t, ctx, d)
	if f, err := l.ClaimFixity(ctx, "d", day, lease); err != nil || f.Item != newer.Item {
		t.Fatalf("asked for, and not next: %s %v", f.Item.Short(), err)
	}
}

func claimedAt(t *testing.T, l *ledger.Ledger, a docket.Artifact) time.Time {
	t.Helper()
	f, err := l.Fixity(testContext(t), a.Item)
	if err != nil {
		t.Fatal(err)
	}
	return f.Began
}

// letGo ends every hold, as time does.
func letGo(t *testing.T, ctx context.Context, d ledgertest.Database) {
	t.Helper()
	if _, err := d.Connect(t, localpg.Superuser).ExecContext(ctx, `UPDATE custody.fixity SET held_until = '-infinity', not_before = '-infinity'`); err != nil {
		t.Fatal(err)
	}
}

// TestFixityEvents: each event changes its item's row as it is appended, and
// Check misses what the events don't say.
func TestFixityEvents(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	l, d, s := scene(t)
	stored := time.Now().Add(-time.Hour).Truncate(time.Microsecond)
	a := deposited(t, l, s, "image", stored)
	observe := func(b custody.Body, x *docket.FixityEffect) docket.Fixity {
		t.Helper()
		r, err := l.Observe(ctx, docket.Act{Body: b}, docket.Effects{Fixity: x})
		if err != nil {
			t.Fatal(err)
		}
		f, err := l.Fixity(ctx, a.Item)
		if err != nil || f.Event == nil || *f.Event != r.EventID {
			t.Fatalf("%+v %v; the event is %s", f, err, r.EventID.Short())
		}
		if err := l.Check(ctx); err != nil {
			t.Fatal(err)
		}
		return f
	}
	hold := func() {
		t.Helper()
		f, err := l.ClaimFixity(ctx, "me", time.Now(), lease)
		if err != nil {
			t.Fatal(err)
		}
		f.Next, f.Count, f.Bad = 1, 1, []uint64{0}
		if err := l.KeepFixity(ctx, "me", f, lease); err != nil {
			t.Fatal(err)
		}
	}
	failed := &custody.FixityFailed{Artifact: a.SHA256, Blocks: []uint64{0}, Checked: 1, Count: 1, Item: a.Item, Reason: custody.FixityMismatch}
	hold()
	f := observe(&custody.FixityUnchecked{Artifact: a.SHA256, Item: a.Item, Reason: custody.UncheckedUnavailable}, &docket.FixityEffect{Again: time.Hour})
	if f.Result != docket.FixityUnchecked || !f.Since.Equal(stored) || !f.Whole.Equal(stored) || f.Next != 1 || f.Count != 1 {
		t.Errorf("not checked: %+v", f)
	}
	if _, err := l.ClaimFixity(ctx, "me", time.Now(), lease); !errors.Is(err, docket.ErrNotFound) {
		t.Errorf("tried again before its time: %v", err)
	}
	letGo(t, ctx, d)
	if f, err := l.ClaimFixity(ctx, "me", stored.Add(-time.Hour), lease); err != nil || f.Asked {
		t.Errorf("and not tried again after it: %+v %v", f, err)
	}
	if err := l.LetGoFixity(ctx, "another", a.Item, 0); !errors.Is(err, docket.ErrClosed) {
		t.Errorf("let go by another than its holder: %v", err)
	}
	if err := l.LetGoFixity(ctx, "me", a.Item, time.Hour); err != nil {
		t.Error(err)
	}
	// Found by a reader: it is read whole next, at once.
	f = observe(failed, &docket.FixityEffect{})
	if f.Result != docket.FixityFailed || !f.Since.Equal(stored) || !f.Whole.Equal(stored) {
		t.Errorf("found by a reader: %+v", f)
	}
	if _, err := l.ClaimFixity(ctx, "me", stored, lease); err != nil {
		t.Errorf("and not next: %v", err)
	}
	f = observe(failed, &docket.FixityEffect{Ended: true})
	if f.Result != docket.FixityFailed || !f.Since.Equal(f.Told) || !f.Whole.Equal(stored) || f.Next != 0 || f.Count != 0 || len(f.Bad) != 0 || !f.Began.IsZero() {
		t.Errorf("read whole: %+v", f)
	}
	state, err := l.FixityState(ctx, stored)
	if err != nil || state != (docket.FixityState{Artifacts: 1, Failed: 1, Oldest: state.Oldest}) || !state.Oldest.Equal(f.Since) {
		t.Errorf("%+v %v", state, err)
	}
	f = observe(&custody.FixityPassed{Artifact: a.SHA256, Bytes: a.Size, Item: a.Item}, nil)
	if f.Result != docket.FixityPassed || !f.Since.Equal(f.Told) || !f.Whole.Equal(f.Told) {
		t.Errorf("passed: %+v", f)
	}
	super := d.Connect(t, localpg.Superuser)
	for _, spoil := range []string{`SET result = 'failed'`, `SET event = sha256('x')`, `SET told = told + interval '1s'`, `SET whole = whole + interval '1s'`,
		`SET since = since + interval '1 year'`, `SET result = NULL, event = NULL, told = NULL`, `SET item = sha256('y')`} {
		tx, err := super.BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.ExecContext(ctx, `CREATE TABLE kept AS TABLE custody.fixity; UPDATE custody.fixity `+spoil); err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		var altered *docket.Altered
		if err := l.Check(ctx); !errors.As(err, &altered) {
			t.Errorf("%s: %v", spoil, err)
		}
		if _, err := super.ExecContext(ctx, `DELETE FROM custody.fixity; INSERT INTO custody.fixity TABLE kept; DROP TABLE kept`); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := super.ExecContext(ctx, `DELETE FROM custody.fixity`); err != nil {
		t.Fatal(err)
	}
	var altered *docket.Altered
	if err := l.Check(ctx); !errors.As(err, &altered) {
		t.Errorf("a row is gone: %v", err)
	}
}
