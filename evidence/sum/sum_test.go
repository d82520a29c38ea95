package sum

import (
	"bytes"
	"crypto/sha256"
	"encoding"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
)

func random(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{3}).Read(b)
	return b
}

// TestSameAsSHA256: whatever is written, in whatever pieces and however many
// beside it, digest and marshalled state are those of crypto/sha256.
func TestSameAsSHA256(t *testing.T) {
	all := random(3 << 20)
	var wg sync.WaitGroup
	for seed := range uint64(16) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, 1))
			h, want := New(), sha256.New()
			for range 12 {
				n := r.IntN(worthwhile * 4)
				if r.IntN(3) == 0 {
					n = r.IntN(200)
				}
				at := r.IntN(len(all) - n)
				h.Write(all[at : at+n])
				want.Write(all[at : at+n])
				if !bytes.Equal(h.Sum(nil), want.Sum(nil)) {
					t.Errorf("seed %d: another digest", seed)
					return
				}
				mine, err := h.(encoding.BinaryMarshaler).MarshalBinary()
				its, _ := want.(encoding.BinaryMarshaler).MarshalBinary()
				if err != nil || !bytes.Equal(mine, its) {
					t.Errorf("seed %d: state %x, not %x (%v)", seed, mine, its, err)
					return
				}
				h = New()
				if err := h.(encoding.BinaryUnmarshaler).UnmarshalBinary(its); err != nil {
					t.Error(err)
				}
			}
			h.Reset()
			h.Write(all)
			if [Size]byte(h.Sum(nil)) != sha256.Sum256(all) {
				t.Errorf("seed %d: another digest after Reset", seed)
			}
		})
	}
	wg.Wait()
	bench.mu.Lock()
	defer bench.mu.Unlock()
	if len(bench.waiting) != 0 {
		t.Errorf("%d wait for ever", len(bench.waiting))
	}
}

// TestAble: a processor that says it has the instructions computes by them, so
// that the other tests show something.
func TestAble(t *testing.T) {
	if able() != paired {
		t.Errorf("able is %t on a processor that can: %t", able(), paired)
	}
}

// TestPairKeepsApart: two streams of different states and bytes don't touch
// each other, for every small number of blocks.
func TestPairKeepsApart(t *testing.T) {
	if !paired {
		return // able is false, and nothing calls pair: TestAble
	}
	data := random(40 * block)
	for n := 1; n <= 16; n++ {
		x, y := sha256.New().(inner), sha256.New().(inner)
		x.Write(data[:n*block])
		together(&lane{x, data[n*block:]}, &lane{y, data[1:]}, n*block)
		if [Size]byte(x.Sum(nil)) != sha256.Sum256(data[:2*n*block]) || [Size]byte(y.Sum(nil)) != sha256.Sum256(data[1:1+n*block]) {
			t.Errorf("%d blocks beside one another come out wrong", n)
		}
	}
}

// FuzzTogether compares with crypto/sha256 where a stream is cut anywhere.
func FuzzTogether(f *testing.F) {
	f.Add(uint64(1), 63, 5)
	f.Add(uint64(2), 0, 1)
	f.Fuzz(func(t *testing.T, seed uint64, first, more int) {
		first, more = first&0xffff, more&0xffff
		data := make([]byte, worthwhile+first+more)
		rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(data)
		x, y := New(), New()
		var wg sync.WaitGroup
		wg.Go(func() { x.Write(data[:first]); x.Write(data[first:]) })
		wg.Go(func() { y.Write([]byte{0}); y.Write(data) })
		wg.Wait()
		if [Size]byte(x.Sum(nil)) != sha256.Sum256(data) || [Size]byte(y.Sum(nil)) != sha256.Sum256(append([]byte{0}, data...)) {
			t.Errorf("%d bytes, first %d: another digest", len(data), first)
		}
	})
}

// BenchmarkTwo compares two streams of 8 MiB side by side with one after the
// other through crypto/sha256, in processor time of one core.
func BenchmarkTwo(b *testing.B) {
	data := random(8<<20 + block)
	for _, kind := range []string{"crypto/sha256", "side by side"} {
		b.Run(kind, func(b *testing.B) {
			b.SetBytes(16 << 20)
			for b.Loop() {
				x, y := sha256.New().(inner), sha256.New().(inner)
				if kind == "crypto/sha256" || !paired {
					x.Write(data[:8<<20])
					y.Write(data[block-1:][:8<<20])
					continue
				}
				together(&lane{x, data[:8<<20]}, &lane{y, data[block-1:][:8<<20]}, 8<<20)
			}
		})
	}
}

func Example() {
	h := New()
	h.Write([]byte("exhibit 1"))
	fmt.Printf("%x\n", h.Sum(nil)[:4])
	// Output: 89a73715
}
