package ewf_test

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"testing"

	"github.com/evidence-custody/custodyd/evidence/ewf"
	"github.com/evidence-custody/custodyd/evidence/ewf/ewftest"
)

// TestRefused: every rule by which a set is refused.
func TestRefused(t *testing.T) {
	three := ewftest.Build(ewftest.Image{Media: media, Segments: 3, Set: 1})
	other := ewftest.Build(ewftest.Image{Media: media, Segments: 3, Set: 2})
	larger := ewftest.Build(ewftest.Image{Media: append(media, media...), Segments: 3})
	one := three[0][:0:0]
	one = append(one, ewftest.Build(ewftest.Image{Media: media})[0]...)
	volume := ewftest.Volume(false, 1, 8, 8, 0)
	start := func() []byte { return ewftest.Section(ewftest.Start(1), "volume", volume) }
	done := func(f []byte) []byte { return ewftest.Descriptor(f, "done", uint64(len(f)), 0) }
	many := start()
	for range 1<<16 + 1 {
		many = ewftest.Section(many, "sectors", nil)
	}
	for name, c := range map[string]struct {
		files   [][]byte
		rule    string
		segment int
	}{
		"nothing":                  {nil, "empty-set", 0},
		"empty":                    {[][]byte{{}}, "not-ewf", 1},
		"other file":               {[][]byte{bytes.Repeat([]byte("x"), 5000)}, "not-ewf", 1},
		"Ex01":                     {[][]byte{append([]byte("EVF2\x0d\x0a\x81\x00"), one...)}, "ewf2", 1},
		"L01":                      {[][]byte{append([]byte("LVF\x09\x0d\x0a\xff\x00"), one[8:]...)}, "logical", 1},
		"AD":                       {[][]byte{append([]byte("ADCRYPT\x00"), one...)}, "encrypted", 1},
		"number 0":                 {[][]byte{ewftest.Start(0)}, "not-ewf", 1},
		"last missing":             {three[:2], "missing", 2},
		"first missing":            {three[1:], "order", 1},
		"middle missing":           {[][]byte{three[0], three[2]}, "order", 2},
		"doubled":                  {[][]byte{three[0], three[1], three[1], three[2]}, "order", 3},
		"one too many":             {[][]byte{one, three[1]}, "after-done", 1},
		"of another set":           {[][]byte{three[0], other[1], three[2]}, "foreign", 2},
		"of another medium":        {[][]byte{ewftest.Build(ewftest.Image{Media: media, Segments: 3})[0], larger[1], larger[2]}, "foreign", 2},
		"cut":                      {[][]byte{one[:len(one)-1]}, "truncated", 1},
		"cut in data":              {[][]byte{one[:3000]}, "truncated", 1},
		"cut in the file header":   {[][]byte{one[:9]}, "not-ewf", 1},
		"no volume":                {[][]byte{done(ewftest.Start(1))}, "geometry", 1},
		"no sectors":               {[][]byte{done(ewftest.Section(ewftest.Start(1), "volume", ewftest.Volume(false, 0, 8, 0, 0)))}, "geometry", 1},
		"chunks too large":         {[][]byte{done(ewftest.Section(ewftest.Start(1), "volume", ewftest.Volume(false, 1, 1<<20, 1, 0)))}, "geometry", 1},
		"a medium too large":       {[][]byte{done(ewftest.Section(ewftest.Start(1), "volume", ewftest.Volume(false, 1<<20, 64, 1<<26, 0)))}, "geometry", 1},
		"a section that goes back": {[][]byte{done(ewftest.Descriptor(start(), "sectors", 13, 76))}, "section", 1},
		"to itself":                {[][]byte{done(ewftest.Descriptor(start(), "sectors", uint64(len(start())), 0))}, "section", 1},
		"two ends":                 {[][]byte{done(append(ewftest.Descriptor(start(), "sectors", uint64(len(start())+76), 100), make([]byte, 100)...))}, "section", 1},
		"a size that overflows":    {[][]byte{done(ewftest.Descriptor(start(), "sectors", uint64(len(start())+76), 1<<64-1))}, "section", 1},
		"too many sections":        {[][]byte{done(many)}, "limit", 1},
		"a table too large":        {[][]byte{done(ewftest.Section(start(), "table", ewftest.Table(0, make([]uint32, 1<<22+1))))}, "limit", 1},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ewf.Open(set(c.files...))
			var refused *ewf.Error
			if !errors.As(err, &refused) || refused.Rule != c.rule || refused.Segment != c.segment {
				t.Errorf("got %v, want %s at segment %d", err, c.rule, c.segment)
			}
		})
	}
}

