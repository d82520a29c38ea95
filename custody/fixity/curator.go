package fixity

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
)

// Ledger is what the curator needs of the audit chain.
type Ledger interface {
	// ClaimFixity takes the item whose turn it is; docket.ErrNotFound: none.
	ClaimFixity(ctx context.Context, holder string, due time.Time, life time.Duration) (docket.Fixity, error)
	// KeepFixity saves how far it is; docket.ErrClosed: another process has it.
	KeepFixity(ctx context.Context, holder string, f docket.Fixity, life time.Duration) error
	// LetGoFixity gives the item back, to be taken again after a while.
	LetGoFixity(ctx context.Context, holder string, item custody.ID, again time.Duration) error
	Artifact(ctx context.Context, item custody.ID) (docket.Artifact, error)
	// Chain tells whether an item was disposed of.
	Chain(ctx context.Context, item custody.ID) (*docket.Chain, error)
	Observe(ctx context.Context, act docket.Act, effects docket.Effects) (docket.Receipt, error)
}

// Bounds of the work in hand.
const (
	atOnce    = 4                // blocks read in parallel, and held in memory
	holds     = 2 * time.Minute  // how long an item is held without a sign of life
	saveEvery = 5 * time.Second  // how much of a reading a crash loses, in time
	poll      = time.Second      // between looks for work where there is none
	again     = 15 * time.Minute // before what couldn't be checked is tried again
	sayAgain  = 24 * time.Hour   // before it is said again that an item couldn't be checked
	maxPause  = 5 * time.Minute  // after items in a row that couldn't
)

// Options say what is read back, how often and how fast.
type Options struct {
	Ledger Ledger
	Store  Store
	Holder string        // this process, by a name of its own
	Every  time.Duration // each copy is read back so often; 0: only when somebody asks
	Pace   *Pace         // shared by all that read beside the service's work; nil: as fast as they come
	Busy   func() bool   // evidence is being taken in, which goes first; nil: never

	Pause   time.Duration       // before the first repetition of what the store doesn't answer; 0: a second
	Done    func(Result)        // told of every item; nil: nobody is
	Reading func(docket.Fixity) // told how far the reading in hand is; nil: nobody is
	Log     *slog.Logger        // nil: nothing
	Now     func() time.Time    // nil: time.Now
}

// Curator reads the copies of all artifacts back, the one that was told apart
// the longest ago first. Several processes share the work through the ledger.
type Curator struct {
	o Options
}

// New makes a curator.
func New(o Options) *Curator {
	if o.Busy == nil {
		o.Busy = func() bool { return false }
	}
	if o.Done == nil {
		o.Done = func(Result) {}
	}
	if o.Reading == nil {
		o.Reading = func(docket.Fixity) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Pace == nil {
		o.Pace = NewPace(0)
	}
	if o.Pause == 0 {
		o.Pause = time.Second
	}
	return &Curator{o: o}
}

// Result is how one item was found.
type Result struct {
	Item   custody.ID
	Body   custody.Body // what was recorded; nil where it was said lately that it can't be checked
	Result docket.FixityResult
	Erased bool   // not checked, since a court had it erased
	Bytes  uint64 // read by this process
}

// Run works until ctx ends, which leaves what was read for whoever goes on.
func (c *Curator) Run(ctx context.Context) {
	pause := poll
	for ctx.Err() == nil {
		r, err := c.Next(ctx)
		switch {
		case errors.Is(err, docket.ErrNotFound):
			pause = poll
		case ctx.Err() != nil:
			return
		case err != nil:
			c.o.Log.Warn("couldn't go on reading copies back", "error", err)
			pause = min(2*pause, maxPause)
		case r.Result == docket.FixityUnchecked && !r.Erased: // others will hardly fare better
			pause = min(2*pause, maxPause)
		default:
			pause = poll
			continue
		}
		Rest(ctx, pause)
	}
}

// Next reads back the item whose turn it is, and records how it was found.
// docket.ErrNotFound: it is no item's turn. An error says that nothing was
// found out, not even that.
func (c *Curator) Next(ctx context.Context) (Result, error) {
	due := time.Time{}.Add(time.Second) // before every deposit: only what was asked for
	if c.o.Every > 0 {
		due = c.o.Now().Add(-c.o.Every)
	}
	f, err := c.o.Ledger.ClaimFixity(ctx, c.o.Holder, due, holds)
	if err != nil {
		return Result{}, err
	}
	r := reading{c: c, f: f, saved: c.o.Now()}
	found, err := r.run(ctx)
	if err != nil {
		// What was read stays; whoever comes next goes on from there.
		leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if kept := c.o.Ledger.KeepFixity(leaving, c.o.Holder, r.f, holds); kept == nil {
			_ = c.o.Ledger.LetGoFixity(leaving, c.o.Holder, f.Item, 0) // its time runs out otherwise
		}
		return Result{}, err
	}
	c.o.Done(found)
	return found, nil
}
