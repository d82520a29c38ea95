package tlog

import (
	"fmt"
	"sync"

	"github.com/evidence-custody/custodyd/evidence"
)

// TileFetch returns the bytes of a tile or bundle from wherever they are kept.
// Where a partial one is asked for, those of a wider one will do: a log may
// drop partial tiles once they are full.
type TileFetch func(Tile) ([]byte, error)

// TileReader reads a tree of which only size and root are known from tiles of
// any origin. It believes no tile: each is checked against the root, through
// the tiles above it, before anything of it is used. It implements Reader, and
// is safe for concurrent use where its TileFetch is.
type TileReader struct {
	size  uint64
	root  evidence.Digest
	fetch TileFetch

	mu         sync.Mutex
	edge       map[int][]evidence.Digest // partial tiles by level, checked; nil until they are
	young, old map[Tile][]evidence.Digest
}

// keptTiles bounds what a TileReader remembers, in tiles of 8 KiB.
const keptTiles = 1024

// NewTileReader returns a reader of the tree with this size and root; both
// come from a checkpoint whose signature was verified.
func NewTileReader(size uint64, root evidence.Digest, fetch TileFetch) (*TileReader, error) {
	if size > MaxSize {
		return nil, fmt.Errorf("couldn't read a tree of %d leaves: no log has more than %d", size, uint64(MaxSize))
	}
	if size == 0 && root != EmptyRoot {
		return nil, fmt.Errorf("couldn't read a tree without leaves: its root is not that of one: %w", ErrTile)
	}
	return &TileReader{size: size, root: root, fetch: fetch, young: map[Tile][]evidence.Digest{}}, nil
}

// Size returns the number of leaves of the tree.
func (r *TileReader) Size() uint64 { return r.size }

// Hashes implements Reader. What a fetch fails with comes back wrapped; a tile
// that is not the tree's is an error that wraps ErrTile.
func (r *TileReader) Hashes(nodes []Node) ([]evidence.Digest, error) {
	out := make([]evidence.Digest, len(nodes))
	for i, n := range nodes {
		t, from, to, err := TileOf(n, r.size)
		if err != nil {
			return nil, err
		}
		hashes, err := r.Tile(t.Level, t.N)
		if err != nil {
			return nil, err
		}
		out[i] = Join(hashes[from:to])
	}
	return out, nil
}

// Tile returns the hashes of a tile as wide as the tree has it, checked. The
// caller must not change them.
func (r *TileReader) Tile(level int, n uint64) ([]evidence.Digest, error) {
	t := tileAt(level, n, r.size)
	if level < 0 || !t.In(r.size) {
		return nil, fmt.Errorf("no tile %d of level %d in a tree of %d leaves", n, level, r.size)
	}
	edge, err := r.checkedEdge()
	if err != nil {
		return nil, err
	}
	if !t.Full() {
		return edge[level], nil
	}
	if hashes, ok := r.kept(t); ok {
		return hashes, nil
	}
	// Upwards until a partial tile: there is one at the top of every tree.
	above, err := r.Tile(level+1, n/TileWidth)
	if err != nil {
		return nil, err
	}
	hashes, err := r.fetched(t)
	if err != nil {
		return nil, err
	}
	if Join(hashes) != above[n%TileWidth] {
		return nil, fmt.Errorf("couldn't use %s: %w", t.Path(), ErrTile)
	}
	r.keep(t, hashes)
	return hashes, nil
}

// Entries returns the entries of bundle n as far as the tree has them, checked
// against their leaf hashes.
func (r *TileReader) Entries(n uint64) ([][]byte, error) {
	leaves, err := r.Tile(0, n)
	if err != nil {
		return nil, err
	}
	t := Tile{Entries: true, N: n, Width: len(leaves)}
	b, err := r.fetch(t)
	if err != nil {
		return nil, fmt.Errorf("couldn't fetch %s: %w", t.Path(), err)
	}
	entries, rest, err := splitEntries(b, t.Width)
	for n := t.Width; err == nil && len(rest) > 0; n++ { // a wider bundle
		if n == TileWidth {
			err = fmt.Errorf("it has more than %d entries: %w", TileWidth, ErrTile)
		} else {
			_, rest, err = splitEntries(rest, 1)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't use %s: %w", t.Path(), err)
	}
	if err := CheckEntries(entries, leaves); err != nil {
		return nil, fmt.Errorf("couldn't use %s: %w", t.Path(), err)
	}
	return entries, nil
}

// checkedEdge fetches the partial tile of each level once and computes the
// root from them: every hash of theirs goes into it.
func (r *TileReader) checkedEdge() (map[int][]evidence.Digest, error) {
	r.mu.Lock()
	edge := r.edge
	r.mu.Unlock()
	if edge != nil {
		return edge, nil
	}
	edge = map[int][]evidence.Digest{}
	for level := 0; r.size>>(8*level) > 0; level++ {
		count := r.size >> (8 * level)
		t := tileAt(level, count/TileWidth, r.size)
		if t.Width == 0 {
			continue
		}
		hashes, err := r.fetched(t)
		if err != nil {
			return nil, err
		}
		edge[level] = hashes
	}
	root, err := Root(r.size, ReaderFunc(func(nodes []Node) ([]evidence.Digest, error) {
		out := make([]evidence.Digest, len(nodes))
		for i, n := range nodes {
			t, from, to, err := TileOf(n, r.size)
			if err != nil {
				return nil, err
			}
			if t.Full() {
				return nil, fmt.Errorf("the root of %d leaves needs %s", r.size, t.Path())
			}
			out[i] = Join(edge[t.Level][from:to])
		}
		return out, nil
	}))
	if err != nil {
		return nil, err
	}
	if root != r.root {
		return nil, fmt.Errorf("couldn't use the partial tiles of %d leaves: they hash to another root: %w", r.size, ErrTile)
	}
	r.mu.Lock()
	r.edge = edge
	r.mu.Unlock()
	return edge, nil
}

// fetched fetches the hashes of a tile, unchecked.
func (r *TileReader) fetched(t Tile) ([]evidence.Digest, error) {
	b, err := r.fetch(t)
	if err != nil {
		return nil, fmt.Errorf("couldn't fetch %s: %w", t.Path(), err)
	}
	const each = len(evidence.Digest{})
	if wider := len(b) / each; len(b)%each == 0 && wider > t.Width && wider <= TileWidth {
		b = b[:t.Width*each]
	}
	hashes, err := DecodeTile(b, t.Width)
	if err != nil {
		return nil, fmt.Errorf("couldn't use %s: %w", t.Path(), err)
	}
	return hashes, nil
}

// Two generations: what is used moves to the young one, and when that is full
// the old one is forgotten.
func (r *TileReader) kept(t Tile) ([]evidence.Digest, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if hashes, ok := r.young[t]; ok {
		return hashes, true
	}
	hashes, ok := r.old[t]
	if ok {
		r.store(t, hashes)
	}
	return hashes, ok
}

func (r *TileReader) keep(t Tile, hashes []evidence.Digest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.store(t, hashes)
}

func (r *TileReader) store(t Tile, hashes []evidence.Digest) {
	if len(r.young) >= keptTiles/2 {
		r.old, r.young = r.young, map[Tile][]evidence.Digest{}
	}
	r.young[t] = hashes
}
