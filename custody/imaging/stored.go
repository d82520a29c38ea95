package imaging

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/evidence-custody/custodyd/custody/fixity"
	"github.com/evidence-custody/custodyd/evidence"
)

// held is how many blocks of 8 MiB are in memory at once: those that decoders
// are at, and one for the tables, which stand elsewhere.
const held = 4

// stored is the store's copy of an artifact as decoders read it: every block is
// checked, at the pace of background work, and none is read while evidence comes
// in. It is safe for concurrent use; reads of the store wait for each other.
type stored struct {
	ctx   context.Context
	copy  *fixity.Copy
	pace  *fixity.Pace
	busy  func() bool
	pause time.Duration

	mu     sync.Mutex
	blocks [held]block
	tick   uint64
	bytes  uint64
	failed error // the first block that couldn't be had
}

type block struct {
	n      uint64
	memory []byte
	data   []byte // nil: none
	used   uint64
}

// ReadAt implements io.ReaderAt. What couldn't be read once is not tried again,
// so that nobody takes a store that fails for an image that ends.
func (s *stored) ReadAt(p []byte, off int64) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for n < len(p) {
		at := uint64(off) + uint64(n)
		if off < 0 || at >= s.copy.Artifact().Size {
			return n, io.EOF
		}
		data, err := s.block(at / evidence.BlockSize)
		if err != nil {
			return n, err
		}
		n += copy(p[n:], data[at%evidence.BlockSize:])
	}
	return n, nil
}

// block returns a block, from memory or from the store.
func (s *stored) block(n uint64) ([]byte, error) {
	s.tick++
	oldest := &s.blocks[0]
	for i := range s.blocks {
		b := &s.blocks[i]
		if b.data != nil && b.n == n {
			b.used = s.tick
			return b.data, nil
		}
		if b.used < oldest.used {
			oldest = b
		}
	}
	if s.failed != nil {
		return nil, s.failed
	}
	for s.busy() && s.ctx.Err() == nil {
		s.drop() // that memory, too, is for what comes in
		fixity.Rest(s.ctx, 100*time.Millisecond)
	}
	if oldest.memory == nil {
		oldest.memory = fixity.Buffer()
	}
	oldest.data = nil
	_, length := s.copy.Span(n)
	s.pace.Wait(s.ctx, uint64(length))
	var data []byte
	err := fixity.Insist(s.ctx, s.pause, func() (err error) {
		data, err = s.copy.Block(s.ctx, n, oldest.memory)
		return err
	})
	if err == nil {
		err = s.ctx.Err()
	}
	if err != nil {
		s.failed = err
		return nil, err
	}
	s.bytes += uint64(length)
	oldest.n, oldest.data, oldest.used = n, data, s.tick
	return data, nil
}

// close gives the memory back, and returns why a block couldn't be had, if one
// couldn't. Nothing may read any more.
func (s *stored) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop()
	return s.failed
}

// drop gives the memory of all blocks back.
func (s *stored) drop() {
	for i := range s.blocks {
		if m := s.blocks[i].memory; m != nil {
			fixity.Return(m)
		}
		s.blocks[i] = block{}
	}
}
