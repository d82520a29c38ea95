package tlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"github.com/evidence-custody/custodyd/evidence"
)

// Tree keeps every node in memory: for tests, vectors and small logs.
type Tree struct {
	levels [][]evidence.Digest // levels[k][n] is the n-th complete subtree of 2^k leaves
}

// Size returns the number of leaves.
func (t *Tree) Size() uint64 {
	if len(t.levels) == 0 {
		return 0
	}
	return uint64(len(t.levels[0]))
}

// Append adds a leaf by its hash.
func (t *Tree) Append(leafHash evidence.Digest) {
	for level, h := 0, leafHash; ; level++ {
		if level == len(t.levels) {
			t.levels = append(t.levels, nil)
		}
		t.levels[level] = append(t.levels[level], h)
		n := len(t.levels[level])
		if n%2 == 1 {
			return
		}
		h = NodeHash(t.levels[level][n-2], t.levels[level][n-1])
	}
}

// Hashes implements Reader.
func (t *Tree) Hashes(nodes []Node) ([]evidence.Digest, error) {
	out := make([]evidence.Digest, len(nodes))
	for i, n := range nodes {
		if n.Level < 0 || n.Level >= len(t.levels) || n.N >= uint64(len(t.levels[n.Level])) {
			return nil, fmt.Errorf("no complete subtree %d at level %d", n.N, n.Level)
		}
		out[i] = t.levels[n.Level][n.N]
	}
	return out, nil
}

// Root returns the root over the first size leaves.
func (t *Tree) Root(size uint64) (evidence.Digest, error) { return Root(size, t) }

// Frontier is the right edge of a tree: the roots of its complete subtrees
// from the largest, one for each set bit of its size (RFC 9162's compact
// range). It is all that an appender needs to go on. The zero value is the
// empty tree.
type Frontier struct {
	size  uint64
	edges []evidence.Digest
}

// Size returns the number of leaves.
func (f *Frontier) Size() uint64 { return f.size }

// Append adds a leaf by its hash.
func (f *Frontier) Append(leafHash evidence.Digest) {
	h := leafHash
	for range bits.TrailingZeros64(^f.size) { // one join for each trailing 1 bit of the old size
		last := len(f.edges) - 1
		h = NodeHash(f.edges[last], h)
		f.edges = f.edges[:last]
	}
	f.edges = append(f.edges, h)
	f.size++
}

// Root returns the root over all leaves.
func (f *Frontier) Root() evidence.Digest {
	if f.size == 0 {
		return EmptyRoot
	}
	h := f.edges[len(f.edges)-1]
	for i := len(f.edges) - 2; i >= 0; i-- {
		h = NodeHash(f.edges[i], h)
	}
	return h
}

// Clone returns an independent copy.
func (f *Frontier) Clone() *Frontier {
	return &Frontier{size: f.size, edges: append([]evidence.Digest(nil), f.edges...)}
}

// ErrFrontier reports bytes that are not a frontier.
var ErrFrontier = errors.New("not a frontier")

// MarshalBinary returns the size (8 bytes, big endian) and the edges.
func (f *Frontier) MarshalBinary() ([]byte, error) {
	b := binary.BigEndian.AppendUint64(nil, f.size)
	for _, e := range f.edges {
		b = append(b, e[:]...)
	}
	return b, nil
}

// UnmarshalBinary reads what MarshalBinary wrote.
func (f *Frontier) UnmarshalBinary(b []byte) error {
	const width = len(evidence.Digest{})
	if len(b) < 8 {
		return fmt.Errorf("couldn't read %d bytes: %w", len(b), ErrFrontier)
	}
	size := binary.BigEndian.Uint64(b)
	if b = b[8:]; size > MaxSize || len(b) != bits.OnesCount64(size)*width {
		return fmt.Errorf("couldn't read the edges of %d leaves from %d bytes: %w", size, len(b), ErrFrontier)
	}
	f.size, f.edges = size, make([]evidence.Digest, len(b)/width)
	for i := range f.edges {
		copy(f.edges[i][:], b[i*width:])
	}
	return nil
}
