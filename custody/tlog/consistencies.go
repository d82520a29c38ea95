package tlog

import (
	"fmt"
	"slices"

	"github.com/evidence-custody/custodyd/evidence"
)

// Consistencies verifies that many older trees are prefixes of one tree. It
// answers exactly as VerifyConsistency does, and hashes less: what the proofs of
// neighbouring sizes show of the larger tree ends alike. Not for concurrent use.
//
// Why this is sound: a proof is folded twice, into the root of the larger tree
// and into that of the older. The first fold follows, as in Inclusions, from
// where it is, the hash it has come to, and the hashes still to go: where all
// three are those of a proof that held, it ends at the same root, and the steps
// between are those remembered. The second is computed to its end each time.
type Consistencies struct {
	size  uint64
	root  evidence.Digest
	proof []evidence.Digest // folded by the last proof that held
	steps []step            // before each of its hashes
	tried []step
}

// NewConsistencies verifies proofs to the tree of size leaves with this root.
func NewConsistencies(size uint64, root evidence.Digest) *Consistencies {
	return &Consistencies{size: size, root: root}
}

// Verify checks that the tree of size1 leaves with root1 is a prefix of the
// tree. The proof must not change afterwards. Errors wrap ErrProof.
func (v *Consistencies) Verify(size1 uint64, root1 evidence.Digest, proof []evidence.Digest) error {
	if size1 == 0 || size1 >= v.size || v.size > MaxSize || len(proof) > maxProof {
		return VerifyConsistency(size1, root1, v.size, v.root, proof)
	}
	if !v.holds(size1, root1, proof) {
		return fmt.Errorf("%d leaves to %d: %w", size1, v.size, ErrProof)
	}
	return nil
}

// holds is RFC 9162, section 2.1.4.2, as consistent has it.
func (v *Consistencies) holds(size1 uint64, root1 evidence.Digest, proof []evidence.Digest) bool {
	s := step{at: size1 - 1, last: v.size - 1, hash: root1}
	for s.at&1 == 1 {
		s.at, s.last = s.at>>1, s.last>>1
	}
	if size1&(size1-1) != 0 {
		if len(proof) == 0 {
			return false
		}
		s.hash, proof = proof[0], proof[1:]
	}
	// From the end of both: the hashes that this proof shares with the last.
	shared := 0
	for shared < min(len(proof), len(v.proof)) && proof[len(proof)-1-shared] == v.proof[len(v.proof)-1-shared] {
		shared++
	}
	old, known := s.hash, -1
	v.tried = v.tried[:0]
	for i, p := range proof {
		before := len(v.proof) - (len(proof) - i) // the place of this hash in the last proof
		if known < 0 && len(proof)-i <= shared && v.steps[before] == s {
			known = before
		}
		if known >= 0 {
			s = v.steps[before]
		} else {
			v.tried = append(v.tried, s)
			if s.last == 0 {
				return false
			}
		}
		left, same := s.at&1 == 1 || s.at == s.last, old == s.hash
		if known < 0 {
			s = s.next(p)
		}
		switch {
		case left && same && known < 0:
			old = s.hash // until the larger tree has more on the right
		case left:
			old = NodeHash(p, old)
		}
	}
	if old != root1 || known < 0 && (s.last != 0 || s.hash != v.root) {
		return false
	}
	if known < 0 {
		known = len(v.steps)
	}
	v.tried = append(v.tried, v.steps[known:]...)
	v.steps, v.tried, v.proof = v.tried, v.steps, slices.Clip(proof)
	return true
}