// failing answers with an error of its own from some byte on.
type failing struct {
	io.ReaderAt
	from int64
}

var errDisk = errors.New("disk on fire")

func (f *failing) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > f.from {
		return 0, errDisk
	}
	return f.ReaderAt.ReadAt(p, off)
}

// TestUnreadable: a reader that fails is no damaged evidence.
func TestUnreadable(t *testing.T) {
	file := ewftest.Build(ewftest.Image{Media: media, NoHash: true})[0]
	check := func(at string, err error) {
		t.Helper()
		var evidence *ewf.Error
		if !errors.Is(err, errDisk) || errors.As(err, &evidence) {
			t.Errorf("%s: %v", at, err)
		}
	}
	disk := &failing{bytes.NewReader(file), 40}
	broken := []ewf.Segment{{ReaderAt: disk, Name: "x.E01", Size: int64(len(file))}}
	_, err := ewf.Open(broken)
	check("Open", err)
	disk.from = int64(len(file))
	m, err := ewf.Open(broken)
	if err != nil {
		t.Fatal(err)
	}
	for _, from := range []int64{40, 9000} { // the tables, the data
		disk.from = from
		_, err = m.Verify(t.Context(), all)
		check("Verify", err)
	}
	_, err = m.ReadAt(make([]byte, 10), 0)
	check("ReadAt", err)
}

// TestTables: which table is believed.
func TestTables(t *testing.T) {
	file := ewftest.Build(ewftest.Image{Media: media, Compressed: true, PerTable: 3})[0] // two tables of 3 chunks
	at := func(kind string, nth int) int {
		from := 0
		for ; ; nth-- {
			i := bytes.Index(file[from:], append([]byte(kind), 0))
			if i < 0 {
				t.Fatalf("no %s", kind)
			}
			if from += i; nth == 0 {
				return from
			}
			from++
		}
	}
	table, table2, second, second2 := at("table", 0), at("table2", 0), at("table", 1), at("table2", 1)
	for name, c := range map[string]struct {
		flip    []int
		flaws   []string
		damaged uint64
		rule    string
	}{
		"entry of the first copy":      {[]int{table + 100}, []string{"table"}, 0, ""},
		"entry of the second copy":     {[]int{table2 + 100}, []string{"table"}, 0, ""},
		"footer of the first copy":     {[]int{table + 112}, []string{"table"}, 0, ""},
		"footers of both":              {[]int{table + 112, table2 + 112}, []string{"table", "table"}, 0, ""},
		"the same entry in both":       {[]int{table + 100, table2 + 100}, []string{"table", "table"}, 1, ""},
		"count in the first header":    {[]int{table + 76}, []string{"table"}, 0, ""},
		"count in both headers":        {[]int{table + 76, table2 + 76}, []string{"table", "table", "table-lost"}, 3, ""},
		"two tables lost":              {[]int{table + 76, table2 + 76, second + 76, second2 + 76}, nil, 0, "tables"},
		"descriptor of the first copy": {[]int{table + 2}, []string{"descriptor", "section"}, 0, ""},
		"next of the first copy":       {[]int{table + 16}, []string{"descriptor"}, 0, ""},
		"size of the first copy":       {[]int{table + 24}, []string{"descriptor"}, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := bytes.Clone(file)
			for _, f := range c.flip {
				b[f] ^= 0x04
			}
			m, err := ewf.Open(set(b))
			if c.rule != "" {
				var refused *ewf.Error
				if !errors.As(err, &refused) || refused.Rule != c.rule {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			r, err := m.Verify(t.Context(), all)
			var kinds []string
			for _, f := range r.Flaws {
				kinds = append(kinds, f.Kind)
			}
			if err != nil || fmt.Sprint(kinds) != fmt.Sprint(c.flaws) || r.Damaged != c.damaged || r.Zeroed != c.damaged*4096 {
				t.Errorf("flaws %v, damaged %d %v, %v", kinds, r.Damaged, r.First, err)
			}
			if c.damaged == 0 && *r.MD5 != md5.Sum(media) {
				t.Error("another medium")
			}
		})
	}
}

// TestFlips: whichever byte is changed, either something is found or the
// medium's data is the same. Only bits that deflate leaves unused may go
// unnoticed: behind its last block, and lengths of codes that do not occur.
func TestFlips(t *testing.T) {
	small := ewftest.Media(7 * 512)
	images := map[string]ewftest.Image{
		"e01":      {Media: small, PerChunk: 2, Compressed: true, PerTable: 3, Base: true, Errors: [][2]uint32{{3, 2}}},
		"smart":    {Media: small, PerChunk: 2, Smart: true},
		"segments": {Media: small, PerChunk: 2, Segments: 2, SHA1: ewftest.SHA1(small)},
	}
	for name, im := range images {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := ewftest.Build(im)
			want := md5.Sum(im.Media)
			unnoticed, flips := 0, 0
			for n := range files {
				for i := range files[n] {
					flips++
					files[n][i] ^= 1 << (i % 8)
					m, err := ewf.Open(set(files...))
					if err == nil {
						var r ewf.Report
						if r, err = m.Verify(t.Context(), ewf.Options{MD5: true, Workers: 1}); err != nil {
							t.Fatal(err)
						}
						found := r.Damaged > 0 || r.FlawCount > 0 || r.Differs(m.Stored)
						if !found && *r.MD5 != want {
							t.Errorf("segment %d, byte %d: another medium, and nothing found", n+1, i)
						}
						if !found {
							unnoticed++
						}
					}
					files[n][i] ^= 1 << (i % 8)
				}
			}
			if unnoticed > flips/400 {
				t.Errorf("%d of %d flips unnoticed", unnoticed, flips)
			}
			t.Logf("%d flips, %d unnoticed", flips, unnoticed)
		})
	}
}

