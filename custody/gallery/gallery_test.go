package gallery_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/evidence-custody/custodyd/custody/gallery"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// chain is a log in memory; what Tile gives can be falsified.
type chain struct {
	mu        sync.Mutex
	entries   [][]byte
	tree      tlog.Tree
	published uint64
	shelved   map[int]uint64
	reads     map[string]int
	falsify   map[string]bool
	shelving  sync.Mutex
	forget    bool // SetShelved fails, as for a process that dies before it
}

func newChain(size int) *chain {
	c := &chain{shelved: map[int]uint64{}, reads: map[string]int{}, falsify: map[string]bool{}}
	c.grow(size)
	return c
}

func (c *chain) grow(size int) {
	for i := len(c.entries); i < size; i++ {
		e := fmt.Appendf(nil, "entry %d", i)
		c.entries = append(c.entries, e)
		c.tree.Append(tlog.LeafHash(e))
	}
	c.published = uint64(size)
}

func (c *chain) Checkpoint(context.Context) (docket.Checkpoint, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.published == 0 {
		return docket.Checkpoint{}, docket.ErrNotFound
	}
	root, err := c.tree.Root(c.published)
	return docket.Checkpoint{Size: c.published, Root: root}, err
}

func (c *chain) bytes(t tlog.Tile) []byte {
	if t.Entries {
		b, err := tlog.EncodeEntries(c.entries[t.First() : t.First()+uint64(t.Width)])
		if err != nil {
			panic(err)
		}
		return b
	}
	nodes := make([]tlog.Node, t.Width)
	for i := range nodes {
		nodes[i] = tlog.Node{Level: 8 * t.Level, N: t.First() + uint64(i)}
	}
	hashes, err := c.tree.Hashes(nodes)
	if err != nil {
		panic(err)
	}
	return tlog.EncodeTile(hashes)
}

func (c *chain) Tile(_ context.Context, t tlog.Tile) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !t.In(uint64(len(c.entries))) {
		return nil, docket.ErrNotFound
	}
	b := c.bytes(t)
	c.reads[t.Path()]++
	if c.falsify[t.Path()] {
		b[len(b)-1] ^= 1
	}
	return b, nil
}

func (c *chain) Shelved(context.Context) (map[int]uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.shelved), nil
}

func (c *chain) SetShelved(_ context.Context, level int, n uint64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.forget {
		return errors.New("the process died")
	}
	c.shelved[level] = max(n, c.shelved[level])
	return nil
}

func (c *chain) Shelving(_ context.Context, do func() error) (bool, error) {
	if !c.shelving.TryLock() {
		return false, nil
	}
	defer c.shelving.Unlock()
	return true, do()
}

// cellar is a store in memory.
type cellar struct {
	mu      sync.Mutex
	objects map[string][]byte
	puts    int
	down    bool
}

func (c *cellar) Keep(_ context.Context, name string, b []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down {
		return errors.New("the store is down")
	}
	if old, ok := c.objects[name]; !ok || !bytes.Equal(old, b) {
		c.objects[name] = bytes.Clone(b)
		c.puts++
	}
	return nil
}

func (c *cellar) Kept(_ context.Context, name string, limit int) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b, ok := c.objects[name]
	if c.down {
		return nil, errors.New("the store is down")
	}
	if !ok || len(b) > limit {
		return nil, gallery.ErrNotKept
	}
	return bytes.Clone(b), nil
}

// hall is a gallery with what it counts.
type hall struct {
	*gallery.Gallery
	mu      sync.Mutex
	served  map[gallery.Source]int
	refused int
}

var logID = evidence.Sum([]byte("log"))

func open(c *chain, s *cellar) *hall {
	h := &hall{served: map[gallery.Source]int{}}
	count := func(do func()) { h.mu.Lock(); defer h.mu.Unlock(); do() }
	h.Gallery = gallery.New(gallery.Options{Log: c, Store: s, ID: logID,
		Served:  func(from gallery.Source) { count(func() { h.served[from]++ }) },
		Refused: func() { count(func() { h.refused++ }) }})
	return h
}

func newCellar() *cellar { return &cellar{objects: map[string][]byte{}} }

// TestEveryTileEverPublished asks for every tile and bundle of every width of
// trees of several sizes, and for those just beyond them.
func TestEveryTileEverPublished(t *testing.T) {
	c := newChain(700)
	for _, size := range []uint64{1, 255, 256, 257, 512, 700} {
		c.published = size
		h := open(c, newCellar())
		for _, entries := range []bool{false, true} {
			for level := range 3 {
				for n := range uint64(4) {
					for width := 1; width <= 256; width++ {
						tile := tlog.Tile{Entries: entries, Level: level, N: n, Width: width}
						if entries && level > 0 {
							continue
						}
						b, err := h.Tile(t.Context(), tile)
						switch in := tile.First()+uint64(width) <= size>>(8*level); {
						case in && (err != nil || !bytes.Equal(b, c.bytes(tile))):
							t.Fatalf("%s of %d leaves: %d bytes, %v", tile.Path(), size, len(b), err)
						case !in && !errors.Is(err, docket.ErrNotFound):
							t.Fatalf("%s of %d leaves: %d bytes, %v", tile.Path(), size, len(b), err)
						}
					}
				}
			}
		}
	}
	c.published = 0
	if _, err := open(c, newCellar()).Tile(t.Context(), tlog.Tile{Width: 1}); !errors.Is(err, docket.ErrNotFound) {
		t.Errorf("a tile of nothing: %v", err)
	}
}

