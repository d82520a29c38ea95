package ledger_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/timekeeper"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/custody/tlog/tsatest"
)

// authority answers in this process, unless it is down.
type authority struct {
	t    *testing.T
	a    *tsatest.Authority
	down atomic.Bool
	said atomic.Int64
}

func (a *authority) Name() string { return a.a.Certificate.Subject.CommonName }

func (a *authority) Stamp(_ context.Context, message []byte) ([]byte, tlog.Timestamp, error) {
	if a.down.Load() {
		return nil, tlog.Timestamp{}, errors.New("it is down")
	}
	a.said.Add(1)
	token := a.a.Stamp(a.t, message, time.Now())
	said, err := tlog.VerifyTimestamp(token, message, []tlog.Authority{a.a.Accepted()})
	return token, said, err
}

// keep runs a keeper for the test's life; end stops it.
func keep(t *testing.T, l *ledger.Ledger, as ...timekeeper.Authority) (k *timekeeper.Keeper, end func()) {
	t.Helper()
	k = timekeeper.New(timekeeper.Options{Record: l, Authorities: as, Every: 20 * time.Millisecond})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { k.Run(ctx) })
	end = func() {
		cancel()
		running.Wait()
	}
	t.Cleanup(end)
	return k, end
}

// settled waits until nothing waits for any authority's time, and returns the
// log's size then.
func settled(t *testing.T, l *ledger.Ledger, k *timekeeper.Keeper, authorities ...*authority) uint64 {
	t.Helper()
	ctx := testContext(t)
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		gaps, err := k.Gaps(ctx)
		if err != nil {
			t.Fatal(err)
		}
		n, open := size(t, l), 0
		for i, g := range gaps {
			if g.Waiting > 0 || g.Stamped == 0 {
				open++
			}
			left, err := l.Unstamped(ctx, authorities[i].Name(), n, n, 1000)
			if err != nil {
				t.Fatal(err)
			}
			open += len(left)
		}
		times, err := l.LogTimes(ctx, custody.MaxInteger)
		if err != nil {
			t.Fatal(err)
		}
		committed := 0
		for i, g := range gaps {
			for _, lt := range times {
				if lt.Stamped.Timestamp.Authority == authorities[i].Name() && lt.Stamped.Checkpoint.Size == g.Stamped {
					committed++
				}
			}
		}
		if open == 0 && committed == len(gaps) {
			return n
		}
		if time.Now().After(end) {
			t.Fatalf("%d still wait: %+v", open, gaps)
		}
	}
}

// Every signature and the newest checkpoint get their time, the log commits to
// it, and then there is silence: what is said of time asks for no more time.
func TestTimekeeper(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	l, _, story := scene(t)
	a, b := &authority{t: t, a: tsatest.New(t, "a")}, &authority{t: t, a: tsatest.New(t, "b")}
	k, end := keep(t, l, a, b)
	settled(t, l, k, a, b)
	appendCases(t, l, story, 3)
	n := settled(t, l, k, a, b)
	asked := a.said.Load()
	time.Sleep(300 * time.Millisecond)
	if now := size(t, l); now != n || a.said.Load() != asked {
		t.Errorf("the log went on by itself from %d to %d, and %d timestamps were asked for", n, now, a.said.Load()-asked)
	}

	// Of every person's event: what is sealed about it and the tree.
	events, err := l.ChainEvents(ctx, story.Case)
	if err != nil || len(events) == 0 {
		t.Fatal(err)
	}
	for _, e := range events {
		kept, err := l.EventTimestamps(ctx, e.Index)
		if err != nil || len(kept[e.Index]) != 2 {
			t.Fatalf("event %d: %v, %v", e.Index, kept, err)
		}
		for i, of := range []*authority{a, b} {
			if _, err := tlog.VerifyTimestamp(kept[e.Index][i].Token, e.Envelope.Signature, []tlog.Authority{of.a.Accepted()}); err != nil {
				t.Error(err)
			}
		}
		first, err := l.FirstStamped(ctx, e.Index)
		if err != nil || len(first) != 2 || first[0].Checkpoint.Size <= e.Index {
			t.Errorf("event %d: %+v, %v", e.Index, first, err)
		}
	}

	// Down for a while: the log goes on, the gap is told and made up for.
	a.down.Store(true)
	appendCases(t, l, story, 2)
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		gaps, err := k.Gaps(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if gaps[0].Waiting > 0 && gaps[1].Waiting == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%+v", gaps)
		}
	}
	a.down.Store(false)
	settled(t, l, k, a, b)
	end()

	// Dead between keeping a timestamp and recording it: the next records it.
	appendCases(t, l, story, 1)
	kept := stampHead(t, l, a.a)
	k, _ = keep(t, l, a)
	settled(t, l, k, a)
	times, err := l.ChainEvents(ctx, custody.Observations(logID(l)))
	if err != nil {
		t.Fatal(err)
	}
	if !commits(times, kept) {
		t.Error("the timestamp of a dead predecessor is not in the log")
	}
	if err := l.Check(ctx); err != nil {
		t.Error(err)
	}
}

func logID(l *ledger.Ledger) custody.ID {
	_, id := l.LogDocument()
	return id
}

func commits(events []*docket.Event, s docket.Stamped) bool {
	for _, e := range events {
		if b, ok := e.Statement.Predicate.Body.(*custody.LogTime); ok && b.Digest == s.Timestamp.SHA256 && b.Size == s.Checkpoint.Size {
			return true
		}
	}
	return false
}

// Two replicas ask for each time once.
func TestTimekeepersShare(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	l, d, story := scene(t)
	other, err := ledger.Open(ctx, d.Config())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	a := &authority{t: t, a: tsatest.New(t, "a")}
	_, endOne := keep(t, l, a)
	k, endOther := keep(t, other, a)
	appendCases(t, l, story, 5)
	settled(t, other, k, a)
	endOne()
	endOther()
	kept := map[string]int64{}
	for _, table := range []string{"event_timestamps", "checkpoint_timestamps"} {
		var n int64
		if err := d.Connect(t, "custody_app").QueryRowContext(ctx, `SELECT count(*) FROM custody.`+table).Scan(&n); err != nil {
			t.Fatal(err)
		}
		kept[table] = n
	}
	if all := kept["event_timestamps"] + kept["checkpoint_timestamps"]; a.said.Load() != all || kept["checkpoint_timestamps"] == 0 {
		t.Errorf("%d timestamps were asked for, %v are kept", a.said.Load(), kept)
	}
}
