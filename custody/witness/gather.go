package witness

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// Source is the log whose heads are to be cosigned.
type Source interface {
	// Newest returns the newest published head as a signed note.
	Newest(ctx context.Context) (size uint64, msg []byte, err error)
	// Prove is a Prover, over proofs that were checked: where one is refused,
	// the leaves differ.
	Prove(ctx context.Context, from, to uint64) ([]evidence.Digest, error)
	// Last returns the newest head, and when, of which a cosignature of the
	// witness is kept, by whichever replica; 0 for none.
	Last(ctx context.Context, p Peer) (size uint64, at time.Time, err error)
	// Keep keeps a verified cosignature of the head of size leaves.
	Keep(ctx context.Context, size uint64, line tlog.Signature) error
	// GivenUp is how far the histories reached that the log has given up for
	// all to see: a witness may have cosigned so many leaves that are not its own.
	GivenUp(ctx context.Context) (uint64, error)
	// Stop is told that a witness has cosigned what the log does not hold.
	Stop(ctx context.Context, why error)
}

// Options of a Gatherer. The zero value is right for a service.
type Options struct {
	Transport http.RoundTripper // nil: the default one
	Log       *slog.Logger      // nil: nothing
	Gap       time.Duration     // least time between two requests to a witness; 0: 50 ms
	Poll      time.Duration     // how often to look for heads that another replica published; 0: 1 s
	Pause     time.Duration     // after a first failure, doubled up to a minute; 0: 1 s
}

// Gatherer obtains cosignatures of a log's newest head from every witness, each
// at its own pace: a slow one holds up nobody.
type Gatherer struct {
	src       Source
	o         Options
	followers []*follower
}

type follower struct {
	client *Client
	wake   chan struct{}
	met    bool // it has answered for the newest head since this process started; First's and Run's alone

	mu    sync.Mutex
	state State
}

// State is how it stands with a witness.
type State struct {
	Name, URL, Key string
	Size           uint64    // largest head of which a cosignature is kept; 0: none
	At             time.Time // when it was cosigned, by the witness's clock
	Problem        string    // "" where the last request was answered with a cosignature
	Since          time.Time // of the problem
	Lost           bool      // it has cosigned a history that this log has given up, and will refuse for ever
}

// NewGatherer follows src for these witnesses.
func NewGatherer(src Source, peers []Peer, o Options) *Gatherer {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	for d, standard := range map[*time.Duration]time.Duration{&o.Gap: 50 * time.Millisecond, &o.Poll: time.Second, &o.Pause: time.Second} {
		if *d == 0 {
			*d = standard
		}
	}
	g := &Gatherer{src: src, o: o}
	for _, p := range peers {
		g.followers = append(g.followers, &follower{client: NewClient(p, o.Transport), wake: make(chan struct{}, 1), state: State{Name: p.Name(), URL: p.URL, Key: p.Key}})
	}
	return g
}

// Wake says that there may be a newer head. It never blocks.
func (g *Gatherer) Wake() {
	for _, f := range g.followers {
		select {
		case f.wake <- struct{}{}:
		default:
		}
	}
}

// States returns how it stands with each witness, in the order configured.
func (g *Gatherer) States() []State {
	out := make([]State, len(g.followers))
	for i, f := range g.followers {
		f.mu.Lock()
		out[i] = f.state
		f.mu.Unlock()
	}
	return out
}

