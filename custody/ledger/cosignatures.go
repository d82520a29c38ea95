package ledger

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/lib/pq"
	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// witnessed is what this process knows of the quorum of witnesses.
type witnessed struct {
	mu      sync.Mutex
	asked   time.Time         // when the database was asked last
	newest  docket.Checkpoint // of those that the quorum cosigned, with the lines; Size 0: none
	changed chan struct{}     // closed when newest moves on
}

// Bounds of waiting for cosignatures.
const (
	askAgain        = 100 * time.Millisecond // how often the database is asked what another replica obtained
	maxCosignatures = 64                     // of one checkpoint that are shown
)

// KeepCosignature verifies a line of one of the configured witnesses under the
// published checkpoint of size leaves and keeps it. One that is there stays.
func (l *Ledger) KeepCosignature(ctx context.Context, size uint64, line tlog.Signature) error {
	cp, err := l.CheckpointAt(ctx, size)
	if err != nil {
		return fmt.Errorf("couldn't keep a cosignature of %d leaves: %w", size, err)
	}
	text, _, err := tlog.SplitNote(cp.Note)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(l.cfg.Witnesses, func(v note.Verifier) bool {
		_, ok := tlog.Cosignature(v, text, []tlog.Signature{line})
		return ok
	}) {
		return fmt.Errorf("couldn't keep a cosignature of %d leaves: it is not one of a configured witness that holds", size)
	}
	if _, err := l.db.ExecContext(ctx, `INSERT INTO custody.cosignatures (size, name, key_hash, signature, said, kept_at)
		VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`, int64(size), line.Name, keyHash(line.KeyHash), line.Bytes, line.Time(), l.now()); err != nil {
		return unavailable(err)
	}
	_, err = l.askWitnessed(ctx, true)
	return err
}

func keyHash(h uint32) []byte { return binary.BigEndian.AppendUint32(nil, h) }

// LastCosignature returns the newest cosignature kept of a witness;
// docket.ErrNotFound if there is none.
func (l *Ledger) LastCosignature(ctx context.Context, w note.Verifier) (docket.Cosignature, error) {
	c := docket.Cosignature{Line: tlog.Signature{Name: w.Name(), KeyHash: w.KeyHash()}}
	err := l.db.QueryRowContext(ctx, `SELECT size, signature, kept_at FROM custody.cosignatures WHERE name = $1 AND key_hash = $2 ORDER BY size DESC LIMIT 1`,
		w.Name(), keyHash(w.KeyHash())).Scan(&c.Size, &c.Line.Bytes, &c.Kept)
	return c, found(err)
}

// cosignaturesOf returns the lines kept of a checkpoint, of any witness.
func (l *Ledger) cosignaturesOf(ctx context.Context, size uint64) ([]tlog.Signature, error) {
	rows, err := l.db.QueryContext(ctx, `SELECT name, key_hash, signature FROM custody.cosignatures WHERE size = $1 ORDER BY kept_at, name, key_hash LIMIT $2`, int64(size), maxCosignatures)
	type row struct {
		tlog.Signature
		hash []byte
	}
	got, err := collect(rows, err, scanInto(func(r *row) []any { return []any{&r.Name, &r.hash, &r.Bytes} }))
	if err != nil {
		return nil, unavailable(err)
	}
	var out []tlog.Signature
	for _, r := range got {
		r.KeyHash = binary.BigEndian.Uint32(r.hash)
		out = append(out, r.Signature)
	}
	return out, nil
}

// WithCosignatures adds to a checkpoint's note what witnesses said of it.
func (l *Ledger) WithCosignatures(ctx context.Context, cp docket.Checkpoint) (docket.Checkpoint, error) {
	lines, err := l.cosignaturesOf(ctx, cp.Size)
	if err != nil || len(lines) == 0 {
		return cp, err
	}
	cp.Note, err = tlog.AddSignatures(cp.Note, lines...)
	return cp, err
}

