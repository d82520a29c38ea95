package tlog_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	modtlog "golang.org/x/mod/sumdb/tlog"

	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

func TestTilePaths(t *testing.T) {
	for path, want := range map[string]tlog.Tile{
		"tile/0/000":                     {Width: 256},
		"tile/0/000.p/1":                 {Width: 1},
		"tile/1/x001/x234/067":           {Level: 1, N: 1234067, Width: 256},
		"tile/5/x001/000.p/255":          {Level: 5, N: 1000, Width: 255},
		"tile/63/999":                    {Level: 63, N: 999, Width: 256},
		"tile/entries/x123/x456/789":     {Entries: true, N: 123456789, Width: 256},
		"tile/entries/273.p/112":         {Entries: true, N: 273, Width: 112},
		"tile/0/x009/x007/x199/x254/740": {N: 9007199254740, Width: 256},
	} {
		got, err := tlog.ParseTilePath(path)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", path, got, err, want)
		}
		if want.Path() != path {
			t.Errorf("%+v: %s, want %s", want, want.Path(), path)
		}
	}
	for _, path := range []string{
		"", "tile", "tile/0", "tile/0/", "/tile/0/000", "tile//000", "tile/0/000/", "tile/0//000",
		"tile/00/000", "tile/+1/000", "tile/-1/000", "tile/64/000", "tile/256/000", "tile/ 0/000", "tile/data/000", "tile/Entries/000", "tile/0x1/000",
		"tile/0/0", "tile/0/00", "tile/0/0000", "tile/0/1000", "tile/0/x000/000", "tile/0/x000/001", "tile/0/000/001", "tile/0/x001", "tile/0/X001/000",
		"tile/0/x01/000", "tile/0/x0001/000", "tile/0/xx001/000", "tile/0/x+01/000", "tile/0/-01", "tile/0/+01",
		"tile/0/000.p", "tile/0/000.p/", "tile/0/000.p/0", "tile/0/000.p/00", "tile/0/000.p/01", "tile/0/000.p/256", "tile/0/000.p/+1", "tile/0/000.p/-1", "tile/0/000.p/1/1", "tile/0/.p/1", "tile/0/000.q/1",
		"tile/8/0/000", "tile/0/x009/x007/x199/x254/x740/991", "tile/0/x001/x000/x000/x000/x000/x000/000", "tile/0/" + strings.Repeat("x001/", 20) + "000",
		"tile/0/０００", "tile/0/000\x00", "checkpoint",
	} {
		if got, err := tlog.ParseTilePath(path); !errors.Is(err, tlog.ErrTilePath) {
			t.Errorf("%q is taken for %+v (%v)", path, got, err)
		}
	}
}

// TestTileOfExample walks the example of C2SP tlog-tiles, "Partial Tiles".
func TestTileOfExample(t *testing.T) {
	const size = 70000
	for _, c := range []struct {
		tile tlog.Tile
		in   bool
	}{
		{tlog.Tile{N: 272, Width: 256}, true}, {tlog.Tile{N: 273, Width: 112}, true}, {tlog.Tile{N: 273, Width: 113}, false}, {tlog.Tile{N: 273, Width: 256}, false},
		{tlog.Tile{Level: 1, Width: 256}, true}, {tlog.Tile{Level: 1, N: 1, Width: 17}, true}, {tlog.Tile{Level: 1, N: 1, Width: 18}, false},
		{tlog.Tile{Level: 2, Width: 1}, true}, {tlog.Tile{Level: 2, Width: 2}, false}, {tlog.Tile{Level: 3, Width: 1}, false}, {tlog.Tile{Level: 63, Width: 1}, false},
		{tlog.Tile{N: 274, Width: 1}, false}, {tlog.Tile{N: 0, Width: 0}, false}, {tlog.Tile{N: 0, Width: 257}, false}, {tlog.Tile{N: 1 << 60, Width: 1}, false}, {tlog.Tile{Level: -1, Width: 1}, false},
	} {
		if got := c.tile.In(size); got != c.in {
			t.Errorf("%+v in a tree of %d: %t", c.tile, size, got)
		}
	}
	for level, want := range []uint64{273, 1, 0, 0, 0, 0, 0, 0, 0} {
		if got := tlog.FullTiles(level, size); got != want {
			t.Errorf("%d full tiles of level %d, want %d", got, level, want)
		}
	}
}

