package bulk

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
	"unsafe"
)

func random(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{9}).Read(b)
	return b
}

func begin(b []byte) uintptr { return uintptr(unsafe.Pointer(&b[:1][0])) }

// TestStockUsesAgain: what was given back last is lent next, whole, at a page;
// what nobody needed goes back to the system, and nothing else.
func TestStockUsesAgain(t *testing.T) {
	for _, size := range []int{1, page, huge, huge + page, 8 << 20} {
		s := NewStock(size)
		a, b := s.Take(), s.Take()
		if len(a) != size || begin(a)%page != 0 || &a[0] == &b[0] {
			t.Fatalf("%d bytes: lent %d at %x", size, len(a), begin(a))
		}
		a[0], b[size-1] = 1, 2 // it is there
		s.Give(a, b[:0])
		if c := s.Take(); &c[0] != &b[0] || len(c) != size {
			t.Errorf("%d bytes: the last given back isn't the next lent", size)
		} else {
			s.Give(c)
		}
		// Since the timer was set, nothing was idle all the time; in the next
		// round only the first piece was.
		for _, want := range []int{2, 1, 0} {
			s.trim()
			if len(s.idle) != want {
				t.Errorf("%d bytes: %d pieces idle, want %d", size, len(s.idle), want)
			}
			if want == 2 {
				s.Give(s.Take())
			}
		}
		if s.timer != nil {
			t.Errorf("%d bytes: a timer for nothing", size)
		}
		s.Close()
	}
}

// TestStockCloses: memory that is still lent is usable until it is given back.
func TestStockCloses(t *testing.T) {
	s := NewStock(huge)
	a, b := s.Take(), s.Take()
	s.Give(a)
	s.Close()
	b[0] = 1
	s.Give(b)
	if len(s.idle)+len(s.lent) != 0 {
		t.Errorf("%d idle, %d lent after the end", len(s.idle), len(s.lent))
	}
	defer func() {
		if recover() == nil {
			t.Error("memory was given back twice")
		}
	}()
	s.Give(make([]byte, huge))
}

// TestShelf: users wait for one another, or are told that there is none.
func TestShelf(t *testing.T) {
	s := NewShelf(page, 3)
	defer s.Close()
	if _, err := s.Take(t.Context(), 4); err == nil {
		t.Error("four of three were lent")
	}
	two, err := s.Take(t.Context(), 2)
	if err != nil || len(two) != 2 {
		t.Fatal(two, err)
	}
	one := s.TryTake()
	if one == nil || s.TryTake() != nil {
		t.Error("three of three are not three")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := s.Take(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a fourth: %v", err)
	}
	s.Give(append(two, one)...)
	if all, err := s.Take(t.Context(), s.Pieces()); err != nil || len(all) != 3 {
		t.Error(all, err)
	}
}

// TestPast: files come out the same whichever way their pieces take, from
// memory at pages and elsewhere, at any place.
func TestPast(t *testing.T) {
	memory := NewStock(4 * page)
	defer memory.Close()
	at := memory.Take()
	copy(at, random(len(at)))
	aside := append(make([]byte, 1), at...)[1:]
	path := filepath.Join(t.TempDir(), "file")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := Reserve(f, 7*page+5); err != nil {
		t.Fatal(err)
	}
	past := Past(f, true)
	defer past.Close()
	want := make([]byte, 7*page+5)
	for _, w := range []struct {
		from []byte
		off  int
	}{{at, 0}, {at[:page+17], 3 * page}, {at[page:], 2*page + 5}, {aside, 3 * page}, {at[:page-1], 6*page + 6}, {at[:0], 9}} {
		if n, err := past.WriteAt(w.from, int64(w.off)); n != len(w.from) || err != nil {
			t.Errorf("%d bytes at %d: %d, %v", len(w.from), w.off, n, err)
		}
		copy(want[w.off:], w.from)
	}
	if err := past.Sync(); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the file has %d bytes that are others (%v)", len(got), err)
	}
	into := memory.Take()
	for _, off := range []int{0, page, page + 1, 5 * page, 7 * page, 7*page + 5, 8 * page} {
		for _, buf := range [][]byte{into, into[:page+1], into[1 : page+1]} {
			n, err := past.ReadAt(buf, int64(off))
			end := min(off+len(buf), len(want))
			if n != max(0, end-off) || (err == io.EOF) != (n < len(buf)) || err != nil && err != io.EOF || n > 0 && !bytes.Equal(buf[:n], want[off:end]) {
				t.Errorf("%d bytes from %d: %d, %v", len(buf), off, n, err)
			}
		}
	}
	past.Release()
	if n, err := past.ReadAt(into, 0); n != len(into) || err != nil || !bytes.Equal(into, want[:len(into)]) {
		t.Errorf("through the cache: %d, %v", n, err)
	}
}

// TestReserve: a disk has room for what was reserved, or says so.
func TestReserve(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, size := range []int64{0, page + 1} {
		if err := Reserve(f, size); err != nil {
			t.Error(err)
		}
		if info, err := f.Stat(); err != nil || info.Size() != size {
			t.Errorf("%d bytes reserved: %v, %v", size, info.Size(), err)
		}
	}
	if err := Reserve(f, 1<<62); err == nil {
		t.Error("four exbibytes were reserved")
	}
}
