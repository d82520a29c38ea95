package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
)

// group is one call of Append on its way.
type group struct {
	subs    []*prepared
	genesis bool // the one group that may found the log

	// The appender's and publisher's, until done is closed:
	places  []place
	created []bool
	admit   []*sealedEvent // of this attempt
	tried   bool           // a commit of it had an unknown outcome
	err     error

	cp   docket.Checkpoint // of the commit that appended it; signed when done is closed
	done chan struct{}
}

func (g *group) finish(err error) {
	g.err = err
	close(g.done)
}

// Append verifies, judges and appends a group of at most 64 events, all or
// nothing, in their order, and returns a receipt for each. It returns only
// after commit and publication.
//
// Errors: *custody.Refusal, *docket.Stale, *docket.PartlyAppended,
// docket.ErrSpent (an effect's invitation), docket.ErrClosed (an effect's
// upload, or the ledger), docket.ErrUnfounded, *docket.Altered; nothing was
// written then. After *docket.Unavailable or a context's end the outcome is
// unknown; the same submission again has one effect and gets its receipt.
func (l *Ledger) Append(ctx context.Context, subs ...docket.Submission) ([]docket.Receipt, error) {
	if len(subs) == 0 || len(subs) > maxGroup {
		return nil, fmt.Errorf("couldn't append %d events: a group has between 1 and %d", len(subs), maxGroup)
	}
	if l.log.Load() == nil {
		return nil, docket.ErrUnfounded
	}
	g := &group{done: make(chan struct{})}
	l.preparing.Add(1)
	left := sync.OnceFunc(func() { l.preparing.Add(-1) })
	defer left()
	for i := range subs {
		p, err := l.prepare(ctx, &subs[i])
		var refused *custody.Refusal
		if p != nil && errors.As(err, &refused) {
			// What is in the log already has its receipt, however it is sent
			// again: with another signature, or without its documents.
			if again, known := l.again(ctx, subs); known {
				return again, nil
			}
		}
		if err != nil {
			return nil, err
		}
		g.subs = append(g.subs, p)
	}
	return l.submit(ctx, g, left)
}

// again returns the receipts of a group that is in the log as a whole.
func (l *Ledger) again(ctx context.Context, subs []docket.Submission) ([]docket.Receipt, bool) {
	var out []docket.Receipt
	for _, s := range subs {
		r, err := l.Receipt(ctx, s.Envelope.EventID())
		if err != nil {
			return nil, false
		}
		out = append(out, r)
	}
	return out, true
}

// submit hands a prepared group to the appender and waits for its end. queued
// is called when it is in the queue.
func (l *Ledger) submit(ctx context.Context, g *group, queued func()) ([]docket.Receipt, error) {
	if f := l.fault.Load(); f != nil {
		return nil, f
	}
	select {
	case l.queue <- g:
		queued()
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.life.Done():
		return nil, docket.ErrClosed
	}
	select {
	case <-g.done:
		if g.err != nil {
			return nil, l.withProofs(ctx, g.err)
		}
		// Each caller makes its own receipts, so that they are made at once.
		return l.receipts(ctx, g)
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.life.Done():
		return nil, docket.ErrClosed
	}
}

// batch is what one commit appends.
type batch struct {
	groups []*group
	cp     docket.Checkpoint // size and root after it, not signed yet; size 0 where nothing was appended
}

// gathering is how long a batch waits at most for submissions that are being
// verified at this moment.
const gathering = time.Millisecond

// appender drains all waiting groups into one commit after another.
func (l *Ledger) appender() {
	defer l.done.Done()
	defer close(l.committed)
	for {
		select {
		case g := <-l.queue:
			groups := [][]*group{l.gather(g)}
			if l.company == 0 {
				groups = l.file(groups[0])
			}
			for _, together := range groups {
				l.appendAll(together)
			}
		case <-l.life.Done():
			return
		}
	}
}

// gather takes what waits with the first group. While more are still being
// verified than are at hand it waits for them, a moment at most: half of all
// callers then share this commit, and the other half is verified while the
// database works. With a single caller nobody is, and nothing waits.
func (l *Ledger) gather(first *group) []*group {
	groups, n := []*group{first}, len(first.subs)
	var patience <-chan time.Time
	for n < maxBatch {
		select {
		case g := <-l.queue:
			groups, n = append(groups, g), n+len(g.subs)
			continue
		default:
		}
		if int(l.preparing.Load()) <= n {
			break
		}
		if patience == nil {
			timer := time.NewTimer(gathering)
			defer timer.Stop()
			patience = timer.C
		}
		select {
		case g := <-l.queue:
			groups, n = append(groups, g), n+len(g.subs)
			continue
		case <-patience:
		case <-l.life.Done():
		}
		break
	}
	return groups
}

// Pauses before another attempt of a transaction that failed.
var pauses = []time.Duration{20 * time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond}

// appendAll commits the groups, one by one where together they fail: a
// database's trouble with one group is then that group's only.
func (l *Ledger) appendAll(groups []*group) {
	b, err := l.transact(l.life, groups)
	for attempt := 0; err != nil && len(groups) == 1 && attempt < len(pauses) && l.retry(err); attempt++ {
		select {
		case <-time.After(pauses[attempt]):
		case <-l.life.Done():
		}
		b, err = l.transact(l.life, groups)
	}
	switch {
	case err == nil:
		l.deliver(b)
	case len(groups) > 1 && l.retry(err):
		l.cfg.Logger.Warn("couldn't append a batch; appending its groups one by one", "groups", len(groups), "error", err)
		for _, g := range groups {
			l.appendAll([]*group{g})
		}
	default:
		for _, g := range groups {
			g.finish(unavailable(err))
		}
	}
}

// retry reports whether another attempt can help.
func (l *Ledger) retry(err error) bool {
	var a *docket.Altered
	if errors.As(err, &a) {
		l.altered(a)
		return false
	}
	return l.life.Err() == nil
}

// deliver ends the refused groups and hands the others to the publisher.
func (l *Ledger) deliver(b *batch) {
	var waiting []*group
	for _, g := range b.groups {
		if g.err != nil {
			close(g.done)
			continue
		}
		waiting = append(waiting, g)
	}
	b.groups = waiting
	if len(waiting) > 0 {
		l.committed <- b
	}
}

// withProofs completes the receipts of a group that is partly in the log.
func (l *Ledger) withProofs(ctx context.Context, err error) error {
	var partly *docket.PartlyAppended
	if !errors.As(err, &partly) {
		return err
	}
	for i, r := range partly.Receipts {
		if r == nil {
			continue
		}
		whole, err := l.Receipt(ctx, r.EventID)
		if err != nil {
			return err
		}
		partly.Receipts[i] = &whole
	}
	return partly
}