// TestOnceShelvedTheDatabaseIsLeftAlone also follows the log as it grows.
func TestOnceShelvedTheDatabaseIsLeftAlone(t *testing.T) {
	c, s := newChain(66000), newCellar()
	h := open(c, s)
	moved, err := h.Shelve(t.Context())
	if want := 257 + 257 + 1; err != nil || moved != want || s.puts != want {
		t.Fatalf("%d moved, %d written, %v; want %d", moved, s.puts, err, want)
	}
	for name, b := range s.objects {
		tile, err := tlog.ParseTilePath(strings.TrimPrefix(name, logID.String()+"/"))
		if err != nil || !tile.Full() || !bytes.Equal(b, c.bytes(tile)) || name != gallery.Name(logID, tile) {
			t.Errorf("%s: %+v, %v", name, tile, err)
		}
	}
	if moved, err := h.Shelve(t.Context()); moved != 0 || err != nil || s.puts != 515 {
		t.Errorf("again %d moved, %v", moved, err)
	}
	other := open(c, s) // another process, which has nothing in memory
	if _, err := other.Shelve(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.reads = map[string]int{}
	for _, tile := range []tlog.Tile{{Width: 256}, {N: 256, Width: 256}, {N: 3, Width: 17}, {Level: 1, Width: 256}, {Level: 1, Width: 9}, {Entries: true, Width: 256}, {Entries: true, N: 255, Width: 3}} {
		if b, err := other.Tile(t.Context(), tile); err != nil || !bytes.Equal(b, c.bytes(tile)) {
			t.Errorf("%s: %v", tile.Path(), err)
		}
	}
	for path, n := range c.reads {
		if !strings.Contains(path, ".p/") {
			t.Errorf("%s was read from the database %d times", path, n)
		}
	}
	if other.served[gallery.Shelf] == 0 || other.served[gallery.Database] != 0 || other.refused != 0 {
		t.Errorf("served %v, %d refused", other.served, other.refused)
	}
	c.grow(66100) // 258 · 256 = 66048
	if moved, err := other.Shelve(t.Context()); moved != 2 || err != nil {
		t.Errorf("after growth %d moved, %v", moved, err)
	}
}

// TestWhatDoesNotHashIsNotServed changes copies in the store, then rows.
func TestWhatDoesNotHashIsNotServed(t *testing.T) {
	c, s := newChain(66000), newCellar()
	if _, err := open(c, s).Shelve(t.Context()); err != nil {
		t.Fatal(err)
	}
	tiles := []tlog.Tile{{Width: 256}, {Level: 1, Width: 256}, {Entries: true, N: 7, Width: 256}}
	for _, tile := range tiles {
		name := gallery.Name(logID, tile)
		good := s.objects[name]
		for what, bad := range map[string][]byte{"bit": append(bytes.Clone(good[:len(good)-1]), good[len(good)-1]^1), "other": s.objects[gallery.Name(logID, tlog.Tile{N: 9, Entries: tile.Entries, Width: 256})],
			"short": good[:len(good)-32], "none": nil, "long": append(bytes.Clone(good), 0)} {
			s.objects[name] = bad
			h := open(c, s)
			if _, err := h.Shelve(t.Context()); err != nil {
				t.Fatal(err)
			}
			b, err := h.Tile(t.Context(), tile)
			if err != nil || !bytes.Equal(b, good) || h.served[gallery.Database] != 1 {
				t.Errorf("%s, %s: %v, served %v", tile.Path(), what, err, h.served)
			}
			if n, err := h.Shelve(t.Context()); n != 1 || err != nil || !bytes.Equal(s.objects[name], good) {
				t.Errorf("%s, %s: %d stored anew, %v", tile.Path(), what, n, err)
			}
			if noticed := h.refused == 1; noticed == (what == "long" && !tile.Entries) { // more than is asked for is not even read
				t.Errorf("%s, %s: refused %d times", tile.Path(), what, h.refused)
			}
		}
		s.objects[name] = good
	}
	for _, tile := range append(tiles, tlog.Tile{N: 257, Width: 200}, tlog.Tile{Entries: true, N: 257, Width: 208}, tlog.Tile{Level: 2, Width: 1}) {
		c := newChain(66000)
		c.falsify[tile.Path()] = true
		if !tile.Full() && !tile.Entries { // the edge is read as wide as it is
			c.falsify["tile/0/257.p/208"] = true
		}
		s := newCellar()
		h := open(c, s)
		var altered *docket.Altered
		if b, err := h.Tile(t.Context(), tile); !errors.As(err, &altered) {
			t.Errorf("%s, falsified in the database: %d bytes, %v", tile.Path(), len(b), err)
		}
		if _, err := h.Shelve(t.Context()); (err == nil) != (tile.Entries && !tile.Full()) {
			t.Errorf("%s, falsified in the database, shelving: %v", tile.Path(), err)
		}
		if _, there := s.objects[gallery.Name(logID, tile)]; there {
			t.Errorf("%s, falsified in the database, is in the store", tile.Path())
		}
	}
}

// TestStoreDown: everything is served meanwhile, and shelving goes on later.
func TestStoreDown(t *testing.T) {
	c, s := newChain(1100), newCellar()
	s.down = true
	h := open(c, s)
	if _, err := h.Shelve(t.Context()); err == nil {
		t.Error("a store that is down took the tiles")
	}
	tile := tlog.Tile{Entries: true, N: 2, Width: 256}
	if b, err := h.Tile(t.Context(), tile); err != nil || !bytes.Equal(b, c.bytes(tile)) {
		t.Errorf("%v", err)
	}
	s.down = false
	if n, err := h.Shelve(t.Context()); n != 8 || err != nil {
		t.Errorf("%d moved, %v", n, err)
	}
	s.down = true // after they were shelved
	if b, err := open(c, s).Tile(t.Context(), tile); err != nil || !bytes.Equal(b, c.bytes(tile)) {
		t.Errorf("%v", err)
	}
}

// TestDiedBeforeItWasRecorded: the next run finds the objects and writes none anew.
func TestDiedBeforeItWasRecorded(t *testing.T) {
	c, s := newChain(1100), newCellar()
	c.forget = true
	if _, err := open(c, s).Shelve(t.Context()); err == nil {
		t.Fatal("nothing was forgotten")
	}
	before := s.puts
	if before == 0 {
		t.Fatal("nothing was written before the end")
	}
	c.forget = false
	if _, err := open(c, s).Shelve(t.Context()); err != nil || s.puts != 8 {
		t.Errorf("%d written in all, %d before, %v", s.puts, before, err)
	}
}

// TestReplicasShelveTogether: each tile is written once, and all learn of it.
func TestReplicasShelveTogether(t *testing.T) {
	c, s := newChain(5000), newCellar()
	halls := []*hall{open(c, s), open(c, s), open(c, s)}
	var all sync.WaitGroup
	for _, h := range halls {
		all.Go(func() {
			for range 20 {
				if _, err := h.Shelve(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if s.puts != 38 {
		t.Errorf("%d written, want 38", s.puts)
	}
	for _, h := range halls {
		if _, err := h.Shelve(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Tile(t.Context(), tlog.Tile{N: 5, Width: 256}); err != nil {
			t.Fatal(err)
		}
		if h.served[gallery.Database] != 0 && h.served[gallery.Shelf] == 0 {
			t.Errorf("served %v", h.served)
		}
	}
}

// TestCheckShelf tells of each copy that is gone or changed.
func TestCheckShelf(t *testing.T) {
	c, s := newChain(66000), newCellar()
	if _, err := open(c, s).Shelve(t.Context()); err != nil {
		t.Fatal(err)
	}
	check := func() (read uint64, bad []string, err error) {
		read, err = open(c, s).CheckShelf(t.Context(), func(tile tlog.Tile, why error) { bad = append(bad, tile.Path()) })
		return read, bad, err
	}
	if read, bad, err := check(); read != 515 || len(bad) != 0 || err != nil {
		t.Errorf("%d read, bad %v, %v", read, bad, err)
	}
	gone, changed := tlog.Tile{Level: 1, Width: 256}, tlog.Tile{Entries: true, N: 3, Width: 256}
	lost := open(c, s)
	delete(s.objects, gallery.Name(logID, gone))
	if _, err := lost.Shelve(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := lost.Tile(t.Context(), gone); err != nil {
		t.Error(err)
	}
	if n, err := lost.Shelve(t.Context()); n != 1 || err != nil || s.objects[gallery.Name(logID, gone)] == nil {
		t.Errorf("%d stored anew, %v", n, err)
	}
	delete(s.objects, gallery.Name(logID, gone))
	s.objects[gallery.Name(logID, changed)][70] ^= 1
	if read, bad, err := check(); read != 514 || len(bad) != 2 || bad[0] != gone.Path() || bad[1] != changed.Path() || err != nil {
		t.Errorf("%d read, bad %v, %v", read, bad, err)
	}
	c.shelved[0] = 300
	if _, bad, err := check(); len(bad) != 3 || bad[1] != "tile/0/257" || err != nil {
		t.Errorf("bad %v, %v", bad, err)
	}
	s.down = true
	if _, _, err := check(); err == nil {
		t.Error("a store that is down was checked")
	}
	if read, err := open(newChain(0), s).CheckShelf(t.Context(), nil); read != 0 || err != nil {
		t.Errorf("an empty log: %d read, %v", read, err)
	}
}
