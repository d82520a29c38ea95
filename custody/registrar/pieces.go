package registrar

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/fixity"
	"github.com/evidence-custody/custodyd/evidence"
)

// How far reading goes ahead of sending: each download may fetch so many
// blocks beside the one it waits for, and all downloads together so many.
const (
	readAhead    = 3
	readAheadAll = 16
)

type block struct {
	memory []byte
	data   []byte
	err    error
	early  bool // has one of the tokens of readAheadAll
}

// pieces hands out the checked blocks of a range, in order, while those behind
// them are read.
type pieces struct {
	r       *Registrar
	copy    *fixity.Copy
	ctx     context.Context
	cancel  context.CancelFunc
	reading sync.WaitGroup

	next, end uint64 // blocks asked for: up to next; in all: up to end
	skip      uint64 // bytes of the first block before the range
	left      uint64 // bytes to hand out
	ahead     []chan block
	lent      [2]block // what the caller may still look at, the older one first
	err       error
}

func (r *Registrar) pieces(ctx context.Context, c *fixity.Copy, offset, length uint64) *pieces {
	ctx, cancel := context.WithCancel(ctx)
	p := &pieces{r: r, copy: c, ctx: ctx, cancel: cancel, next: offset / evidence.BlockSize, skip: offset % evidence.BlockSize, left: length}
	p.end = p.next + evidence.BlockCount(p.skip+length)
	if length == 0 {
		p.end = p.next
	}
	return p
}

// ask has the next block read: the one waited for in any case, those behind it
// while there is memory.
func (p *pieces) ask() {
	for p.next < p.end && len(p.ahead) <= readAhead {
		early := len(p.ahead) > 0
		if early {
			select {
			case p.r.early <- struct{}{}:
			default:
				return
			}
		}
		i, slot := p.next, make(chan block, 1)
		p.next++
		p.ahead = append(p.ahead, slot)
		p.reading.Go(func() {
			memory := fixity.Buffer()
			data, err := p.copy.Block(p.ctx, i, memory)
			slot <- block{memory, data, err, early}
		})
	}
}

// Next implements Pieces.
func (p *pieces) Next() ([]byte, error) {
	switch {
	case p.err != nil:
		return nil, p.err
	case p.left == 0:
		return nil, io.EOF
	}
	p.giveBack(p.lent[0])
	p.lent = [2]block{p.lent[1]}
	p.ask()
	b := <-p.ahead[0]
	p.ahead = p.ahead[1:]
	p.lent[1] = b
	if b.err != nil {
		p.err = p.r.damaged(p.ctx, p.copy, b.err)
		return nil, p.err
	}
	p.ask() // while this one is sent
	out := b.data[p.skip:]
	out = out[:min(uint64(len(out)), p.left)]
	p.skip, p.left = 0, p.left-uint64(len(out))
	return out, nil
}

func (p *pieces) giveBack(b block) {
	if b.early {
		<-p.r.early
	}
	if b.memory != nil {
		fixity.Return(b.memory)
	}
}

// Close implements Pieces.
func (p *pieces) Close() error {
	p.cancel()
	p.reading.Wait()
	for _, slot := range p.ahead {
		p.giveBack(<-slot)
	}
	p.giveBack(p.lent[0])
	p.giveBack(p.lent[1])
	p.ahead, p.lent, p.left = nil, [2]block{}, 0
	return nil
}

// damaged says why reading ended, in the edge's words. It is never io.EOF: a
// short body must not look whole.
func (r *Registrar) damaged(ctx context.Context, c *fixity.Copy, err error) error {
	var rot *fixity.Rot
	switch {
	case errors.As(err, &rot):
		r.log.ErrorContext(ctx, "the store's copy of an artifact is damaged; the transfer is aborted", "item", c.Item().String(),
			"block", rot.Block, "offset", rot.Offset, "bytes", rot.Length, "reason", rot.Reason, "error", rot.Cause)
		if err := r.rotten(ctx, c, rot); err != nil {
			r.log.ErrorContext(ctx, "couldn't record that the copy of an artifact is damaged", "item", c.Item().String(), "block", rot.Block, "error", err)
		}
		return &Damaged{Item: c.Item(), Block: rot.Block, Offset: rot.Offset, Length: rot.Length, Reason: string(rot.Reason)}
	case ctx.Err() != nil:
		return ctx.Err()
	}
	if gone := r.gone(ctx, c.Item(), err); gone != nil {
		return gone
	}
	return &Unavailable{What: "vault", After: retryAfter, Cause: fmt.Errorf("item %s: %w", c.Item().Short(), err)}
}

// copies keeps the checked block trees of what is being read: an artifact of
// 1 TiB has leaves of 4 MiB, which needn't be fetched and hashed for every range.
type copies struct {
	mu    sync.Mutex
	kept  map[custody.ID]*fixity.Copy
	order []custody.ID // the longest unused first
	bytes uint64
}

const copiesLimit = 32 << 20 // bytes of leaves; one larger artifact is kept alone

// open finds the copy of an item or makes it. What is on record of an artifact
// never changes.
func (c *copies) open(item custody.ID, make func() (*fixity.Copy, error)) (*fixity.Copy, error) {
	if found := c.find(item); found != nil {
		return found, nil
	}
	made, err := make()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if found := c.kept[item]; found != nil {
		return found, nil
	}
	if c.kept == nil {
		c.kept = map[custody.ID]*fixity.Copy{}
	}
	c.kept[item], c.order, c.bytes = made, append(c.order, item), c.bytes+weight(made)
	for c.bytes > copiesLimit && len(c.order) > 1 {
		c.bytes -= weight(c.kept[c.order[0]])
		delete(c.kept, c.order[0])
		c.order = c.order[1:]
	}
	return made, nil
}

func weight(c *fixity.Copy) uint64 { return c.Count()*32 + 1024 }

func (c *copies) find(item custody.ID) *fixity.Copy {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := c.kept[item]
	if found != nil {
		for i, id := range c.order {
			if id == item {
				c.order = append(append(c.order[:i:i], c.order[i+1:]...), item)
				break
			}
		}
	}
	return found
}
