// Package timekeeper has the log's time said by others: time-stamping
// authorities stamp the newest checkpoint now and then, and the signature of
// every event. It waits for nobody and nobody waits for it: an authority that
// is down leaves a gap, which is shown and made up for as far as that can be.
//
// What it keeps was verified. Whom a reader believes about time is the
// reader's policy, not this configuration.
package timekeeper

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// Record is what is needed of the ledger.
type Record interface {
	LogDocument() ([]byte, custody.ID)
	Checkpoint(ctx context.Context) (docket.Checkpoint, error)
	// TryTurn keeps replicas from the same work.
	TryTurn(ctx context.Context, name string) (done func(), ok bool, err error)

	Unstamped(ctx context.Context, authority string, size, window uint64, limit int) ([]docket.Unstamped, error)
	LastStamped(ctx context.Context, authority string) (docket.Stamped, error)
	SinceTime(ctx context.Context, size uint64) (time.Time, error)
	LogTimes(ctx context.Context, n uint64) ([]docket.LogTime, error)

	KeepEventTimestamp(ctx context.Context, index uint64, t docket.Timestamp) error
	KeepCheckpointTimestamp(ctx context.Context, size uint64, t docket.Timestamp) error
	ObserveTime(ctx context.Context, s docket.Stamped) (docket.Receipt, error)
}

// Authority stamps messages. What it returns is verified.
type Authority interface {
	Name() string
	Stamp(ctx context.Context, message []byte) (kept []byte, said tlog.Timestamp, err error)
}

// What is stamped, for those who count.
const (
	OfCheckpoint = "checkpoint"
	OfEvent      = "event"
)

// Bounds of the work in hand.
const (
	window   = 4096 // newest events whose signatures are stamped; older ones have their checkpoint's time
	perRound = 64   // signatures of one round
	atOnce   = 4    // requests to one authority
	pace     = time.Second
	maxPause = time.Minute // after failures
)

// Options say whose time is asked for, and how often.
type Options struct {
	Record      Record
	Authorities []Authority
	Every       time.Duration // least time between two timestamps of checkpoints by one authority

	// Observe is told of each attempt; nil: nobody is.
	Observe func(authority, of string, err error)
	Log     *slog.Logger
	Now     func() time.Time // nil: time.Now
}

// Keeper asks. New makes one, Run works.
type Keeper struct {
	o     Options
	quiet []uint64 // by authority: the size of the log at which nothing was left to do
}

// New makes a keeper of the options.
func New(o Options) *Keeper {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Observe == nil {
		o.Observe = func(string, string, error) {}
	}
	return &Keeper{o: o, quiet: make([]uint64, len(o.Authorities))}
}

// Run works until ctx ends. One authority's trouble is not another's.
func (k *Keeper) Run(ctx context.Context) {
	var all sync.WaitGroup
	for i := range k.o.Authorities {
		all.Go(func() { k.ask(ctx, i) })
	}
	all.Wait()
}

