package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// publisher signs and keeps a checkpoint after each commit, and only then lets
// receipts go. While it waits for the disk the appender goes on; what piled up
// gets one checkpoint together.
func (l *Ledger) publisher() {
	defer l.done.Done()
	for b := range l.committed {
		batches := []*batch{b}
	drain:
		for {
			select {
			case more, ok := <-l.committed:
				if !ok {
					break drain
				}
				batches = append(batches, more)
			default:
				break drain
			}
		}
		l.publishAll(batches)
	}
}

func (l *Ledger) publishAll(batches []*batch) {
	var newest docket.Checkpoint
	for _, b := range batches {
		if b.cp.Size > newest.Size {
			newest = b.cp
		}
	}
	var err error
	if newest.Size > 0 {
		// What is committed must come out: a group is in the log whether or
		// not its caller still waits. Only the end of the process stops this,
		// and then the next start publishes.
		for pause := 20 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
			if newest, err = l.publish(l.life, newest.Size, newest.Root); err == nil || !l.retry(err) {
				break
			}
			l.cfg.Logger.Warn("couldn't publish a checkpoint; trying again", "size", newest.Size, "error", err)
			select {
			case <-time.After(pause):
			case <-l.life.Done():
			}
		}
	}
	for _, b := range batches {
		for _, g := range b.groups {
			if err != nil {
				g.finish(unavailable(err))
				continue
			}
			var failed error
			g.receipts, failed = l.receipts(l.life, g, b.cp.Size > 0, newest)
			g.finish(failed)
		}
	}
}

// receipts makes a group's receipts: for what was just appended from the
// checkpoint at hand, for older events from the one that first included them.
func (l *Ledger) receipts(ctx context.Context, g *group, fresh bool, cp docket.Checkpoint) ([]docket.Receipt, error) {
	out := make([]docket.Receipt, len(g.places))
	for i, at := range g.places {
		r, err := docket.Receipt{}, error(nil)
		if fresh && len(g.admit) > 0 {
			r, err = l.receiptAt(ctx, at, cp)
		} else {
			r, err = l.receiptOf(ctx, at)
		}
		if err != nil {
			return nil, err
		}
		r.Created = g.created[i]
		out[i] = r
	}
	return out, nil
}

// publish signs the head of size leaves and keeps it. Ed25519 is deterministic
// and so is this: two replicas publish the same bytes.
func (l *Ledger) publish(ctx context.Context, size uint64, root evidence.Digest) (docket.Checkpoint, error) {
	i := l.log.Load()
	if i == nil { // genesis itself: its document is in the tables now
		var err error
		if i, err = l.readIdentity(ctx); err != nil {
			return docket.Checkpoint{Size: size, Root: root}, err
		}
		l.log.Store(i)
	}
	cp := docket.Checkpoint{Size: size, Root: root, Published: l.now()}
	var err error
	cp.Note, err = tlog.SignCheckpoint(tlog.Checkpoint{Origin: i.doc.Origin, Size: size, Root: root}, i.signer)
	if err != nil {
		return cp, err
	}
	res, err := l.db.ExecContext(ctx, `INSERT INTO custody.checkpoints (size, root, note, published_at) VALUES ($1, $2, $3, $4) ON CONFLICT (size) DO NOTHING`,
		int64(size), root[:], cp.Note, cp.Published)
	if err != nil {
		return cp, err
	}
	if n, err := res.RowsAffected(); err != nil {
		return cp, err
	} else if n == 0 {
		// Another replica was first, or this one before a lost answer.
		kept, err := l.checkpointWhere(ctx, `size = $1`, int64(size))
		if err != nil {
			return cp, err
		}
		if kept.Root != root {
			return cp, docket.AlteredF("a checkpoint of %d leaves with another root was published", size)
		}
		cp = kept
	}
	l.seen.put(size, root)
	if l.cfg.Published != nil {
		l.cfg.Published(cp)
	}
	for {
		old := l.latest.Load()
		if old != nil && old.Size >= cp.Size {
			return cp, nil
		}
		if l.latest.CompareAndSwap(old, &cp) {
			return cp, nil
		}
	}
}

func (l *Ledger) checkpointWhere(ctx context.Context, where string, args ...any) (docket.Checkpoint, error) {
	var cp docket.Checkpoint
	err := l.db.QueryRowContext(ctx, `SELECT size, root, note, published_at FROM custody.checkpoints WHERE `+where, args...).
		Scan(&cp.Size, idValue{&cp.Root}, &cp.Note, &cp.Published)
	return cp, found(err)
}

