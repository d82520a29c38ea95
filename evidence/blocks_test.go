package evidence

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

// rfc6962Root is the definition of RFC 6962, section 2.1, word for word: the
// implementation under test never recurses, so agreement is no tautology.
func rfc6962Root(leaves []Digest) Digest {
	switch len(leaves) {
	case 0:
		return Sum(nil)
	case 1:
		return leaves[0]
	}
	k := 1
	for k*2 < len(leaves) {
		k *= 2
	}
	left, right := rfc6962Root(leaves[:k]), rfc6962Root(leaves[k:])
	return Sum(append(append([]byte{1}, left[:]...), right[:]...))
}

func testLeaves(n int) []Digest {
	leaves := make([]Digest, n)
	for i := range leaves {
		leaves[i] = BlockLeaf(fmt.Append(nil, "block ", i))
	}
	return leaves
}

func TestBlockLeafKnownAnswers(t *testing.T) {
	// From the test vectors of certificate-transparency (RFC 6962).
	for data, want := range map[string]string{
		"":     "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"\x00": "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
	} {
		if got := BlockLeaf([]byte(data)).String(); got != want {
			t.Errorf("BlockLeaf(%q) = %s, want %s", data, got, want)
		}
	}
	two := BlockRoot([]Digest{BlockLeaf(nil), BlockLeaf([]byte{0})})
	if want := "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"; two.String() != want {
		t.Errorf("root of two leaves = %s, want %s", two, want)
	}
	if got, want := BlockRoot(nil).String(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"; got != want {
		t.Errorf("root of no leaves = %s, want %s", got, want)
	}
}

func TestBlockRootIsRFC6962(t *testing.T) {
	for n := range 70 {
		leaves := testLeaves(n)
		if got, want := BlockRoot(leaves), rfc6962Root(leaves); got != want {
			t.Errorf("root of %d leaves = %s, want %s", n, got, want)
		}
	}
}

func TestBlockProof(t *testing.T) {
	for n := 1; n <= 20; n++ {
		// Every block full-sized would need gigabytes; the last may be short,
		// so only index n-1 is checked by content, the rest through a shared block.
		full := make([]byte, BlockSize)
		leaves := make([]Digest, n)
		for i := range leaves {
			leaves[i] = BlockLeaf(full)
		}
		last := fmt.Append(nil, "last of ", n)
		leaves[n-1] = BlockLeaf(last)
		root := BlockRoot(leaves)
		for _, i := range []int{0, n / 2, n - 1} {
			block := full
			if i == n-1 {
				block = last
			}
			p, err := ProveBlock(leaves, uint64(i))
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Verify(root, block); err != nil {
				t.Errorf("block %d of %d: %v", i, n, err)
			}
			if err := p.Verify(Sum([]byte("another")), block); !errors.Is(err, ErrBlock) {
				t.Errorf("block %d of %d under another root: %v", i, n, err)
			}
			if err := p.Verify(root, append([]byte("x"), last...)); !errors.Is(err, ErrBlock) {
				t.Errorf("another block as %d of %d: %v", i, n, err)
			}
			longer := p
			longer.Path = append(append([]Digest{}, p.Path...), Digest{})
			if err := longer.Verify(root, block); !errors.Is(err, ErrBlock) {
				t.Errorf("longer path for %d of %d: %v", i, n, err)
			}
			if len(p.Path) > 0 {
				shorter := p
				shorter.Path = p.Path[1:]
				if err := shorter.Verify(root, block); !errors.Is(err, ErrBlock) {
					t.Errorf("shorter path for %d of %d: %v", i, n, err)
				}
			}
		}
	}
	if _, err := ProveBlock(testLeaves(3), 3); !errors.Is(err, ErrBlock) {
		t.Errorf("proof of a block that isn't: %v", err)
	}
}

func TestBlocksCheckEachBlock(t *testing.T) {
	data := bytes.Repeat([]byte("evidence"), (2*BlockSize+800)/8)
	m, leaves, err := Measure(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	blocks, err := NewBlocks(m.Size, m.BlockRoot, leaves)
	if err != nil {
		t.Fatal(err)
	}
	for i := range blocks.Count() {
		off, n := blocks.Span(i)
		if err := blocks.Check(i, data[off:off+uint64(n)]); err != nil {
			t.Errorf("block %d: %v", i, err)
		}
	}
	wrong := bytes.Clone(data[:BlockSize])
	wrong[BlockSize-1] ^= 1
	for name, err := range map[string]error{
		"a flipped bit":   blocks.Check(0, wrong),
		"a short block":   blocks.Check(0, data[:BlockSize-1]),
		"a missing block": blocks.Check(3, nil),
		"a longer tail":   blocks.Check(2, data[2*BlockSize-1:]),
	} {
		if !errors.Is(err, ErrBlock) {
			t.Errorf("%s: %v, want ErrBlock", name, err)
		}
	}
	for name, try := range map[string]struct {
		size   uint64
		root   Digest
		leaves []Digest
	}{
		"fewer leaves": {m.Size, m.BlockRoot, leaves[:2]},
		"another root": {m.Size, leaves[0], leaves},
		"another size": {m.Size + BlockSize, m.BlockRoot, leaves},
		"swapped":      {m.Size, m.BlockRoot, []Digest{leaves[2], leaves[1], leaves[0]}},
	} {
		if _, err := NewBlocks(try.size, try.root, try.leaves); !errors.Is(err, ErrBlock) {
			t.Errorf("%s: %v, want ErrBlock", name, err)
		}
	}
	again, err := SplitLeaves(JoinLeaves(leaves))
	if err != nil || BlockRoot(again) != m.BlockRoot {
		t.Errorf("leaves didn't survive joining: %v", err)
	}
	if _, err := SplitLeaves(make([]byte, 33)); !errors.Is(err, ErrBlock) {
		t.Errorf("33 bytes of leaves: %v", err)
	}
}
