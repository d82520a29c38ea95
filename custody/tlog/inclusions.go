package tlog

import (
	"fmt"
	"slices"

	"github.com/evidence-custody/custodyd/evidence"
)

// Inclusions verifies many inclusion proofs in one tree. It answers exactly as
// VerifyInclusion does, and hashes less: the proofs of neighbours end alike.
// Not for concurrent use.
//
// Why this is sound: what VerifyInclusion does with the rest of a proof follows
// from where it is (at, last), the hash that it has come to, and that rest. A
// proof that held is remembered with these at each of its steps. Another proof
// that comes to the same place with the same hash, and the same hashes still to
// go, goes the same way to the same root; nothing else is taken over. A hash
// that was only claimed, and has not led to the root, is never remembered.
type Inclusions struct {
	size  uint64
	root  evidence.Digest
	proof []evidence.Digest // of the last leaf that was shown to be in the tree
	steps []step            // before each of proof's hashes
	tried []step
}

// step is where the verification of a proof is.
type step struct {
	at, last uint64
	hash     evidence.Digest
}

// NewInclusions verifies proofs in the tree of size leaves with this root.
func NewInclusions(size uint64, root evidence.Digest) *Inclusions {
	return &Inclusions{size: size, root: root}
}

// Verify checks that leafHash is leaf index of the tree. The proof must not
// change afterwards. Errors wrap ErrProof.
func (v *Inclusions) Verify(leafHash evidence.Digest, index uint64, proof []evidence.Digest) error {
	if v.size > MaxSize || index >= v.size || len(proof) > maxProof {
		return VerifyInclusion(leafHash, index, v.size, proof, v.root)
	}
	// From the end of both: the hashes that this proof shares with the last.
	shared := 0
	for shared < min(len(proof), len(v.proof)) && proof[len(proof)-1-shared] == v.proof[len(v.proof)-1-shared] {
		shared++
	}
	s := step{index, v.size - 1, leafHash}
	v.tried = v.tried[:0]
	for i, p := range proof {
		if left := len(proof) - i; left <= shared && v.steps[len(v.proof)-left] == s {
			v.remember(proof, len(v.proof)-left)
			return nil
		}
		v.tried = append(v.tried, s)
		if s.last == 0 {
			return fmt.Errorf("leaf %d of %d: %w", index, v.size, ErrProof)
		}
		s = s.next(p)
	}
	if s.last != 0 || s.hash != v.root {
		return fmt.Errorf("leaf %d of %d: %w", index, v.size, ErrProof)
	}
	v.remember(proof, len(v.steps))
	return nil
}

// remember takes the steps tried, and those of the last proof from one on.
func (v *Inclusions) remember(proof []evidence.Digest, from int) {
	v.tried = append(v.tried, v.steps[from:]...)
	v.steps, v.tried, v.proof = v.tried, v.steps, slices.Clip(proof)
}

// next is one step of RFC 9162, section 2.1.3.2.
func (s step) next(p evidence.Digest) step {
	if s.at&1 == 1 || s.at == s.last {
		s.hash = NodeHash(p, s.hash)
		for s.at&1 == 0 && s.at != 0 {
			s.at, s.last = s.at>>1, s.last>>1
		}
	} else {
		s.hash = NodeHash(s.hash, p)
	}
	s.at, s.last = s.at>>1, s.last>>1
	return s
}
