package gallery

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// together is how many objects are written at once, and how many a crash lets
// be compared again.
const together = 8

// name is a complete tile's in the store: the log's id, then the path under
// which it is served. A position of a log has one content for ever.
func (g *Gallery) name(t tlog.Tile) string { return Name(g.o.ID, t) }

// Name is the name under which the store keeps a complete tile or bundle of
// the log with this id.
func Name(id evidence.Digest, t tlog.Tile) string { return id.String() + "/" + t.Path() }

// level is where a tile is counted.
func level(t tlog.Tile) int {
	if t.Entries {
		return docket.BundleLevel
	}
	return t.Level
}

// most bounds what is read for a tile or bundle, in bytes.
func most(t tlog.Tile) int {
	if t.Entries {
		return tlog.MaxBundle
	}
	return tlog.TileWidth * len(evidence.Digest{})
}

// fromStore returns a complete tile as the store has it, if it is known to
// have it and what comes is what is expected.
func (g *Gallery) fromStore(ctx context.Context, t tlog.Tile, want func([]byte) error) ([]byte, bool) {
	known := g.shelved.Load()
	if known == nil || t.N >= (*known)[level(t)] {
		return nil, false
	}
	b, err := g.o.Store.Kept(ctx, g.name(t), most(t))
	if err != nil {
		if errors.Is(err, ErrNotKept) {
			g.miss(t)
		}
		if ctx.Err() == nil {
			g.o.Logger.Warn("couldn't read a tile from the object store; the database has it", "tile", t.Path(), "error", err)
		}
		return nil, false
	}
	if err := want(b); err != nil {
		g.o.Refused()
		g.miss(t)
		g.o.Logger.Error("the object store holds another tile than the signed tree; it is not served, the database has it", "tile", t.Path(), "object", g.name(t), "error", err)
		return nil, false
	}
	return b, true
}

// miss notes a tile that the store should have and has not. If too many are
// noted the next reader of it will.
func (g *Gallery) miss(t tlog.Tile) {
	select {
	case g.wanting <- t:
	default:
	}
}

// mend lays the true tile above what readers found in the store: gone, or
// another. Nothing is taken away there, and the log says that it was done.
func (g *Gallery) mend(ctx context.Context, v *view) (n int, err error) {
	for {
		select {
		case t := <-g.wanting:
			if err := g.shelveTile(ctx, v, t); err != nil {
				return n, err
			}
			n++
			g.o.Logger.Warn("stored a tile anew, whose copy in the object store was gone or another", "tile", t.Path(), "object", g.name(t))
		default:
			return n, nil
		}
	}
}

// Shelve moves what became complete to the object store, and returns how many
// it found to move. It goes on where any replica stopped; where another is at
// it, it only learns how far that is. Each tile is checked against the signed
// root before it is written.
func (g *Gallery) Shelve(ctx context.Context) (n int, err error) {
	mine, err := g.o.Log.Shelving(ctx, func() error {
		n, err = g.shelve(ctx)
		return err
	})
	if err == nil && !mine {
		err = g.learn(ctx)
	}
	return n, err
}

// learn finds out how far all replicas together are.
func (g *Gallery) learn(ctx context.Context) error {
	known, err := g.o.Log.Shelved(ctx)
	if err != nil {
		return err
	}
	g.shelved.Store(&known)
	return nil
}

func (g *Gallery) shelve(ctx context.Context) (int, error) {
	if err := g.learn(ctx); err != nil {
		return 0, err
	}
	v, err := g.refresh(ctx, g.seen.Load())
	if errors.Is(err, docket.ErrNotFound) {
		return 0, nil // nothing is published yet
	}
	if err != nil {
		return 0, err
	}
	moved, err := g.mend(ctx, v)
	if err != nil {
		return moved, err
	}
	// From the top: with the few tiles above it in the store and in memory, a
	// tile below costs one read.
	for l := 7; l >= docket.BundleLevel; l-- {
		n, err := g.shelveLevel(ctx, v, l)
		moved += n
		if err != nil {
			return moved, err
		}
	}
	return moved, nil
}

