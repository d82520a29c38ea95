package strongbox

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"

	"golang.org/x/sync/semaphore"

	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/bulk"
)

// Plain is a part of an artifact as it arrived: whole blocks, but for the last
// one of the artifact, each with its leaf. A parcel is one.
type Plain interface {
	Size() int64
	Leaves() []evidence.Digest
	// Block returns block i, which may be read into scratch, of BlockSize bytes.
	Block(i int, scratch []byte) ([]byte, error)
	Hold() // counts one use more
	Drop() // ends one
}

// Bench is where parts are encrypted: a number of blocks of memory in all, over
// which parts wait for one another. It is safe for concurrent use.
type Bench struct {
	blocks int64
	room   *semaphore.Weighted
	idle   *bulk.Stock // of BlockSize
}

// NewBench has room for so many blocks, of 8 MiB + 4 KiB each.
func NewBench(blocks int) *Bench {
	return &Bench{blocks: int64(blocks), room: semaphore.NewWeighted(int64(blocks)), idle: bulk.NewStock(BlockSize)}
}

// Seal encrypts a part whose first block is block first of the object. A part
// of more blocks than the bench has is encrypted each time it is read, by the
// block, and else once. The caller drops the part when it is done with it.
func (b *Bench) Seal(ctx context.Context, k *DataKey, first uint64, p Plain) (*Part, error) {
	out := &Part{key: k, first: first, plain: p, bench: b}
	out.uses.Store(1)
	p.Hold()
	if int64(len(p.Leaves())) > b.blocks {
		return out, nil
	}
	if err := b.room.Acquire(ctx, int64(len(p.Leaves()))); err != nil {
		p.Drop()
		return nil, err
	}
	scratch := b.scratch(p)
	defer b.give(scratch)
	for i := range p.Leaves() {
		memory := b.idle.Take()
		out.memory = append(out.memory, memory)
		block, err := out.seal(i, memory, scratch)
		if err != nil {
			b.room.Release(int64(len(p.Leaves()) - len(out.memory)))
			out.Drop()
			return nil, err
		}
		out.blocks = append(out.blocks, block)
	}
	return out, nil
}

// scratch is where the blocks of a part that lies in a file are read into; nil
// for one in memory.
func (b *Bench) scratch(p Plain) []byte {
	if m, ok := p.(interface{ InMemory() bool }); ok && m.InMemory() {
		return nil
	}
	return b.idle.Take()
}

func (b *Bench) give(memory []byte) {
	if memory != nil {
		b.idle.Give(memory)
	}
}

// Part is an encrypted part, to be read any number of times and at once. Each
// Open is a use of it until its Close: whoever sends it may read on for a while
// after it was given up.
type Part struct {
	key   *DataKey
	first uint64
	plain Plain
	bench *Bench

	blocks [][]byte // ciphertexts, where they are kept
	memory [][]byte
	uses   atomic.Int32
}

// Size is the length of the ciphertext, in bytes.
func (p *Part) Size() int64 { return int64(Sealed(uint64(p.plain.Size()))) }

func (p *Part) seal(i int, memory, scratch []byte) ([]byte, error) {
	var room []byte
	if scratch != nil {
		room = scratch[:evidence.BlockSize]
	}
	block, err := p.plain.Block(i, room)
	if err != nil {
		return nil, fmt.Errorf("couldn't seal block %d: %w", p.first+uint64(i), err)
	}
	return p.key.Seal(memory[:0], p.first+uint64(i), p.plain.Leaves()[i], block)
}

// Drop ends a use.
func (p *Part) Drop() {
	switch n := p.uses.Add(-1); {
	case n < 0:
		panic("strongbox: part dropped more often than used")
	case n > 0:
		return
	}
	p.plain.Drop()
	for _, m := range p.memory {
		p.bench.give(m)
	}
	p.bench.room.Release(int64(len(p.memory)))
	p.blocks, p.memory = nil, nil
}

// Open reads the ciphertext from its beginning.
func (p *Part) Open() io.ReadCloser {
	p.uses.Add(1)
	return &partReader{p: p}
}

type partReader struct {
	p      *Part
	i      int    // next block
	now    []byte // what is left of the one before
	closed atomic.Bool

	memory, scratch []byte // where blocks are encrypted as they are read
}

// next takes up the next block; io.EOF behind the last.
func (r *partReader) next() error {
	switch p := r.p; {
	case r.closed.Load():
		return io.ErrClosedPipe
	case r.i == len(p.plain.Leaves()):
		return io.EOF
	case p.blocks != nil:
		r.now = p.blocks[r.i]
	default:
		if r.memory == nil {
			r.memory, r.scratch = p.bench.idle.Take(), p.bench.scratch(p.plain)
		}
		var err error
		if r.now, err = p.seal(r.i, r.memory, r.scratch); err != nil {
			return err
		}
	}
	r.i++
	return nil
}

// Read implements io.Reader.
func (r *partReader) Read(b []byte) (int, error) {
	if len(r.now) == 0 {
		if err := r.next(); err != nil {
			return 0, err
		}
	}
	n := copy(b, r.now)
	r.now = r.now[n:]
	return n, nil
}

// WriteTo implements io.WriterTo: a block goes out without being copied.
func (r *partReader) WriteTo(w io.Writer) (int64, error) {
	var done int64
	for {
		if len(r.now) == 0 {
			if err := r.next(); err == io.EOF {
				return done, nil
			} else if err != nil {
				return done, err
			}
		}
		n, err := w.Write(r.now)
		r.now, done = r.now[n:], done+int64(n)
		if err != nil {
			return done, err
		}
	}
}

// Close ends the use; again: no effect. Nobody reads at the same time.
func (r *partReader) Close() error {
	if !r.closed.Swap(true) {
		r.p.bench.give(r.memory)
		r.p.bench.give(r.scratch)
		r.p.Drop()
	}
	return nil
}