// TestBomb: a chunk that would decompress to far more than a chunk, and tables
// that point to the same bytes again and again.
func TestBomb(t *testing.T) {
	bomb := ewftest.Deflate(make([]byte, 64<<20))
	f := ewftest.Section(ewftest.Start(1), "volume", ewftest.Volume(false, 1000, 8, 8000, 0))
	at := uint32(len(f)+76) | 1<<31
	f = ewftest.Section(f, "sectors", bomb)
	entries := make([]uint32, 1000)
	for i := range entries {
		entries[i] = at
	}
	f = ewftest.Section(f, "table", ewftest.Footed(ewftest.Table(0, entries)))
	f = ewftest.Descriptor(f, "done", uint64(len(f)), 0)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, r := whole(t, f)
	runtime.ReadMemStats(&after)
	allocated := after.TotalAlloc - before.TotalAlloc
	if r.Damaged != 1000 || r.First[0].Reason != "compression" || allocated > 64<<20 {
		t.Errorf("%d damaged, %d bytes allocated", r.Damaged, allocated)
	}
}

// TestHostileText: a header that decompresses without end.
func TestHostileText(t *testing.T) {
	f := ewftest.Section(ewftest.Start(1), "header", ewftest.Deflate(make([]byte, 8<<20)))
	f = ewftest.Section(f, "header", ewftest.Deflate([]byte(ewftest.DefaultHeader)))
	rest := ewftest.Build(ewftest.Image{Media: media[:512], Header: "1"})[0]
	volume := bytes.Index(rest, []byte("volume"))
	f = ewftest.Section(f, "volume", rest[volume+76:volume+76+1052])
	f = ewftest.Descriptor(f, "done", uint64(len(f)), 0)
	m, err := ewf.Open(set(f))
	if err != nil || m.Metadata.Case != "CASE-7" || len(m.Flaws) == 0 || m.Flaws[0].Kind != "header" {
		t.Errorf("%+v, %v", m, err)
	}
	// error2 with a count beyond its section
	h := make([]byte, 516)
	binary.LittleEndian.PutUint32(h, 1<<31)
	f = ewftest.Section(ewftest.Start(1), "volume", rest[volume+76:volume+76+1052])
	f = ewftest.Section(f, "error2", append(ewftest.Sealed(h), 0, 0, 0, 0))
	f = ewftest.Descriptor(f, "done", uint64(len(f)), 0)
	if m, err = ewf.Open(set(f)); err != nil || m.Flaws[0].Kind != "errors" || m.Errors.Ranges != 0 {
		t.Errorf("%+v, %v", m, err)
	}
}