// Cosigned returns the newest published checkpoint that the quorum of
// witnesses has cosigned, with their lines under its note; where no quorum is
// configured the newest, with the lines that there are. docket.ErrNotFound:
// none has a quorum.
func (l *Ledger) Cosigned(ctx context.Context) (docket.Checkpoint, error) {
	if l.cfg.Quorum == 0 {
		cp, err := l.Checkpoint(ctx)
		if err != nil || len(l.cfg.Witnesses) == 0 {
			return cp, err
		}
		return l.WithCosignatures(ctx, cp)
	}
	cp, err := l.askWitnessed(ctx, false)
	if err == nil && cp.Size == 0 {
		err = docket.ErrNotFound
	}
	return cp, err
}

// Witnessed returns the newest checkpoint that the quorum has cosigned if it has
// at least size leaves, and waits for one as long as is configured. Where the
// witnesses do not answer it returns the newest published, with the lines that
// there are, and quorum false: what was appended is in the log all the same.
// Without a configured quorum it does not wait.
func (l *Ledger) Witnessed(ctx context.Context, size uint64) (cp docket.Checkpoint, quorum bool, err error) {
	if l.cfg.Quorum == 0 {
		cp, err = l.Cosigned(ctx)
		return cp, false, err
	}
	patience := time.NewTimer(l.cfg.WitnessWait)
	defer patience.Stop()
	for waiting := l.cfg.WitnessWait > 0; ; {
		cp, err := l.askWitnessed(ctx, false)
		if err != nil {
			return cp, false, err
		}
		if cp.Size >= size {
			return cp, true, nil
		}
		if !waiting {
			break
		}
		select {
		case <-l.quorum.next(size):
		case <-time.After(askAgain):
		case <-patience.C:
			waiting = false // once more: it may just have come
		case <-ctx.Done():
			return docket.Checkpoint{}, false, ctx.Err()
		}
	}
	if cp, err = l.Checkpoint(ctx); err == nil {
		cp, err = l.WithCosignatures(ctx, cp)
	}
	return cp, false, err
}

// next is closed once the newest checkpoint with a quorum moves on; it is closed
// already where that one has size leaves.
func (w *witnessed) next(size uint64) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.newest.Size >= size {
		done := make(chan struct{})
		close(done)
		return done
	}
	if w.changed == nil {
		w.changed = make(chan struct{})
	}
	return w.changed
}

// askWitnessed returns the newest checkpoint with a quorum. The database is
// asked now, or where it was not for a while: many may wait, few ask.
func (l *Ledger) askWitnessed(ctx context.Context, now bool) (docket.Checkpoint, error) {
	w := &l.quorum
	w.mu.Lock()
	defer w.mu.Unlock()
	if l.cfg.Quorum == 0 || !now && time.Since(w.asked) < askAgain {
		return w.newest, nil
	}
	size, err := l.quorumSize(ctx)
	if err != nil {
		return docket.Checkpoint{}, err
	}
	w.asked = time.Now()
	if size <= w.newest.Size {
		return w.newest, nil
	}
	cp, err := l.CheckpointAt(ctx, size)
	if err == nil {
		cp, err = l.WithCosignatures(ctx, cp)
	}
	if err != nil {
		return docket.Checkpoint{}, err
	}
	// Rows are not believed: what leaves with the word of a quorum has one.
	if n := tlog.CountWitnesses(cp.Note, l.cfg.Witnesses); n < l.cfg.Quorum {
		return docket.Checkpoint{}, l.altered(docket.AlteredF("the checkpoint of %d leaves is listed as cosigned by %d witnesses, and %d cosignatures hold", size, l.cfg.Quorum, n))
	}
	w.newest = cp
	if w.changed != nil {
		close(w.changed)
		w.changed = nil
	}
	return cp, nil
}