// First shows the newest head to every witness at once and waits until all have
// answered or ctx ends. A witness that has cosigned what the log does not hold is
// the error (*Ahead, *Inconsistent); one that gives no answer is only logged, and
// asked again by Run before anything else.
func (g *Gatherer) First(ctx context.Context) error {
	errs := make([]error, len(g.followers))
	var all sync.WaitGroup
	for i, f := range g.followers {
		all.Go(func() {
			_, err := g.round(ctx, f)
			if Contradicts(err) {
				errs[i] = err
			} else if err != nil {
				g.o.Log.WarnContext(ctx, "a witness did not say how far it is; it will be asked again", "witness", f.state.Name, "error", err)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// Contradicts reports whether an error says that a witness has cosigned what the
// log does not hold.
func Contradicts(err error) bool {
	var ahead *Ahead
	var inconsistent *Inconsistent
	return errors.As(err, &ahead) || errors.As(err, &inconsistent)
}

// Run gathers until ctx ends.
func (g *Gatherer) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, f := range g.followers {
		all.Go(func() { g.follow(ctx, f) })
	}
	all.Wait()
}

func (g *Gatherer) follow(ctx context.Context, f *follower) {
	for pause := time.Duration(0); ; {
		asked, err := g.round(ctx, f)
		if ctx.Err() != nil {
			return
		}
		if Contradicts(err) {
			g.src.Stop(ctx, err)
		}
		rest, wake := g.o.Poll, f.wake
		switch {
		case err != nil:
			// A new head is no reason to press a witness that is in trouble.
			pause = min(max(2*pause, g.o.Pause), time.Minute)
			rest, wake = pause, nil
		case asked:
			pause, rest, wake = 0, g.o.Gap, nil
		default:
			pause = 0
		}
		timer := time.NewTimer(rest)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-wake:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// maxMoved is how often a round starts anew because another replica showed the
// witness a newer head meanwhile.
const maxMoved = 3

// round has the newest head cosigned, where it is not yet. asked says whether
// the witness was asked.
func (g *Gatherer) round(ctx context.Context, f *follower) (asked bool, err error) {
	defer func() {
		if ctx.Err() == nil || errors.Is(err, context.DeadlineExceeded) { // else we stop, which is nobody's fault
			f.note(err, g.o.Log)
		}
	}()
	for moved := 0; ; moved++ {
		size, msg, err := g.src.Newest(ctx)
		if err != nil {
			return asked, err
		}
		last, at, err := g.src.Last(ctx, f.client.Peer())
		if err != nil {
			return asked, err
		}
		f.kept(last, at)
		// What is kept may be as old as the rest of the database: until the
		// witness itself has answered it is asked, whatever is kept.
		if size == 0 || last >= size && f.met {
			return asked, nil
		}
		asked = true
		line, err := f.client.Cosign(ctx, msg, g.src.Prove)
		if err == nil {
			f.met = true
			if err = g.src.Keep(ctx, size, line); err == nil {
				f.kept(size, line.Time())
			}
			return asked, err
		}
		var ahead *Ahead
		if errors.As(err, &ahead) && moved < maxMoved {
			// Only what is published can be cosigned: if the witness is right and
			// the log whole, the database by now has as many leaves.
			if now, _, nerr := g.src.Newest(ctx); nerr == nil && now >= ahead.Size {
				continue
			}
		}
		return asked, g.judge(ctx, f, err)
	}
}

// judge tells a history that the log has given up, for all to see, from one that
// nobody knows of.
func (g *Gatherer) judge(ctx context.Context, f *follower, err error) error {
	var cosigned uint64
	var ahead *Ahead
	var inconsistent *Inconsistent
	switch {
	case errors.As(err, &ahead):
		cosigned = ahead.Size
	case errors.As(err, &inconsistent):
		cosigned = inconsistent.Old
	default:
		return err
	}
	given, gerr := g.src.GivenUp(ctx)
	if gerr != nil {
		return gerr
	}
	if cosigned > given {
		return err
	}
	f.mu.Lock()
	f.state.Lost = true
	f.mu.Unlock()
	return fmt.Errorf("witness %s has cosigned %d events of a history that this log lost and gave up (log.recovered); it refuses what came after for ever, and cannot count for the quorum: take it out of the configuration, and ask for a new witness", f.client.Peer().Name(), cosigned)
}

func (f *follower) kept(size uint64, at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if size > f.state.Size {
		f.state.Size, f.state.At = size, at
	}
}

// note remembers how a round ended, and logs where that changed.
func (f *follower) note(err error, log *slog.Logger) {
	f.mu.Lock()
	defer f.mu.Unlock()
	problem := ""
	if err != nil {
		problem = err.Error()
	}
	if (problem == "") != (f.state.Problem == "") {
		if problem != "" {
			f.state.Since = time.Now()
			log.Warn("no cosignature from a witness", "witness", f.state.Name, "error", err)
		} else {
			log.Info("a witness cosigns again", "witness", f.state.Name, "size", f.state.Size)
		}
	}
	f.state.Problem = problem
}
