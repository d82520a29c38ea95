package replicas

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/api/client"
	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// kept is what was acknowledged, and to whom.
type kept struct {
	mu  sync.Mutex
	all []acknowledged
}

type acknowledged struct {
	to       *stage.Person
	recorded desk.Recorded
}

func (k *kept) add(p *stage.Person, r desk.Recorded) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.all = append(k.all, acknowledged{p, r})
}

// one checks that all of it is in one log, each event at its own place.
func (k *kept) one(t *testing.T) {
	t.Helper()
	at := map[uint64]evidence.Digest{}
	for _, a := range k.all {
		if leaf, taken := at[a.recorded.Index]; taken && leaf != a.recorded.Leaf {
			t.Fatalf("two events were acknowledged at index %d: the log has forked", a.recorded.Index)
		}
		at[a.recorded.Index] = a.recorded.Leaf
		a.to.Included(t, a.recorded)
	}
}

// TestReplicas plays handovers, deposits and resends over three replicas.
func TestReplicas(t *testing.T) {
	f := newFleet(t, 3)
	t.Run("handovers", f.handovers)
	t.Run("deposits", f.deposits)
	t.Run("images", f.images)
	t.Run("asked twice", f.twice)
	t.Run("idempotent", f.idempotent)
	t.Run("rolling restart", f.rolling)
	f.check(t)
}

// handovers are by couples at once, there and back: each request, token and
// invitation goes to another replica.
func (f *fleet) handovers(t *testing.T) {
	const couples, rounds = 3, 2
	var k kept
	var wg sync.WaitGroup
	began := time.Now()
	for range couples {
		officer := f.cast.Enrol(t, f.cast.Agency, "Officer", custody.RightInvestigate, custody.RightHold)
		analyst := f.cast.Enrol(t, f.cast.Lab, "Analyst", custody.RightExamine, custody.RightHold)
		kase := officer.OpenCase(t)
		item := officer.Register(t, kase)
		wg.Go(func() {
			for range rounds {
				for _, way := range [][2]*stage.Person{{officer, analyst}, {analyst, officer}} {
					r, err := way[0].Desk.Release(stage.Context(t), desk.Release{Items: []desk.Handing{{Item: item}}, To: custody.Recipient{Org: way[1].ID()}, Purpose: custody.PurposeExamination})
					if err != nil {
						t.Error(err)
						return
					}
					k.add(way[0], r)
					if r, err = way[1].Desk.Accept(stage.Context(t), desk.Acceptance{Items: []desk.Handing{{Item: item}}}); err != nil {
						t.Error(err)
						return
					}
					k.add(way[1], r)
				}
			}
		})
	}
	wg.Wait()
	if want := couples * rounds * 4; len(k.all) != want {
		t.Errorf("%d of %d acts were acknowledged", len(k.all), want)
	}
	k.one(t)
	t.Logf("%d handovers' halves in %s", len(k.all), time.Since(began).Round(time.Millisecond))
}

// deposits go part by part to one replica after the other, two at once.
func (f *fleet) deposits(t *testing.T) {
	p := f.cast.Investigator
	kase := p.OpenCase(t)
	exhibit := p.Register(t, kase)
	const size = 5*16<<20 + 4321
	path := stage.File(t, size)
	began := time.Now()
	d := p.Deposit(t, kase, &exhibit, path)
	took := time.Since(began)
	p.Included(t, d.Recorded)
	back := filepath.Join(t.TempDir(), "back.dd")
	if _, err := p.Desk.Retrieve(stage.Context(t), desk.Retrieval{Reading: desk.Reading{Item: d.Item, Purpose: custody.PurposeExamination}, Path: back}); err != nil {
		t.Fatal(err)
	}
	if a, b := measured(t, path), measured(t, back); a != b {
		t.Error("other bytes came back")
	}
	t.Logf("%d MiB in %s (%.0f MiB/s)", size>>20, took.Round(time.Millisecond), float64(size)/(1<<20)/took.Seconds())
}

func measured(t *testing.T, path string) evidence.Measured {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	m, _, err := evidence.Measure(io.Reader(file))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// idempotent sends one event to all replicas at once, and again.
func (f *fleet) idempotent(t *testing.T) {
	p := f.cast.Investigator
	doc, id := stage.Founding(t, custody.DocCase, map[string]string{"title": "State v. unknown"})
	st := stage.Draft(t, p, &custody.CaseOpened{Case: id})
	sub := client.Submission{Envelope: stage.Seal(t, p.Desk.Key, st).JSON(), Documents: [][]byte{doc}}
	before := f.size(t)
	var wg sync.WaitGroup
	var places sync.Map
	for range 3 {
		for _, svc := range f.services {
			c := p.Client(t, svc.URL())
			wg.Go(func() {
				r, _, err := c.AppendEvent(stage.Context(t), sub)
				if err != nil {
					t.Error(err)
					return
				}
				places.Store(r.Index, r.LeafHash)
			})
		}
	}
	wg.Wait()
	n := 0
	places.Range(func(any, any) bool { n++; return true })
	if got := f.size(t); n != 1 || got != before+1 {
		t.Errorf("one event has %d places; the log went from %d to %d", n, before, got)
	}
}

// rolling stops each replica orderly while clients write, and starts it anew:
// what failed was sent again by the client itself or waits in its outbox, and
// is recorded once.
func (f *fleet) rolling(t *testing.T) {
	var k kept
	var failed atomic.Int64
	var stop atomic.Bool
	var wg sync.WaitGroup
	people := []*stage.Person{f.cast.Investigator}
	for range 3 {
		people = append(people, f.cast.Enrol(t, f.cast.Agency, "Officer", custody.RightInvestigate, custody.RightHold))
	}
	ctx := stage.Context(t)
	for _, p := range people {
		wg.Go(func() {
			for !stop.Load() {
				o, err := p.Desk.OpenCase(ctx, desk.Opening{Fields: map[string]string{"title": "State v. unknown"}})
				if err == nil {
					k.add(p, o.Recorded)
					continue
				}
				failed.Add(1)
				if err := f.resent(ctx, p, &k); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range f.services {
		time.Sleep(300 * time.Millisecond)
		began := time.Now()
		stage.Stop(t, f.services[i])
		stopped := time.Since(began)
		f.start(t, i)
		t.Logf("replica %d stopped in %s, was back after %s", i, stopped.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	}
	time.Sleep(300 * time.Millisecond)
	stop.Store(true)
	wg.Wait()
	for _, p := range people {
		if waiting, err := p.Home.Outbox.Pending(); err != nil || len(waiting) > 0 {
			t.Errorf("%d events still wait (%v)", len(waiting), err)
		}
	}
	k.one(t)
	if len(k.all) < 10 {
		t.Errorf("only %d writes", len(k.all))
	}
	t.Logf("%d writes acknowledged; %d calls failed beyond the client's own retries and were taken up", len(k.all), failed.Load())
}

// resent sends what waits in the outbox until it is recorded.
func (f *fleet) resent(ctx context.Context, p *stage.Person, k *kept) error {
	for range 100 {
		out, err := p.Desk.Resend(ctx)
		ok := err == nil
		for _, r := range out {
			if r.Err == nil {
				k.add(p, r.Recorded)
			} else if !errors.Is(r.Err, desk.ErrPending) {
				return r.Err
			}
			ok = ok && r.Err == nil
		}
		if ok {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return errors.New("the outbox could not be emptied")
}
