package service

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/fixity"
	"github.com/evidence-custody/custodyd/custody/imaging"
	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/ledger/localpg"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/migrations"
)

// Defaults of reading copies back.
const (
	DefaultFixityEvery = 30 * 24 * time.Hour
	DefaultFixityRate  = 64 << 20 // bytes a second
)

// keepCopies begins to read the store's copies back, and to decode the images
// among them, once everything else stands. Both keep one pace and end before the
// ledger does.
func (s *Service) keepCopies(vault fixity.Store) {
	pace := fixity.NewPace(s.o.FixityRate)
	copies := fixity.Options{Ledger: s.ledger, Store: vault, Holder: s.name, Every: s.o.FixityEvery, Pace: pace,
		Busy: s.registrar.Receiving, Now: s.o.Now, Log: s.o.Log}
	images := imaging.Options{Ledger: s.ledger, Store: vault, Holder: s.name, Pace: pace, Busy: s.registrar.Receiving, Now: s.o.Now, Log: s.o.Log}
	if s.metrics != nil {
		copies.Done = func(r fixity.Result) { s.metrics.Fixity(string(r.Result), r.Bytes) }
		images.Done = func(r imaging.Result) { s.metrics.Image(string(r.State), r.Bytes) }
	}
	s.behind("curator", fixity.New(copies).Run)
	if !s.o.LeaveImages {
		s.behind("images", imaging.New(images).Run)
	}
}

// behind runs work beside the service's, until it stops.
func (s *Service) behind(name string, run func(context.Context)) {
	ctx, end := context.WithCancel(s.life)
	done := make(chan struct{})
	go func() {
		defer close(done)
		run(ctx)
	}()
	s.started(name, func(context.Context) error {
		end()
		<-done
		return nil
	})
}

// copiesState is how it stands with all copies, for the metrics.
func (s *Service) copiesState(ctx context.Context) (docket.FixityState, error) {
	return s.ledger.FixityState(ctx, s.due(time.Now()))
}

// due is before when a copy must have been told apart.
func (s *Service) due(now time.Time) time.Time {
	if s.o.FixityEvery == 0 {
		return time.Time{}.Add(time.Second)
	}
	return now.Add(-s.o.FixityEvery)
}

// FixityAsk says what a command wants to know or have done.
type FixityAsk struct {
	Now   bool              // read back now; else only tell
	All   bool              // with Now: every copy, not only those that are due
	Items []evidence.Digest // only these; none: all that there are
	Every time.Duration     // what is due, where Now and not All
}

// FixityErased is the result of an item that was disposed of: there is nothing
// to read back any more.
const FixityErased docket.FixityResult = "erased"

// FixityItem is how the copy of one item's artifact was last found.
type FixityItem struct {
	Item   evidence.Digest     `json:"item"`
	Result docket.FixityResult `json:"result"` // "" never read back since its deposit; or FixityErased
	At     *time.Time          `json:"at,omitempty"`
	Event  *evidence.Digest    `json:"event,omitempty"`
	Whole  time.Time           `json:"whole"` // when it was last found as deposited: read back, or received
	Words  string              `json:"words"`
}

// FixityResult is what a command was told.
type FixityResult struct {
	Items     []FixityItem `json:"items"`
	Passed    int          `json:"passed"`
	Failed    int          `json:"failed"`
	Unchecked int          `json:"unchecked"`
	Never     int          `json:"never"`  // not read back yet
	Erased    int          `json:"erased"` // of disposed items, whose key was destroyed: nothing to read
}

// Fixity tells how copies were last found, or has them read back now: by the
// service where one runs on the same private database, else by this process,
// which then shares the work with whatever replicas there are.
func Fixity(ctx context.Context, o Options, ask FixityAsk, progress func(done, all uint64)) (_ FixityResult, err error) {
	s := fresh(o)
	defer func() { err = errors.Join(err, s.leave(ctx)) }()
	if err := s.prepare(); err != nil {
		return FixityResult{}, err
	}
	if err := s.lived(); err != nil {
		return FixityResult{}, err
	}
	if l, err := s.reachRunning(ctx); err == nil {
		s.started("ledger", func(context.Context) error { return l.Close() })
		return s.askRunning(ctx, l, ask, progress)
	}
	if !ask.Now {
		l, err := s.reach(ctx)
		if err != nil {
			return FixityResult{}, err
		}
		s.started("ledger", func(context.Context) error { return l.Close() })
		return tellFixity(ctx, l, ask.Items)
	}
	return s.readBack(ctx, ask, progress)
}

// reachRunning opens the private database of a service that runs.
func (s *Service) reachRunning(ctx context.Context) (*ledger.Ledger, error) {
	if s.o.Database != nil {
		return nil, errors.New("the database is not private")
	}
	sockets, err := s.runner.RuntimeDir(s.data)
	if err != nil {
		return nil, err
	}
	return ledger.Inspect(ctx, named(localpg.DSN(filepath.Join(sockets, "pg"), migrations.RoleApp), s.name), s.o.Log)
}

// wanted marks what is to be read back, and returns the event that each item
// had before.
func wanted(ctx context.Context, l *ledger.Ledger, ask FixityAsk) (map[custody.ID]docket.Fixity, error) {
	before := map[custody.ID]docket.Fixity{}
	err := everyFixity(ctx, l, ask.Items, func(f docket.Fixity) error {
		if f.Erased && len(ask.Items) == 0 {
			return nil
		}
		if ask.All || len(ask.Items) > 0 || f.Asked || f.Since.Before(time.Now().Add(-ask.Every)) || f.Result == docket.FixityUnchecked {
			before[f.Item] = f
		}
		return nil
	})
	if err != nil || len(before) == 0 {
		return before, err
	}
	ids := make([]custody.ID, 0, len(before))
	for id := range before {
		ids = append(ids, id)
	}
	_, err = l.AskFixity(ctx, ids...)
	return before, err
}

