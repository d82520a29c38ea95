package tlog_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// TestConsistenciesAnswerAsOneProof asks about true and false proofs in any
// order: what was remembered must change no answer.
func TestConsistenciesAnswerAsOneProof(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for size := uint64(1); size <= 70; size++ {
		tree := &tlog.Tree{}
		roots := []evidence.Digest{tlog.EmptyRoot}
		for i := range size {
			tree.Append(evidence.Sum([]byte{byte(i), byte(size)}))
			root, err := tree.Root(i + 1)
			if err != nil {
				t.Fatal(err)
			}
			roots = append(roots, root)
		}
		v := tlog.NewConsistencies(size, roots[size])
		held, refused := 0, 0
		for range 600 {
			older := rnd.Uint64N(size + 1)
			proof, err := tlog.ProveConsistency(older, size, tree)
			if err != nil {
				t.Fatal(err)
			}
			root := roots[older]
			switch rnd.IntN(10) {
			case 0:
				root = roots[rnd.Uint64N(size+1)]
			case 1:
				older = rnd.Uint64N(size + 2)
			case 2:
				if len(proof) > 0 {
					proof = slices.Delete(proof, 0, 1)
				}
			case 3:
				if len(proof) > 0 {
					proof[rnd.IntN(len(proof))][0] ^= 1
				}
			case 4:
				proof = append(proof, root)
			case 5: // folded into the larger tree's root alone
				root[0] ^= 1
			case 6: // the larger tree's own hashes, of another size
				if other, err := tlog.ProveConsistency(rnd.Uint64N(size+1), size, tree); err == nil {
					proof = other
				}
			}
			want := tlog.VerifyConsistency(older, root, size, roots[size], proof)
			got := v.Verify(older, root, proof)
			if (got == nil) != (want == nil) || got != nil && got.Error() != want.Error() {
				t.Fatalf("%d leaves to %d: %v; alone %v", older, size, got, want)
			}
			if got == nil {
				held++
			} else {
				refused++
			}
		}
		if held == 0 || refused == 0 {
			t.Fatalf("%d proofs held and %d did not: both must be tried", held, refused)
		}
	}
}
