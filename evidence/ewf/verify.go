package ewf

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"hash"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// Options of Verify.
type Options struct {
	MD5, SHA1, SHA256 bool

	// Workers decode in parallel; 0 is one for each processor.
	Workers int
	// Progress, where set, is called from one goroutine with the number of
	// bytes of the medium done so far.
	Progress func(done uint64)
}

// Report is what the medium's data turned out to be. Every byte of it was
// decoded and every chunk's checksum compared. The hashes are over Size bytes,
// in which damaged chunks are zeros: where Damaged is not 0 they are no hash of
// the medium.
type Report struct {
	Size   uint64 // of the medium, bytes
	Chunks uint64
	MD5    *[md5.Size]byte // nil where not asked for, as below
	SHA1   *[sha1.Size]byte
	SHA256 *[sha256.Size]byte

	Compressed uint64 // chunks that are stored so and could be decoded

	Damaged uint64   // chunks
	Zeroed  uint64   // bytes of the medium in them
	First   []Damage // at most the first 1,000, in the medium's order

	// Flaws are Open's and those of the tables; the first 1,000 of FlawCount.
	Flaws     []Flaw
	FlawCount int
	FlawKinds []string // of all of them; sorted
}

// Matches compares with what the imager stored: true where at least one stored
// hash was computed, all that were are equal, and no chunk is damaged.
func (r Report) Matches(s Stored) bool {
	one := s.MD5 != nil && r.MD5 != nil || s.SHA1 != nil && r.SHA1 != nil
	return one && r.Damaged == 0 && !r.Differs(s)
}

// Differs reports whether a computed hash is not the stored one, or one of those
// that are stored and contradict each other.
func (r Report) Differs(s Stored) bool {
	s = r.Compared(s)
	return s.MD5 != nil && r.MD5 != nil && *s.MD5 != *r.MD5 || s.SHA1 != nil && r.SHA1 != nil && *s.SHA1 != *r.SHA1
}

// Compared are the stored hashes to show beside the computed ones: where stored
// ones contradict each other, one that differs, since the first alone might look
// as if all was well.
func (r Report) Compared(s Stored) Stored {
	if r.MD5 != nil && s.otherMD5 != nil && *s.MD5 == *r.MD5 {
		s.MD5 = s.otherMD5
	}
	if r.SHA1 != nil && s.otherSHA1 != nil && *s.SHA1 == *r.SHA1 {
		s.SHA1 = s.otherSHA1
	}
	return s
}

const (
	batchBytes = 1 << 20   // of the medium, decoded in one go, where chunks are smaller
	ringBytes  = 128 << 20 // of all batches, about
)

// batch is a run of chunks of one table.
type batch struct {
	first   uint64
	places  []place
	media   []byte
	stored  []byte
	damaged []Damage
	deflate uint64 // chunks that were compressed
	err     error
	done    chan struct{}
	uses    atomic.Int32
}

// Verify decodes the whole medium, with decoders in parallel and each hash in
// a goroutine of its own, in at most about 128 MiB. An error means that a file
// could not be read or that ctx ended; damage is none.
func (m *Image) Verify(ctx context.Context, o Options) (Report, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	r := Report{Size: m.v.mediaSize(), Chunks: m.v.chunkCount()}
	found := flaws{kept: append([]Flaw(nil), m.Flaws...), count: m.FlawCount, kinds: maps.Clone(m.kinds)}

	perBatch := max(1, batchBytes/m.v.chunkSize())
	workers := o.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	ring := int(max(2, min(uint64(workers)+6, ringBytes/(2*perBatch*m.v.chunkSize()))))
	free, order, work := make(chan *batch, ring), make(chan *batch, ring), make(chan *batch, ring)
	for range ring {
		free <- &batch{}
	}

	var wg sync.WaitGroup
	var planErr error
	wg.Go(func() {
		defer close(order)
		defer close(work)
		planErr = m.plan(ctx, perBatch, free, order, work, &found)
	})
	for range min(workers, ring) {
		wg.Go(func() {
			d := newDecoder()
			for b := range work {
				b.err = m.decode(d, b)
				close(b.done)
			}
		})
	}
	l := newLanes(o, ring, free)
	var failed error
	var done uint64
	for b := range order {
		<-b.done
		if failed == nil && b.err != nil {
			failed = b.err
			stop()
		}
		if failed != nil {
			continue
		}
		for _, d := range b.damaged {
			r.Damaged++
			r.Zeroed += d.Size
			if len(r.First) < maxKept {
				r.First = append(r.First, d)
			}
		}
		r.Compressed += b.deflate
		done += uint64(len(b.media))
		l.feed(b)
		if o.Progress != nil {
			o.Progress(done)
		}
	}
	wg.Wait()
	l.close()
	if failed == nil {
		failed = planErr
	}
	if failed != nil {
		return Report{}, failed
	}
	r.MD5, r.SHA1, r.SHA256 = l.sums()
	r.Flaws, r.FlawCount, r.FlawKinds = found.kept, found.count, slices.Sorted(maps.Keys(found.kinds))
	return r, nil
}

