package tlog_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// TestInclusionsAnswerAsOneProof asks about true and false proofs in any order:
// what was remembered must change no answer.
func TestInclusionsAnswerAsOneProof(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for size := uint64(1); size <= 40; size++ {
		tree := &tlog.Tree{}
		leaves := make([]evidence.Digest, size)
		for i := range leaves {
			leaves[i] = evidence.Sum([]byte{byte(i), byte(size)})
			tree.Append(leaves[i])
		}
		root, err := tree.Root(size)
		if err != nil {
			t.Fatal(err)
		}
		v := tlog.NewInclusions(size, root)
		held, refused := 0, 0
		for range 400 {
			index := rnd.Uint64N(size)
			proof, err := tlog.ProveInclusion(size, index, tree)
			if err != nil {
				t.Fatal(err)
			}
			leaf := leaves[index]
			switch rnd.IntN(8) {
			case 0:
				leaf = leaves[rnd.Uint64N(size)]
			case 1:
				index = rnd.Uint64N(size + 2)
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
			case 5:
				if len(proof) > 0 { // a node in the place of a leaf, with the rest of its proof
					leaf, proof = proof[0], proof[1:]
				}
			}
			want := tlog.VerifyInclusion(leaf, index, size, proof, root)
			got := v.Verify(leaf, index, proof)
			if (got == nil) != (want == nil) || got != nil && got.Error() != want.Error() {
				t.Fatalf("leaf %d of %d: %v; alone %v", index, size, got, want)
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
