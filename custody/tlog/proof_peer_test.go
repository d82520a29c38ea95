package tlog_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	modtlog "golang.org/x/mod/sumdb/tlog"

	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

func peerHashes(in []evidence.Digest) (out []modtlog.Hash) {
	for _, d := range in {
		out = append(out, modtlog.Hash(d))
	}
	return out
}

// TestProofsAgreeWithPeer holds our checks of proofs to those of x/mod, on true
// proofs and on ones with a hash changed, moved, dropped or added.
func TestProofsAgreeWithPeer(t *testing.T) {
	var tree tlog.Tree
	var leaves, roots []evidence.Digest
	root := func() {
		r, err := tree.Root(tree.Size())
		if err != nil {
			t.Fatal(err)
		}
		roots = append(roots, r)
	}
	root()
	for i := range 70 {
		leaves = append(leaves, tlog.LeafHash([]byte{byte(i)}))
		tree.Append(leaves[i])
		root()
	}
	rng := rand.New(rand.NewPCG(3, 4))
	accepted := 0
	for n := uint64(1); n <= tree.Size(); n++ {
		for i := range n {
			inclusion, err := tlog.ProveInclusion(n, i, &tree)
			if err != nil {
				t.Fatal(err)
			}
			consistency, err := tlog.ProveConsistency(i, n, &tree)
			if err != nil {
				t.Fatal(err)
			}
			for round := range 4 {
				index, size, old := i, n, i
				a, c := slices.Clone(inclusion), slices.Clone(consistency)
				for _, p := range []*[]evidence.Digest{&a, &c} {
					if round == 0 {
						break
					}
					switch k := rng.IntN(5); {
					case k == 0:
						*p = append(*p, leaves[0])
					case len(*p) == 0:
					case k == 1:
						(*p)[rng.IntN(len(*p))][3] ^= 1
					case k == 2:
						*p = (*p)[1:]
					case k == 3:
						*p = (*p)[:len(*p)-1]
					}
				}
				if round == 3 {
					index, old, size = rng.Uint64N(n), rng.Uint64N(n), n
				}
				ours := tlog.VerifyInclusion(leaves[i], index, size, a, roots[n]) == nil
				if peer := modtlog.CheckRecord(peerHashes(a), int64(size), modtlog.Hash(roots[n]), int64(index), modtlog.Hash(leaves[i])) == nil; ours != peer {
					t.Fatalf("inclusion of %d in %d: %v, the peer %v", index, size, ours, peer)
				}
				if ours {
					accepted++
				}
				if old == 0 {
					continue // ours needs no hashes there, the peer refuses it
				}
				ours = tlog.VerifyConsistency(old, roots[i], size, roots[n], c) == nil
				if peer := modtlog.CheckTree(peerHashes(c), int64(size), modtlog.Hash(roots[n]), int64(old), modtlog.Hash(roots[i])) == nil; ours != peer {
					t.Fatalf("consistency of %d with %d: %v, the peer %v", old, size, ours, peer)
				}
			}
		}
	}
	if accepted < 2000 {
		t.Fatalf("only %d accepted", accepted)
	}
}
