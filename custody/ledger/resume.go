package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// resume compares the database with what this log signed, and makes up for a
// publication that a dead predecessor owes. A normal start and one after a
// crash are the same.
func (l *Ledger) resume(ctx context.Context) error {
	// The appender's connection is made before others take all there are.
	if err := l.appendDB.PingContext(ctx); err != nil {
		return fmt.Errorf("couldn't reach the database: %w", unavailable(err))
	}
	s, cp, err := l.readHead(ctx)
	if err != nil {
		return err
	}
	if err := l.resumeTree(ctx, s); err != nil {
		return err
	}
	if s.size == 0 {
		if l.cfg.Signed != nil {
			return docket.AlteredF("these keys have signed a log already, and the database holds none: restore that log's database, or take new keys for a new log")
		}
		return nil
	}
	id, err := l.readIdentity(ctx)
	if err != nil {
		return err
	}
	if err := l.checkSigned(ctx, id, s.size); err != nil {
		return err
	}
	l.log.Store(id)
	if err := l.checkNote(ctx, id); err != nil {
		return err
	}
	if l.cfg.Outside != nil {
		if err := l.cfg.Outside(ctx, l); err != nil {
			return err
		}
	}
	_, err = l.publish(ctx, cp)
	return err
}

// readHead reads log_state and the newest checkpoint, which each commit writes
// together.
func (l *Ledger) readHead(ctx context.Context) (s state, cp docket.Checkpoint, err error) {
	var size sql.NullInt64
	var root *custody.ID
	var at sql.NullTime
	err = l.db.QueryRowContext(ctx, `SELECT s.size, s.root, s.frontier, c.size, c.root, c.published_at FROM custody.log_state s
		LEFT JOIN LATERAL (SELECT * FROM custody.checkpoints ORDER BY size DESC LIMIT 1) c ON true WHERE s.one`).
		Scan(&s.size, idValue{&s.root}, &s.frontier, &size, idPtr{&root}, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return s, cp, docket.AlteredF("log_state is empty")
	}
	if err != nil {
		return s, cp, fmt.Errorf("couldn't read the log's state (is the database migrated?): %w", unavailable(err))
	}
	if root != nil {
		cp = docket.Checkpoint{Size: uint64(size.Int64), Root: *root, Published: at.Time}
	}
	switch {
	case cp.Size > s.size:
		return s, cp, docket.AlteredF("a checkpoint of %d leaves was published, the log has %d: an old copy was put back?", cp.Size, s.size)
	case cp.Size < s.size:
		return s, cp, docket.AlteredF("the log has %d events, its newest checkpoint is of %d", s.size, cp.Size)
	case cp.Size > 0 && cp.Root != s.root:
		return s, cp, docket.AlteredF("the newest checkpoint, of %d leaves, has another root than log_state", cp.Size)
	}
	return s, cp, nil
}

// resumeTree rebuilds the right edge and compares it with log_state.
func (l *Ledger) resumeTree(ctx context.Context, s state) error {
	e, err := readEdge(ctx, l.db, l.forest.tiles, s.size)
	if err != nil {
		return err
	}
	if err := l.head.frontier.UnmarshalBinary(s.frontier); err != nil || l.head.frontier.Size() != s.size {
		return docket.AlteredF("the frontier in log_state is not one of %d leaves", s.size)
	}
	l.head.edge = e
	l.forest.advance(e, nil)
	root, err := tlog.Root(s.size, l.forest.reader(ctx))
	if err != nil {
		return err
	}
	if root != s.root || l.head.frontier.Root() != root {
		return docket.AlteredF("the tree of %d leaves has root %s, log_state says %s", s.size, root.Short(), s.root.Short())
	}
	return l.checkTail(ctx, s.size)
}

// checkTail hashes the newest leaves again, up to a tile of them: the events
// that a torn write or a hasty hand would most likely have touched. Events past
// size count only where log_state still says size: otherwise another replica
// appended them meanwhile.
func (l *Ledger) checkTail(ctx context.Context, size uint64) error {
	from := max(int64(size)-tileWidth, 0)
	rows, err := l.db.QueryContext(ctx, `SELECT `+eventColumns+` FROM custody.events WHERE index >= $1 ORDER BY index`, from)
	next := uint64(from)
	events, err := collect(rows, err, scanEvent)
	if err != nil {
		return err
	}
	for _, e := range events {
		if e.Index != next || tlog.LeafHash(tlog.Leaf(e.Envelope, e.Key)) != e.LeafHash || e.Envelope.EventID() != e.EventID {
			return docket.AlteredF("event %d is not what its leaf says", next)
		}
		next++
	}
	if next == size {
		return nil
	}
	now, err := readState(ctx, l.db, `SELECT size, root, frontier FROM custody.log_state WHERE one`)
	if err != nil {
		return unavailable(err)
	}
	if next < size || now.size < next {
		return docket.AlteredF("the log has %d events, log_state says %d", next, now.size)
	}
	return nil
}

