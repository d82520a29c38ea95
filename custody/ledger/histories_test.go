package ledger_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/ledger/ledgertest"
	"github.com/evidence-custody/custodyd/custody/ledger/localpg"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/migrations"
)

// deed is what a client did with one event, from its first sending to its
// answer. Times are ticks of one clock that all clients share.
type deed struct {
	sub      docket.Submission
	event    custody.ID
	began    uint64
	ended    uint64 // of its first answer
	receipts []docket.Receipt
	refused  error // instead
}

// fleet is several replicas on one database, of which each may be replaced.
type fleet struct {
	t        *testing.T
	d        ledgertest.Database
	replicas []atomic.Pointer[ledger.Ledger]
}

func (f *fleet) any() *ledger.Ledger { return f.replicas[rand.IntN(len(f.replicas))].Load() }

// open starts a replica that fails at every moment now and then.
func (f *fleet) open(i int) {
	l := f.d.Open(f.t)
	l.CrashAt(func(string) error {
		if rand.IntN(20) == 0 {
			return driver.ErrBadConn
		}
		return nil
	})
	f.replicas[i].Store(l)
}

// Several replicas append conflicting and other acts of many clients, while
// writes fail, connections die and replicas are replaced. Every client's
// history then fits one order of events, which is the log's.
func TestHistories(t *testing.T) {
	ctx := testContext(t)
	first, d, s := scene(t)
	founded := size(t, first)
	first.Close()
	f := &fleet{t: t, d: d, replicas: make([]atomic.Pointer[ledger.Ledger], 3)}
	for i := range f.replicas {
		f.open(i)
	}
	var clock atomic.Uint64
	var mu sync.Mutex
	var deeds []*deed
	stop := make(chan struct{})
	var trouble, clients sync.WaitGroup
	trouble.Go(func() { // connections die
		super := d.Connect(t, localpg.Superuser)
		for {
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Millisecond):
				_, _ = super.Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1 AND datname = current_database() AND random() < 0.2`, migrations.RoleApp)
			}
		}
	})
	trouble.Go(func() { // replicas are replaced
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(500 * time.Millisecond):
				old := f.replicas[i%len(f.replicas)].Load()
				if l, err := ledger.Open(ctx, d.Config()); err == nil {
					t.Cleanup(func() { l.Close() })
					f.replicas[i%len(f.replicas)].Store(l)
					old.Close()
				}
			}
		}
	})
	for c := range 12 {
		clients.Go(func() {
			for n := range 8 {
				sub, ok := f.draft(ctx, s, c, n)
				if !ok {
					continue // the database was away; nothing was sent
				}
				one := f.send(ctx, &clock, sub)
				mu.Lock()
				deeds = append(deeds, one)
				mu.Unlock()
			}
		})
	}
	clients.Wait()
	close(stop)
	trouble.Wait()
	for i := range f.replicas {
		f.replicas[i].Load().Close()
	}
	l := d.Open(t)
	if err := l.Check(ctx); err != nil { // signatures, state machine, projections: replayed
		t.Fatal(err)
	}
	compare(t, l, founded, deeds)
}

// draft writes an act as a careful client does, on what it is shown now: every
// third opens a case of its own, the others are handovers of the one phone,
// of which at most one of those that were drafted at a time can come to pass.
func (f *fleet) draft(ctx context.Context, s *rulingtest.Scene, client, n int) (docket.Submission, bool) {
	l := f.any()
	by, body, basis := s.Officer, custody.Body(nil), []custody.ID(nil)
	var documents [][]byte
	if n%3 == 0 {
		b, id := ledgertest.Document(f.t, custody.DocCase, "title", fmt.Sprint(client, n))
		body, documents = &custody.CaseOpened{Case: id}, [][]byte{b}
	} else {
		c, err := l.Chain(ctx, s.Phone)
		if err != nil {
			return docket.Submission{}, false
		}
		item := c.State.Item
		switch {
		case item.Release != nil && client%2 == 0:
			by, body, basis = s.Analyst, s.Acceptance(s.Phone), []custody.ID{*item.Release}
			if item.Holder.Org == s.Laboratory.ID {
				by = s.Officer
			}
		case item.Release != nil:
			body, basis = &custody.Recalled{Items: []custody.ID{s.Phone}}, []custody.ID{*item.Release}
			if item.Holder.Org == s.Laboratory.ID {
				by = s.Analyst
			}
		default:
			to := s.Laboratory.ID
			if item.Holder.Org == to {
				by, to = s.Analyst, s.Agency.ID
			}
			body = s.Release(rulingtest.To(to), s.Phone)
		}
	}
	st, err := ledgertest.TryDraft(ctx, l, by, body, basis...)
	if err != nil {
		return docket.Submission{}, false
	}
	sub := ledgertest.Seal(f.t, by, st)
	sub.Documents = documents
	return sub, true
}

// send sends an event until there is an answer, and then once more.
func (f *fleet) send(ctx context.Context, clock *atomic.Uint64, sub docket.Submission) *deed {
	one := &deed{sub: sub, event: sub.Envelope.EventID(), began: clock.Add(1)}
	for {
		r, err := f.any().Append(ctx, sub)
		var refused *custody.Refusal
		switch {
		case err == nil:
			if one.ended == 0 {
				one.ended = clock.Add(1)
			}
			if one.receipts = append(one.receipts, r[0]); len(one.receipts) == 2 {
				return one
			}
		case errors.As(err, &refused):
			one.refused, one.ended = err, clock.Add(1)
			return one
		case ctx.Err() != nil:
			f.t.Errorf("no answer: %v", err)
			return one
		}
	}
}

// compare holds the clients' histories to the log.
func compare(t *testing.T, l *ledger.Ledger, founded uint64, deeds []*deed) {
	t.Helper()
	ctx := testContext(t)
	at := map[custody.ID]uint64{}
	links := map[docket.Head]uint64{}
	end := size(t, l)
	for i := range end {
		e, err := l.EventAt(ctx, i)
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := at[e.EventID]; twice {
			t.Errorf("event %d is in the log twice", i)
		}
		at[e.EventID] = i
		for _, link := range e.Statement.Predicate.Chains {
			links[docket.Head{ID: link.ID, Seq: link.Seq, Leaf: e.LeafHash}] = i
		}
	}
	done, refused := 0, 0
	for _, one := range deeds {
		index, in := at[one.event]
		if one.refused != nil {
			refused++
			if in {
				t.Errorf("event %d was refused: %v", index, one.refused)
			}
			var stale *docket.Stale
			if errors.As(one.refused, &stale) {
				for _, h := range stale.Heads {
					if _, ok := links[h]; !ok {
						t.Errorf("the refusal names a head %v that never was", h)
					}
				}
			}
			continue
		}
		done++
		if !in || len(one.receipts) != 2 {
			t.Errorf("an acknowledged event is not in the log: %+v", one.receipts)
			continue
		}
		a, b := one.receipts[0], one.receipts[1]
		if b.Created {
			t.Error("an event was created twice")
		}
		if a.Created = false; !reflect.DeepEqual(a, b) {
			t.Errorf("an event has two receipts: %+v and %+v", a, b)
		}
		if a.Index != index {
			t.Errorf("event %d has a receipt for %d", index, a.Index)
		}
		if err := tlog.VerifyInclusion(a.LeafHash, a.Index, a.Size, a.Inclusion, a.Root); err != nil {
			t.Error(err)
		}
	}
	if uint64(done)+founded != end {
		t.Errorf("%d events were acknowledged, the log has %d more than before", done, end-founded)
	}
	if done < 10 || refused < 5 {
		t.Errorf("%d events were admitted and %d refused: too few to show anything", done, refused)
	}
	// What was answered before something else was begun stands before it.
	slices.SortFunc(deeds, func(a, b *deed) int { return int(a.ended) - int(b.ended) })
	for i, a := range deeds {
		for _, b := range deeds[i+1:] {
			if a.refused == nil && b.refused == nil && a.ended < b.began && at[a.event] > at[b.event] {
				t.Errorf("event %d was answered before event %d was begun", at[a.event], at[b.event])
			}
		}
	}
}