// forestOf builds a log of size entries and serves its tiles.
type forestOf struct {
	entries [][]byte
	tree    tlog.Tree
}

func plant(size int) *forestOf {
	f := &forestOf{}
	for i := range size {
		e := fmt.Appendf(nil, "entry %d", i)
		f.entries = append(f.entries, e)
		f.tree.Append(tlog.LeafHash(e))
	}
	return f
}

func (f *forestOf) fetch(t tlog.Tile) ([]byte, error) {
	if t.Entries {
		return tlog.EncodeEntries(f.entries[t.First() : t.First()+uint64(t.Width)])
	}
	nodes := make([]tlog.Node, t.Width)
	for i := range nodes {
		nodes[i] = tlog.Node{Level: 8 * t.Level, N: t.First() + uint64(i)}
	}
	hashes, err := f.tree.Hashes(nodes)
	return tlog.EncodeTile(hashes), err
}

// TestTileReaderReadsTheTree compares proofs from tiles with those from the
// tree in memory, at every kind of edge, and each tile read with x/mod's own.
func TestTileReaderReadsTheTree(t *testing.T) {
	f := plant(66000)
	random := rand.New(rand.NewPCG(1, 2))
	for _, size := range []uint64{1, 2, 3, 255, 256, 257, 511, 512, 513, 1000, 65535, 65536, 65537, 65792, 66000} {
		root, err := f.tree.Root(size)
		if err != nil {
			t.Fatal(err)
		}
		asked := map[string]int{}
		r, err := tlog.NewTileReader(size, root, func(tile tlog.Tile) ([]byte, error) {
			if !tile.In(size) {
				t.Errorf("asked for %s of a tree of %d", tile.Path(), size)
			}
			asked[tile.Path()]++
			b, err := f.fetch(tile)
			theirs, merr := modtlog.ParseTilePath(strings.Replace(tile.Path(), "tile/", "tile/8/", 1))
			if merr != nil || theirs.N != int64(tile.N) || theirs.L != tile.Level || theirs.W != tile.Width {
				t.Errorf("x/mod reads %s as %+v (%v)", tile.Path(), theirs, merr)
			}
			return b, err
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range []uint64{0, size - 1, size / 2, random.Uint64N(size)} {
			proof, err := tlog.ProveInclusion(size, i, r)
			if err != nil {
				t.Fatalf("leaf %d of %d: %v", i, size, err)
			}
			if err := tlog.VerifyInclusion(tlog.LeafHash(f.entries[i]), i, size, proof, root); err != nil {
				t.Errorf("leaf %d of %d: %v", i, size, err)
			}
			from := random.Uint64N(size) + 1
			before, err := f.tree.Root(from)
			if err != nil {
				t.Fatal(err)
			}
			between, err := tlog.ProveConsistency(from, size, r)
			if err != nil {
				t.Fatal(err)
			}
			if err := tlog.VerifyConsistency(from, before, size, root, between); err != nil {
				t.Errorf("%d to %d: %v", from, size, err)
			}
		}
		if got, err := tlog.Root(size, r); err != nil || got != root {
			t.Errorf("root of %d: %v, %v", size, got, err)
		}
		for path, n := range asked {
			if n > 1 {
				t.Errorf("size %d: %s was fetched %d times", size, path, n)
			}
		}
		if _, err := r.Hashes([]tlog.Node{{Level: 0, N: size}}); err == nil {
			t.Errorf("a leaf beyond %d is there", size)
		}
		if _, err := r.Tile(0, size/256+1); err == nil {
			t.Errorf("a tile beyond %d is there", size)
		}
	}
}

func TestTileReaderEntries(t *testing.T) {
	f := plant(600)
	root, err := f.tree.Root(600)
	if err != nil {
		t.Fatal(err)
	}
	longer := func(tile tlog.Tile) ([]byte, error) { // a log that keeps full ones only
		if tile.Level == 0 && tile.N < 2 {
			tile.Width = 256
		}
		return f.fetch(tile)
	}
	for name, fetch := range map[string]tlog.TileFetch{"exact": f.fetch, "wider": longer} {
		r, err := tlog.NewTileReader(600, root, fetch)
		if err != nil {
			t.Fatal(err)
		}
		var all [][]byte
		for n := range uint64(3) {
			entries, err := r.Entries(n)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, entries...)
		}
		if len(all) != 600 || !bytes.Equal(bytes.Join(all, nil), bytes.Join(f.entries, nil)) {
			t.Errorf("%s: %d entries, not those of the log", name, len(all))
		}
		if _, err := r.Entries(3); err == nil {
			t.Error("a bundle beyond the tree is there")
		}
	}
	// A smaller tree read from a log that has grown, and dropped its partial tiles.
	early, err := f.tree.Root(300)
	if err != nil {
		t.Fatal(err)
	}
	r, err := tlog.NewTileReader(300, early, longer)
	if err != nil {
		t.Fatal(err)
	}
	if entries, err := r.Entries(1); err != nil || len(entries) != 44 || !bytes.Equal(entries[43], f.entries[299]) {
		t.Errorf("%d entries: %v", len(entries), err)
	}
}

// TestTileReaderBelievesNoTile changes each tile that is fetched, in turn.
func TestTileReaderBelievesNoTile(t *testing.T) {
	f := plant(66000)
	root, err := f.tree.Root(66000)
	if err != nil {
		t.Fatal(err)
	}
	damage := map[string]func([]byte) []byte{
		"bit":   func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"last":  func(b []byte) []byte { b[len(b)-1] ^= 0x80; return b },
		"short": func(b []byte) []byte { return b[:len(b)-1] },
		"less":  func(b []byte) []byte { return b[:len(b)-32] },
		"long":  func(b []byte) []byte { return append(b, 0) },
		"none":  func([]byte) []byte { return nil },
		"swap":  func(b []byte) []byte { return append(b[32:], b[:32]...) },
	}
	paths := map[string]bool{}
	read := func(change func(tlog.Tile, []byte) []byte) error {
		r, err := tlog.NewTileReader(66000, root, func(tile tlog.Tile) ([]byte, error) {
			b, err := f.fetch(tile)
			return change(tile, b), err
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Tile(0, 17); err != nil {
			return err
		}
		if _, err := r.Entries(18); err != nil {
			return err
		}
		_, err = r.Entries(66000 / 256)
		return err
	}
	if err := read(func(tile tlog.Tile, b []byte) []byte { paths[tile.Path()] = true; return b }); err != nil {
		t.Fatal(err)
	}
	if len(paths) < 8 {
		t.Fatalf("only %d tiles were read", len(paths))
	}
	for path := range paths {
		for name, change := range damage {
			if strings.HasSuffix(path, ".p/1") && name == "swap" { // one hash: the same
				continue
			}
			err := read(func(tile tlog.Tile, b []byte) []byte {
				if tile.Path() == path {
					return change(b)
				}
				return b
			})
			if !errors.Is(err, tlog.ErrTile) {
				t.Errorf("%s, %s: %v", path, name, err)
			}
		}
	}
	// A forged history, whole and consistent in itself, under the true root.
	forged := plant(65999)
	forged.entries = append(forged.entries, []byte("another"))
	forged.tree.Append(tlog.LeafHash([]byte("another")))
	r, err := tlog.NewTileReader(66000, root, forged.fetch)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Tile(0, 0); !errors.Is(err, tlog.ErrTile) {
		t.Errorf("a forged tree: %v", err)
	}
	gone := errors.New("gone")
	if r, err = tlog.NewTileReader(66000, root, func(tlog.Tile) ([]byte, error) { return nil, gone }); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Tile(0, 0); !errors.Is(err, gone) || errors.Is(err, tlog.ErrTile) {
		t.Errorf("a fetch that fails: %v", err)
	}
}

func TestEntryBundles(t *testing.T) {
	big := bytes.Repeat([]byte{7}, 65535)
	for _, entries := range [][][]byte{{{1}}, {{1}, {2, 3}, big}, {big}} {
		b, err := tlog.EncodeEntries(entries)
		if err != nil {
			t.Fatal(err)
		}
		got, err := tlog.DecodeEntries(b, len(entries))
		if err != nil || len(got) != len(entries) || !bytes.Equal(bytes.Join(got, nil), bytes.Join(entries, nil)) {
			t.Errorf("%d entries come back as %d (%v)", len(entries), len(got), err)
		}
	}
	for name, entries := range map[string][][]byte{"none": nil, "empty": {{}}, "too long": {append(big, 0)}, "too many": make([][]byte, 257)} {
		if _, err := tlog.EncodeEntries(entries); err == nil {
			t.Errorf("a bundle with %s is made", name)
		}
	}
	for name, c := range map[string]struct {
		b     string
		width int
	}{
		"nothing": {"", 1}, "half a length": {"\x00", 1}, "no entry": {"\x00\x01", 1}, "empty entry": {"\x00\x00", 1}, "less": {"\x00\x01a", 2},
		"more": {"\x00\x01a\x00\x01b", 1}, "bytes after": {"\x00\x01ab", 1}, "width 0": {"", 0}, "width 257": {strings.Repeat("\x00\x01a", 257), 257}, "cut": {"\xff\xffa", 1},
	} {
		if _, err := tlog.DecodeEntries([]byte(c.b), c.width); !errors.Is(err, tlog.ErrTile) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTileBytes(t *testing.T) {
	hashes := []evidence.Digest{{1}, {2}, {3}}
	b := tlog.EncodeTile(hashes)
	if got, err := tlog.DecodeTile(b, 3); err != nil || len(got) != 3 || got[2] != hashes[2] {
		t.Errorf("%v, %v", got, err)
	}
	for _, width := range []int{0, -1, 2, 4, 257} {
		if _, err := tlog.DecodeTile(b, width); !errors.Is(err, tlog.ErrTile) {
			t.Errorf("width %d: %v", width, err)
		}
	}
}

func FuzzParseTilePath(f *testing.F) {
	for _, s := range []string{"tile/0/000", "tile/entries/x001/x234/067.p/8", "tile/63/999.p/255", "tile/0/x000/001", "tile/1/001.p/0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		tile, err := tlog.ParseTilePath(path)
		if err != nil {
			if !errors.Is(err, tlog.ErrTilePath) {
				t.Fatal(err)
			}
			return
		}
		if tile.Path() != path {
			t.Fatalf("%q is read as %s", path, tile.Path())
		}
		tile.In(tlog.MaxSize)
	})
}

func FuzzDecodeEntries(f *testing.F) {
	f.Add([]byte("\x00\x01a\x00\x02bc"), 2)
	f.Add([]byte("\xff\xff"), 1)
	f.Fuzz(func(t *testing.T, b []byte, width int) {
		entries, err := tlog.DecodeEntries(b, width)
		if err != nil {
			if !errors.Is(err, tlog.ErrTile) {
				t.Fatal(err)
			}
			return
		}
		again, err := tlog.EncodeEntries(entries)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x comes back as %x (%v)", b, again, err)
		}
	})
}