// Checkpoint returns the newest published checkpoint.
func (l *Ledger) Checkpoint(ctx context.Context) (docket.Checkpoint, error) {
	return l.checkpointWhere(ctx, `true ORDER BY size DESC LIMIT 1`)
}

// CheckpointAt returns the published checkpoint of exactly size leaves.
func (l *Ledger) CheckpointAt(ctx context.Context, size uint64) (docket.Checkpoint, error) {
	return l.checkpointWhere(ctx, `size = $1`, int64(size))
}

// Receipt returns the receipt of an event in the log.
func (l *Ledger) Receipt(ctx context.Context, event custody.ID) (docket.Receipt, error) {
	at := place{event: event}
	err := l.db.QueryRowContext(ctx, `SELECT index, leaf_hash FROM custody.events WHERE event_id = $1`, event[:]).Scan(&at.index, idValue{&at.leaf})
	if err != nil {
		return docket.Receipt{}, found(err)
	}
	return l.receiptOf(ctx, at)
}

// receiptOf finds the first checkpoint that includes the event. Where there is
// none, somebody died between commit and publication, and it is published now.
func (l *Ledger) receiptOf(ctx context.Context, at place) (docket.Receipt, error) {
	const first = `size > $1 ORDER BY size LIMIT 1`
	cp, err := l.checkpointWhere(ctx, first, int64(at.index))
	if errors.Is(err, docket.ErrNotFound) {
		if _, err = l.publishHead(ctx); err == nil {
			cp, err = l.checkpointWhere(ctx, first, int64(at.index))
		}
	}
	if err != nil {
		return docket.Receipt{}, err
	}
	return l.receiptAt(ctx, at, cp)
}

func (l *Ledger) receiptAt(ctx context.Context, at place, cp docket.Checkpoint) (docket.Receipt, error) {
	proof, err := tlog.ProveInclusion(cp.Size, at.index, l.forest.reader(ctx))
	if err != nil {
		return docket.Receipt{}, unavailable(err)
	}
	// A receipt that does not verify must not leave the house.
	if err := tlog.VerifyInclusion(at.leaf, at.index, cp.Size, proof, cp.Root); err != nil {
		return docket.Receipt{}, docket.AlteredF("event %d is not in the checkpoint of %d leaves: %v", at.index, cp.Size, err)
	}
	return docket.Receipt{EventID: at.event, Index: at.index, LeafHash: at.leaf, Inclusion: proof,
		Checkpoint: cp.Note, Size: cp.Size, Root: cp.Root}, nil
}

// publishHead publishes the committed head, after computing its root from the
// tree itself: log_state alone is not believed.
func (l *Ledger) publishHead(ctx context.Context) (docket.Checkpoint, error) {
	// Before the state: another replica moves both on, and the state first.
	last, err := l.published(ctx)
	if err != nil {
		return docket.Checkpoint{}, err
	}
	s, err := readState(ctx, l.db, `SELECT size, root, frontier FROM custody.log_state WHERE one`)
	if err != nil {
		return docket.Checkpoint{}, unavailable(err)
	}
	root, err := tlog.Root(s.size, l.forest.reader(ctx))
	if err != nil {
		return docket.Checkpoint{}, unavailable(err)
	}
	if root != s.root {
		return docket.Checkpoint{}, l.altered(docket.AlteredF("the tree of %d leaves has root %s, log_state says %s", s.size, root.Short(), s.root.Short()))
	}
	if err := l.extends(ctx, last, s.size); err != nil {
		return docket.Checkpoint{}, err
	}
	return l.publish(ctx, s.size, root)
}

// published returns the newest published checkpoint; nil if there is none.
func (l *Ledger) published(ctx context.Context) (*docket.Checkpoint, error) {
	cp, err := l.Checkpoint(ctx)
	if errors.Is(err, docket.ErrNotFound) {
		return nil, nil
	}
	return &cp, err
}

// extends checks that the tree of size leaves goes on from a checkpoint that
// was the newest published before size was read.
func (l *Ledger) extends(ctx context.Context, cp *docket.Checkpoint, size uint64) error {
	if cp == nil {
		return nil
	}
	if cp.Size > size {
		return l.altered(docket.AlteredF("a checkpoint of %d leaves was published, the log has %d: an old copy was put back?", cp.Size, size))
	}
	root, err := tlog.Root(cp.Size, l.forest.reader(ctx))
	if err != nil {
		return unavailable(fmt.Errorf("couldn't compute the root of %d leaves: %w", cp.Size, err))
	}
	if root != cp.Root {
		return l.altered(docket.AlteredF("the first %d events are not those of the published checkpoint", cp.Size))
	}
	return nil
}
