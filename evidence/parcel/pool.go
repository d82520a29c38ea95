package parcel

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/semaphore"
)

// Pool is a fixed number of blocks of memory, each of evidence.BlockSize bytes,
// which are used again and again. They are made when they are first needed. It
// is safe for concurrent use, and serves in the order of asking.
type Pool struct {
	blocks int
	make   func() []byte
	room   *semaphore.Weighted
	mu     sync.Mutex
	idle   [][]byte // the last given back is the next taken: few pages stay warm
}

// NewPool makes a pool of so many blocks, which lasts as long as the process:
// its memory is never given back.
func NewPool(blocks int) *Pool {
	return &Pool{blocks: blocks, make: newBlock, room: semaphore.NewWeighted(int64(blocks))}
}

// newHeapPool makes a pool that goes when nobody uses it any more, of blocks of
// size bytes.
func newHeapPool(blocks int, size int64) *Pool {
	return &Pool{blocks: blocks, make: func() []byte { return make([]byte, size) }, room: semaphore.NewWeighted(int64(blocks))}
}

// Blocks returns how many blocks there are in all.
func (p *Pool) Blocks() int { return p.blocks }

// Take waits for n blocks, which come all at once: nobody holds some while
// waiting for others. More than the pool has is an error at once.
func (p *Pool) Take(ctx context.Context, n int) ([][]byte, error) {
	if n > p.blocks {
		return nil, fmt.Errorf("couldn't take %d blocks of a pool of %d", n, p.blocks)
	}
	if err := p.room.Acquire(ctx, int64(n)); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([][]byte, 0, n)
	for range n {
		if last := len(p.idle) - 1; last >= 0 {
			out, p.idle = append(out, p.idle[last]), p.idle[:last]
			continue
		}
		out = append(out, p.make())
	}
	return out, nil
}

// Give returns blocks that Take handed out.
func (p *Pool) Give(blocks [][]byte) {
	p.mu.Lock()
	for _, b := range blocks {
		p.idle = append(p.idle, b[:cap(b)])
	}
	p.mu.Unlock()
	p.room.Release(int64(len(blocks)))
}