// plan cuts the medium into batches, in order.
func (m *Image) plan(ctx context.Context, perBatch uint64, free, order, work chan *batch, found *flaws) error {
	chunks := m.v.chunkCount()
	for n := uint64(0); n < chunks; {
		t := m.tableOf(n)
		end := chunks
		var e *entries
		if t != nil {
			end = t.first + t.count
			if !t.lost {
				var err error
				if e, err = m.load(t, found); err != nil {
					return err
				}
			}
		}
		for n < end {
			if ctx.Err() != nil {
				return fmt.Errorf("couldn't verify the image: %w", context.Cause(ctx))
			}
			var b *batch
			select {
			case b = <-free:
			case <-ctx.Done():
				return fmt.Errorf("couldn't verify the image: %w", context.Cause(ctx))
			}
			b.first, b.places, b.damaged, b.err, b.done = n, b.places[:0], nil, nil, make(chan struct{})
			b.deflate = 0
			for ; n < end && n-b.first < perBatch; n++ {
				b.places = append(b.places, m.place(n, t, e))
			}
			order <- b // as long as free, so that neither ever blocks
			work <- b
		}
	}
	return nil
}

// decode reads a batch's bytes, in one piece where they stand together, and
// decodes its chunks.
func (m *Image) decode(d *decoder, b *batch) error {
	size := m.v.chunkSize()
	if b.media == nil || uint64(cap(b.media)) < uint64(len(b.places))*size {
		b.media = make([]byte, uint64(len(b.places))*size)
	}
	b.media = b.media[:0]
	for i := 0; i < len(b.places); {
		run, from, to := m.run(b.places[i:])
		if to > from {
			if int64(cap(b.stored)) < to-from {
				b.stored = make([]byte, to-from)
			}
			b.stored = b.stored[:to-from]
			if err := b.places[i].s.read(b.stored, from); err != nil {
				return err
			}
		}
		for ; run > 0; run, i = run-1, i+1 {
			n := b.first + uint64(i)
			data := b.media[len(b.media) : len(b.media)+m.chunkBytes(n)]
			b.media = b.media[:len(b.media)+len(data)]
			p := b.places[i]
			if p.reason == "" {
				p.reason = d.decode(data, b.stored[p.off-from:p.off-from+p.n], p.compressed)
			}
			if p.reason == "" && p.compressed {
				b.deflate++
			}
			if p.reason != "" {
				clear(data)
				b.damaged = append(b.damaged, m.damage(n, p))
			}
		}
	}
	return nil
}

// run returns how many of the places can be read in one piece, from and to:
// those that follow each other without a gap worth skipping.
func (m *Image) run(places []place) (n int, from, to int64) {
	for _, p := range places {
		switch {
		case p.reason != "":
		case to == 0:
			from, to = p.off, p.off+p.n
		case p.off < to-chunkSlack || p.off > to+chunkSlack || p.off < from ||
			p.off+p.n-from > 4*max(batchBytes, int64(m.v.chunkSize())):
			return n, from, to
		default:
			to = max(to, p.off+p.n)
		}
		n++
	}
	return n, from, to
}

// lanes are the hashes, each with a goroutine of its own.
type lanes struct {
	md5, sha1, sha256 hash.Hash
	in                []chan *batch
	free              chan *batch
	wg                sync.WaitGroup
}

func newLanes(o Options, ring int, free chan *batch) *lanes {
	l := &lanes{free: free}
	start := func(wanted bool, h hash.Hash) hash.Hash {
		if !wanted {
			return nil
		}
		in := make(chan *batch, ring)
		l.in = append(l.in, in)
		l.wg.Go(func() {
			for b := range in {
				h.Write(b.media)
				if b.uses.Add(-1) == 0 {
					free <- b
				}
			}
		})
		return h
	}
	l.md5, l.sha1, l.sha256 = start(o.MD5, md5.New()), start(o.SHA1, sha1.New()), start(o.SHA256, sha256.New())
	return l
}

func (l *lanes) feed(b *batch) {
	if len(l.in) == 0 {
		l.free <- b
		return
	}
	b.uses.Store(int32(len(l.in)))
	for _, in := range l.in {
		in <- b
	}
}

func (l *lanes) close() {
	for _, in := range l.in {
		close(in)
	}
	l.wg.Wait()
}

func (l *lanes) sums() (m *[md5.Size]byte, s1 *[sha1.Size]byte, s2 *[sha256.Size]byte) {
	if l.md5 != nil {
		m = (*[md5.Size]byte)(l.md5.Sum(nil))
	}
	if l.sha1 != nil {
		s1 = (*[sha1.Size]byte)(l.sha1.Sum(nil))
	}
	if l.sha256 != nil {
		s2 = (*[sha256.Size]byte)(l.sha256.Sum(nil))
	}
	return m, s1, s2
}
