package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"sync"

	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

const tileWidth = 256 // hashes of a tile

// twigs are the hashes of a tile, complete or not, and above them in row k the
// roots of each 2^k of them: what a proof asks for is there and never hashed
// again. A complete tile's last row is its root.
type twigs [9][]evidence.Digest

// append adds a hash. A copy of the twigs made before doesn't see it, though
// both share memory: of that only what is beyond the copy's length is written.
func (t *twigs) append(h evidence.Digest) {
	for k := 0; ; k++ {
		if t[k] == nil {
			t[k] = make([]evidence.Digest, 0, tileWidth>>k)
		}
		t[k] = append(t[k], h)
		n := len(t[k])
		if n%2 == 1 {
			return
		}
		h = tlog.NodeHash(t[k][n-2], t[k][n-1])
	}
}

// grow makes the twigs of these hashes.
func grow(hashes []evidence.Digest) *twigs {
	t := new(twigs)
	for _, h := range hashes {
		t.append(h)
	}
	return t
}

// tile is a complete tile: level 0 holds leaf hashes, each level above the
// roots of the tiles below.
type tile struct {
	level int
	n     uint64
	twigs *twigs
}

func (t tile) root() evidence.Digest { return t.twigs[len(t.twigs)-1][0] }

// edge holds the hashes that no complete tile holds yet, by tile level.
type edge struct {
	size  uint64
	tails []twigs
}

// clone returns an edge that can be appended to without the other noticing.
// Of the two, only one may be appended to.
func (e *edge) clone() edge { return edge{size: e.size, tails: slices.Clone(e.tails)} }

// append adds a leaf and returns the tiles that it completes.
func (e *edge) append(h evidence.Digest) []tile {
	var full []tile
	e.size++
	for level := 0; ; level++ {
		if level == len(e.tails) {
			e.tails = append(e.tails, twigs{})
		}
		e.tails[level].append(h)
		if len(e.tails[level][0]) < tileWidth {
			return full
		}
		whole := e.tails[level]
		t := tile{level: level, n: e.size>>(8*(level+1)) - 1, twigs: &whole}
		e.tails[level] = twigs{}
		full = append(full, t)
		h = t.root()
	}
}

type tileID struct {
	level int
	n     uint64
}

// forest reads the hashes of complete subtrees: from memory where this process
// appended them, else from the database. A complete subtree never changes, so
// a hash is right for every tree size that includes it.
type forest struct {
	db    querier
	mu    sync.RWMutex
	edge  edge
	tiles *cache[tileID, *twigs]
}

func newForest(db querier) *forest {
	return &forest{db: db, tiles: newCache[tileID, *twigs](1024)}
}

// advance replaces the edge after a commit.
func (f *forest) advance(e edge, full []tile) {
	for _, t := range full {
		f.tiles.put(tileID{t.level, t.n}, t.twigs)
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
	level, row := n.Level/8, n.Level%8
	start := n.N << row // its first hash in the tiles' row 0
	k, off := start/tileWidth, int(start%tileWidth)>>row
	t, err := f.tile(ctx, tileID{level, k}, row, off)
	if err != nil {
		return evidence.Digest{}, err
	}
	if len(t[row]) <= off {
		return evidence.Digest{}, docket.AlteredF("tile %d of level %d has %d hashes, and %d are needed", k, level, len(t[0]), (off+1)<<row)
	}
	return t[row][off], nil
}

// tile returns a tile that has at least twig off of that row.
func (f *forest) tile(ctx context.Context, id tileID, row, off int) (*twigs, error) {
	if t, ok := f.tiles.at(id); ok {
		return t, nil
	}
	f.mu.RLock()
	if id.level < len(f.edge.tails) && f.edge.size>>(8*(id.level+1)) == id.n && len(f.edge.tails[id.level][row]) > off {
		tail := f.edge.tails[id.level]
		f.mu.RUnlock()
		return &tail, nil
	}
	f.mu.RUnlock()
	return readTile(ctx, f.db, f.tiles, id, (off+1)<<row)
}

// readTile reads a complete tile, or else the first need hashes of one.
func readTile(ctx context.Context, q querier, keep *cache[tileID, *twigs], id tileID, need int) (*twigs, error) {
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
		t := grow(hashes)
		keep.put(id, t)
		return t, nil
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
	return grow(hashes), nil
}

func scanID(r *sql.Rows) (id evidence.Digest, err error) { return id, r.Scan(idValue{&id}) }

// readEdge reads the edge of a tree of size leaves from the database.
func readEdge(ctx context.Context, q querier, keep *cache[tileID, *twigs], size uint64) (edge, error) {
	e := edge{size: size}
	for level := 0; size>>(8*level) > 0; level++ {
		count := size >> (8 * level)
		part := int(count % tileWidth)
		tail := new(twigs)
		if part > 0 {
			var err error
			if tail, err = readTile(ctx, q, keep, tileID{level, count / tileWidth}, part); err != nil {
				return edge{}, err
			}
			if len(tail[0]) < part {
				return edge{}, docket.AlteredF("of the %d newest hashes of level %d, %d are there", part, level, len(tail[0]))
			}
			if len(tail[0]) > part { // another replica has completed the tile since size was read
				tail = grow(tail[0][:part])
			}
		}
		e.tails = append(e.tails, *tail)
	}
	return e, nil
}
