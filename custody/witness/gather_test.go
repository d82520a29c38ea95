package witness_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/custody/witness"
	"github.com/evidence-custody/custodyd/custody/witness/witnesstest"
	"github.com/evidence-custody/custodyd/evidence"
)

// ledger is a log's database, in memory.
type ledger struct {
	t    *testing.T
	mu   sync.Mutex
	log  *witnesstest.Log
	size uint64
	kept map[string]map[uint64]tlog.Signature // by witness
	lost uint64
	stop []error
}

func (l *ledger) grow(size uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.size = size
}

func (l *ledger) Newest(context.Context) (uint64, []byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.size, l.log.Signed(l.t, l.size), nil
}

func (l *ledger) Prove(ctx context.Context, from, to uint64) ([]evidence.Digest, error) {
	return l.log.Prove(ctx, from, to)
}

func (l *ledger) Last(_ context.Context, p witness.Peer) (size uint64, at time.Time, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for n, s := range l.kept[p.Name()] {
		if n >= size {
			size, at = n, s.Time()
		}
	}
	return size, at, nil
}

func (l *ledger) Keep(_ context.Context, size uint64, line tlog.Signature) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.kept[line.Name] == nil {
		l.kept[line.Name] = map[uint64]tlog.Signature{}
	}
	l.kept[line.Name][size] = line
	return nil
}

func (l *ledger) GivenUp(context.Context) (uint64, error) { return l.lost, nil }

func (l *ledger) Stop(_ context.Context, why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stop = append(l.stop, why)
}

func (l *ledger) stopped() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.stop...)
}

func newLedger(t *testing.T, log *witnesstest.Log, size uint64) *ledger {
	return &ledger{t: t, log: log, size: size, kept: map[string]map[uint64]tlog.Signature{}}
}

