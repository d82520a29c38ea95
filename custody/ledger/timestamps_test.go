package ledger_test

import (
	"errors"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/ledger/ledgertest"
	"github.com/evidence-custody/custodyd/custody/ledger/localpg"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/custody/tlog/tsatest"
	"github.com/evidence-custody/custodyd/evidence"
)

var said = time.Date(2026, 5, 1, 8, 0, 0, 500_000_000, time.UTC)

func stampOf(t *testing.T, a *tsatest.Authority, message []byte) docket.Timestamp {
	t.Helper()
	token := a.Stamp(t, message, said)
	return docket.Timestamp{SHA256: evidence.Sum(token), Authority: a.Certificate.Subject.CommonName, Token: token, Said: said}
}

// stampHead keeps a timestamp of the newest checkpoint.
func stampHead(t *testing.T, l *ledger.Ledger, a *tsatest.Authority) docket.Stamped {
	t.Helper()
	ctx := testContext(t)
	cp, err := l.Checkpoint(ctx)
	if err != nil {
		t.Fatal(err)
	}
	document, _ := l.LogDocument()
	doc, err := custody.ParseLogDocument(document)
	if err != nil {
		t.Fatal(err)
	}
	ts := stampOf(t, a, tlog.Checkpoint{Origin: doc.Origin, Size: cp.Size, Root: cp.Root}.Body())
	if err := l.KeepCheckpointTimestamp(ctx, cp.Size, ts); err != nil {
		t.Fatal(err)
	}
	s, err := l.LastStamped(ctx, ts.Authority)
	if err != nil || s.Checkpoint.Size != cp.Size || s.Timestamp.SHA256 != ts.SHA256 {
		t.Fatalf("last stamped: %+v, %v", s, err)
	}
	return s
}