// readIdentity reads the log document of event 0 and holds our keys to it.
func (l *Ledger) readIdentity(ctx context.Context) (*identity, error) {
	genesis, err := l.EventAt(ctx, 0)
	if errors.Is(err, docket.ErrNotFound) {
		return nil, docket.AlteredF("event 0 is gone")
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read genesis: %w", err)
	}
	b, ok := genesis.Statement.Predicate.Body.(*custody.Genesis)
	if !ok {
		return nil, docket.AlteredF("event 0 is %s", genesis.Kind())
	}
	blobs, err := l.Blobs(ctx, b.Document)
	if err != nil {
		return nil, err
	}
	if blobs[b.Document] == nil {
		return nil, docket.AlteredF("the log document is gone")
	}
	return l.identify(blobs[b.Document])
}

func (l *Ledger) identify(document []byte) (*identity, error) {
	doc, err := custody.ParseLogDocument(document)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the log document: %w", err)
	}
	i := &identity{id: evidence.Sum(document), document: document, doc: &doc}
	if i.verifiers, err = tlog.LogVerifiers(doc); err != nil {
		return nil, err
	}
	first, err := tlog.ParseLogKey(doc.Keys[0].Key)
	if err != nil {
		return nil, err
	}
	if l.cfg.LogKey == nil { // opened by Inspect: nothing will be signed
		return i, nil
	}
	if !first.Equal(l.cfg.LogKey.Public()) {
		return nil, fmt.Errorf("couldn't open log %s: the log key configured is not the one of its log document", i.id.Short())
	}
	if !doc.ServiceKey(l.cfg.Service.Public().ID()) {
		return nil, fmt.Errorf("couldn't open log %s: the service key configured is not one of its log document", i.id.Short())
	}
	signer, err := tlog.NewLogSigner(doc.Origin, l.cfg.LogKey)
	if err != nil {
		return nil, err
	}
	i.signers = []note.Signer{signer}
	return i, l.postQuantum(i)
}

// postQuantum adds the ML-DSA-44 key's signer where the log document lists one.
func (l *Ledger) postQuantum(i *identity) error {
	for _, k := range i.doc.Keys {
		if k.Algorithm != custody.LogMLDSA44 {
			continue
		}
		listed, err := tlog.ParseMLDSAKey(k.Key)
		if err != nil {
			return err
		}
		if l.cfg.LogMLDSA == nil || !listed.Equal(l.cfg.LogMLDSA.PublicKey()) {
			return fmt.Errorf("couldn't open log %s: the ML-DSA-44 key of its log document is not the one configured, or none is", i.id.Short())
		}
		signer, err := tlog.NewMLDSASigner(i.doc.Origin, l.cfg.LogMLDSA)
		if err != nil {
			return err
		}
		i.signers = append(i.signers, signer)
		return nil // one is enough; the others are of the same log
	}
	return nil
}

// checkSigned holds the database to what is known outside of it: a receipt for
// the checkpoint in Signed may be in the world, so that a tree that does not
// go on from it must never be signed.
func (l *Ledger) checkSigned(ctx context.Context, id *identity, size uint64) error {
	if l.cfg.Signed == nil {
		return nil
	}
	cp, err := tlog.OpenCheckpoint(l.cfg.Signed, id.doc.Origin, id.verifiers)
	if err != nil {
		return docket.AlteredF("the checkpoint kept beside the keys is not one that log %s signed: %v", id.id.Short(), err)
	}
	if cp.Size > size {
		return docket.AlteredF("this log has signed a checkpoint of %d events, the database holds %d: an old copy was put back; receipts for the events that it lacks are in the world", cp.Size, size)
	}
	root, err := tlog.Root(cp.Size, l.forest.reader(ctx))
	if err != nil {
		return unavailable(fmt.Errorf("couldn't compute the root of %d leaves: %w", cp.Size, err))
	}
	if root != cp.Root {
		return docket.AlteredF("the first %d events are not those of the checkpoint that this log has signed: the database went on from an old copy", cp.Size)
	}
	return nil
}

// checkNote verifies the newest note that is kept, and that the tree goes on
// from it.
func (l *Ledger) checkNote(ctx context.Context, id *identity) error {
	rows, err := l.db.QueryContext(ctx, `SELECT size, note FROM custody.notes ORDER BY size DESC LIMIT 1`)
	type kept struct {
		size uint64
		note []byte
	}
	last, err := collect(rows, err, scanInto(func(k *kept) []any { return []any{&k.size, &k.note} }))
	if err != nil || len(last) == 0 {
		return err
	}
	cp, err := tlog.OpenCheckpoint(last[0].note, id.doc.Origin, id.verifiers)
	if err != nil || cp.Size != last[0].size {
		return docket.AlteredF("the note kept for %d leaves is not one that this log signed", last[0].size)
	}
	return l.extends(ctx, cp.Size, cp.Root)
}

// extends checks that the tree goes on from a checkpoint that this log signed.
func (l *Ledger) extends(ctx context.Context, size uint64, root evidence.Digest) error {
	now, err := l.Size(ctx)
	if err != nil {
		return err
	}
	if size > now {
		return docket.AlteredF("a checkpoint of %d leaves was published, the log has %d: an old copy was put back?", size, now)
	}
	mine, err := tlog.Root(size, l.forest.reader(ctx))
	if err != nil {
		return unavailable(fmt.Errorf("couldn't compute the root of %d leaves: %w", size, err))
	}
	if mine != root {
		return docket.AlteredF("the first %d events are not those of the checkpoint that this log has signed", size)
	}
	return nil
}