func peer(t *testing.T, s witnesstest.Subject) witness.Peer {
	t.Helper()
	p, err := witness.ParsePeer(s.URL + " " + s.Key)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var quick = witness.Options{Gap: time.Millisecond, Poll: 10 * time.Millisecond, Pause: 5 * time.Millisecond}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 500 {
		if is() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("it never came to this: %s", what)
}

// TestGather: two witnesses cosign whatever is newest; one that is away is asked
// again, holds up nobody, and catches up; two replicas do not disturb each other.
func TestGather(t *testing.T) {
	l := witnesstest.NewLog("l.example.org", 40, "one", 40)
	d := open(t, t.TempDir())
	a := house(t, d, "a")
	a.Know(t, l.Origin, l.VerifierKey())
	db := open(t, t.TempDir())
	var away atomic.Bool
	away.Store(true)
	cb := cosigner(t, "b")
	inner := witness.New(cb, db, time.Now, nil).Handler()
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if away.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	b := witnesstest.Subject{URL: server.URL, Key: cb.VerifierKey()}
	if err := db.Add(l.Origin, l.VerifierKey()); err != nil {
		t.Fatal(err)
	}

	src := newLedger(t, l, 3)
	peers := []witness.Peer{peer(t, a), peer(t, b)}
	g, replica := witness.NewGatherer(src, peers, quick), witness.NewGatherer(src, peers, quick)
	if err := g.First(t.Context()); err != nil {
		t.Fatalf("a witness that is away keeps the log from starting: %v", err)
	}
	if s := g.States(); s[0].Size != 3 || s[0].Problem != "" || s[0].At.IsZero() || s[1].Size != 0 || s[1].Problem == "" {
		t.Errorf("states: %+v", s)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for _, g := range []*witness.Gatherer{g, replica} {
		running.Go(func() { g.Run(ctx) })
	}
	for size := uint64(4); size <= 20; size++ {
		src.grow(size)
		g.Wake()
		time.Sleep(2 * time.Millisecond)
	}
	eventually(t, "a has cosigned the newest", func() bool { s, _, _ := src.Last(ctx, peers[0]); return s == 20 })
	away.Store(false)
	eventually(t, "b caught up", func() bool { s, _, _ := src.Last(ctx, peers[1]); return s == 20 })
	eventually(t, "nothing is wrong", func() bool { s := g.States(); return s[1].Size == 20 && s[1].Problem == "" })
	before := asked.Load()
	time.Sleep(50 * time.Millisecond)
	if again := asked.Load() - before; again != 0 {
		t.Errorf("asked %d times for what it has cosigned", again)
	}
	src.grow(40)
	replica.Wake() // the other hears of it by itself
	eventually(t, "both have cosigned the newest", func() bool {
		s := g.States()
		return s[0].Size == 40 && s[1].Size == 40
	})
	cancel()
	running.Wait()
	if err := src.stopped(); err != nil {
		t.Errorf("stopped: %v", err)
	}
	for _, p := range peers {
		for size, line := range src.kept[p.Name()] {
			msg, err := tlog.AddSignatures(l.Signed(t, size), line)
			if err != nil || tlog.CountWitnesses(msg, []note.Verifier{p.Verifier()}) != 1 {
				t.Errorf("kept a line of %s under %d that does not hold: %v", p.Name(), size, err)
			}
		}
	}
}

// TestGatherContradiction: an old copy of the database, a fork of it, and one
// that was given up for all to see.
func TestGatherContradiction(t *testing.T) {
	whole := witnesstest.NewLog("l.example.org", 30, "one", 30)
	fork := witnesstest.NewLog("l.example.org", 30, "two", 8)
	for _, tt := range []struct {
		name   string
		log    *witnesstest.Log
		size   uint64
		lost   uint64
		ahead  bool
		refuse bool
	}{
		{"whole", whole, 20, 0, false, false},
		{"gone on", whole, 25, 0, false, false},
		{"an old copy", whole, 10, 0, true, true},
		{"an old copy that went on", fork, 25, 0, false, true},
		{"a fork of the same size", fork, 20, 0, false, true},
		{"given up, and still behind", fork, 10, 20, true, false},
		{"given up, and past it", fork, 25, 20, false, false},
		{"less was given up than the witness has cosigned", fork, 25, 19, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := house(t, open(t, t.TempDir()), "w")
			s.Know(t, whole.Origin, whole.VerifierKey())
			s.Cosigned(t, whole.Request(t, 0, 20))
			src := newLedger(t, tt.log, tt.size)
			src.lost = tt.lost
			if tt.log == whole && tt.size <= 20 {
				// The old copy knows of the cosignature of its own head.
				line, err := cosigner(t, "w").Cosign(whole.Head(t, tt.size).Body(), time.Now())
				if err != nil {
					t.Fatal(err)
				}
				if err := src.Keep(t.Context(), tt.size, line); err != nil {
					t.Fatal(err)
				}
			}
			g := witness.NewGatherer(src, []witness.Peer{peer(t, s)}, quick)
			err := g.First(t.Context())
			var ahead *witness.Ahead
			var inconsistent *witness.Inconsistent
			if witness.Contradicts(err) != tt.refuse || (err != nil) != tt.refuse {
				t.Fatalf("%v", err)
			}
			if tt.refuse && (errors.As(err, &ahead) != tt.ahead || errors.As(err, &inconsistent) == tt.ahead) {
				t.Errorf("%v", err)
			}
			if state := g.States()[0]; state.Lost != (tt.lost >= 20) || (state.Problem != "") != (tt.refuse || state.Lost) {
				t.Errorf("state %+v", state)
			}
			// The same where the witness answers only later.
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { g.Run(ctx); close(done) }()
			if tt.refuse {
				eventually(t, "the log is told", func() bool { return witness.Contradicts(src.stopped()) })
			} else {
				time.Sleep(30 * time.Millisecond)
				if err := src.stopped(); err != nil {
					t.Errorf("stopped: %v", err)
				}
			}
			cancel()
			<-done
			if len(src.kept["w"]) > 0 && tt.log == fork {
				t.Error("a fork was cosigned")
			}
		})
	}
}
