package strongbox

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/evidence"
)

// held is a part in memory or in a file, which counts its uses.
type held struct {
	data   []byte
	leaves []evidence.Digest
	memory bool
	broken bool
	mu     sync.Mutex
	uses   int
}

func newHeld(n int, memory bool) *held {
	h := &held{data: plain(n), memory: memory, uses: 1}
	for off := 0; off < n; off += evidence.BlockSize {
		h.leaves = append(h.leaves, evidence.BlockLeaf(h.data[off:min(off+evidence.BlockSize, n)]))
	}
	return h
}

func (h *held) Size() int64               { return int64(len(h.data)) }
func (h *held) Leaves() []evidence.Digest { return h.leaves }
func (h *held) InMemory() bool            { return h.memory }
func (h *held) Block(i int, scratch []byte) ([]byte, error) {
	if h.broken {
		return nil, io.ErrUnexpectedEOF
	}
	b := h.data[i*evidence.BlockSize : min((i+1)*evidence.BlockSize, len(h.data))]
	if h.memory {
		return b, nil
	}
	return scratch[:copy(scratch[:len(b)], b)], nil
}
func (h *held) Hold() { h.mu.Lock(); h.uses++; h.mu.Unlock() }
func (h *held) Drop() { h.mu.Lock(); h.uses--; h.mu.Unlock() }
func (h *held) used() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.uses
}

func TestPart(t *testing.T) {
	t.Parallel()
	const size = 2*evidence.BlockSize + 100_001
	k := goldenKey()
	var want []byte
	h := newHeld(size, true)
	for i, leaf := range h.leaves {
		block, err := h.Block(i, nil)
		if err == nil {
			want, err = k.Seal(want, 7+uint64(i), leaf, block)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name   string
		bench  *Bench
		memory bool
	}{{"kept, from memory", NewBench(3), true}, {"kept, from a file", NewBench(4), false}, {"as it is read, from a file", NewBench(2), false}, {"as it is read, from memory", NewBench(1), true}} {
		h := newHeld(size, c.memory)
		part, err := c.bench.Seal(t.Context(), k, 7, h)
		if err != nil {
			t.Fatal(err)
		}
		if part.Size() != int64(len(want)) {
			t.Errorf("%s: %d bytes, want %d", c.name, part.Size(), len(want))
		}
		var all sync.WaitGroup
		for range 2 { // at once
			in := part.Open()
			all.Go(func() {
				defer in.Close()
				got, err := io.ReadAll(in)
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s: read %d bytes, %v", c.name, len(got), err)
				}
			})
		}
		in := part.Open()
		part.Drop()
		var out bytes.Buffer
		head := make([]byte, 1000)
		if _, err := io.ReadFull(in, head); err != nil {
			t.Error(err)
		}
		// Given up, it is read on for a while.
		if n, err := in.(io.WriterTo).WriteTo(&out); err != nil || n != int64(len(want)-1000) || !bytes.Equal(append(head, out.Bytes()...), want) {
			t.Errorf("%s: wrote %d bytes, %v", c.name, n, err)
		}
		all.Wait()
		if h.used() != 2 {
			t.Errorf("%s: the plain part has %d uses while it is read", c.name, h.used())
		}
		in.Close()
		in.Close()
		if h.used() != 1 {
			t.Errorf("%s: the plain part has %d uses afterwards", c.name, h.used())
		}
		if _, err := in.Read(head); err == nil {
			t.Errorf("%s: read after the end", c.name)
		}
		// All of the memory is back.
		if !c.bench.room.TryAcquire(c.bench.blocks) {
			t.Errorf("%s: memory is not given back", c.name)
		}
	}
}

func TestBenchIsBounded(t *testing.T) {
	t.Parallel()
	b, k := NewBench(2), goldenKey()
	first, err := b.Seal(t.Context(), k, 0, newHeld(evidence.BlockSize+1, true))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	waits := newHeld(100, true)
	if _, err := b.Seal(ctx, k, 0, waits); !errors.Is(err, context.DeadlineExceeded) || waits.used() != 1 {
		t.Errorf("a part beyond the memory: %v, %d uses", err, waits.used())
	}
	first.Drop()
	second, err := b.Seal(t.Context(), k, 0, waits)
	if err != nil {
		t.Fatal(err)
	}
	second.Drop()
	for _, bench := range []*Bench{b, NewBench(0)} {
		broken := newHeld(100, false)
		broken.broken = true
		part, err := bench.Seal(t.Context(), k, 0, broken)
		if err == nil { // it shows when it is read
			in := part.Open()
			_, err = io.ReadAll(in)
			in.Close()
			part.Drop()
		}
		if !errors.Is(err, io.ErrUnexpectedEOF) || broken.used() != 1 || !bench.room.TryAcquire(bench.blocks) {
			t.Errorf("a part that can't be read: %v, %d uses", err, broken.used())
		}
		bench.room.Release(bench.blocks)
	}
}
