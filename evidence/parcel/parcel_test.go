package parcel

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/bulk"
)

func random(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{7}).Read(b)
	return b
}

// made makes a parcel of b in every way there is.
func made(t *testing.T, b []byte) map[string]*Parcel {
	t.Helper()
	need := func(p *Parcel, err error) *Parcel {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	size := int64(len(b))
	pool := bulk.NewShelf(evidence.BlockSize, Blocks(size))
	room, err := pool.Take(t.Context(), Blocks(size))
	if err != nil {
		t.Fatal(err)
	}
	whole := sha256.New()
	out := map[string]*Parcel{
		"of memory":  Of(b),
		"of section": need(OfSection(io.NewSectionReader(bytes.NewReader(b), 0, size))),
		"received":   need(Receive(iotest.HalfReader(bytes.NewReader(b)), size, pool, room, whole)),
		"spooled":    need(Spool(iotest.HalfReader(bytes.NewReader(b)), size, t.TempDir(), whole, nil)),
	}
	if got, want := whole.Sum(nil), sha256.Sum256(slices.Concat(b, b)); !bytes.Equal(got, want[:]) {
		t.Errorf("the digest beside is %x, not %x", got, want)
	}
	return out
}

func TestParcels(t *testing.T) {
	for _, size := range []int{1, evidence.BlockSize, evidence.BlockSize + 1, 3*evidence.BlockSize - 5} {
		b := random(size)
		leaves := evidence.BlockLeaves(b)
		for name, p := range made(t, b) {
			if p.Size() != int64(size) || !slices.Equal(p.Leaves(), leaves) || p.Root() != evidence.BlockRoot(leaves) {
				t.Errorf("%s: %d bytes with leaves %x", name, p.Size(), p.Leaves())
			}
			scratch := make([]byte, evidence.BlockSize)
			for i := range leaves {
				off := i * evidence.BlockSize
				if got, err := p.Block(i, scratch); err != nil || !bytes.Equal(got, b[off:min(off+evidence.BlockSize, size)]) {
					t.Errorf("%s: block %d is another (%v)", name, i, err)
				}
			}
			var wg sync.WaitGroup
			for _, read := range []func(io.Reader) ([]byte, error){
				func(r io.Reader) ([]byte, error) { return io.ReadAll(iotest.OneByteReader(io.LimitReader(r, 1000))) },
				io.ReadAll,
				func(r io.Reader) ([]byte, error) {
					var out bytes.Buffer
					_, err := io.Copy(&out, r)
					return out.Bytes(), err
				},
			} {
				wg.Go(func() {
					in := p.Open()
					got, err := read(in)
					if err != nil || !bytes.Equal(got, b[:len(got)]) || len(got) < min(size, 1000) {
						t.Errorf("%s: %d other bytes (%v)", name, len(got), err)
					}
					in.Close()
					in.Close()
					if _, err := in.Read(make([]byte, 1)); err == nil {
						t.Errorf("%s: a closed reader reads", name)
					}
				})
			}
			wg.Wait()
			p.Drop()
		}
	}
}

// TestCut: what ends early, or fails, leaves nothing behind.
func TestCut(t *testing.T) {
	const size = 2 * evidence.BlockSize
	broken := errors.New("broken network")
	for _, n := range []int{0, 1, evidence.BlockSize, size - 1} {
		for name, receive := range map[string]func(io.Reader, *bulk.Shelf) error{
			"received": func(r io.Reader, pool *bulk.Shelf) error {
				room, err := pool.Take(t.Context(), 2)
				if err != nil {
					return err
				}
				_, err = Receive(r, size, pool, room, nil)
				return err
			},
			"spooled": func(r io.Reader, _ *bulk.Shelf) error { _, err := Spool(r, size, t.TempDir(), nil, nil); return err },
		} {
			pool := bulk.NewShelf(evidence.BlockSize, 2)
			err := receive(bytes.NewReader(random(n)), pool)
			var short *Short
			if !errors.Is(err, ErrShort) || !errors.As(err, &short) || *short != (Short{size, int64(n)}) {
				t.Errorf("%s, cut after %d bytes: %v", name, n, err)
			}
			if err := receive(io.MultiReader(bytes.NewReader(random(n)), iotest.ErrReader(broken)), pool); !errors.Is(err, broken) {
				t.Errorf("%s, broken after %d bytes: %v", name, n, err)
			}
			if pool.TryTake() == nil || pool.TryTake() == nil {
				t.Errorf("%s, cut after %d bytes: the memory wasn't given back", name, n)
			}
		}
	}
}

// TestSpoolIsNameless: nothing of a spooled part can be left behind.
func TestSpoolIsNameless(t *testing.T) {
	dir := t.TempDir()
	p, err := Spool(bytes.NewReader(random(10)), 10, dir, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Drop()
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("the directory has %v (%v)", left, err)
	}
	freed := 0
	if _, err := Spool(bytes.NewReader(nil), 10, dir+"/nowhere", nil, func() { freed++ }); err == nil {
		t.Error("a part was spooled nowhere")
	}
	if _, err := Spool(bytes.NewReader(nil), 10, dir, nil, func() { freed++ }); err == nil || freed != 2 {
		t.Errorf("of two parts that failed, %d gave their room back", freed)
	}
}

// TestShrunk: a file that became shorter is no clean end.
func TestShrunk(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(random(1000)); err != nil {
		t.Fatal(err)
	}
	p, err := OfSection(io.NewSectionReader(f, 0, 1000))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(999); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(p.Open()); err == nil {
		t.Errorf("a file of 1000 bytes that has %d ends well", len(b))
	}
	if _, err := p.Block(0, make([]byte, evidence.BlockSize)); err == nil {
		t.Error("a block is whole that isn't")
	}
}

// TestMemoryIsUsedAgain: memory is used again once the last reader is done, in the order of
// asking, and never more than there is.
func TestMemoryIsUsedAgain(t *testing.T) {
	pool := bulk.NewShelf(evidence.BlockSize, 2)
	room, err := pool.Take(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Receive(bytes.NewReader(random(evidence.BlockSize+1)), evidence.BlockSize+1, pool, room, nil)
	if err != nil {
		t.Fatal(err)
	}
	late := p.Open() // as net/http may keep a body
	p.Drop()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := pool.Take(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("memory that is still read was given away (%v)", err)
	}
	late.Close()
	again, err := pool.Take(t.Context(), 2)
	if err != nil || len(again) != 2 || len(again[0]) != evidence.BlockSize || len(again[1]) != evidence.BlockSize {
		t.Fatalf("the memory is not whole again (%v)", err)
	}
	if _, err := pool.Take(t.Context(), 3); err == nil {
		t.Error("more was taken than there is")
	}
	defer func() {
		if recover() == nil {
			t.Error("a parcel was dropped twice")
		}
	}()
	p.Drop()
}

// slow is a file, and a connection, that somebody waits for.
type slow struct{ came, goOn chan struct{} }

func (s slow) wait(b []byte) (int, error) {
	s.came <- struct{}{}
	<-s.goOn
	return len(b), nil
}

func (s slow) ReadAt(b []byte, _ int64) (int, error) { return s.wait(b) }
func (s slow) Write(b []byte) (int, error)           { return s.wait(b) }

// TestClosedWhileRead: over HTTP/2 net/http closes a body that it still reads.
// The memory goes back when nobody looks at it any more, and once.
func TestClosedWhileRead(t *testing.T) {
	for _, inMemory := range []bool{false, true} {
		s := slow{make(chan struct{}), make(chan struct{})}
		freed := 0
		p := &Parcel{size: 10, file: s, free: func() { freed++ }}
		if inMemory {
			p.file, p.blocks = nil, [][]byte{make([]byte, 10)}
		}
		r := p.Open()
		done := make(chan error)
		go func() {
			var err error
			if inMemory {
				_, err = r.(io.WriterTo).WriteTo(s)
			} else {
				_, err = r.Read(make([]byte, 10))
			}
			done <- err
		}()
		<-s.came
		r.Close()
		r.Close()
		if freed != 0 {
			t.Errorf("in memory %t: given back while it is read", inMemory)
		}
		close(s.goOn)
		if err := <-done; err != nil || freed != 1 {
			t.Errorf("in memory %t: %v, given back %d times", inMemory, err, freed)
		}
		if _, err := r.Read(make([]byte, 1)); err != io.ErrClosedPipe {
			t.Errorf("in memory %t: after the end: %v", inMemory, err)
		}
	}
}
