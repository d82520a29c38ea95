package ewf_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/evidence/ewf"
	"github.com/evidence-custody/custodyd/evidence/ewf/ewftest"
)

// set makes segments of files in memory.
func set(files ...[]byte) []ewf.Segment {
	var s []ewf.Segment
	for i, f := range files {
		s = append(s, ewf.Segment{ReaderAt: bytes.NewReader(f), Name: fmt.Sprintf("x.E%02d", i+1), Size: int64(len(f))})
	}
	return s
}

var all = ewf.Options{MD5: true, SHA1: true, SHA256: true}

// whole opens and verifies.
func whole(t *testing.T, files ...[]byte) (*ewf.Image, ewf.Report) {
	t.Helper()
	m, err := ewf.Open(set(files...))
	if err != nil {
		t.Fatal(err)
	}
	r, err := m.Verify(t.Context(), all)
	if err != nil {
		t.Fatal(err)
	}
	return m, r
}

var media = ewftest.Media(41 * 512)

// images are the layouts that tools write; see formats_test.go for the tools.
var images = map[string]ewftest.Image{
	"raw":        {Media: media},
	"compressed": {Media: media, Compressed: true},
	"smart":      {Media: media, Smart: true},
	"tables":     {Media: media, Compressed: true, PerTable: 2},
	"base":       {Media: media, Compressed: true, PerTable: 2, Base: true},
	"segments":   {Media: media, Compressed: true, Segments: 3, SHA1: ewftest.SHA1(media)},
	"smart 3":    {Media: media, Smart: true, Segments: 3},
	"one chunk":  {Media: media, PerChunk: 64},
	"one sector": {Media: media[:512]},
	"errors":     {Media: media, Errors: [][2]uint32{{3, 2}, {17, 1}}},
}

func TestImages(t *testing.T) {
	for name, im := range images {
		t.Run(name, func(t *testing.T) {
			files := ewftest.Build(im)
			m, r := whole(t, files...)
			if r.Size != uint64(len(im.Media)) || *r.MD5 != md5.Sum(im.Media) || *r.SHA1 != sha1.Sum(im.Media) || *r.SHA256 != sha256.Sum256(im.Media) {
				t.Errorf("hashes of another medium: %+v", r)
			}
			if r.Damaged != 0 || r.FlawCount != 0 || !r.Matches(m.Stored) || r.Differs(m.Stored) {
				t.Errorf("damaged %d, flaws %v, matches %v", r.Damaged, r.Flaws, r.Matches(m.Stored))
			}
			if m.Metadata.Case != "CASE-7" || m.Metadata.Examiner != "A. Examiner" || m.Metadata.Acquired.Zone || m.Metadata.Acquired.At.Year() != 2026 {
				t.Errorf("metadata %+v", m.Metadata)
			}
			if im.SHA1 != nil && *m.Stored.SHA1 != *im.SHA1 {
				t.Errorf("stored SHA-1 %x", m.Stored.SHA1)
			}
			if len(im.Errors) > 0 && (m.Errors.Ranges != 2 || m.Errors.Sectors != 3 || m.Errors.First[1] != ewf.SectorRange{First: 17, Count: 1}) {
				t.Errorf("acquisition errors %+v", m.Errors)
			}
			for _, size := range []int{100, 4096, 10000} {
				var got []byte
				p := make([]byte, size)
				for err := error(nil); err == nil; {
					var n int
					if n, err = m.ReadAt(p, int64(len(got))); err != nil && err != io.EOF {
						t.Fatal(err)
					}
					got = append(got, p[:n]...)
				}
				if !bytes.Equal(got, im.Media) {
					t.Fatalf("ReadAt, %d at a time, reads another medium", size)
				}
			}
			if n, err := m.ReadAt(make([]byte, 100), int64(len(im.Media))-10); n != 10 || err != io.EOF {
				t.Errorf("at the end: %d, %v", n, err)
			}
		})
	}
}

// TestKinds and what a medium is said to be.
func TestKinds(t *testing.T) {
	m, _ := whole(t, ewftest.Build(ewftest.Image{Media: media, Set: 7})...)
	if m.Kind != ewf.KindE01 || m.Medium.Type != "fixed" || !m.Medium.Physical || m.Medium.ChunkSize != 4096 || m.Medium.Set[3] != 7 || m.Chunks() != 6 {
		t.Errorf("%v %+v", m.Kind, m.Medium)
	}
	m, _ = whole(t, ewftest.Build(ewftest.Image{Media: media, Smart: true})...)
	if m.Kind != ewf.KindSMART || m.Medium.Type != "" {
		t.Errorf("%v %+v", m.Kind, m.Medium)
	}
}

