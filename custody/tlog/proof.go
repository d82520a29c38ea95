package tlog

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
)

// ErrProof reports a proof that does not hold.
var ErrProof = errors.New("the proof does not hold")

// EmptyRoot is the root of a tree without leaves: SHA-256 of nothing.
var EmptyRoot = evidence.Sum(nil)

// MaxSize is the largest size of a log: the largest integer that a statement
// can say of one (FORMAT, PAYLOAD). It is also a guard: x/mod's arithmetic
// loops for ever on sizes over 2^62, which a hostile log could sign.
const MaxSize = custody.MaxInteger

// maxProof is more hashes than any proof in a tree of MaxSize leaves has.
const maxProof = 128

// VerifyInclusion checks that leafHash is leaf index of the tree of size
// leaves with this root (RFC 6962, section 2.1.1). Errors wrap ErrProof.
func VerifyInclusion(leafHash evidence.Digest, index, size uint64, proof []evidence.Digest, root evidence.Digest) error {
	if size > MaxSize || index >= size || len(proof) > maxProof {
		return fmt.Errorf("leaf %d of %d with %d hashes: %w", index, size, len(proof), ErrProof)
	}
	// x/mod's check allocates for every hash; a test holds this one to it.
	s := step{index, size - 1, leafHash}
	for _, p := range proof {
		if s.last == 0 {
			return fmt.Errorf("leaf %d of %d: %w", index, size, ErrProof)
		}
		s = s.next(p)
	}
	if s.last != 0 || s.hash != root {
		return fmt.Errorf("leaf %d of %d: %w", index, size, ErrProof)
	}
	return nil
}

// VerifyConsistency checks that the tree of size1 leaves is a prefix of that
// of size2 (RFC 6962, section 2.1.2). The empty tree is a prefix of every tree
// and needs no hashes; so does a tree with itself. Errors wrap ErrProof.
func VerifyConsistency(size1 uint64, root1 evidence.Digest, size2 uint64, root2 evidence.Digest, proof []evidence.Digest) error {
	if !consistent(size1, root1, size2, root2, proof) {
		return fmt.Errorf("%d leaves to %d: %w", size1, size2, ErrProof)
	}
	return nil
}

// consistent is RFC 9162, section 2.1.4.2.
func consistent(size1 uint64, root1 evidence.Digest, size2 uint64, root2 evidence.Digest, proof []evidence.Digest) bool {
	switch {
	case size1 > size2 || size2 > MaxSize || len(proof) > maxProof:
		return false
	case size1 == 0:
		return root1 == EmptyRoot && len(proof) == 0
	case size1 == size2:
		return root1 == root2 && len(proof) == 0
	}
	at, last := size1-1, size2-1
	for at&1 == 1 {
		at, last = at>>1, last>>1
	}
	first := root1 // a complete subtree of the larger tree is its own proof
	if size1&(size1-1) != 0 {
		if len(proof) == 0 {
			return false
		}
		first, proof = proof[0], proof[1:]
	}
	old, new := first, first
	for _, p := range proof {
		if last == 0 {
			return false
		}
		if at&1 == 1 || at == last {
			same := old == new // until the larger tree has more on the right
			if new = NodeHash(p, new); same {
				old = new
			} else {
				old = NodeHash(p, old)
			}
			for at&1 == 0 && at != 0 {
				at, last = at>>1, last>>1
			}
		} else {
			new = NodeHash(new, p)
		}
		at, last = at>>1, last>>1
	}
	return last == 0 && old == root1 && new == root2
}

// Node names a complete subtree: the n-th of 2^Level leaves.
type Node struct {
	Level int
	N     uint64
}

// Reader returns the hashes of complete subtrees, in the order asked.
type Reader interface {
	Hashes(nodes []Node) ([]evidence.Digest, error)
}

// ReaderFunc adapts a function.
type ReaderFunc func(nodes []Node) ([]evidence.Digest, error)

// Hashes calls f.
func (f ReaderFunc) Hashes(nodes []Node) ([]evidence.Digest, error) { return f(nodes) }

// ProveInclusion returns the audit path of leaf index in the tree of size.
func ProveInclusion(size, index uint64, r Reader) ([]evidence.Digest, error) {
	if index >= size || size > MaxSize {
		return nil, fmt.Errorf("couldn't prove leaf %d of %d: no such leaf", index, size)
	}
	p, err := tlog.ProveRecord(int64(size), int64(index), adapt(r))
	if err != nil {
		return nil, fmt.Errorf("couldn't prove leaf %d of %d: %w", index, size, err)
	}
	return digests(p), nil
}

// ProveConsistency returns the proof that the tree of size1 is a prefix of
// that of size2; none is needed from 0 or to itself.
func ProveConsistency(size1, size2 uint64, r Reader) ([]evidence.Digest, error) {
	if size1 > size2 || size2 > MaxSize {
		return nil, fmt.Errorf("couldn't prove %d leaves to be a prefix of %d", size1, size2)
	}
	if size1 == 0 || size1 == size2 {
		return nil, nil
	}
	p, err := tlog.ProveTree(int64(size2), int64(size1), adapt(r))
	if err != nil {
		return nil, fmt.Errorf("couldn't prove %d leaves to be a prefix of %d: %w", size1, size2, err)
	}
	return digests(p), nil
}

// Root returns the root of the tree of size leaves.
func Root(size uint64, r Reader) (evidence.Digest, error) {
	if size == 0 {
		return EmptyRoot, nil
	}
	if size > MaxSize {
		return evidence.Digest{}, fmt.Errorf("couldn't compute the root of %d leaves: no log has more than %d", size, uint64(MaxSize))
	}
	h, err := tlog.TreeHash(int64(size), adapt(r))
	if err != nil {
		return evidence.Digest{}, fmt.Errorf("couldn't compute the root of %d leaves: %w", size, err)
	}
	return evidence.Digest(h), nil
}

// adapt turns x/mod's linear indexes into subtrees.
func adapt(r Reader) tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		nodes := make([]Node, len(indexes))
		for i, x := range indexes {
			level, n := tlog.SplitStoredHashIndex(x)
			nodes[i] = Node{level, uint64(n)}
		}
		got, err := r.Hashes(nodes)
		if err != nil {
			return nil, err
		}
		if len(got) != len(nodes) {
			return nil, fmt.Errorf("asked for %d hashes, got %d", len(nodes), len(got))
		}
		return hashes(got), nil
	})
}

func digests(in []tlog.Hash) []evidence.Digest {
	out := make([]evidence.Digest, len(in))
	for i, h := range in {
		out[i] = evidence.Digest(h)
	}
	return out
}

func hashes(in []evidence.Digest) []tlog.Hash {
	out := make([]tlog.Hash, len(in))
	for i, d := range in {
		out[i] = tlog.Hash(d)
	}
	return out
}