func (g *Gallery) shelveLevel(ctx context.Context, v *view, level int) (moved int, err error) {
	tile := tlog.Tile{Entries: level == docket.BundleLevel, Level: max(level, 0), Width: tlog.TileWidth}
	all := tlog.FullTiles(tile.Level, v.size)
	for done := (*g.shelved.Load())[level]; done < all; {
		upto := min(done+together, all)
		errs := make([]error, upto-done)
		var writing sync.WaitGroup
		for n := done; n < upto; n++ {
			t := tile
			t.N = n
			writing.Go(func() { errs[t.N-done] = g.shelveTile(ctx, v, t) })
		}
		writing.Wait()
		for _, err := range errs {
			if err != nil { // one is enough: the others will be found again
				return moved, err
			}
		}
		// A crash before this line leaves objects that are found, compared and
		// left as they are the next time.
		if err := g.o.Log.SetShelved(ctx, level, upto); err != nil {
			return moved, err
		}
		moved += int(upto - done)
		done = upto
		known := map[int]uint64{}
		for l, n := range *g.shelved.Load() {
			known[l] = n
		}
		known[level] = done
		g.shelved.Store(&known)
	}
	return moved, nil
}

// shelveTile writes one, from the database's bytes: what memory or another
// reader made of them plays no part.
func (g *Gallery) shelveTile(ctx context.Context, v *view, t tlog.Tile) error {
	want, err := g.expected(ctx, v, t)
	if err != nil {
		return fmt.Errorf("couldn't shelve %s: %w", t.Path(), err)
	}
	b, err := g.read(ctx, t)
	if err == nil {
		err = g.own(t, want(b))
	}
	if err == nil {
		err = g.o.Store.Keep(ctx, g.name(t), b)
	}
	if err != nil {
		return fmt.Errorf("couldn't shelve %s: %w", t.Path(), err)
	}
	g.o.Kept(level(t))
	return nil
}

// Run shelves whenever something became complete, until ctx ends. While the
// store or the database is down it waits, longer each time up to a minute:
// nothing is lost, since what is not shelved is served from the database.
func (g *Gallery) Run(ctx context.Context, interval time.Duration) {
	failed := 0
	for pause := time.Duration(0); ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		n, err := g.Shelve(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			failed++
			pause = min(max(pause, interval)*2, time.Minute)
			g.o.Logger.Warn("couldn't move the log's complete tiles to the object store; trying again", "again", pause, "error", err)
			continue
		case failed > 0:
			g.o.Logger.Info("the log's complete tiles go to the object store again", "tries", failed)
		}
		if failed, pause = 0, interval; n > 0 {
			g.o.Logger.Debug("moved complete tiles to the object store", "count", n)
		}
	}
}

// CheckShelf reads every tile and bundle that is said to be in the store and
// tells problem of each that is not there or not what the tree has. It returns
// how many it read; an error means that it could not go on.
func (g *Gallery) CheckShelf(ctx context.Context, problem func(t tlog.Tile, why error)) (read uint64, err error) {
	if err := g.learn(ctx); err != nil {
		return 0, err
	}
	v, err := g.refresh(ctx, g.seen.Load())
	if errors.Is(err, docket.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	for l := 7; l >= docket.BundleLevel; l-- {
		t := tlog.Tile{Entries: l == docket.BundleLevel, Level: max(l, 0), Width: tlog.TileWidth}
		for t.N = 0; t.N < (*g.shelved.Load())[l]; t.N++ {
			if !t.In(v.size) {
				problem(t, errors.New("it is said to be in the store, and the log is not so long"))
				break
			}
			want, err := g.expected(ctx, v, t)
			if err != nil {
				return read, err
			}
			b, err := g.o.Store.Kept(ctx, g.name(t), most(t))
			if err == nil {
				read++
				err = want(b)
			} else if !errors.Is(err, ErrNotKept) {
				return read, err
			}
			if err != nil {
				problem(t, err)
			}
		}
	}
	return read, nil
}