func TestTexts(t *testing.T) {
	main := func(v string) string { return "1\nmain\na\tc\tn\te\tt\tav\tov\tm\tu\tp\n" + v + "\n\n" }
	for name, c := range map[string]struct {
		header, header2     string
		examiner, described string
	}{
		"latin-1":         {header: main("d\tc\tn\tM\xfcller\tt\tv\to\t0\t0\t0"), examiner: "Müller", described: "d"},
		"utf-8":           {header: main("d\tc\tn\tMüller\tt\tv\to\t0\t0\t0"), examiner: "Müller", described: "d"},
		"header2 first":   {header: main("d\tc\tn\tM?ller\tt\tv\to\t0\t0\t0"), header2: main("دليل\tc\tn\tMu\u0308ller\tt\tv\to\t1795804493\t1795804494\t0"), examiner: "Müller", described: "دليل"},
		"bidi":            {header: "1", header2: main("d\tc\tn\ta\u202eb\tt\tv\to\t\t\t0"), examiner: "a\u202eb", described: "d"},
		"too few values":  {header: main("d\tc"), described: "d"},
		"no main":         {header: "nothing here"},
		"windows newline": {header: strings.ReplaceAll(main("d\tc\tn\te\tt\tv\to\t0\t0\t0"), "\n", "\r\n"), examiner: "e", described: "d"},
	} {
		t.Run(name, func(t *testing.T) {
			m, r := whole(t, ewftest.Build(ewftest.Image{Media: media[:512], Header: c.header, Header2: c.header2})...)
			if m.Metadata.Examiner != c.examiner || m.Metadata.Description != c.described || r.FlawCount != 0 {
				t.Errorf("%+v, %v", m.Metadata, r.Flaws)
			}
		})
	}
	if got := ewf.Shown("a\u202eb\tc\u0627"); got != `a\u202eb\tc`+"\u0627" {
		t.Errorf("shown as %q", got)
	}
	m, _ := whole(t, ewftest.Build(ewftest.Image{Media: media[:512], Header: main("d\tc\tn\te\tt\tv\to\t1795804493\tsoon\t8a1f")})...)
	if !m.Metadata.Password || !m.Metadata.Acquired.Zone || m.Metadata.Acquired.At.Unix() != 1795804493 || m.Metadata.Written.Text != "soon" || !m.Metadata.Written.At.IsZero() {
		t.Errorf("%+v", m.Metadata)
	}
}