// quorumSize finds the largest checkpoint that enough of the configured
// witnesses have cosigned; 0 for none.
func (l *Ledger) quorumSize(ctx context.Context) (size uint64, err error) {
	names, hashes := make(pq.StringArray, len(l.cfg.Witnesses)), make(pq.ByteaArray, len(l.cfg.Witnesses))
	for i, v := range l.cfg.Witnesses {
		names[i], hashes[i] = v.Name(), keyHash(v.KeyHash())
	}
	// Backwards over the primary key, and no further than the first that has enough.
	err = l.db.QueryRowContext(ctx, `SELECT size FROM custody.cosignatures WHERE (name, key_hash) IN (SELECT * FROM unnest($1::text[], $2::bytea[]))
		GROUP BY size HAVING count(*) >= $3 ORDER BY size DESC LIMIT 1`, names, hashes, l.cfg.Quorum).Scan(&size)
	if err = found(err); errors.Is(err, docket.ErrNotFound) {
		return 0, nil
	}
	return size, err
}

// Under returns a receipt of the same event under another checkpoint that
// includes it.
func (l *Ledger) Under(ctx context.Context, r docket.Receipt, cp docket.Checkpoint) (docket.Receipt, error) {
	out, err := l.receiptAt(ctx, place{event: r.EventID, index: r.Index, leaf: r.LeafHash}, cp)
	out.Created, out.Timestamps = r.Created, r.Timestamps
	return out, err
}

// WitnessedReceipts returns the receipts under a checkpoint that the quorum of
// witnesses has cosigned, waiting for it where wait is set and as long as is
// configured. Those for which there is none stay as they are: not witnessed yet.
func (l *Ledger) WitnessedReceipts(ctx context.Context, wait bool, receipts ...docket.Receipt) ([]docket.Receipt, error) {
	if l.cfg.Quorum == 0 || len(receipts) == 0 {
		return receipts, nil
	}
	var last uint64
	for _, r := range receipts {
		last = max(last, r.Index+1)
	}
	cp, err := l.askWitnessed(ctx, false)
	if wait && err == nil && cp.Size < last {
		var quorum bool
		if cp, quorum, err = l.Witnessed(ctx, last); !quorum {
			cp, _ = l.askWitnessed(ctx, false)
		}
	}
	if err != nil {
		// The events are in the log, and their receipts hold without witnesses.
		l.cfg.Logger.WarnContext(ctx, "couldn't look for cosignatures", "error", err)
		return receipts, nil
	}
	out := slices.Clone(receipts)
	for i, r := range out {
		if r.Index >= cp.Size {
			continue
		}
		if out[i], err = l.Under(ctx, r, cp); err != nil {
			return nil, err
		}
		out[i].Witnessed = true
	}
	return out, nil
}

// Recovered returns how far the histories reached that this log gave up
// (log.recovered): leaves that witnesses may have cosigned and that are not its
// own. 0: none.
func (l *Ledger) Recovered(ctx context.Context) (uint64, error) {
	rows, err := l.db.QueryContext(ctx, `SELECT `+eventColumns+` FROM custody.events WHERE kind = $1 ORDER BY index`, string(custody.KindRecovered))
	events, err := collect(rows, err, scanEvent)
	if err != nil {
		return 0, unavailable(err)
	}
	var size uint64
	for _, e := range events {
		b, ok := e.Statement.Predicate.Body.(*custody.LogRecovered)
		if !ok {
			return 0, docket.AlteredF("event %d is listed as %s and is %s", e.Index, custody.KindRecovered, e.Kind())
		}
		size = max(size, b.Signed.Size)
	}
	return size, nil
}

// Distrust stops appending: somebody outside has shown that the database is not
// what this log signed.
func (l *Ledger) Distrust(a *docket.Altered) { _ = l.altered(a) }

// Proven is Consistency for who will rely on it: the proof is checked first, so
// that one that is refused elsewhere was refused for the leaves it is about.
func (l *Ledger) Proven(ctx context.Context, from, to uint64) ([]evidence.Digest, error) {
	proof, err := l.Consistency(ctx, from, to)
	if err != nil {
		return nil, err
	}
	var roots [2]evidence.Digest
	for i, size := range []uint64{from, to} {
		if roots[i], err = tlog.Root(size, l.forest.reader(ctx)); err != nil {
			return nil, unavailable(err)
		}
	}
	if err := tlog.VerifyConsistency(from, roots[0], to, roots[1], proof); err != nil {
		return nil, docket.AlteredF("the tree does not prove that %d leaves go on to %d: %v", from, to, err)
	}
	return proof, nil
}
