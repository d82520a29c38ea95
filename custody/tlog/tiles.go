package tlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/evidence-custody/custodyd/evidence"
)

// TileWidth is the number of hashes of a full tile, and of entries of a full
// bundle (C2SP tlog-tiles, "Merkle Tree").
const TileWidth = 256

// MaxBundle bounds an entry bundle, in bytes: 256 entries, each of at most
// 65,535 bytes after its two bytes of length.
const MaxBundle = TileWidth * (2 + maxLeaf)

// maxTileLevel is the highest level that a tile's path can say.
const maxTileLevel = 63

// Errors of tiles. ErrTilePath: not the path of a tile, or not its one
// spelling. ErrTile: not the tile or bundle that the tree has there.
var (
	ErrTilePath = errors.New("not the path of a tile")
	ErrTile     = errors.New("not what the tree has there")
)

// Tile names a tile of a log's tree: Width hashes from the 256·N-th at Level,
// where level 0 holds leaf hashes and each level above the roots of the full
// tiles below. With Entries it names a bundle: the entries of the level 0 tile
// with the same N and Width.
type Tile struct {
	Entries bool // then Level is 0
	Level   int
	N       uint64
	Width   int // 1..256; 256 is a full tile
}

// Full reports whether the tile is complete, so that no larger tree changes it.
func (t Tile) Full() bool { return t.Width == TileWidth }

// First is the position at its level of the tile's first hash.
func (t Tile) First() uint64 { return t.N * TileWidth }

// In reports whether the tree of size leaves has every hash of the tile.
func (t Tile) In(size uint64) bool {
	return size <= MaxSize && t.Level >= 0 && t.Width >= 1 && t.Width <= TileWidth && t.N < MaxSize &&
		t.First()+uint64(t.Width) <= size>>(8*t.Level)
}

// Path returns the tile's path below the log's prefix, such as
// tile/1/x001/x234/067.p/8 or tile/entries/000.
func (t Tile) Path() string {
	n := fmt.Sprintf("%03d", t.N%1000)
	for rest := t.N / 1000; rest > 0; rest /= 1000 {
		n = fmt.Sprintf("x%03d/%s", rest%1000, n)
	}
	level := "entries"
	if !t.Entries {
		level = strconv.Itoa(t.Level)
	}
	if t.Full() {
		return "tile/" + level + "/" + n
	}
	return "tile/" + level + "/" + n + ".p/" + strconv.Itoa(t.Width)
}

// ParseTilePath reads exactly what Path writes; N is below MaxSize. Errors
// wrap ErrTilePath.
func ParseTilePath(path string) (Tile, error) {
	bad := fmt.Errorf("couldn't read %.80q: %w", path, ErrTilePath)
	parts := strings.Split(path, "/")
	if len(path) > 64 || len(parts) < 3 || parts[0] != "tile" {
		return Tile{}, bad
	}
	t := Tile{Entries: parts[1] == "entries", Width: TileWidth}
	var err error
	if !t.Entries {
		if t.Level, err = strconv.Atoi(parts[1]); err != nil || t.Level < 0 || t.Level > maxTileLevel {
			return Tile{}, bad
		}
	}
	parts = parts[2:]
	if last := len(parts) - 1; last > 0 && strings.HasSuffix(parts[last-1], ".p") {
		if t.Width, err = strconv.Atoi(parts[last]); err != nil || t.Width < 1 || t.Width >= TileWidth {
			return Tile{}, bad
		}
		parts = parts[:last]
		parts[last-1] = strings.TrimSuffix(parts[last-1], ".p")
	}
	if len(parts) > 6 { // 10^18 is over MaxSize
		return Tile{}, bad
	}
	for _, p := range parts {
		digits, err := strconv.ParseUint(strings.TrimPrefix(p, "x"), 10, 64)
		if err != nil || digits > 999 {
			return Tile{}, bad
		}
		t.N = t.N*1000 + digits
	}
	// The comparison is what judges: one tile, one spelling.
	if t.N >= MaxSize || t.Path() != path {
		return Tile{}, bad
	}
	return t, nil
}

// TileOf returns the tile that holds the node in the tree of size leaves, as
// wide as that tree has it, and where in it the hashes under the node stand.
func TileOf(n Node, size uint64) (t Tile, from, to int, err error) {
	if n.Level < 0 || n.Level > maxTileLevel || size > MaxSize || n.N >= size>>n.Level {
		return Tile{}, 0, 0, fmt.Errorf("no complete subtree %d at level %d in a tree of %d leaves", n.N, n.Level, size)
	}
	shift := n.Level % 8
	first := n.N << shift
	t = tileAt(n.Level/8, first/TileWidth, size)
	from = int(first % TileWidth)
	return t, from, from + 1<<shift, nil
}