// askRunning has a running service do it, and waits.
func (s *Service) askRunning(ctx context.Context, l *ledger.Ledger, ask FixityAsk, progress func(done, all uint64)) (FixityResult, error) {
	if !ask.Now {
		return tellFixity(ctx, l, ask.Items)
	}
	before, err := wanted(ctx, l, ask)
	if err != nil {
		return FixityResult{}, err
	}
	for all := uint64(len(before)); ; {
		var left []custody.ID
		for id, f := range before {
			now, err := l.Fixity(ctx, id)
			if err != nil {
				return FixityResult{}, err
			}
			if now.Event != nil && (f.Event == nil || *now.Event != *f.Event) {
				delete(before, id)
			} else {
				left = append(left, id)
			}
		}
		progress(all-uint64(len(left)), all)
		if len(left) == 0 {
			return tellFixity(ctx, l, ask.Items)
		}
		select {
		case <-ctx.Done():
			return FixityResult{}, fmt.Errorf("couldn't wait for the service, which goes on with it: %w", ctx.Err())
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// readBack does it here, with the service's keys.
func (s *Service) readBack(ctx context.Context, ask FixityAsk, progress func(done, all uint64)) (FixityResult, error) {
	dsn, err := s.startDatabase(ctx)
	if err != nil {
		return FixityResult{}, err
	}
	if s.shelf, err = s.startStore(ctx, dsn); err != nil {
		return FixityResult{}, err
	}
	if err := s.openLedger(ctx, dsn); err != nil {
		return FixityResult{}, err
	}
	if err := s.openStrongroom(ctx); err != nil {
		return FixityResult{}, err
	}
	before, err := wanted(ctx, s.ledger, ask)
	if err != nil {
		return FixityResult{}, err
	}
	all := uint64(len(before))
	curator := fixity.New(fixity.Options{Ledger: s.ledger, Store: s.shelf, Holder: s.name, Pace: fixity.NewPace(s.o.FixityRate), Log: s.o.Log})
	for len(before) > 0 {
		progress(all-uint64(len(before)), all)
		r, err := curator.Next(ctx)
		switch {
		case errors.Is(err, docket.ErrNotFound): // the rest is in another replica's hands
			for id, f := range before {
				if now, err := s.ledger.Fixity(ctx, id); err != nil {
					return FixityResult{}, err
				} else if now.Event != nil && (f.Event == nil || *now.Event != *f.Event) {
					delete(before, id)
				}
			}
			select {
			case <-ctx.Done():
				return FixityResult{}, ctx.Err()
			case <-time.After(time.Second):
			}
		case err != nil:
			return FixityResult{}, err
		default:
			delete(before, r.Item)
		}
	}
	progress(all, all)
	return tellFixity(ctx, s.ledger, ask.Items)
}

func everyFixity(ctx context.Context, l *ledger.Ledger, items []evidence.Digest, do func(docket.Fixity) error) error {
	for _, id := range items {
		f, err := l.Fixity(ctx, id)
		if errors.Is(err, docket.ErrNotFound) {
			return fmt.Errorf("no artifact is recorded for item %s", id)
		}
		if err == nil {
			err = do(f)
		}
		if err != nil {
			return err
		}
	}
	var after custody.ID
	for len(items) == 0 {
		some, err := l.Fixities(ctx, after, step)
		if err != nil || len(some) == 0 {
			return err
		}
		for _, f := range some {
			if err := do(f); err != nil {
				return err
			}
			after = f.Item
		}
	}
	return nil
}

// tellFixity reads how copies were last found.
func tellFixity(ctx context.Context, l *ledger.Ledger, items []evidence.Digest) (FixityResult, error) {
	out := FixityResult{Items: []FixityItem{}}
	err := everyFixity(ctx, l, items, func(f docket.Fixity) error {
		x := FixityItem{Item: f.Item, Result: f.Result, Whole: f.Whole.UTC(), Words: "not read back since its deposit"}
		if f.Event != nil {
			at := f.Told.UTC()
			x.At, x.Event = &at, f.Event
			e, err := l.Event(ctx, *f.Event)
			if err != nil {
				return err
			}
			x.Words = fixityWords(e.Statement.Predicate.Body)
		}
		switch {
		case f.Erased:
			out.Erased++
			x.Result, x.Words = FixityErased, "disposed of, and the key of its copy destroyed"
		case f.Result == docket.FixityPassed:
			out.Passed++
		case f.Result == docket.FixityFailed:
			out.Failed++
		case f.Result == docket.FixityUnchecked:
			out.Unchecked++
		default:
			out.Never++
		}
		out.Items = append(out.Items, x)
		return nil
	})
	return out, err
}

func fixityWords(b custody.Body) string {
	switch b := b.(type) {
	case *custody.FixityPassed:
		return fmt.Sprintf("%d bytes read back, as deposited", b.Bytes)
	case *custody.FixityFailed:
		if b.Reason == custody.FixityMissing {
			return "the store has no such object"
		}
		return fmt.Sprintf("%s: %d of %d blocks looked at are bad: %s", b.Reason, b.Count, b.Checked, blockWords(b.Blocks))
	case *custody.FixityUnchecked:
		return "could not be read back: " + string(b.Reason)
	}
	return ""
}

// blockWords names blocks with their bytes.
func blockWords(blocks []uint64) string {
	var out []string
	for i, n := range blocks {
		if i == 8 {
			out = append(out, "…")
			break
		}
		out = append(out, fmt.Sprintf("%d (from byte %d)", n, n*evidence.BlockSize))
	}
	return strings.Join(out, ", ")
}