// TestCancelled: Verify ends with its context.
func TestCancelled(t *testing.T) {
	m, err := ewf.Open(set(ewftest.Build(ewftest.Image{Media: media})...))
	if err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Verify(gone, all); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// sparse is a file that is zeros but for some pieces.
type sparse struct {
	pieces map[int64][]byte
}

func (s sparse) ReadAt(p []byte, off int64) (int, error) {
	clear(p)
	for at, b := range s.pieces {
		from, to := max(at, off), min(at+int64(len(b)), off+int64(len(p)))
		if from < to {
			copy(p[from-off:to-off], b[from-at:])
		}
	}
	return len(p), nil
}

// TestBeyond2GiB: one segment of more than 4 GiB, with table base offsets, and
// EnCase 6.7.1's table, whose offsets grow into the flag's bit.
func TestBeyond2GiB(t *testing.T) {
	const hole = 5 << 30
	chunk := ewftest.Media(3 * 4096)
	build := func(overflow bool) (sparse, int64) {
		f := ewftest.Section(ewftest.Start(1), "header", ewftest.Deflate([]byte(ewftest.DefaultHeader)))
		f = ewftest.Section(f, "volume", ewftest.Volume(false, 3, 8, 24, 0))
		first := int64(len(f))
		s := sparse{map[int64][]byte{}}
		var tail []byte
		var tableAt int64
		section := func(kind string, data []byte) {
			at := tableAt + int64(len(tail))
			tail = append(ewftest.Descriptor(tail, kind, uint64(at+76+int64(len(data))), uint64(76+len(data))), data...)
		}
		if overflow { // chunks right below and beyond 2 GiB, all offsets from the file's start
			starts := []int64{1<<31 - 4100 - 50, 1<<31 - 50, 1<<31 - 50 + 4100}
			for i, at := range starts {
				s.pieces[at] = ewftest.Sealed(chunk[i*4096:][:4096])
			}
			tableAt = 3 << 30
			s.pieces[0] = ewftest.Descriptor(f, "sectors", uint64(tableAt), uint64(tableAt-first))
			entries := ewftest.Footed(ewftest.Table(0, []uint32{uint32(starts[0]), uint32(starts[1]), uint32(starts[2])}))
			section("table", entries)
			section("table2", entries)
		} else { // two tables; the second's chunks are beyond 4 GiB, one of them compressed
			s.pieces[first+76] = ewftest.Sealed(chunk[:4096])
			f = append(ewftest.Descriptor(f, "sectors", uint64(first+76+4100), 76+4100), make([]byte, 4100)...)
			entries := ewftest.Footed(ewftest.Table(uint64(first), []uint32{76}))
			f = ewftest.Section(f, "table", entries)
			second := int64(len(f))
			s.pieces[0] = bytes.Clone(f)
			copy(s.pieces[0][first+76:], s.pieces[first+76])
			delete(s.pieces, first+76)
			s.pieces[hole] = append(ewftest.Deflate(chunk[4096:8192]), ewftest.Sealed(chunk[8192:])...)
			z := int64(len(ewftest.Deflate(chunk[4096:8192])))
			tableAt = hole + 1<<20
			s.pieces[second] = ewftest.Descriptor(nil, "sectors", uint64(tableAt), uint64(tableAt-second))
			base := int64(hole - 1<<31 + 5000)
			entries = ewftest.Footed(ewftest.Table(uint64(base), []uint32{uint32(hole-base) | 1<<31, uint32(hole - base + z)}))
			section("table", entries)
			section("table2", entries)
		}
		done := tableAt + int64(len(tail))
		tail = ewftest.Descriptor(tail, "done", uint64(done), 0)
		s.pieces[tableAt] = tail
		return s, tableAt + int64(len(tail))
	}
	for _, overflow := range []bool{false, true} {
		s, size := build(overflow)
		m, err := ewf.Open([]ewf.Segment{{ReaderAt: s, Name: "big.E01", Size: size}})
		if err != nil {
			t.Fatal(err)
		}
		r, err := m.Verify(t.Context(), all)
		if err != nil || r.Damaged != 0 || r.FlawCount != 0 || *r.MD5 != md5.Sum(chunk) {
			t.Errorf("overflow %v: %+v, %v", overflow, r, err)
		}
	}
}

// TestDamage names the chunk and where it is stored.
func TestDamage(t *testing.T) {
	im := ewftest.Image{Media: media, Compressed: true, Segments: 2}
	for name, c := range map[string]struct {
		chunk  int
		reason string
	}{
		"a compressed chunk": {4, "compression"},
		"a raw chunk":        {5, "checksum"},
	} {
		t.Run(name, func(t *testing.T) {
			files := ewftest.Build(im)
			stored := ewftest.Sealed(media[c.chunk*4096:])
			if c.chunk%2 == 0 {
				stored = ewftest.Deflate(media[c.chunk*4096:][:4096])
			}
			at := bytes.Index(files[1], stored)
			if at < 0 {
				t.Fatal("chunk isn't there")
			}
			files[1][at+len(stored)/2] ^= 1
			m, r := whole(t, files...)
			want := ewf.Damage{Chunk: uint64(c.chunk), Offset: uint64(c.chunk) * 4096, Size: uint64(min(4096, len(media)-c.chunk*4096)), Segment: 2, FileOffset: int64(at), Reason: c.reason}
			if r.Damaged != 1 || r.First[0] != want || r.Zeroed != want.Size || r.Matches(m.Stored) {
				t.Errorf("%+v, want %+v", r.First, want)
			}
			zeroed := bytes.Clone(media)
			clear(zeroed[want.Offset:][:want.Size])
			if *r.SHA256 != sha256.Sum256(zeroed) {
				t.Error("hash isn't over zeros for the damaged chunk")
			}
			var bad *ewf.DamageError
			if n, err := m.ReadAt(make([]byte, len(media)), 0); !errors.As(err, &bad) || bad.Damage != want || n != int(want.Offset) {
				t.Errorf("ReadAt: %d, %v", n, err)
			}
		})
	}
	wrong := [16]byte{1}
	m, r := whole(t, ewftest.Build(ewftest.Image{Media: media, MD5: &wrong})...)
	if !r.Differs(m.Stored) || r.Matches(m.Stored) || r.Damaged != 0 {
		t.Error("a wrong stored hash isn't seen")
	}
	right := md5.Sum(media)
	for i, im := range []ewftest.Image{{Media: media, Again: &wrong}, {Media: media, MD5: &wrong, Again: &right}} {
		m, r = whole(t, ewftest.Build(im)...)
		if !r.Differs(m.Stored) || r.Matches(m.Stored) || *r.Compared(m.Stored).MD5 != wrong || r.FlawCount != 1 {
			t.Errorf("%d: of two stored hashes the wrong one isn't seen", i)
		}
	}
	m, r = whole(t, ewftest.Build(ewftest.Image{Media: media, NoHash: true})...)
	if r.Differs(m.Stored) || r.Matches(m.Stored) {
		t.Error("without a stored hash nothing matches or differs")
	}
}

// TestCounts: fewer and more chunks than the volume section says.
func TestCounts(t *testing.T) {
	for _, sectors := range []int{8, 17, 64} {
		f := ewftest.Section(ewftest.Start(1), "volume", ewftest.Volume(false, (sectors+7)/8, 8, sectors, 0))
		at := uint32(len(f) + 76)
		f = ewftest.Section(f, "sectors", append(ewftest.Sealed(media[:4096]), ewftest.Sealed(media[4096:8192])...))
		f = ewftest.Section(f, "table", ewftest.Footed(ewftest.Table(0, []uint32{at, at + 4100})))
		f = ewftest.Descriptor(f, "done", uint64(len(f)), 0)
		_, r := whole(t, f)
		if len(r.Flaws) != 1 || r.Flaws[0].Kind != "count" || r.Damaged != uint64(max(0, (sectors+7)/8-2)) || r.Size != uint64(sectors*512) {
			t.Errorf("%d sectors: %+v", sectors, r)
		}
		if r.Damaged > 0 && r.First[0].Reason != "absent" {
			t.Errorf("%+v", r.First)
		}
	}
}
