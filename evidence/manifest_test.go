package evidence_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/evidence"
)

func TestManifest(t *testing.T) {
	a, b := evidence.Sum([]byte("a")), evidence.Sum([]byte("b"))
	text := a.String() + "  disk.E01\n" + b.String() + "  disk.E02\n"
	m, err := evidence.ParseManifest([]byte(text))
	if err != nil || len(m) != 2 || m[1] != (evidence.ManifestEntry{Name: "disk.E02", SHA256: b}) || string(m.Encode()) != text || m.Digest() != evidence.Sum([]byte(text)) {
		t.Fatalf("%v, %v", m, err)
	}
	line := func(name string) string { return a.String() + "  " + name + "\n" }
	for name, bad := range map[string]string{
		"empty":         "",
		"one segment":   line("a"),
		"no line feed":  strings.TrimSuffix(text, "\n"),
		"binary mark":   strings.Replace(text, "  ", " *", 1),
		"upper case":    strings.ToUpper(a.String()) + "  a\n" + line("b"),
		"path":          line("x/a") + line("b"),
		"up":            line("..") + line("b"),
		"bidi":          line("a\u202eb") + line("b"),
		"twice":         line("a") + line("a"),
		"in other case": line("disk.E01") + line("DISK.e01"),
		"empty line":    line("a") + "\n" + line("b"),
		"no name":       line("") + line("b"),
		"CRLF":          strings.ReplaceAll(text, "\n", "\r\n"),
		"too long":      strings.Repeat(line(strings.Repeat("n", 255)), evidence.MaxManifest/322+1),
	} {
		if _, err := evidence.ParseManifest([]byte(bad)); !errors.Is(err, evidence.ErrManifest) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		sizes []uint64
		size  uint64
	}{
		"one": {[]uint64{5}, 5}, "empty": {[]uint64{5, 0}, 5}, "less": {[]uint64{5, 5}, 11}, "more": {[]uint64{5, 5}, 9},
		"overflow": {[]uint64{1<<64 - 1, 2}, 1}, "many": {make([]uint64, evidence.MaxSegments+1), 0},
	} {
		if err := evidence.CheckSegments(c.sizes, c.size); !errors.Is(err, evidence.ErrManifest) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSegmentedHasher: wherever the parts end and the state is kept, each
// segment has its own digest, and the block tree is the stream's.
func TestSegmentedHasher(t *testing.T) {
	data := make([]byte, 3*evidence.BlockSize+777)
	for i := range data {
		data[i] = byte(i * 7 / 13)
	}
	for _, sizes := range [][]uint64{
		{1, uint64(len(data)) - 1},
		{evidence.BlockSize, evidence.BlockSize, evidence.BlockSize, 777},
		{evidence.BlockSize + 1, 100, 200, 2*evidence.BlockSize + 476},
	} {
		var want []evidence.Digest
		at := uint64(0)
		for _, n := range sizes {
			want = append(want, evidence.Sum(data[at:at+n]))
			at += n
		}
		h := evidence.NewSegmentedHasher(sizes)
		for off := 0; off < len(data); off += evidence.BlockSize {
			state, err := h.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			h = evidence.NewHasher()
			if err := h.UnmarshalBinary(state); err != nil {
				t.Fatal(err)
			}
			again, err := h.MarshalBinary()
			if err != nil || !bytes.Equal(again, state) {
				t.Fatalf("another state, %v", err)
			}
			for _, cut := range []int{len(state) - 1, 12, 40} {
				if evidence.NewHasher().UnmarshalBinary(state[:cut]) == nil {
					t.Errorf("a state of %d bytes is read", cut)
				}
			}
			if _, err := h.Part(data[off:min(off+evidence.BlockSize, len(data))]); err != nil {
				t.Fatal(err)
			}
		}
		plain, _, err := evidence.Measure(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		got := h.Measured()
		if got.BlockRoot != plain.BlockRoot || got.Size != plain.Size || !got.SHA256.IsZero() || got.MD5 != "" {
			t.Errorf("%+v", got)
		}
		sums := h.SegmentSums()
		for i := range want {
			if len(sums) != len(want) || sums[i] != want[i] {
				t.Fatalf("sizes %v: segment %d has another digest", sizes, i)
			}
		}
		m, _, sums, err := evidence.MeasureSegments(io.MultiReader(bytes.NewReader(data[:5]), bytes.NewReader(data[5:])), sizes)
		if err != nil || m != got || len(sums) != len(want) || sums[len(want)-1] != want[len(want)-1] {
			t.Errorf("MeasureSegments: %+v, %v", m, err)
		}
		if _, _, _, err := evidence.MeasureSegments(bytes.NewReader(data[1:]), sizes); !errors.Is(err, evidence.ErrManifest) {
			t.Errorf("one byte less: %v", err)
		}
	}
}

func FuzzParseManifest(f *testing.F) {
	a := evidence.Sum([]byte("a")).String()
	f.Add([]byte(a + "  disk.E01\n" + a + "  disk.E02\n"))
	f.Add([]byte(a + "  disk.001\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := evidence.ParseManifest(b)
		if err == nil && !bytes.Equal(m.Encode(), b) {
			t.Errorf("read, and written otherwise: %q", b)
		}
	})
}
