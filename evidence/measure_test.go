package evidence

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"
)

func testBytes(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

// plainly measures b without any of the code under test but the leaf hash.
func plainly(b []byte) Measured {
	var leaves []Digest
	for off := 0; off < len(b); off += BlockSize {
		leaves = append(leaves, BlockLeaf(b[off:min(off+BlockSize, len(b))]))
	}
	return Measured{
		Size: uint64(len(b)), SHA256: sha256.Sum256(b), SHA1: sha1.Sum(b), MD5: md5.Sum(b),
		BlockRoot: rfc6962Root(leaves),
	}
}

var testSizes = []int{0, 1, BlockSize - 1, BlockSize, BlockSize + 1, 5*BlockSize + 12345, 8 * BlockSize}

func TestMeasure(t *testing.T) {
	for _, size := range testSizes {
		data := testBytes(size)
		got, leaves, err := Measure(iotest.HalfReader(bytes.NewReader(data)))
		if err != nil {
			t.Fatal(err)
		}
		if want := plainly(data); got != want {
			t.Errorf("%d bytes: got %+v, want %+v", size, got, want)
		}
		if uint64(len(leaves)) != BlockCount(uint64(size)) || BlockRoot(leaves) != got.BlockRoot {
			t.Errorf("%d bytes: the %d leaves don't lead to the root", size, len(leaves))
		}
	}
}

func TestMeasureReportsAFailingReader(t *testing.T) {
	broken := errors.New("broken disk")
	for _, n := range []int{0, 5, BlockSize, BlockSize + 5} {
		_, _, err := Measure(io.MultiReader(bytes.NewReader(testBytes(n)), iotest.ErrReader(broken)))
		if !errors.Is(err, broken) {
			t.Errorf("reader broken after %d bytes: %v", n, err)
		}
	}
	// A reader that itself reports a truncated source must not look like a clean end.
	if _, _, err := Measure(io.MultiReader(bytes.NewReader(testBytes(5)), iotest.ErrReader(io.ErrUnexpectedEOF))); err == nil {
		t.Error("a source cut short was measured as if it were whole")
	}
}

func TestHasherResumesExactly(t *testing.T) {
	const part = 2 * BlockSize
	for _, size := range testSizes[1:] {
		data := testBytes(size)
		h := NewHasher()
		var leaves []Digest
		for off := 0; off < size; off += part {
			l, err := h.Part(data[off:min(off+part, size)])
			if err != nil {
				t.Fatal(err)
			}
			leaves = append(leaves, l...)
			state, err := h.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			if len(state) > 1024 {
				t.Errorf("state of %d bytes", len(state))
			}
			h = &Hasher{} // the service died here
			if err := h.UnmarshalBinary(state); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := h.Measured(), plainly(data); got != want {
			t.Errorf("%d bytes: got %+v, want %+v", size, got, want)
		}
		if BlockRoot(leaves) != h.Measured().BlockRoot {
			t.Errorf("%d bytes: returned leaves don't lead to the root", size)
		}
	}
}

func TestHasherRefusesMisfitParts(t *testing.T) {
	h := NewHasher()
	if _, err := h.Part(nil); !errors.Is(err, ErrPart) {
		t.Errorf("empty part: %v", err)
	}
	if _, err := h.Part([]byte("the last part")); err != nil {
		t.Fatal(err)
	}
	before := h.Measured()
	if _, err := h.Part([]byte("one more")); !errors.Is(err, ErrPart) {
		t.Errorf("part after the last: %v", err)
	}
	if h.Measured() != before {
		t.Error("a refused part changed the measure")
	}
}

func FuzzHasherState(f *testing.F) {
	for _, n := range []int{0, 100, BlockSize} {
		h := NewHasher()
		if n > 0 {
			if _, err := h.Part(testBytes(n)); err != nil {
				f.Fatal(err)
			}
		}
		state, err := h.MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(state)
		f.Add(state[:len(state)-1])
		f.Add(append(state, 0))
		state = bytes.Clone(state)
		state[8] ^= 1 // the size no longer agrees with the digests
		f.Add(state)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h := NewHasher()
		if err := h.UnmarshalBinary(b); err != nil {
			if !errors.Is(err, ErrState) {
				t.Errorf("refused with %v, not ErrState", err)
			}
			if h.Size() != 0 || h.Measured() != NewHasher().Measured() {
				t.Error("a refused state changed the Hasher")
			}
			return
		}
		h.Measured()
		again, err := h.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if err := NewHasher().UnmarshalBinary(again); err != nil {
			t.Errorf("an accepted state doesn't survive: %v", err)
		}
	})
}

func TestHasherStateRefusals(t *testing.T) {
	h := NewHasher()
	if _, err := h.Part(testBytes(3 * BlockSize)); err != nil {
		t.Fatal(err)
	}
	state, err := h.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	for n := range state {
		if err := NewHasher().UnmarshalBinary(state[:n]); !errors.Is(err, ErrState) {
			t.Fatalf("state cut to %d bytes: %v", n, err)
		}
	}
	for i := range 9 { // version and size
		bent := bytes.Clone(state)
		bent[i] ^= 1
		if err := NewHasher().UnmarshalBinary(bent); !errors.Is(err, ErrState) {
			t.Errorf("state with byte %d changed: %v", i, err)
		}
	}
}

func BenchmarkMeasure(b *testing.B) {
	data := testBytes(256 << 20)
	b.Run("sha256 alone", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			sha256.Sum256(data)
		}
	})
	b.Run("all four through one MultiWriter", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			w := io.MultiWriter(sha256.New(), sha256.New(), sha1.New(), md5.New())
			if _, err := io.Copy(w, bytes.NewReader(data)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Hasher", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			h := NewHasher()
			for off := 0; off < len(data); off += 16 << 20 {
				if _, err := h.Part(data[off : off+16<<20]); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("Measure", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			if _, _, err := Measure(bytes.NewReader(data)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