func TestTimestampsKept(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	l, d, story := scene(t)
	a, b := tsatest.New(t, "a"), tsatest.New(t, "b")
	n := size(t, l)

	open, err := l.Unstamped(ctx, "a", n, 3, 10)
	if err != nil || len(open) != 3 || open[0].Index != n-3 || len(open[0].Signature) == 0 {
		t.Fatalf("unstamped: %v, %v", open, err)
	}
	for range 2 { // again: no effect
		if err := l.KeepEventTimestamp(ctx, open[1].Index, stampOf(t, a, open[1].Signature)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.KeepEventTimestamp(ctx, open[1].Index, stampOf(t, b, open[1].Signature)); err != nil {
		t.Fatal(err)
	}
	if open, err = l.Unstamped(ctx, "a", n, 3, 10); err != nil || len(open) != 2 || open[1].Index != n-1 {
		t.Errorf("unstamped then: %v, %v", open, err)
	}
	if open, err = l.Unstamped(ctx, "a", n, n+100, 1); err != nil || len(open) != 1 || open[0].Index != 0 {
		t.Errorf("unstamped of all: %v, %v", open, err)
	}
	kept, err := l.EventTimestamps(ctx, n-2, n-1)
	if err != nil || len(kept) != 1 || len(kept[n-2]) != 2 || kept[n-2][0].Authority != "a" || !kept[n-2][0].Said.Equal(said) {
		t.Errorf("kept: %+v, %v", kept, err)
	}

	if _, err := l.LastStamped(ctx, "a"); !errors.Is(err, docket.ErrNotFound) {
		t.Errorf("nothing stamped yet: %v", err)
	}
	first := stampHead(t, l, a)
	if _, err := l.SinceTime(ctx, first.Checkpoint.Size); !errors.Is(err, docket.ErrNotFound) {
		t.Errorf("nothing since: %v", err)
	}
	receipt, err := l.ObserveTime(ctx, first)
	if err != nil {
		t.Fatal(err)
	}
	// What is said of time is nothing that needs a time.
	if _, err := l.SinceTime(ctx, first.Checkpoint.Size); !errors.Is(err, docket.ErrNotFound) {
		t.Errorf("only log.time since: %v", err)
	}
	appendCases(t, l, story, 2)
	if _, err := l.SinceTime(ctx, first.Checkpoint.Size); err != nil {
		t.Errorf("a case since: %v", err)
	}
	second := stampHead(t, l, a)
	third := stampHead(t, l, b)

	got, err := l.FirstStamped(ctx, 0)
	if err != nil || len(got) != 2 || got[0].Checkpoint.Size != first.Checkpoint.Size || got[1].Timestamp.SHA256 != third.Timestamp.SHA256 {
		t.Errorf("first stamped: %+v, %v", got, err)
	}
	if got, err = l.FirstStamped(ctx, first.Checkpoint.Size); err != nil || len(got) != 2 || got[0].Checkpoint.Size != second.Checkpoint.Size {
		t.Errorf("first stamped later: %+v, %v", got, err)
	}
	for below, want := range map[uint64]int{receipt.Index: 0, receipt.Index + 1: 1} {
		times, err := l.LogTimes(ctx, below)
		if err != nil || len(times) != want {
			t.Errorf("log times below %d: %+v, %v", below, times, err)
		}
		if want == 1 && (times[0].Event.Index != receipt.Index || times[0].Stamped.Timestamp.SHA256 != first.Timestamp.SHA256) {
			t.Errorf("log time: %+v", times[0])
		}
	}
	if lost, err := l.UnkeptTimes(ctx); err != nil || len(lost) != 0 {
		t.Errorf("lost: %v, %v", lost, err)
	}
	if err := l.Check(ctx); err != nil {
		t.Error(err)
	}
	l.Close() // a database in use is not copied
	t.Run("changed", func(t *testing.T) { changedTimestamps(t, d, receipt.Index) })
}

// changedTimestamps: tokens under other events or checkpoints, spoilt, or gone.
func changedTimestamps(t *testing.T, d ledgertest.Database, index uint64) {
	ctx := testContext(t)
	for name, change := range map[string]string{
		"moved to another event":      `UPDATE custody.event_timestamps SET index = index - 1`,
		"moved to another checkpoint": `UPDATE custody.checkpoint_timestamps SET size = (SELECT min(size) FROM custody.checkpoints) WHERE authority = 'b'`,
		"spoilt":                      `UPDATE custody.event_timestamps SET token = set_byte(token, 70, get_byte(token, 70) # 1), sha256 = sha256(set_byte(token, 70, get_byte(token, 70) # 1))`,
		"another time":                `UPDATE custody.checkpoint_timestamps SET said = said - interval '1 day'`,
		"gone":                        `DELETE FROM custody.checkpoint_timestamps`,
	} {
		t.Run(name, func(t *testing.T) {
			c := d.Copy(t)
			super := c.Connect(t, localpg.Superuser)
			if _, err := super.ExecContext(ctx, change); err == nil {
				t.Fatal("the triggers let it pass")
			}
			unguard(t, c)
			if _, err := super.ExecContext(ctx, change); err != nil {
				t.Fatal(err)
			}
			l, err := ledger.Open(ctx, c.Config())
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			lost, err := l.UnkeptTimes(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if name == "gone" {
				if len(lost) != 1 || lost[0] != index {
					t.Errorf("lost %v", lost)
				}
				return
			}
			var altered *docket.Altered
			if err := l.Check(ctx); !errors.As(err, &altered) {
				t.Errorf("nobody noticed: %v", err)
			}
		})
	}
}

// TestTryTurn: one has the turn at a time, and it is free again when it is
// given back or its process is gone.
func TestTryTurn(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	l, d := ledgertest.New(t)
	other, err := ledger.Open(ctx, d.Config())
	if err != nil {
		t.Fatal(err)
	}
	done, ok, err := l.TryTurn(ctx, "it")
	if err != nil || !ok {
		t.Fatalf("the first: %v, %v", ok, err)
	}
	if _, ok, err := other.TryTurn(ctx, "it"); err != nil || ok {
		t.Errorf("the second beside it: %v, %v", ok, err)
	}
	if end, ok, err := other.TryTurn(ctx, "another"); err != nil || !ok {
		t.Errorf("another turn: %v, %v", ok, err)
	} else {
		end()
	}
	done()
	if _, ok, err = other.TryTurn(ctx, "it"); err != nil || !ok {
		t.Fatalf("after it: %v, %v", ok, err)
	}
	// The process dies with it.
	other.Close()
	free := func() bool {
		end, ok, err := l.TryTurn(ctx, "it")
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			end()
		}
		return ok
	}
	for end := time.Now().Add(10 * time.Second); !free(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("a dead process keeps its turn")
		}
	}
}
