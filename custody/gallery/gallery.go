// Package gallery is where the public watches the log: it answers with tiles
// and entry bundles of the published tree (C2SP tlog-tiles), and moves complete
// ones to the object store so that reading them costs the database nothing.
//
// It believes neither store nor database. Whatever it serves was hashed and
// compared with the signed checkpoint's root, through the tiles above it; a
// copy in the store that does not fit is told to the operator and passed over.
package gallery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// Log is what the gallery needs of the audit chain; *ledger.Ledger satisfies it.
type Log interface {
	// Checkpoint returns the newest published checkpoint.
	Checkpoint(ctx context.Context) (docket.Checkpoint, error)
	// Tile returns a tile or bundle from memory or the database, unchecked.
	Tile(ctx context.Context, t tlog.Tile) ([]byte, error)
	// Shelved returns how many complete tiles of each level are in the store,
	// from the first.
	Shelved(ctx context.Context) (map[int]uint64, error)
	// SetShelved records it; it never goes back.
	SetShelved(ctx context.Context, level int, n uint64) error
	// Shelving runs do while no other replica does; false: another does.
	Shelving(ctx context.Context, do func() error) (bool, error)
}

// Store keeps bytes under names that stand for them; *vault.Store satisfies it
// but for what Keep returns.
type Store interface {
	// Keep returns once b is durable under this name; again: no effect.
	Keep(ctx context.Context, name string, b []byte) error
	// Kept reads what is under the name, at most limit bytes. ErrNotKept where
	// nothing is, or more.
	Kept(ctx context.Context, name string, limit int) ([]byte, error)
}

// ErrNotKept: the store answers, and has not what it should have.
var ErrNotKept = errors.New("not in the store")

// Source says where what was served came from.
type Source string

// Sources. Edge: a partial tile or bundle at the tree's end, which changes with
// the next event and is only in memory and database.
const (
	Memory   Source = "memory"
	Shelf    Source = "store"
	Database Source = "database"
	Edge     Source = "edge"
)

// Options say what to serve, and from where.
type Options struct {
	Log    Log
	Store  Store
	ID     evidence.Digest // the log's id: its objects' names begin with it
	Logger *slog.Logger    // nil: discards
	// Served and Kept count, for metrics; nil: nobody does.
	Served func(Source)
	Kept   func(level int)
	// Refused is told of every copy in the store that is not what the tree has.
	Refused func()
}

// Gallery serves one log. It is safe for concurrent use.
type Gallery struct {
	o       Options
	keep    memory
	wanting chan tlog.Tile // whose copy in the store is gone or another

	busy chan struct{} // bounds reads of the database: strangers must not use up its connections

	refreshing sync.Mutex
	seen       atomic.Pointer[view]
	shelved    atomic.Pointer[map[int]uint64]
}

// maxReads is how many reads of the database go on at once.
const maxReads = 6

// New makes a gallery. Nothing is asked yet.
func New(o Options) *Gallery {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Served == nil {
		o.Served = func(Source) {}
	}
	if o.Kept == nil {
		o.Kept = func(int) {}
	}
	if o.Refused == nil {
		o.Refused = func() {}
	}
	return &Gallery{o: o, busy: make(chan struct{}, maxReads), keep: memory{limit: 32 << 20}, wanting: make(chan tlog.Tile, 64)}
}

// view is a published tree, with its partial tiles, checked against its root.
type view struct {
	size uint64
	root evidence.Digest
	edge map[int][]evidence.Digest // by level
}

// Tile returns the bytes of a tile or bundle of the published tree. One that
// this tree has not, or not so wide, is docket.ErrNotFound.
func (g *Gallery) Tile(ctx context.Context, t tlog.Tile) ([]byte, error) {
	v, err := g.view(ctx, t)
	if err != nil {
		return nil, err
	}
	full := t
	full.Width = tlog.TileWidth
	if full.In(v.size) {
		b, err := g.full(ctx, v, full)
		if err != nil {
			return nil, err
		}
		return cut(b, t)
	}
	g.o.Served(Edge)
	edge := v.edge[t.Level]
	if !t.Entries {
		return tlog.EncodeTile(edge[:t.Width]), nil
	}
	b, err := g.read(ctx, t)
	if err != nil {
		return nil, err
	}
	return b, g.own(t, check(t, b, edge[:t.Width]))
}

// view returns a published tree that has the tile; the newest is asked for
// only where the one at hand has not.
func (g *Gallery) view(ctx context.Context, t tlog.Tile) (*view, error) {
	old := g.seen.Load()
	if old != nil && t.In(old.size) {
		return old, nil
	}
	v, err := g.refresh(ctx, old)
	if err != nil {
		return nil, err
	}
	if !t.In(v.size) {
		return nil, docket.ErrNotFound
	}
	return v, nil
}

