package evidence

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
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
	return Measured{Size: uint64(len(b)), SHA256: sha256.Sum256(b), BlockRoot: rfc6962Root(leaves)}
}

// with adds legacy digests that were asked for.
func (m Measured) with(also Legacy, b []byte) Measured {
	if also&SHA1 != 0 {
		m.SHA1 = fmt.Sprintf("%x", sha1.Sum(b))
	}
	if also&MD5 != 0 {
		m.MD5 = fmt.Sprintf("%x", md5.Sum(b))
	}
	return m
}

// everyLegacy is each choice of legacy digests.
var everyLegacy = []Legacy{0, SHA1, MD5, SHA1 | MD5}

var testSizes = []int{0, 1, BlockSize - 1, BlockSize, BlockSize + 1, 5*BlockSize + 12345, 8 * BlockSize}

func TestMeasure(t *testing.T) {
	for _, size := range testSizes {
		data := testBytes(size)
		plain := plainly(data)
		for _, also := range everyLegacy {
			got, leaves, err := Measure(iotest.HalfReader(bytes.NewReader(data)), also)
			if err != nil {
				t.Fatal(err)
			}
			if want := plain.with(also, data); got != want {
				t.Errorf("%d bytes: got %+v, want %+v", size, got, want)
			}
			if uint64(len(leaves)) != BlockCount(uint64(size)) || BlockRoot(leaves) != got.BlockRoot {
				t.Errorf("%d bytes: the %d leaves don't lead to the root", size, len(leaves))
			}
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
		also := everyLegacy[size%4]
		h := NewHasher(also)
		var leaves []Digest
		for off := 0; off < size; off += part {
			piece := data[off:min(off+part, size)]
			l := BlockLeaves(piece)
			if off%(2*part) == 0 {
				again, err := h.Part(piece)
				if err != nil || !slices.Equal(again, l) {
					t.Fatalf("a part's leaves are %x, not %x (%v)", again, l, err)
				}
			} else if err := h.Take(piece, l...); err != nil {
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
		if got, want := h.Measured(), plainly(data).with(also, data); got != want || h.Legacy() != also {
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
	if err := h.Take([]byte("one more"), Digest{}); !errors.Is(err, ErrPart) {
		t.Errorf("part after the last: %v", err)
	}
	for _, leaves := range [][]Digest{nil, make([]Digest, 2)} {
		if err := NewHasher().Take([]byte("one block"), leaves...); !errors.Is(err, ErrPart) {
			t.Errorf("one block with %d leaves: %v", len(leaves), err)
		}
	}
	if h.Measured() != before {
		t.Error("a refused part changed the measure")
	}
}

func FuzzHasherState(f *testing.F) {
	set := NewSegmentedHasher([]uint64{3, 5, 1})
	set.Part([]byte("12345"))
	if state, err := set.MarshalBinary(); err == nil {
		f.Add(state)
	}
	for i, n := range []int{0, 100, BlockSize, 3} {
		h := NewHasher(everyLegacy[i])
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
		state[9] ^= 1 // the size no longer agrees with the digests
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
	h := NewHasher(SHA1)
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
	for i := range 10 { // version, digests and size
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
			h := NewHasher(SHA1, MD5)
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
			if _, _, err := Measure(bytes.NewReader(data), SHA1, MD5); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func TestParseLegacy(t *testing.T) {
	for _, l := range everyLegacy {
		if got, err := ParseLegacy(l.Names()); got != l || err != nil {
			t.Errorf("%v is read as %v (%v)", l.Names(), got, err)
		}
	}
	if got, err := ParseLegacy([]string{"md5", "sha1"}); got != SHA1|MD5 || err != nil {
		t.Errorf("in another order: %v (%v)", got, err)
	}
	for _, names := range [][]string{{"sha256"}, {"MD5"}, {""}, {"md5", "md5"}} {
		if _, err := ParseLegacy(names); !errors.Is(err, ErrLegacy) {
			t.Errorf("%q is taken (%v)", names, err)
		}
	}
}

// TestAhead: bytes that went ahead into the digest of the whole are not taken
// into it again, whatever is said of their leaves later.
func TestAhead(t *testing.T) {
	data := make([]byte, 3*BlockSize-7)
	for i := range data {
		data[i] = byte(i * 31 >> 3)
	}
	want, leaves, err := Measure(bytes.NewReader(data), SHA1|MD5)
	if err != nil {
		t.Fatal(err)
	}
	h := NewHasher(SHA1, MD5)
	block := func(i int) []byte { return data[i*BlockSize : min((i+1)*BlockSize, len(data))] }
	for i := range leaves { // two blocks ahead
		if i == 0 {
			h.Ahead().Write(block(0))
			if _, err := h.MarshalBinary(); !errors.Is(err, ErrState) || h.Size() != BlockSize {
				t.Errorf("a state with bytes ahead, of %d: %v", h.Size(), err)
			}
		}
		if i+1 < len(leaves) {
			h.Ahead().Write(block(i + 1))
		}
		if err := h.Take(block(i), leaves[i]); err != nil {
			t.Fatal(err)
		}
	}
	if got := h.Measured(); got != want {
		t.Errorf("measured %+v, not %+v", got, want)
	}
}
