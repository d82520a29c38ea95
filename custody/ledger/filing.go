package ledger

import (
	"context"
	"slices"
	"time"

	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/ruling"
)

// filing is a batch on its way into the log.
type filing struct {
	was     *head // that it was judged at
	groups  []*group
	n       int  // submissions
	refused bool // some group's refusal has to be settled at was
	events  []*sealedEvent
	shared  *layer

	// From grow on, when nothing more is added:
	next *head
	full []tile
	now  time.Time

	behind  bool // sent while the one before it was under way
	done    chan struct{}
	written bool
	err     error
}

func newFiling(was *head) *filing { return &filing{was: was, shared: newLayer()} }

// grow makes the tree after the filing.
//
// Here the batch is verified once more: its leaves were hashed from the bytes
// that are written, whose signatures held, and the tree grows from the one that
// this process signed before. A flipped bit in what the database keeps is found
// by catchUp and at the next start, never signed over.
func (f *filing) grow(now time.Time) {
	f.next, f.now = &head{frontier: *f.was.frontier.Clone(), edge: f.was.edge.clone()}, now
	for _, e := range f.events {
		f.next.frontier.Append(e.leafHash)
		f.full = append(f.full, f.next.edge.append(e.leafHash)...)
	}
	for _, g := range f.groups {
		g.tried = g.tried || len(g.admit) > 0
	}
}

// batch is what of a written filing is to be published.
func (f *filing) batch() *batch {
	b := &batch{groups: f.groups}
	if len(f.events) > 0 {
		b.cp = docket.Checkpoint{Size: f.next.frontier.Size(), Root: f.next.frontier.Root(), Published: f.now}
	}
	return b
}

// lodge makes refusals final and writes the rest. It reports false where the
// log's head is not the filing's; nothing was written then. A crash or a lost
// connection leaves the outcome unknown: the groups are run again, and find
// themselves in the log or not.
func (l *Ledger) lodge(ctx context.Context, g ground, f *filing) (bool, error) {
	if same, err := l.settle(ctx, g, f); !same || err != nil || len(f.events) == 0 {
		return same, err
	}
	if err := l.crash(beforeAppend); err != nil {
		return false, err
	}
	written, err := l.write(ctx, g, f)
	if !written || err != nil || g.tx != nil {
		return written, err
	}
	// A crash from here on loses nothing: the events are in the log with their
	// checkpoint, and any replica signs it for who asks.
	return true, l.crash(afterAppend)
}

// adopt takes over the head that a written filing left.
func (l *Ledger) adopt(f *filing) {
	if len(f.events) == 0 {
		return
	}
	l.head = f.next
	l.forest.advance(f.next.edge, f.full)
	for _, c := range f.shared.chains {
		if c != nil {
			l.chains.put(c.ID, c)
		}
	}
	for _, e := range f.events {
		l.entries.put(e.place.leaf, &ruling.Entry{Index: e.index, Leaf: e.place.leaf, EventID: e.event, Statement: e.statement})
		for _, k := range e.keys {
			l.keys.put(k.ID(), k)
		}
	}
}

// underWay is how many filings are in the database's hands at once: while it
// works on one, the next is judged upon it, sent, and waits there for its turn.
const underWay = 2

// desk is what the appender has in hand while it files.
type desk struct {
	sent []*filing // oldest first; each judged upon the one before it
	next *filing   // gathered and judged, not sent yet
	rest [][]*group
}

// tip is the head that the newest filing sent will leave.
func (d *desk) tip(l *Ledger) *head {
	if len(d.sent) == 0 {
		return l.head
	}
	return d.sent[len(d.sent)-1].next
}

func (d *desk) ahead() []*layer {
	var out []*layer
	for _, f := range slices.Backward(d.sent) {
		out = append(out, f.shared)
	}
	return out
}

