package evidence

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math/bits"
)

// BlockSize is the unit of the block tree: 8 MiB. Every block of an artifact
// but the last has exactly this many bytes.
const BlockSize = 8 << 20

// ErrBlock reports bytes, leaves or a path that do not belong to the block
// root they were checked against.
var ErrBlock = errors.New("block doesn't match the block root")

// BlockCount returns how many blocks an artifact of size bytes has.
func BlockCount(size uint64) uint64 {
	return size/BlockSize + min(1, size%BlockSize)
}

// BlockLeaf returns the RFC 6962 leaf hash of one block: SHA-256(0x00 || block).
func BlockLeaf(block []byte) Digest {
	h := NewSHA256()
	h.Write([]byte{0x00})
	h.Write(block)
	var d Digest
	h.Sum(d[:0])
	return d
}

// BlockLeaves returns the leaf of each block of data, whose first byte begins a
// block.
func BlockLeaves(data []byte) []Digest {
	leaves := make([]Digest, BlockCount(uint64(len(data))))
	for i := range leaves {
		leaves[i] = BlockLeaf(data[i*BlockSize : min((i+1)*BlockSize, len(data))])
	}
	return leaves
}

// blockNode returns the RFC 6962 node hash: SHA-256(0x01 || left || right).
func blockNode(left, right Digest) Digest {
	var b [1 + 2*len(left)]byte
	b[0] = 0x01
	copy(b[1:], left[:])
	copy(b[1+len(left):], right[:])
	return sha256.Sum256(b[:])
}

// BlockRoot returns the RFC 6962 Merkle tree hash of the leaves. The root of
// no leaves is the SHA-256 of nothing.
func BlockRoot(leaves []Digest) Digest {
	var s blockSpine
	for _, leaf := range leaves {
		s.add(leaf)
	}
	return s.root()
}

// blockSpine is the right edge of a growing tree: the roots of its complete
// subtrees, largest first, one for every bit set in count.
type blockSpine struct {
	count uint64
	roots []Digest
}

func (s *blockSpine) add(leaf Digest) {
	for n := s.count; n&1 == 1; n >>= 1 {
		last := len(s.roots) - 1
		leaf = blockNode(s.roots[last], leaf)
		s.roots = s.roots[:last]
	}
	s.roots = append(s.roots, leaf)
	s.count++
}

func (s *blockSpine) root() Digest {
	if len(s.roots) == 0 {
		return Sum(nil)
	}
	root := s.roots[len(s.roots)-1]
	for i := len(s.roots) - 2; i >= 0; i-- {
		root = blockNode(s.roots[i], root)
	}
	return root
}

// Blocks are an artifact's leaves, known to lead to its block root. A reader
// checks each block against them as it arrives.
type Blocks struct {
	size   uint64
	leaves []Digest
}

// NewBlocks checks that the leaves are as many as an artifact of size bytes
// has blocks and that they lead to root; otherwise ErrBlock.
func NewBlocks(size uint64, root Digest, leaves []Digest) (*Blocks, error) {
	if n := BlockCount(size); uint64(len(leaves)) != n {
		return nil, fmt.Errorf("couldn't take %d leaves for %d blocks: %w", len(leaves), n, ErrBlock)
	}
	if got := BlockRoot(leaves); got != root {
		return nil, fmt.Errorf("couldn't take leaves that lead to %s, not %s: %w", got.Short(), root.Short(), ErrBlock)
	}
	return &Blocks{size: size, leaves: leaves}, nil
}

// Count returns the number of blocks.
func (b *Blocks) Count() uint64 { return uint64(len(b.leaves)) }

// Span returns the offset and length of block i in the artifact.
func (b *Blocks) Span(i uint64) (off uint64, n int) {
	off = i * BlockSize
	if i >= b.Count() {
		return off, 0
	}
	return off, int(min(BlockSize, b.size-off))
}

// Leaf returns the leaf hash of block i, of Count.
func (b *Blocks) Leaf(i uint64) Digest { return b.leaves[i] }

// Check reports whether block is block i of the artifact; otherwise ErrBlock.
func (b *Blocks) Check(i uint64, block []byte) error {
	if i >= b.Count() {
		return fmt.Errorf("couldn't check block %d of %d: %w", i, b.Count(), ErrBlock)
	}
	if _, n := b.Span(i); len(block) != n || BlockLeaf(block) != b.leaves[i] {
		return fmt.Errorf("couldn't accept block %d: %w", i, ErrBlock)
	}
	return nil
}

// BlockProof is the audit path from one block to the block root (RFC 6962,
// section 2.1.1): it lets one block be verified without the other leaves.
type BlockProof struct {
	Index, Count uint64
	Path         []Digest // from the leaf's sibling upwards
}

// ProveBlock returns the audit path of leaf index.
func ProveBlock(leaves []Digest, index uint64) (BlockProof, error) {
	if index >= uint64(len(leaves)) {
		return BlockProof{}, fmt.Errorf("couldn't prove block %d of %d: %w", index, len(leaves), ErrBlock)
	}
	p := BlockProof{Index: index, Count: uint64(len(leaves))}
	for i := index; len(leaves) > 1; {
		split := uint64(1) << (bits.Len64(uint64(len(leaves)-1)) - 1)
		if i < split {
			p.Path = append(p.Path, BlockRoot(leaves[split:]))
			leaves = leaves[:split]
		} else {
			p.Path = append(p.Path, BlockRoot(leaves[:split]))
			leaves, i = leaves[split:], i-split
		}
	}
	for i, j := 0, len(p.Path)-1; i < j; i, j = i+1, j-1 {
		p.Path[i], p.Path[j] = p.Path[j], p.Path[i]
	}
	return p, nil
}

// Verify reports whether block stands at p.Index in a tree of p.Count blocks
// with this root; otherwise ErrBlock (RFC 9162, section 2.1.3.2).
func (p BlockProof) Verify(root Digest, block []byte) error {
	bad := fmt.Errorf("couldn't verify block %d of %d: %w", p.Index, p.Count, ErrBlock)
	if p.Index >= p.Count || len(block) == 0 || len(block) > BlockSize ||
		(p.Index < p.Count-1 && len(block) != BlockSize) {
		return bad
	}
	node, last, hash := p.Index, p.Count-1, BlockLeaf(block)
	for _, sibling := range p.Path {
		if last == 0 {
			return bad
		}
		if node&1 == 1 || node == last {
			hash = blockNode(sibling, hash)
			for node&1 == 0 && node != 0 {
				node, last = node>>1, last>>1
			}
		} else {
			hash = blockNode(hash, sibling)
		}
		node, last = node>>1, last>>1
	}
	if last != 0 || hash != root {
		return bad
	}
	return nil
}

// JoinLeaves returns the leaves' 32-byte values one after the other, the form
// in which they are stored and sent.
func JoinLeaves(leaves []Digest) []byte {
	b := make([]byte, 0, len(leaves)*sha256.Size)
	for _, leaf := range leaves {
		b = append(b, leaf[:]...)
	}
	return b
}

// SplitLeaves reads what JoinLeaves wrote; a length that is no multiple of 32
// is ErrBlock.
func SplitLeaves(b []byte) ([]Digest, error) {
	if len(b)%sha256.Size != 0 {
		return nil, fmt.Errorf("couldn't split %d bytes into leaves: %w", len(b), ErrBlock)
	}
	leaves := make([]Digest, len(b)/sha256.Size)
	for i := range leaves {
		copy(leaves[i][:], b[i*sha256.Size:])
	}
	return leaves, nil
}
