package tlog_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// rfcLeaves are the inputs of certificate-transparency's Merkle tree tests.
var rfcLeaves = []string{"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"}

// rfcRoots are their published roots, for 0 to 8 leaves.
var rfcRoots = []string{
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
	"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
	"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
	"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
	"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
	"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
	"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
	"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}

func TestKnownRoots(t *testing.T) {
	var tree tlog.Tree
	var front tlog.Frontier
	for n, want := range rfcRoots {
		root, err := tree.Root(uint64(n))
		if err != nil {
			t.Fatal(err)
		}
		if root.String() != want || front.Root().String() != want {
			t.Errorf("%d leaves: %s by tree, %s by frontier, want %s", n, root, front.Root(), want)
		}
		if n < len(rfcLeaves) {
			b, err := hex.DecodeString(rfcLeaves[n])
			if err != nil {
				t.Fatal(err)
			}
			h := tlog.LeafHash(b)
			if n == 0 && h != sha256.Sum256([]byte{0}) {
				t.Error("a leaf is not hashed behind 0x00")
			}
			tree.Append(h)
			front.Append(h)
		}
	}
}

// mth is RFC 6962's definition of the tree hash, as it stands in section 2.1.
func mth(leaves []evidence.Digest) evidence.Digest {
	if len(leaves) == 0 {
		return sha256.Sum256(nil)
	}
	if len(leaves) == 1 {
		return leaves[0]
	}
	k := 1
	for 2*k < len(leaves) {
		k *= 2
	}
	return tlog.NodeHash(mth(leaves[:k]), mth(leaves[k:]))
}

// grow returns a tree of n leaves, the leaf hashes, and the root at each size.
func grow(t testing.TB, n int) (*tlog.Tree, []evidence.Digest, []evidence.Digest) {
	t.Helper()
	tree := new(tlog.Tree)
	var leaves, roots []evidence.Digest
	for i := range n + 1 {
		root, err := tree.Root(uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		if root != mth(leaves) {
			t.Fatalf("the root of %d leaves is not RFC 6962's", i)
		}
		roots = append(roots, root)
		leaves = append(leaves, tlog.LeafHash(fmt.Append(nil, i)))
		tree.Append(leaves[i])
	}
	return tree, leaves, roots
}

const most = 40

// spoiled calls f with every single change of a proof: one bit of one hash,
// one hash less, one hash more.
func spoiled(proof []evidence.Digest, f func(how string, proof []evidence.Digest)) {
	for i := range proof {
		p := slices.Clone(proof)
		p[i][i%len(p[i])] ^= 1 << (i % 8)
		f(fmt.Sprintf("hash %d flipped", i), p)
		f(fmt.Sprintf("hash %d left out", i), slices.Delete(slices.Clone(proof), i, i+1))
	}
	f("a hash more", append(slices.Clone(proof), evidence.Digest{}))
	f("a hash before", append([]evidence.Digest{{}}, proof...))
}

func TestInclusionEverywhere(t *testing.T) {
	tree, leaves, roots := grow(t, most)
	refused := func(err error, n, i int, how string) {
		t.Helper()
		if !errors.Is(err, tlog.ErrProof) {
			t.Errorf("leaf %d of %d, %s: %v, want ErrProof", i, n, how, err)
		}
	}
	for n := 1; n <= most; n++ {
		for i := range n {
			size, index := uint64(n), uint64(i)
			proof, err := tlog.ProveInclusion(size, index, tree)
			if err != nil {
				t.Fatal(err)
			}
			if err := tlog.VerifyInclusion(leaves[i], index, size, proof, roots[n]); err != nil {
				t.Errorf("leaf %d of %d: %v", i, n, err)
			}
			spoiled(proof, func(how string, p []evidence.Digest) {
				refused(tlog.VerifyInclusion(leaves[i], index, size, p, roots[n]), n, i, how)
			})
			leaf, root := leaves[i], roots[n]
			leaf[3] ^= 4
			root[5] ^= 8
			refused(tlog.VerifyInclusion(leaf, index, size, proof, roots[n]), n, i, "leaf flipped")
			refused(tlog.VerifyInclusion(leaves[i], index, size, proof, root), n, i, "root flipped")
			for other := range n {
				if other != i {
					refused(tlog.VerifyInclusion(leaves[i], uint64(other), size, proof, roots[n]), n, i, fmt.Sprintf("as leaf %d", other))
				}
			}
		}
		if _, err := tlog.ProveInclusion(uint64(n), uint64(n), tree); err == nil {
			t.Errorf("proves leaf %d of %d", n, n)
		}
		refused(tlog.VerifyInclusion(leaves[0], uint64(n), uint64(n), nil, roots[n]), n, n, "beyond the end")
	}
}

func TestConsistencyEverywhere(t *testing.T) {
	tree, _, roots := grow(t, most)
	for n := 0; n <= most; n++ {
		for m := 0; m <= n; m++ {
			small, large := uint64(m), uint64(n)
			refused := func(err error, how string) {
				t.Helper()
				if !errors.Is(err, tlog.ErrProof) {
					t.Errorf("%d to %d, %s: %v, want ErrProof", m, n, how, err)
				}
			}
			proof, err := tlog.ProveConsistency(small, large, tree)
			if err != nil {
				t.Fatal(err)
			}
			if err := tlog.VerifyConsistency(small, roots[m], large, roots[n], proof); err != nil {
				t.Errorf("%d to %d: %v", m, n, err)
			}
			spoiled(proof, func(how string, p []evidence.Digest) {
				refused(tlog.VerifyConsistency(small, roots[m], large, roots[n], p), how)
			})
			first, second := roots[m], roots[n]
			first[0] ^= 1
			second[31] ^= 128
			refused(tlog.VerifyConsistency(small, first, large, roots[n], proof), "first root flipped")
			if m > 0 { // every tree continues the empty one: its root is not looked at
				refused(tlog.VerifyConsistency(small, roots[m], large, second, proof), "second root flipped")
			}
			if m < n {
				refused(tlog.VerifyConsistency(large, roots[n], small, roots[m], proof), "backwards")
			}
		}
	}
}

// TestAbsurdSizes: whatever a hostile log signs, the answer comes at once.
func TestAbsurdSizes(t *testing.T) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		var h evidence.Digest
		proof := make([]evidence.Digest, 64)
		nothing := tlog.ReaderFunc(func(nodes []tlog.Node) ([]evidence.Digest, error) { return make([]evidence.Digest, len(nodes)), nil })
		for _, size := range []uint64{tlog.MaxSize - 1, tlog.MaxSize, tlog.MaxSize + 1, 1 << 61, 1<<62 - 1, 1 << 62, 1<<62 + 1, math.MaxInt64, 1 << 63, math.MaxUint64} {
			for _, index := range []uint64{0, 1, size / 2, size - 1, size} {
				if err := tlog.VerifyInclusion(h, index, size, proof, h); !errors.Is(err, tlog.ErrProof) {
					t.Errorf("leaf %d of %d: %v", index, size, err)
				}
				if err := tlog.VerifyConsistency(index, h, size, h, proof); !errors.Is(err, tlog.ErrProof) {
					t.Errorf("%d to %d: %v", index, size, err)
				}
				_, err1 := tlog.ProveInclusion(size, index, nothing)
				_, err2 := tlog.ProveConsistency(index, size, nothing)
				_, err3 := tlog.Root(size, nothing)
				if large := size > tlog.MaxSize; large && (err1 == nil || err2 == nil || err3 == nil) {
					t.Errorf("proves something of %d leaves: %v, %v, %v", size, err1, err2, err3)
				}
			}
		}
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("still at it")
	}
	if err := tlog.VerifyInclusion(evidence.Digest{}, 0, 8, make([]evidence.Digest, 129), evidence.Digest{}); !errors.Is(err, tlog.ErrProof) {
		t.Errorf("129 hashes: %v", err)
	}
}