// file appends the groups and what comes meanwhile, without a lock, until
// nothing waits any more or something must be done otherwise. It returns what is
// left to be appended by itself, in that order: what has effects, and, where
// another replica was faster or the database failed, everything whose outcome is
// not known. Nothing that was judged upon a filing that is not written outlives
// it.
func (l *Ledger) file(groups []*group) [][]*group {
	d := &desk{next: newFiling(l.head)}
	l.take(d, groups)
	for {
		for d.ready() {
			l.send(d)
		}
		if len(d.sent) == 0 {
			return d.rest
		}
		queue := l.queue
		if d.rest != nil || d.next.n >= maxBatch {
			queue = nil
		}
		select {
		case <-d.sent[0].done:
			l.land(d)
		case g := <-queue:
			l.take(d, l.waiting(g, maxBatch-d.next.n))
		case <-l.life.Done():
			for _, f := range d.sent {
				<-f.done
			}
			return nil
		}
	}
}

// waiting takes what waits in the queue, no more than n submissions if the
// first has not more.
func (l *Ledger) waiting(first *group, n int) []*group {
	groups, have := []*group{first}, len(first.subs)
	for have < n {
		select {
		case g := <-l.queue:
			groups, have = append(groups, g), have+len(g.subs)
			continue
		default:
		}
		break
	}
	return groups
}

// take judges groups for the next filing. What has effects needs a transaction
// of its own, and ends the taking.
func (l *Ledger) take(d *desk, groups []*group) {
	var plain, alone []*group
	for _, g := range groups {
		if g.genesis || g.effective() {
			alone = append(alone, g)
		} else {
			plain = append(plain, g)
		}
	}
	if d.next.n == 0 {
		d.next = newFiling(d.tip(l))
	}
	if len(plain) > 0 {
		if err := l.hear(l.life, ground{db: l.appendDB, stmts: l.stmts}, d.next, d.ahead(), plain); err != nil {
			d.rest = append(d.rest, d.next.groups)
			d.next = newFiling(d.tip(l))
		}
	}
	if len(alone) > 0 {
		d.rest = append(d.rest, alone)
	}
}

// ready reports whether the next filing is to be sent now. Behind another one it
// waits until it is as large: all callers then share two commits. A refusal is
// settled at the head that it was made at, when nothing is under way.
func (d *desk) ready() bool {
	switch {
	case d.next.n == 0 || len(d.sent) == underWay:
		return false
	case len(d.sent) == 0:
		return true
	}
	last := d.sent[len(d.sent)-1]
	return !d.next.refused && len(d.next.events) > 0 && (d.next.n >= last.n || d.next.n >= maxBatch)
}

func (l *Ledger) send(d *desk) {
	f := d.next
	f.behind = len(d.sent) > 0
	f.grow(l.now())
	d.sent = append(d.sent, f)
	d.next = newFiling(f.next)
	l.hand(f)
}

// hand gives a filing to the database.
func (l *Ledger) hand(f *filing) {
	f.done = make(chan struct{})
	go func() {
		defer close(f.done)
		f.written, f.err = l.lodge(l.life, ground{db: l.appendDB, stmts: l.stmts}, f)
	}()
}

// land takes note of the oldest filing's outcome.
func (l *Ledger) land(d *desk) {
	f := d.sent[0]
	<-f.done
	if f.err == nil && !f.written && f.behind {
		// It came to the database before the one that it was judged upon. That one
		// is written by now, and its head is the filing's.
		f.behind = false
		l.hand(f)
		return
	}
	if f.err != nil && len(f.events) > 0 {
		// Its answer may be lost, and it written: then the next one, which holds
		// only upon it, tells.
		f.written = slices.ContainsFunc(d.sent[1:], func(later *filing) bool {
			<-later.done
			return later.written && later.err == nil && len(later.events) > 0
		})
	}
	if f.written {
		l.adopt(f)
		d.sent = d.sent[1:]
		l.deliver(f.batch())
		return
	}
	if f.err == nil {
		l.company = companyLasts
	} else {
		l.cfg.Logger.Warn("couldn't append a batch; appending what is under way one after the other", "error", f.err)
	}
	var undone [][]*group
	for _, f := range d.sent {
		<-f.done
		undone = append(undone, f.groups)
	}
	if d.next.n > 0 {
		undone = append(undone, d.next.groups)
	}
	d.sent, d.next, d.rest = nil, newFiling(l.head), append(undone, d.rest...)
}
