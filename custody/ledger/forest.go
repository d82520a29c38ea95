package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"sync"

	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

const tileWidth = 256 // hashes of a tile

// tile is a complete tile: level 0 holds leaf hashes, each level above the
// roots of the tiles below.
type tile struct {
	level  int
	n      uint64
	root   evidence.Digest
	hashes []evidence.Digest
}

// edge holds the hashes that no complete tile holds yet, by tile level.
type edge struct {
	size  uint64
	tails [][]evidence.Digest
}

func (e *edge) clone() edge {
	c := edge{size: e.size, tails: make([][]evidence.Digest, len(e.tails))}
	for i, t := range e.tails {
		c.tails[i] = append(make([]evidence.Digest, 0, tileWidth), t...)
	}
	return c
}

// append adds a leaf and returns the tiles that it completes.
func (e *edge) append(h evidence.Digest) []tile {
	var full []tile
	e.size++
	for level := 0; ; level++ {
		if level == len(e.tails) {
			e.tails = append(e.tails, nil)
		}
		e.tails[level] = append(e.tails[level], h)
		if len(e.tails[level]) < tileWidth {
			return full
		}
		t := tile{level: level, n: e.size>>(8*(level+1)) - 1, hashes: e.tails[level], root: join(e.tails[level])}
		e.tails[level] = nil
		full = append(full, t)
		h = t.root
	}
}

// join returns the root of a power of two of hashes.
func join(hashes []evidence.Digest) evidence.Digest {
	row := append([]evidence.Digest(nil), hashes...)
	for len(row) > 1 {
		for i := range len(row) / 2 {
			row[i] = tlog.NodeHash(row[2*i], row[2*i+1])
		}
		row = row[:len(row)/2]
	}
	return row[0]
}

type tileID struct {
	level int
	n     uint64
}

// forest reads the hashes of complete subtrees: from memory where this process
// appended them, else from the database. A complete subtree never changes, so
// a hash is right for every tree size that includes it.
type forest struct {
	db    *sql.DB
	mu    sync.RWMutex
	edge  edge
	tiles *cache[tileID, []evidence.Digest]
}

func newForest(db *sql.DB) *forest {
	return &forest{db: db, tiles: newCache[tileID, []evidence.Digest](1024)}
}

// advance replaces the edge after a commit.
func (f *forest) advance(e edge, full []tile) {
	for _, t := range full {
		f.tiles.put(tileID{t.level, t.n}, t.hashes)
	}
	f.mu.Lock()
	f.edge = e
	f.mu.Unlock()
}

// reader returns a tlog.Reader for one proof.
func (f *forest) reader(ctx context.Context) tlog.Reader {
	return tlog.ReaderFunc(func(nodes []tlog.Node) ([]evidence.Digest, error) {
		out := make([]evidence.Digest, len(nodes))
		for i, n := range nodes {
			h, err := f.node(ctx, n)
			if err != nil {
				return nil, err
			}
			out[i] = h
		}
		return out, nil
	})
}

func (f *forest) node(ctx context.Context, n tlog.Node) (evidence.Digest, error) {
	level, shift := n.Level/8, n.Level%8
	start, count := n.N<<shift, 1<<shift
	k, off := start/tileWidth, int(start%tileWidth)
	hashes, err := f.tile(ctx, tileID{level, k}, off+count)
	if err != nil {
		return evidence.Digest{}, err
	}
	if len(hashes) < off+count {
		return evidence.Digest{}, docket.AlteredF("tile %d of level %d has %d hashes of %d", k, level, len(hashes), off+count)
	}
	return join(hashes[off : off+count]), nil
}

// tile returns at least the first need hashes of a tile.
func (f *forest) tile(ctx context.Context, id tileID, need int) ([]evidence.Digest, error) {
	if hashes, ok := f.tiles.at(id); ok {
		return hashes, nil
	}
	f.mu.RLock()
	if id.level < len(f.edge.tails) && f.edge.size>>(8*(id.level+1)) == id.n && len(f.edge.tails[id.level]) >= need {
		tail := f.edge.tails[id.level]
		f.mu.RUnlock()
		return tail, nil
	}
	f.mu.RUnlock()
	return readTile(ctx, f.db, f.tiles, id, need)
}

func readTile(ctx context.Context, q querier, keep *cache[tileID, []evidence.Digest], id tileID, need int) ([]evidence.Digest, error) {
	rows, err := q.QueryContext(ctx, `SELECT hashes FROM custody.tiles WHERE level = $1 AND n = $2`, id.level, int64(id.n))
	whole, err := collect(rows, err, func(r *sql.Rows) (b []byte, err error) { return b, r.Scan(&b) })
	if err != nil {
		return nil, fmt.Errorf("couldn't read tile %d of level %d: %w", id.n, id.level, err)
	}
	if len(whole) == 1 {
		hashes := make([]evidence.Digest, tileWidth)
		for i := range hashes {
			copy(hashes[i][:], whole[0][i*len(hashes[i]):])
		}
		keep.put(id, hashes)
		return hashes, nil
	}
	query := `SELECT root FROM custody.tiles WHERE level = $3 AND n >= $1 AND n < $2 ORDER BY n`
	args := []any{int64(id.n * tileWidth), int64(id.n*tileWidth) + int64(need), id.level - 1}
	if id.level == 0 {
		query, args = `SELECT leaf_hash FROM custody.events WHERE index >= $1 AND index < $2 ORDER BY index`, args[:2]
	}
	rows, err = q.QueryContext(ctx, query, args...)
	hashes, err := collect(rows, err, scanID)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the start of tile %d of level %d: %w", id.n, id.level, err)
	}
	return hashes, nil
}

func scanID(r *sql.Rows) (id evidence.Digest, err error) { return id, r.Scan(idValue{&id}) }

// readEdge reads the edge of a tree of size leaves from the database.
func readEdge(ctx context.Context, q querier, keep *cache[tileID, []evidence.Digest], size uint64) (edge, error) {
	e := edge{size: size}
	for level := 0; size>>(8*level) > 0; level++ {
		count := size >> (8 * level)
		part := int(count % tileWidth)
		var tail []evidence.Digest
		if part > 0 {
			var err error
			if tail, err = readTile(ctx, q, keep, tileID{level, count / tileWidth}, part); err != nil {
				return edge{}, err
			}
			if len(tail) != part {
				return edge{}, docket.AlteredF("of the %d newest hashes of level %d, %d are there", part, level, len(tail))
			}
		}
		e.tails = append(e.tails, tail)
	}
	return e, nil
}
