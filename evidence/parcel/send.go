package parcel

import (
	"context"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/bulk"
)

// maxInMemory is the largest part that is read into memory; larger ones are
// read again from the source, which the page cache mostly still has.
const maxInMemory = 64 << 20

// memoryBlocks bounds the memory of one sending: 160 MiB, or as much as two
// parts need.
const memoryBlocks = 20

// Sending is an artifact to be measured and sent in parts.
type Sending struct {
	Source   io.ReaderAt // of Size bytes; read once, in order (parts over 64 MiB: twice)
	Size     int64
	PartSize int64            // of every part but the last, a multiple of evidence.BlockSize where there are several
	Held     map[int]bool     // parts that are there already: measured, not sent
	Window   int              // parts under way at once; 0: 1
	Hasher   *evidence.Hasher // which has taken nothing yet; it takes every byte

	// Put sends part n, from 1, until it is durable. It is called for parts in
	// ascending order, for up to Window at once.
	Put func(ctx context.Context, n int, p *Parcel) error
	// Done is told of each part that is durable, one at a time; nil: nobody.
	Done func(bytes int64)
	// Hear is given every byte in order, in a goroutine of its own; nil: nobody.
	Hear io.Writer
}

// Send reads the source once, in order, into a ring of blocks that are used
// again when everybody is done with them: the digests of the whole, each
// block's leaf, and whoever sends the part. It returns once every part is
// durable, with the measure of all bytes. The first failure ends it; what was
// put stays.
func (s Sending) Send(ctx context.Context) (evidence.Measured, error) {
	if s.Size <= 0 || s.PartSize <= 0 || s.Hasher == nil || s.Hasher.Size() != 0 || s.Size > s.PartSize && s.PartSize%evidence.BlockSize != 0 {
		return evidence.Measured{}, fmt.Errorf("couldn't send %d bytes in parts of %d", s.Size, s.PartSize)
	}
	group, ctx := errgroup.WithContext(ctx)
	heard := make(chan *Parcel, 1) // each with a use, by the listener
	if s.Hear != nil {
		group.Go(func() error { return s.hear(ctx, heard) })
	}
	measured := make(chan *Parcel, 1) // each with a use, by the digests
	group.Go(func() error { return s.measure(ctx, measured) })
	group.Go(func() error {
		defer close(measured)
		defer close(heard)
		return s.read(ctx, measured, heard)
	})
	if err := group.Wait(); err != nil {
		return evidence.Measured{}, err
	}
	return s.Hasher.Measured(), nil
}

func (s Sending) parts() int { return int((s.Size + s.PartSize - 1) / s.PartSize) }

// read makes a parcel of each part, hands it to the digests and the listener,
// and has it sent.
func (s Sending) read(ctx context.Context, measured, heard chan<- *Parcel) error {
	part := min(s.PartSize, s.Size)
	blocks := 0
	if part <= maxInMemory {
		blocks = max(min(memoryBlocks, (max(1, s.Window)+2)*Blocks(part)), 2*Blocks(part))
		blocks = min(blocks, Blocks(s.Size))
	}
	pool := bulk.NewShelf(int(min(evidence.BlockSize, s.Size)), blocks)
	defer pool.Close() // what a request still reads, when that is given back
	senders, ctx := errgroup.WithContext(ctx)
	senders.SetLimit(max(1, s.Window))
	var done sync.Mutex
	read := func(n int) error {
		p, err := s.part(ctx, n, pool)
		if err != nil {
			return err
		}
		defer p.Drop()
		for _, to := range []chan<- *Parcel{measured, heard} {
			if to == heard && s.Hear == nil {
				continue
			}
			p.Hold()
			select {
			case to <- p:
			case <-ctx.Done():
				p.Drop()
				return ctx.Err()
			}
		}
		tell := func() {
			if s.Done != nil {
				done.Lock()
				defer done.Unlock()
				s.Done(p.Size())
			}
		}
		if s.Held[n] {
			tell()
			return nil
		}
		p.Hold()
		senders.Go(func() error {
			defer p.Drop()
			if err := s.Put(ctx, n, p); err != nil {
				return fmt.Errorf("couldn't send part %d of %d: %w", n, s.parts(), err)
			}
			tell()
			return nil
		})
		return nil
	}
	var failed error
	for n := 1; n <= s.parts() && failed == nil && ctx.Err() == nil; n++ {
		failed = read(n)
	}
	// Why a sender failed says more than that the reader was stopped for it.
	if err := senders.Wait(); err != nil {
		return err
	}
	return failed
}

// part reads part n.
func (s Sending) part(ctx context.Context, n int, pool *bulk.Shelf) (*Parcel, error) {
	off := int64(n-1) * s.PartSize
	in := io.NewSectionReader(s.Source, off, min(s.PartSize, s.Size-off))
	var p *Parcel
	var err error
	if in.Size() > maxInMemory {
		p, err = OfSection(in)
	} else {
		var room [][]byte
		if room, err = pool.Take(ctx, Blocks(in.Size())); err != nil {
			return nil, err
		}
		var whole io.Writer
		if s.PartSize <= maxInMemory { // else parts before it are measured later
			whole = s.Hasher.Ahead()
		}
		p, err = Receive(in, in.Size(), pool, room, whole)
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read the source from byte %d on: %w", off, err)
	}
	return p, nil
}

// each calls do with every block of the parcels, in order.
func each(ctx context.Context, parcels <-chan *Parcel, do func(block []byte, leaf evidence.Digest) error) error {
	var scratch []byte
	one := func(p *Parcel) error {
		defer p.Drop()
		if !p.InMemory() && scratch == nil {
			scratch = make([]byte, evidence.BlockSize)
		}
		for i, leaf := range p.Leaves() {
			b, err := p.Block(i, scratch)
			if err != nil {
				return err
			}
			if err := do(b, leaf); err != nil {
				return err
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
		return nil
	}
	var failed error
	for p := range parcels { // to the end, so that nothing stays held
		if failed != nil {
			p.Drop()
			continue
		}
		failed = one(p)
	}
	return failed
}

func (s Sending) measure(ctx context.Context, parcels <-chan *Parcel) error {
	return each(ctx, parcels, func(block []byte, leaf evidence.Digest) error {
		if err := s.Hasher.Take(block, leaf); err != nil {
			return fmt.Errorf("couldn't measure the source: %w", err)
		}
		return nil
	})
}

func (s Sending) hear(ctx context.Context, parcels <-chan *Parcel) error {
	return each(ctx, parcels, func(block []byte, _ evidence.Digest) error {
		_, err := s.Hear.Write(block)
		return err
	})
}