func (k *Keeper) ask(ctx context.Context, i int) {
	name := k.o.Authorities[i].Name()
	pause, failing := pace, false
	for {
		more, err := k.round(ctx, i)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			if !failing {
				k.o.Log.Warn("couldn't have the log's time said; what happens meanwhile has no timestamp yet", "authority", name, "error", err)
			}
			pause, failing = min(2*pause, maxPause), true
		default:
			if failing {
				k.o.Log.Info("the time-stamping authority answers again", "authority", name)
			}
			pause, failing = min(pace, k.o.Every), false
		}
		if more && err == nil {
			continue
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// round does what there is to do for one authority, if no other replica does;
// more says that there is more at once.
func (k *Keeper) round(ctx context.Context, i int) (more bool, err error) {
	cp, err := k.o.Record.Checkpoint(ctx)
	if errors.Is(err, docket.ErrNotFound) || err == nil && cp.Size == k.quiet[i] {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	a := k.o.Authorities[i]
	done, ok, err := k.o.Record.TryTurn(ctx, "timestamps "+a.Name())
	if err != nil || !ok {
		return false, err
	}
	defer done()
	waiting, err := k.checkpoint(ctx, a, cp)
	if err != nil {
		return false, err
	}
	open, err := k.o.Record.Unstamped(ctx, a.Name(), cp.Size, window, perRound)
	if err != nil {
		return false, err
	}
	if err := k.events(ctx, a, open); err != nil {
		return false, err
	}
	if len(open) == perRound {
		return true, nil
	}
	if !waiting {
		k.quiet[i] = cp.Size
	}
	return false, nil
}

// events has signatures stamped, some at once.
func (k *Keeper) events(ctx context.Context, a Authority, open []docket.Unstamped) error {
	var work errgroup.Group
	work.SetLimit(atOnce)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	for _, e := range open {
		work.Go(func() error {
			if ctx.Err() != nil {
				return nil // one failed already, which is the error
			}
			t, err := k.stamp(ctx, a, OfEvent, e.Signature)
			if err == nil {
				err = k.o.Record.KeepEventTimestamp(ctx, e.Index, t)
			}
			if err != nil {
				stop() // whoever is down needn't be asked 64 times
			}
			return err
		})
	}
	return work.Wait()
}

func (k *Keeper) stamp(ctx context.Context, a Authority, of string, message []byte) (docket.Timestamp, error) {
	token, said, err := a.Stamp(ctx, message)
	if ctx.Err() == nil {
		k.o.Observe(a.Name(), of, err)
	}
	if err != nil {
		return docket.Timestamp{}, err
	}
	return docket.Timestamp{SHA256: evidence.Sum(token), Authority: a.Name(), Token: token, Said: said.Time}, nil
}

// checkpoint has the newest checkpoint stamped, where something happened since
// the last that was and it is time, and records each timestamp in the log. A
// crash between the two is made up for. waiting says that it is not time yet.
func (k *Keeper) checkpoint(ctx context.Context, a Authority, cp docket.Checkpoint) (waiting bool, err error) {
	last, err := k.o.Record.LastStamped(ctx, a.Name())
	switch {
	case errors.Is(err, docket.ErrNotFound):
		// the first
	case err != nil:
		return false, err
	default:
		if err := k.record(ctx, last); err != nil {
			return false, err
		}
		// What is said of time is nothing that needs another time.
		_, err := k.o.Record.SinceTime(ctx, last.Checkpoint.Size)
		if errors.Is(err, docket.ErrNotFound) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if k.o.Now().Sub(last.Timestamp.Kept) < k.o.Every {
			return true, nil
		}
	}
	body, err := k.body(cp)
	if err != nil {
		return false, err
	}
	t, err := k.stamp(ctx, a, OfCheckpoint, body)
	if err != nil {
		return false, err
	}
	// Dead from here on: the next to have the turn records it.
	if err := k.o.Record.KeepCheckpointTimestamp(ctx, cp.Size, t); err != nil {
		return false, err
	}
	return false, k.record(ctx, docket.Stamped{Checkpoint: cp, Timestamp: t})
}

// record appends the log.time that commits to the authority's newest
// timestamp, where the log has none yet.
func (k *Keeper) record(ctx context.Context, s docket.Stamped) error {
	times, err := k.o.Record.LogTimes(ctx, custody.MaxInteger)
	if err != nil {
		return err
	}
	for _, t := range times {
		if t.Stamped.Timestamp.SHA256 == s.Timestamp.SHA256 {
			return nil
		}
	}
	if _, err := k.o.Record.ObserveTime(ctx, s); err != nil {
		return fmt.Errorf("couldn't record a timestamp in the log: %w", err)
	}
	return nil
}

func (k *Keeper) body(cp docket.Checkpoint) ([]byte, error) {
	document, _ := k.o.Record.LogDocument()
	doc, err := custody.ParseLogDocument(document)
	if err != nil {
		return nil, err
	}
	return tlog.Checkpoint{Origin: doc.Origin, Size: cp.Size, Root: cp.Root}.Body(), nil
}

// Gap is how long what happened has waited for an authority's time.
type Gap struct {
	Authority string
	Stamped   uint64        // size of its newest timestamped checkpoint; 0: none
	Said      time.Time     // what that timestamp says
	Waiting   time.Duration // age of the oldest event above it that is not about time; 0: none
}

// Gaps tells how far each authority's timestamps go, whichever replica has them made.
func (k *Keeper) Gaps(ctx context.Context) ([]Gap, error) {
	out := make([]Gap, len(k.o.Authorities))
	for i, a := range k.o.Authorities {
		out[i].Authority = a.Name()
		last, err := k.o.Record.LastStamped(ctx, a.Name())
		if err != nil && !errors.Is(err, docket.ErrNotFound) {
			return nil, err
		}
		out[i].Stamped, out[i].Said = last.Checkpoint.Size, last.Timestamp.Said
		since, err := k.o.Record.SinceTime(ctx, last.Checkpoint.Size)
		if err == nil {
			out[i].Waiting = max(0, k.o.Now().Sub(since))
		} else if !errors.Is(err, docket.ErrNotFound) {
			return nil, err
		}
	}
	return out, nil
}
