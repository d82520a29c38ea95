package locals3

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

const mib = 1 << 20

func TestPlan(t *testing.T) {
	p, err := newPlan(33*mib+5, 16*mib)
	if err != nil {
		t.Fatal(err)
	}
	if p.parts() != 3 || p.length(1) != 16*mib || p.length(3) != mib+5 || p.length(0) != 0 || p.length(4) != 0 || p.length(-1) != 0 || p.offset(3) != 32*mib {
		t.Errorf("%+v has %d parts", p, p.parts())
	}
	// Blocks that are encrypted have a page more.
	if _, err := newPlan(5*(8*mib+4096)-4090, 2*(8*mib+4096)); err != nil {
		t.Errorf("parts of encrypted blocks: %v", err)
	}
	for name, sizes := range map[string][2]uint64{
		"nothing":            {0, 16 * mib},
		"no parts":           {16 * mib, 0},
		"parts off the page": {33 * mib, 16*mib + 512},
		"small parts":        {33 * mib, 4 * mib},
		"too many":           {10_000*16*mib + 1, 16 * mib},
		"too large":          {1<<63 + 5, 1 << 62},
		"no end":             {^uint64(0), ^uint64(0) - 4095},
	} {
		if p, err := newPlan(sizes[0], sizes[1]); err == nil {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

func TestRegister(t *testing.T) {
	path := filepath.Join(t.TempDir(), registerFile)
	if _, err := openRegister(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a file: %v", err)
	}
	p, err := newPlan(33*mib, 16*mib)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeRegister(path, p); err != nil {
		t.Fatal(err)
	}
	open := func() *register {
		r, err := openRegister(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(r.close)
		return r
	}
	r := open()
	want := map[int]entry{
		1: {size: 16 * mib, crc: 0xae8b14860a799888, at: time.Unix(0, 5)},
		3: {size: mib, crc: 7, turn: 2, at: time.Unix(0, 6)},
	}
	for n, e := range want {
		if err := r.enter(n, e); err != nil {
			t.Fatal(err)
		}
	}
	got, err := open().entries()
	if err != nil || len(got) != 2 || got[1] != want[1] || got[3] != want[3] || open().plan != p {
		t.Errorf("%+v came back as %+v, %v", want, got, err)
	}
	if e, ok, err := r.entry(2); ok || err != nil {
		t.Errorf("a part that was not entered is %+v, %v", e, err)
	}
	// Any bit that flips takes one part away, or the plan, and changes nothing.
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for bit := range len(b) * 8 {
		b[bit/8] ^= 1 << (bit % 8)
		slot, held := b[bit/8/slotSize*slotSize:][:slotSize], bit/8/slotSize
		if held == 0 {
			if p, err := parsePlan(slot); !errors.Is(err, errRegister) {
				t.Errorf("bit %d flipped: %+v, %v", bit, p, err)
			}
		} else if e, ok := parseEntry(p, held, slot); ok {
			t.Errorf("bit %d flipped: part %d is %+v", bit, held, e)
		}
		b[bit/8] ^= 1 << (bit % 8)
	}
	// A slot counts only where it belongs.
	if e, ok := parseEntry(p, 2, b[slotSize:2*slotSize]); ok {
		t.Errorf("part 1 stands for part 2: %+v", e)
	}
	for size := range slotSize {
		if err := os.Truncate(path, int64(slotSize-1-size)); err != nil {
			t.Fatal(err)
		}
		if _, err := openRegister(path); !errors.Is(err, errRegister) {
			t.Errorf("of %d bytes: %v", slotSize-1-size, err)
		}
	}
}

func FuzzRegister(f *testing.F) {
	p, err := newPlan(17*mib, 16*mib)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(p.slot(), entry{size: 16 * mib, crc: 5, at: time.Unix(1, 2)}.slot(1)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 2*slotSize {
			b = append(b, make([]byte, 2*slotSize-len(b))...)
		}
		p, err := parsePlan(b[:slotSize])
		if err != nil {
			return
		}
		if p.size <= 0 || p.partSize <= 0 || p.parts() < 1 || p.parts() > maxParts || p.offset(p.parts())+p.length(p.parts()) != p.size {
			t.Errorf("%+v is no plan", p)
		}
		second := b[slotSize : 2*slotSize]
		if e, ok := parseEntry(p, 1, second); ok && !bytes.Equal(e.slot(1), second) {
			t.Errorf("%x was read as %+v", second, e)
		}
	})
}