// TestReaderFailures: what a store cannot give is an error, never a proof.
func TestReaderFailures(t *testing.T) {
	broken := errors.New("broken")
	for name, r := range map[string]tlog.ReaderFunc{
		"error":     func([]tlog.Node) ([]evidence.Digest, error) { return nil, broken },
		"too few":   func(n []tlog.Node) ([]evidence.Digest, error) { return make([]evidence.Digest, len(n)-1), nil },
		"too many":  func(n []tlog.Node) ([]evidence.Digest, error) { return make([]evidence.Digest, len(n)+1), nil },
		"too small": new(tlog.Tree).Hashes,
	} {
		_, err1 := tlog.ProveInclusion(5, 2, r)
		_, err2 := tlog.ProveConsistency(3, 5, r)
		_, err3 := tlog.Root(5, r)
		if err1 == nil || err2 == nil || err3 == nil || name == "error" && !errors.Is(err1, broken) {
			t.Errorf("%s: %v, %v, %v", name, err1, err2, err3)
		}
	}
}

// TestFrontier: at every size the right edge gives the tree's root, and goes on
// from its bytes and from a copy.
func TestFrontier(t *testing.T) {
	_, leaves, roots := grow(t, 300)
	var f tlog.Frontier
	for n := range 300 {
		if f.Size() != uint64(n) || f.Root() != roots[n] {
			t.Fatalf("%d leaves: root %s, want %s", n, f.Root(), roots[n])
		}
		b, err := f.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var again tlog.Frontier
		if err := again.UnmarshalBinary(b); err != nil {
			t.Fatal(err)
		}
		if same, err := again.MarshalBinary(); err != nil || !bytes.Equal(same, b) || again.Root() != roots[n] {
			t.Fatalf("%d leaves: not the same from its bytes", n)
		}
		if n > 0 {
			for _, bad := range [][]byte{b[:len(b)-1], append(bytes.Clone(b), 0), b[:7]} {
				if err := new(tlog.Frontier).UnmarshalBinary(bad); !errors.Is(err, tlog.ErrFrontier) {
					t.Fatalf("%d leaves: %d bytes of %d: %v", n, len(bad), len(b), err)
				}
			}
		}
		copied := f.Clone()
		again.Append(leaves[n])
		copied.Append(evidence.Digest{1})
		copied.Append(evidence.Digest{2})
		f.Append(leaves[n])
		if again.Root() != roots[n+1] || f.Root() != roots[n+1] {
			t.Fatalf("%d leaves: a copy moved the original", n)
		}
	}
	huge := append(bytes.Repeat([]byte{0xff}, 8), make([]byte, 64*32)...)
	if err := new(tlog.Frontier).UnmarshalBinary(huge); !errors.Is(err, tlog.ErrFrontier) {
		t.Errorf("2^64-1 leaves: %v", err)
	}
}