// tileAt returns a tile as wide as the tree of size leaves has it; a Width of 0
// or less says that it has none.
func tileAt(level int, n, size uint64) Tile {
	return Tile{Level: level, N: n, Width: int(min(TileWidth, int64(size>>(8*level))-int64(n*TileWidth)))}
}

// FullTiles returns how many full tiles of a level the tree of size leaves has.
func FullTiles(level int, size uint64) uint64 { return size >> (8 * (level + 1)) }

// Join returns the root over a power of two of hashes; it panics on any other
// number of them.
func Join(hashes []evidence.Digest) evidence.Digest {
	if len(hashes) == 0 || len(hashes)&(len(hashes)-1) != 0 {
		panic(fmt.Sprintf("tlog: no complete subtree has %d hashes", len(hashes)))
	}
	row := append(make([]evidence.Digest, 0, len(hashes)), hashes...)
	for ; len(row) > 1; row = row[:len(row)/2] {
		for i := range len(row) / 2 {
			row[i] = NodeHash(row[2*i], row[2*i+1])
		}
	}
	return row[0]
}

// EncodeTile returns the tile's bytes: its hashes one after another.
func EncodeTile(hashes []evidence.Digest) []byte {
	b := make([]byte, 0, len(hashes)*len(evidence.Digest{}))
	for i := range hashes {
		b = append(b, hashes[i][:]...)
	}
	return b
}

// DecodeTile reads a tile of exactly width hashes. Errors wrap ErrTile.
func DecodeTile(b []byte, width int) ([]evidence.Digest, error) {
	const each = len(evidence.Digest{})
	if width < 1 || width > TileWidth || len(b) != width*each {
		return nil, fmt.Errorf("couldn't read %d hashes from %d bytes: %w", width, len(b), ErrTile)
	}
	hashes := make([]evidence.Digest, width)
	for i := range hashes {
		copy(hashes[i][:], b[i*each:])
	}
	return hashes, nil
}

// EncodeEntries returns a bundle's bytes: each entry after its length, two
// bytes, big endian (C2SP tlog-tiles, "Log entries").
func EncodeEntries(entries [][]byte) ([]byte, error) {
	if len(entries) < 1 || len(entries) > TileWidth {
		return nil, fmt.Errorf("couldn't make a bundle of %d entries", len(entries))
	}
	n := 0
	for i, e := range entries {
		if len(e) == 0 || len(e) > maxLeaf {
			return nil, fmt.Errorf("couldn't make a bundle: entry %d has %d bytes", i, len(e))
		}
		n += 2 + len(e)
	}
	b := make([]byte, 0, n)
	for _, e := range entries {
		b = binary.BigEndian.AppendUint16(b, uint16(len(e)))
		b = append(b, e...)
	}
	return b, nil
}

// DecodeEntries reads a bundle of exactly width entries, none of them empty.
// The entries share b's memory. Errors wrap ErrTile.
func DecodeEntries(b []byte, width int) ([][]byte, error) {
	entries, rest, err := splitEntries(b, width)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("couldn't read a bundle of %d entries: %d bytes follow: %w", width, len(rest), ErrTile)
	}
	if err != nil {
		return nil, err
	}
	return entries, nil
}

// splitEntries reads the first width entries and returns what follows.
func splitEntries(b []byte, width int) (entries [][]byte, rest []byte, err error) {
	if width < 1 || width > TileWidth {
		return nil, nil, fmt.Errorf("couldn't read a bundle of %d entries: %w", width, ErrTile)
	}
	entries = make([][]byte, width)
	for i := range entries {
		if len(b) < 2 {
			return nil, nil, fmt.Errorf("couldn't read a bundle: it ends before entry %d of %d: %w", i, width, ErrTile)
		}
		n := int(binary.BigEndian.Uint16(b))
		if b = b[2:]; n == 0 || len(b) < n {
			return nil, nil, fmt.Errorf("couldn't read a bundle: entry %d of %d has %d bytes of %d: %w", i, width, len(b), n, ErrTile)
		}
		entries[i], b = b[:n:n], b[n:]
	}
	return entries, b, nil
}

// CheckEntries compares a bundle's entries with the level 0 tile of the same
// place. Errors wrap ErrTile.
func CheckEntries(entries [][]byte, leafHashes []evidence.Digest) error {
	if len(entries) != len(leafHashes) {
		return fmt.Errorf("%d entries for %d leaves: %w", len(entries), len(leafHashes), ErrTile)
	}
	for i, e := range entries {
		if LeafHash(e) != leafHashes[i] {
			return fmt.Errorf("entry %d of the bundle hashes to another leaf: %w", i, ErrTile)
		}
	}
	return nil
}
