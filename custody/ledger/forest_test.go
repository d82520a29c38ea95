package ledger

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// The tiles and edge that an appender makes give the hashes of the tree, over
// the boundaries of two tile levels.
func TestForest(t *testing.T) {
	const leaves = 256*256 + 700
	f, e := newForest(nil), edge{}
	f.tiles = newCache[tileID, *twigs](4096)
	tree := &tlog.Tree{}
	var full []tile
	for i := range uint64(leaves) {
		h := evidence.Sum(binary.BigEndian.AppendUint64(nil, i))
		tree.Append(h)
		full = append(full, e.append(h)...)
	}
	f.advance(e, full)
	if want := leaves/256 + 1; len(full) != want {
		t.Fatalf("%d tiles, want %d", len(full), want)
	}
	r := f.reader(context.Background())
	rng := rand.New(rand.NewPCG(1, 2))
	sizes := []uint64{1, 2, 255, 256, 257, 511, 512, 65535, 65536, 65537, leaves}
	for range 40 {
		sizes = append(sizes, 1+rng.Uint64N(leaves))
	}
	for _, size := range sizes {
		root, err := tlog.Root(size, r)
		if err != nil {
			t.Fatalf("root of %d: %v", size, err)
		}
		want, err := tree.Root(size)
		if err != nil || root != want {
			t.Errorf("root of %d is %s, want %s", size, root.Short(), want.Short())
		}
		index := rng.Uint64N(size)
		proof, err := tlog.ProveInclusion(size, index, r)
		if err != nil {
			t.Fatal(err)
		}
		leaf := evidence.Sum(binary.BigEndian.AppendUint64(nil, index))
		if err := tlog.VerifyInclusion(leaf, index, size, proof, want); err != nil {
			t.Errorf("leaf %d of %d: %v", index, size, err)
		}
	}
}

func TestCacheForgets(t *testing.T) {
	c := newCache[int, int](8)
	for i := range 100 {
		c.put(i, i)
		if v, ok := c.at(i); !ok || v != i {
			t.Fatalf("just put %d, found %d, %v", i, v, ok)
		}
		if n := len(c.young) + len(c.old); n > 8 {
			t.Fatalf("%d entries are kept", n)
		}
	}
	if _, ok := c.at(0); ok {
		t.Error("the oldest is kept for ever")
	}
}
