// Package bulk moves evidence between memory and disk in large pieces: memory
// at huge pages and outside of the garbage collector's heap, and files past the
// page cache. Evidence is read or written once, from end to end. In a cache it
// would push out what others have there, and cost more than everything else
// that is done with it.
//
// All of it works everywhere; where a system or a file system can't, it is
// slower.
package bulk

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	page = 4 << 10
	huge = 2 << 20
	// rest is how long memory must not have been needed before it goes back to
	// the system.
	rest = 10 * time.Second
)

// Stock lends pieces of memory of one size and uses them again: memory is slow
// when it is first touched, and garbage that is collected was touched for
// nothing. What nobody needed for a while goes back to the system. It is safe
// for concurrent use.
type Stock struct {
	size   int
	mu     sync.Mutex
	idle   []piece // the last given back is the next taken: few pages stay warm
	lent   map[*byte]piece
	unused int // how many were idle all the time since the timer was set
	timer  *time.Timer
	closed bool
}

// NewStock lends pieces of size bytes, each beginning at a page.
func NewStock(size int) *Stock { return &Stock{size: size, lent: map[*byte]piece{}} }

// Take lends one piece. It never waits.
func (s *Stock) Take() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	var p piece
	if last := len(s.idle) - 1; last >= 0 {
		p, s.idle = s.idle[last], s.idle[:last]
		s.unused = min(s.unused, last)
	} else {
		p = newPiece(s.size)
	}
	s.lent[&p.memory[0]] = p
	return p.memory
}

// Give takes back what Take lent, however it was cut at its end meanwhile.
// Nobody uses it any more.
func (s *Stock) Give(pieces ...[]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range pieces {
		first := &b[:1][0]
		p, ok := s.lent[first]
		if !ok {
			panic("bulk: memory given back that isn't lent")
		}
		delete(s.lent, first)
		if s.closed {
			p.free()
			continue
		}
		s.idle = append(s.idle, p)
	}
	if s.timer == nil && !s.closed && len(s.idle) > 0 {
		s.unused = 0
		s.timer = time.AfterFunc(rest, s.trim)
	}
}

// trim gives back to the system what wasn't needed since the timer was set.
func (s *Stock) trim() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.idle[:s.unused] {
		p.free()
	}
	s.idle = append(s.idle[:0:0], s.idle[s.unused:]...)
	s.unused, s.timer = len(s.idle), nil
	if len(s.idle) > 0 && !s.closed {
		s.timer = time.AfterFunc(rest, s.trim)
	}
}

// Close gives all memory back to the system: that which is lent when it is
// given back.
func (s *Stock) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, p := range s.idle {
		p.free()
	}
	s.idle, s.unused = nil, 0
	if s.timer != nil {
		s.timer.Stop()
	}
}

// Shelf is a Stock of so many pieces, over which its users wait for one
// another, in the order of asking.
type Shelf struct {
	stock *Stock
	most  int
	room  *semaphore.Weighted
}

// NewShelf has most pieces of size bytes.
func NewShelf(size, most int) *Shelf {
	return &Shelf{stock: NewStock(size), most: most, room: semaphore.NewWeighted(int64(most))}
}

// Pieces returns how many there are in all.
func (s *Shelf) Pieces() int { return s.most }

// Take waits for n pieces, which come all at once: nobody holds some while
// waiting for others. More than the shelf has is an error at once.
func (s *Shelf) Take(ctx context.Context, n int) ([][]byte, error) {
	if n > s.most {
		return nil, fmt.Errorf("couldn't take %d pieces of memory of %d", n, s.most)
	}
	if err := s.room.Acquire(ctx, int64(n)); err != nil {
		return nil, err
	}
	return s.pieces(n), nil
}

// TryTake doesn't wait for its one piece: it is nil where there is none.
func (s *Shelf) TryTake() []byte {
	if !s.room.TryAcquire(1) {
		return nil
	}
	return s.pieces(1)[0]
}

func (s *Shelf) pieces(n int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		out[i] = s.stock.Take()
	}
	return out
}

// Give returns pieces, as Stock's.
func (s *Shelf) Give(pieces ...[]byte) {
	s.stock.Give(pieces...)
	s.room.Release(int64(len(pieces)))
}

// Close gives the memory back to the system, as Stock's.
func (s *Shelf) Close() { s.stock.Close() }
