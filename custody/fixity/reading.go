package fixity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
)

// reading is one item being read back.
type reading struct {
	c     *Curator
	f     docket.Fixity
	copy  *Copy
	bytes uint64
	saved time.Time
	long  bool // the copy has more bytes than the artifact
}

// run reads and records. An error: nothing was recorded, and ctx ended, another
// process took over, or the ledger doesn't answer.
func (r *reading) run(ctx context.Context) (Result, error) {
	a, err := r.c.o.Ledger.Artifact(ctx, r.f.Item)
	if err != nil {
		return Result{}, err
	}
	r.copy, err = Open(r.c.o.Store, a, r.c.o.Log)
	if err != nil {
		return r.unchecked(ctx, a, custody.UncheckedLeaves, err)
	}
	err = Insist(ctx, r.c.o.Pause, func() error {
		size, err := r.copy.Size(ctx)
		r.long = size > r.copy.Stored()
		return err
	})
	switch {
	case errors.Is(err, ErrMissing):
		return r.missing(ctx, a)
	case err != nil:
		return r.couldNot(ctx, a, err)
	}
	r.f.Next = min(r.f.Next, r.copy.Count())
	for r.f.Next < r.copy.Count() {
		var rot *Rot
		switch err := r.batch(ctx); {
		case errors.As(err, &rot): // gone while it was read
			return r.missing(ctx, a)
		case errors.Is(err, docket.ErrClosed):
			return Result{}, err
		case err != nil:
			return r.couldNot(ctx, a, err)
		}
	}
	if r.f.Count == 0 && !r.long {
		return r.say(ctx, docket.FixityPassed, &custody.FixityPassed{Artifact: a.SHA256, Bytes: a.Size, Item: a.Item})
	}
	why := custody.FixityMismatch
	switch {
	case r.f.Short:
		why = custody.FixityShort
	case r.f.Count == 0:
		why = custody.FixityLong
	}
	return r.say(ctx, docket.FixityFailed, r.copy.Failed(r.f.Bad, r.f.Count, r.copy.Count(), why))
}

// batch reads the next blocks, some at once.
func (r *reading) batch(ctx context.Context) error {
	if err := r.yield(ctx); err != nil {
		return err
	}
	n := min(atOnce, r.copy.Count()-r.f.Next)
	if r.c.o.Pace.Bounded() {
		n = 1 // evenly
	}
	from, _ := r.copy.Span(r.f.Next)
	last, length := r.copy.Span(r.f.Next + n - 1)
	size := last + uint64(length) - from
	r.c.o.Pace.Wait(ctx, size)
	rotten := make([]*Rot, n)
	group, gctx := errgroup.WithContext(ctx)
	for i := range n {
		group.Go(func() error {
			memory := Buffer()
			defer Return(memory)
			err := Insist(gctx, r.c.o.Pause, func() error {
				_, err := r.copy.Block(gctx, r.f.Next+i, memory[:])
				return err
			})
			if errors.As(err, &rotten[i]) && rotten[i].Reason != custody.FixityMissing {
				return nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, rot := range rotten {
		if rot == nil {
			continue
		}
		r.f.Count++
		r.f.Short = r.f.Short || rot.Reason == custody.FixityShort
		if len(r.f.Bad) < custody.MaxBadBlocks {
			r.f.Bad = append(r.f.Bad, rot.Block)
		}
		r.c.o.Log.ErrorContext(ctx, "a block of the store's copy is not what was deposited", "item", r.f.Item.String(), "block", rot.Block, "offset", rot.Offset, "reason", rot.Reason)
	}
	r.f.Next += n
	r.bytes += size
	r.c.o.Reading(r.f)
	return r.save(ctx, false)
}

// yield waits while evidence is taken in.
func (r *reading) yield(ctx context.Context) error {
	for r.c.o.Busy() {
		if err := r.save(ctx, false); err != nil {
			return err
		}
		Rest(ctx, 100*time.Millisecond)
		if ctx.Err() != nil {
			break
		}
	}
	return ctx.Err()
}

// save keeps how far the reading is, now and then.
func (r *reading) save(ctx context.Context, now bool) error {
	if !now && r.c.o.Now().Sub(r.saved) < saveEvery {
		return nil
	}
	r.saved = r.c.o.Now()
	return r.c.o.Ledger.KeepFixity(ctx, r.c.o.Holder, r.f, holds)
}

// couldNot tells a store that doesn't answer from an end that was asked for.
func (r *reading) couldNot(ctx context.Context, a docket.Artifact, err error) (Result, error) {
	if ctx.Err() != nil {
		return Result{}, ctx.Err()
	}
	why := custody.UncheckedUnavailable
	if errors.Is(err, ErrNoKey) {
		ch, cerr := r.c.o.Ledger.Chain(ctx, a.Item)
		if cerr != nil {
			return Result{}, fmt.Errorf("couldn't tell whether item %s was disposed of: %w", a.Item.Short(), cerr)
		}
		why = custody.UncheckedKey
		if it := ch.State.Item; it != nil && it.Phase == custody.PhaseDisposed {
			why = custody.UncheckedErased
		}
	}
	return r.unchecked(ctx, a, why, err)
}

// unchecked records that the copy couldn't be read, unless that was said lately.
func (r *reading) unchecked(ctx context.Context, a docket.Artifact, why custody.UncheckedReason, cause error) (Result, error) {
	// What a court had erased stays so: it is said once, and not looked for again.
	erased := why == custody.UncheckedErased
	lately := !erased && r.c.o.Now().Sub(r.f.Told) < sayAgain
	if !erased {
		r.c.o.Log.WarnContext(ctx, "couldn't read a copy back", "item", a.Item.String(), "reason", why, "error", cause)
	}
	if !r.f.Asked && r.f.Result == docket.FixityUnchecked && lately {
		return Result{Item: a.Item, Result: docket.FixityUnchecked, Bytes: r.bytes}, r.c.o.Ledger.LetGoFixity(ctx, r.c.o.Holder, a.Item, again)
	}
	found, err := r.say(ctx, docket.FixityUnchecked, &custody.FixityUnchecked{Artifact: a.SHA256, Item: a.Item, Reason: why})
	found.Erased = erased
	return found, err
}

func (r *reading) missing(ctx context.Context, a docket.Artifact) (Result, error) {
	r.c.o.Log.ErrorContext(ctx, "the store has no copy of an artifact any more", "item", a.Item.String(), "key", a.Key, "version", a.Version)
	return r.say(ctx, docket.FixityFailed, r.copy.Failed(nil, 0, 0, custody.FixityMissing))
}

// say records how the copy was found.
func (r *reading) say(ctx context.Context, result docket.FixityResult, b custody.Body) (Result, error) {
	// Once more mine: whoever took over from a process that hung says it.
	if err := r.save(ctx, true); err != nil {
		return Result{}, err
	}
	act := docket.Act{Body: b, From: r.f.Began, To: r.c.o.Now()}
	_, err := r.c.o.Ledger.Observe(ctx, act, docket.Effects{Fixity: &docket.FixityEffect{Ended: result != docket.FixityUnchecked, Again: again}})
	return Result{Item: r.f.Item, Body: b, Result: result, Bytes: r.bytes}, err
}