// refresh asks for the newest checkpoint, once for all who wait for it.
func (g *Gallery) refresh(ctx context.Context, old *view) (*view, error) {
	g.refreshing.Lock()
	defer g.refreshing.Unlock()
	now := g.seen.Load()
	if now != old {
		return now, nil
	}
	cp, err := g.o.Log.Checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	if now != nil && now.size == cp.Size && now.root == cp.Root {
		return now, nil
	}
	if now != nil && cp.Size < now.size {
		return nil, docket.AlteredF("a tree of %d leaves was published, and the newest checkpoint is of %d", now.size, cp.Size)
	}
	v := &view{size: cp.Size, root: cp.Root, edge: map[int][]evidence.Digest{}}
	r, err := tlog.NewTileReader(cp.Size, cp.Root, func(t tlog.Tile) ([]byte, error) { return g.read(ctx, t) })
	if err != nil {
		return nil, err
	}
	for level := 0; v.size>>(8*level) > 0; level++ {
		count := v.size >> (8 * level)
		if count%tlog.TileWidth == 0 {
			continue
		}
		if v.edge[level], err = r.Tile(level, count/tlog.TileWidth); err != nil {
			return nil, g.own(tlog.Tile{Level: level, N: count / tlog.TileWidth, Width: int(count % tlog.TileWidth)}, err)
		}
	}
	g.seen.Store(v)
	return v, nil
}

// own turns a tile of the database's that the tree has not into the ledger's
// word for it: it was altered.
func (g *Gallery) own(t tlog.Tile, err error) error {
	if errors.Is(err, tlog.ErrTile) {
		g.o.Logger.Error("the database has another tile than the signed tree; it is not served", "tile", t.Path(), "error", err)
		return docket.AlteredF("%s is not what the published tree has: %v", t.Path(), err)
	}
	return err
}

// read asks the database, a few at a time.
func (g *Gallery) read(ctx context.Context, t tlog.Tile) ([]byte, error) {
	select {
	case g.busy <- struct{}{}:
		defer func() { <-g.busy }()
		return g.o.Log.Tile(ctx, t)
	case <-ctx.Done():
		return nil, &docket.Unavailable{Cause: fmt.Errorf("couldn't wait for a read of %s: %w", t.Path(), ctx.Err())}
	}
}

// full returns a complete tile or bundle: from memory, the store or, where
// that has it not or another, the database. Each is checked before it is kept.
func (g *Gallery) full(ctx context.Context, v *view, t tlog.Tile) ([]byte, error) {
	if b, ok := g.keep.at(t); ok {
		g.o.Served(Memory)
		return b, nil
	}
	want, err := g.expected(ctx, v, t)
	if err != nil {
		return nil, err
	}
	if b, ok := g.fromStore(ctx, t, want); ok {
		g.o.Served(Shelf)
		g.keep.put(t, b)
		return b, nil
	}
	b, err := g.read(ctx, t)
	if err != nil {
		return nil, err
	}
	if err := want(b); err != nil {
		return nil, g.own(t, err)
	}
	g.o.Served(Database)
	g.keep.put(t, b)
	return b, nil
}

// expected returns what judges the bytes of a complete tile or bundle by what
// was judged before: a bundle by its leaf hashes, a tile by the one above it.
func (g *Gallery) expected(ctx context.Context, v *view, t tlog.Tile) (func([]byte) error, error) {
	above := tlog.Tile{Level: t.Level + 1, N: t.N / tlog.TileWidth, Width: tlog.TileWidth}
	if t.Entries {
		above.Level, above.N = 0, t.N
	}
	hashes := v.edge[above.Level]
	if above.In(v.size) {
		b, err := g.full(ctx, v, above)
		if err != nil {
			return nil, err
		}
		if hashes, err = tlog.DecodeTile(b, tlog.TileWidth); err != nil {
			return nil, err
		}
	}
	if t.Entries {
		return func(b []byte) error { return check(t, b, hashes) }, nil
	}
	root := hashes[t.N%tlog.TileWidth]
	return func(b []byte) error {
		below, err := tlog.DecodeTile(b, tlog.TileWidth)
		if err == nil && tlog.Join(below) != root {
			err = fmt.Errorf("it hashes to another root: %w", tlog.ErrTile)
		}
		return err
	}, nil
}

// check compares a bundle with its leaf hashes.
func check(t tlog.Tile, b []byte, hashes []evidence.Digest) error {
	entries, err := tlog.DecodeEntries(b, t.Width)
	if err != nil {
		return err
	}
	return tlog.CheckEntries(entries, hashes)
}

// cut returns the first t.Width of a complete tile or bundle.
func cut(b []byte, t tlog.Tile) ([]byte, error) {
	if t.Full() {
		return b, nil
	}
	if !t.Entries {
		return b[:t.Width*len(evidence.Digest{})], nil
	}
	entries, err := tlog.DecodeEntries(b, tlog.TileWidth)
	if err != nil {
		return nil, err
	}
	return tlog.EncodeEntries(entries[:t.Width])
}
