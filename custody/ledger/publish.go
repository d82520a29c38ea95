package ledger

import (
	"context"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/tlog"
)

// A checkpoint is published by the commit that appends its events: its row is
// part of it. Nothing is signed before, so no signature over a head that was
// rolled back can get out. After it, any replica signs it for who asks, and all
// make the same bytes, because the signatures are deterministic: to sign is no
// write that could be lost. A process that dies between the two owes nobody
// anything but an answer, which its client asks for again.

// publisher signs a checkpoint after each commit, and only then lets go who
// waits for it.
func (l *Ledger) publisher() {
	defer l.done.Done()
	for b := range l.committed {
		var err error
		if b.cp.Size > 0 {
			// What is committed must come out: a group is in the log whether or
			// not its caller still waits. Only the end of the process stops this.
			for pause := 20 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
				if b.cp, err = l.publish(l.life, b.cp); err == nil || !l.retry(err) {
					break
				}
				l.cfg.Logger.Warn("couldn't sign a checkpoint; trying again", "size", b.cp.Size, "error", err)
				select {
				case <-time.After(pause):
				case <-l.life.Done():
				}
			}
		}
		for _, g := range b.groups {
			if g.cp = (docket.Checkpoint{}); len(g.admit) > 0 {
				g.cp = b.cp
			}
			g.finish(unavailable(err))
		}
	}
}

// receipts makes a group's receipts: for what was just appended from its
// commit's checkpoint, for older events from theirs.
func (l *Ledger) receipts(ctx context.Context, g *group) ([]docket.Receipt, error) {
	out := make([]docket.Receipt, len(g.places))
	for i, at := range g.places {
		r, err := docket.Receipt{}, error(nil)
		if g.cp.Size > 0 {
			r, err = l.receiptAt(ctx, at, g.cp)
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

// publish signs a committed checkpoint and makes it known here.
func (l *Ledger) publish(ctx context.Context, cp docket.Checkpoint) (docket.Checkpoint, error) {
	if err := l.crash(beforeSign); err != nil {
		return cp, err
	}
	if l.log.Load() == nil { // genesis itself: its document is in the tables now
		i, err := l.readIdentity(ctx)
		if err != nil {
			return cp, err
		}
		l.log.Store(i)
	}
	cp, err := l.signed(ctx, cp)
	if err != nil {
		return cp, err
	}
	if l.cfg.Published != nil {
		l.cfg.Published(cp)
	}
	for {
		old := l.latest.Load()
		if old != nil && old.Size >= cp.Size {
			return cp, nil
		}
		if l.latest.CompareAndSwap(old, &cp) {
			break
		}
	}
	select {
	case l.unkept <- struct{}{}:
	default: // the keeper is told already
	}
	return cp, nil
}

// signed adds the note to a checkpoint that is in the database: made by this
// process, or, where it has no keys, the one kept, if one is.
func (l *Ledger) signed(ctx context.Context, cp docket.Checkpoint) (docket.Checkpoint, error) {
	if l.cfg.LogKey == nil {
		rows, err := l.db.QueryContext(ctx, `SELECT note FROM custody.notes WHERE size = $1`, int64(cp.Size))
		notes, err := collect(rows, err, scanInto(func(b *[]byte) []any { return []any{b} }))
		if len(notes) > 0 {
			cp.Note = notes[0]
		}
		return cp, err
	}
	if kept, ok := l.notes.at(cp.Size); ok && kept.Root == cp.Root {
		return kept, nil
	}
	i := l.log.Load()
	if i == nil {
		return cp, docket.ErrUnfounded
	}
	var err error
	if cp.Note, err = tlog.SignCheckpoint(tlog.Checkpoint{Origin: i.doc.Origin, Size: cp.Size, Root: cp.Root}, i.signers...); err != nil {
		return cp, err
	}
	l.seen.put(cp.Size, cp.Root)
	l.notes.put(cp.Size, cp)
	return cp, nil
}

// keepEvery is how often notes are kept at most.
const keepEvery = 250 * time.Millisecond

// keeper keeps the newest note in the database now and then, for those who read
// it without keys. No answer waits for that, and a note that is not kept is
// made again.
func (l *Ledger) keeper() {
	defer l.done.Done()
	for {
		select {
		case <-l.unkept:
		case <-l.life.Done():
			return
		}
		if err := l.keep(l.life, *l.latest.Load()); err != nil && l.life.Err() == nil {
			l.cfg.Logger.Warn("couldn't keep a checkpoint's note", "error", err)
		}
		select {
		case <-time.After(keepEvery):
		case <-l.life.Done():
			return
		}
	}
}

func (l *Ledger) keep(ctx context.Context, cp docket.Checkpoint) error {
	if err := l.crash(beforeKeep); err != nil {
		return err
	}
	if _, err := l.db.ExecContext(ctx, `INSERT INTO custody.notes (size, note, kept_at) VALUES ($1, $2, $3) ON CONFLICT (size) DO NOTHING`,
		int64(cp.Size), cp.Note, l.now()); err != nil {
		return unavailable(err)
	}
	return l.crash(afterKeep)
}

// checkpointWhere finds a published checkpoint. Its note is made by this
// process, or, where it has no keys, is the one kept.
func (l *Ledger) checkpointWhere(ctx context.Context, where string, args ...any) (docket.Checkpoint, error) {
	var cp docket.Checkpoint
	if l.cfg.LogKey == nil {
		err := l.db.QueryRowContext(ctx, `SELECT size, root, published_at, note FROM custody.checkpoints JOIN custody.notes USING (size) WHERE `+where, args...).
			Scan(&cp.Size, idValue{&cp.Root}, &cp.Published, &cp.Note)
		return cp, found(err)
	}
	err := l.db.QueryRowContext(ctx, `SELECT size, root, published_at FROM custody.checkpoints WHERE `+where, args...).
		Scan(&cp.Size, idValue{&cp.Root}, &cp.Published)
	if err != nil {
		return cp, found(err)
	}
	return l.signed(ctx, cp)
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

// receiptOf finds the first checkpoint that includes the event, which is that of
// its commit.
func (l *Ledger) receiptOf(ctx context.Context, at place) (docket.Receipt, error) {
	cp, err := l.checkpointWhere(ctx, `size > $1 ORDER BY size LIMIT 1`, int64(at.index))
	if err != nil {
		return docket.Receipt{}, err
	}
	r, err := l.receiptAt(ctx, at, cp)
	if err != nil {
		return r, err
	}
	stamps, err := l.EventTimestamps(ctx, at.index)
	for _, t := range stamps[at.index] {
		r.Timestamps = append(r.Timestamps, t.Token)
	}
	return r, err
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
