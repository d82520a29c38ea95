// Package sum computes SHA-256 of several streams at once. A processor with
// instructions for SHA-256 waits most of the time for the last result of the
// one stream it is given; two streams side by side take it hardly longer than
// one. Evidence is always hashed twice, as a whole and by the block, and by
// several at a time.
//
// The hash is crypto/sha256's in every other respect: same interface, same
// state when marshalled. What is short, and all of it on a processor that can't,
// crypto/sha256 computes.
package sum

import (
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"hash"
	"runtime"
	"sync"
	"time"
)

// Size is the length of a SHA-256 digest in bytes.
const Size = sha256.Size

const (
	block = sha256.BlockSize
	// worthwhile is the least that is written with others, in bytes: what comes
	// beside it costs some microseconds.
	worthwhile = 64 << 10
	// turn is how much of a stream is taken before others are looked for.
	turn = 64 << 10
)

// New returns a hash that computes SHA-256, to be used by one goroutine at a
// time, as crypto/sha256's. Its Write takes turns with those of other such
// hashes. It implements encoding.BinaryMarshaler, BinaryAppender and
// BinaryUnmarshaler as crypto/sha256 does, with the same bytes.
func New() hash.Hash { return &digest{inner: sha256.New().(inner)} }

// inner is what crypto/sha256 gives.
type inner interface {
	hash.Hash
	encoding.BinaryAppender
	encoding.BinaryMarshaler
	encoding.BinaryUnmarshaler
}

type digest struct {
	inner
	odd int // bytes taken since the last whole block
}

// Reset implements hash.Hash.
func (d *digest) Reset() {
	d.inner.Reset()
	d.odd = 0
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler.
func (d *digest) UnmarshalBinary(b []byte) error {
	if err := d.inner.UnmarshalBinary(b); err != nil {
		return err
	}
	d.odd = int(binary.BigEndian.Uint64(b[len(b)-8:]) % block) // a state ends with the bytes taken
	return nil
}

// Write implements io.Writer. It never fails.
func (d *digest) Write(p []byte) (int, error) {
	n := len(p)
	if n >= worthwhile && able() {
		begin := (block - d.odd) % block
		d.inner.Write(p[:begin])
		whole := (n - begin) &^ (block - 1)
		bench.take(&lane{d.inner, p[begin : begin+whole]})
		p = p[begin+whole:]
		d.odd = 0
	}
	d.inner.Write(p)
	d.odd = (d.odd + len(p)) % block
	return n, nil
}

// lane is a stream being taken: whole blocks, and the hash they go into.
type lane struct {
	into inner
	data []byte
}

// queue is where lanes meet. Half the processors work at it, so that there is
// company for each stream before all are busy.
type queue struct {
	mu      sync.Mutex
	waiting []*waiter
	workers int
	came    chan struct{} // holds something since a lane came
}

type waiter struct {
	*lane
	done   chan struct{}
	waited bool // for company, since it last had some
}

var bench = queue{came: make(chan struct{}, 1)}

// patience is how long a lane of n bytes waits for company: less than a third
// of the time that it would take alone. In company it takes half of the
// processor, so that even rare company is worth it.
func patience(n int) time.Duration { return time.Duration(n/6) * time.Nanosecond }

// take returns once all of the lane is in its hash.
func (q *queue) take(l *lane) {
	w := &waiter{lane: l, done: make(chan struct{})}
	q.mu.Lock()
	q.waiting = append(q.waiting, w)
	if q.workers < max(1, runtime.GOMAXPROCS(0)/2) {
		q.workers++
		go q.work()
	}
	select {
	case q.came <- struct{}{}:
	default:
	}
	q.mu.Unlock()
	<-w.done
}

// work takes lanes two at a time, until nobody waits.
func (q *queue) work() {
	var at [2]*waiter
	for {
		q.mu.Lock()
		for i := range at {
			if at[i] == nil && len(q.waiting) > 0 {
				at[i], q.waiting = q.waiting[0], q.waiting[1:]
			}
		}
		select {
		case <-q.came: // they are in hand
		default:
		}
		if at[0] == nil && at[1] == nil {
			q.workers--
			q.mu.Unlock()
			return
		}
		q.mu.Unlock()
		if q.company(at) {
			continue
		}
		advance(at)
		for i, w := range at {
			if w != nil && len(w.data) == 0 {
				close(w.done)
				at[i] = nil
			}
		}
	}
}

// company waits a while for a lane beside one that is alone, once. It reports
// whether one may have come.
func (q *queue) company(at [2]*waiter) bool {
	w := at[0]
	if w == nil {
		w = at[1]
	}
	if at[0] != nil && at[1] != nil {
		at[0].waited, at[1].waited = false, false
		return false
	}
	if w.waited {
		return false
	}
	w.waited = true
	t := time.NewTimer(patience(len(w.data)))
	defer t.Stop()
	select {
	case <-q.came:
		return true
	case <-t.C:
		return false
	}
}

// advance takes a turn of each lane that is there.
func advance(at [2]*waiter) {
	switch {
	case at[0] == nil:
		at[1].alone(turn)
	case at[1] == nil:
		at[0].alone(turn)
	default:
		together(at[0].lane, at[1].lane, min(turn, len(at[0].data), len(at[1].data)))
	}
}

func (l *lane) alone(n int) {
	n = min(n, len(l.data))
	l.into.Write(l.data[:n])
	l.data = l.data[n:]
}

// together takes n bytes, whole blocks and at least one, of both lanes. Both
// hashes are between two blocks.
func together(x, y *lane, n int) {
	var a, b stored
	a.load(x.into)
	b.load(y.into)
	s, t := a.state(), b.state()
	pair(&s, &t, &x.data[0], &y.data[0], n/block)
	a.store(x.into, s, n)
	b.store(y.into, t, n)
	x.data, y.data = x.data[n:], y.data[n:]
}
