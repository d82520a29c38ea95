package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

const eventColumns = `index, event_id, leaf_hash, payload, signature, spki, appended_at`

// scanInto makes a row reader from the destinations of one value.
func scanInto[T any](to func(*T) []any) func(*sql.Rows) (T, error) {
	return func(r *sql.Rows) (v T, err error) { return v, r.Scan(to(&v)...) }
}

type eventRow struct {
	docket.Event
	spki []byte
}

func (e *eventRow) columns() []any {
	return []any{&e.Index, idValue{&e.EventID}, idValue{&e.LeafHash}, &e.Envelope.Payload, &e.Envelope.Signature, &e.spki, &e.Appended}
}

// read decodes the exact bytes: what the columns say is only how it was found.
func (e *eventRow) read() error {
	var err error
	if e.Statement, err = custody.Decode(e.Envelope.Payload); err != nil {
		return docket.AlteredF("event %d cannot be read: %v", e.Index, err)
	}
	if e.Key, err = seal.ParseSPKI(e.spki); err != nil {
		return docket.AlteredF("the key of event %d cannot be read: %v", e.Index, err)
	}
	return nil
}

func scanEvent(r *sql.Rows) (*docket.Event, error) {
	var e eventRow
	if err := r.Scan(e.columns()...); err != nil {
		return nil, err
	}
	return &e.Event, e.read()
}

func (l *Ledger) eventWhere(ctx context.Context, where string, arg any) (*docket.Event, error) {
	rows, err := l.db.QueryContext(ctx, `SELECT `+eventColumns+` FROM custody.events WHERE `+where, arg)
	events, err := collect(rows, err, scanEvent)
	if err != nil {
		return nil, err
	}
	if len(events) == 0 {
		return nil, docket.ErrNotFound
	}
	return events[0], nil
}

// Event finds an event by its id.
func (l *Ledger) Event(ctx context.Context, id custody.ID) (*docket.Event, error) {
	return l.eventWhere(ctx, `event_id = $1`, id[:])
}

// EventByLeaf finds an event by its leaf hash, as prev, basis and cert name it.
func (l *Ledger) EventByLeaf(ctx context.Context, leaf custody.ID) (*docket.Event, error) {
	return l.eventWhere(ctx, `leaf_hash = $1`, leaf[:])
}

// EventAt finds the event of a log index.
func (l *Ledger) EventAt(ctx context.Context, index uint64) (*docket.Event, error) {
	return l.eventWhere(ctx, `index = $1`, int64(index))
}

// ChainEvents returns every event of these chains once, in log order.
func (l *Ledger) ChainEvents(ctx context.Context, chains ...custody.ID) ([]*docket.Event, error) {
	rows, err := l.db.QueryContext(ctx, `SELECT `+eventColumns+` FROM custody.events
		WHERE index IN (SELECT index FROM custody.links WHERE chain = ANY($1)) ORDER BY index`, idArray(chains))
	return collect(rows, err, scanEvent)
}

// Chain finds a chain's head and state; ErrNotFound where it has no event.
func (l *Ledger) Chain(ctx context.Context, id custody.ID) (*docket.Chain, error) {
	c, err := database{ctx: ctx, q: l.db}.chain(id)
	if err != nil {
		return nil, unavailable(err)
	}
	if c == nil {
		return nil, docket.ErrNotFound
	}
	return c, nil
}

// Chains finds those of these chains that have an event, sorted by id.
func (l *Ledger) Chains(ctx context.Context, ids ...custody.ID) ([]*docket.Chain, error) {
	return l.chainsWhere(ctx, `id = ANY($1) ORDER BY id`, idArray(ids))
}

func (l *Ledger) chainsWhere(ctx context.Context, where string, args ...any) ([]*docket.Chain, error) {
	rows, err := l.db.QueryContext(ctx, `SELECT `+chainColumns+` FROM custody.chains WHERE `+where, args...)
	return collect(rows, err, func(r *sql.Rows) (*docket.Chain, error) { return scanChain(r) })
}

// CaseChains returns every chain that belongs to the case: its own, its items',
// grants', and the observation and access chains about them, oldest first.
func (l *Ledger) CaseChains(ctx context.Context, id custody.ID) ([]*docket.Chain, error) {
	return l.chainsWhere(ctx, `case_id = $1 ORDER BY founded, id`, id[:])
}

// Organisations lists organisations, oldest first.
func (l *Ledger) Organisations(ctx context.Context, p docket.Page) ([]*docket.Chain, error) {
	return l.chainsWhere(ctx, `type = 'organisation' AND founded > $1 ORDER BY founded LIMIT $2`, p.After, p.Limit)
}

// OrgKeys lists the keys that were requested of an organisation, oldest first.
func (l *Ledger) OrgKeys(ctx context.Context, org custody.ID) ([]*docket.Key, error) {
	chains, err := l.chainsWhere(ctx, `org = $1 AND type = 'key' ORDER BY founded, id`, org[:])
	if err != nil {
		return nil, err
	}
	keys := make([]*docket.Key, len(chains))
	for i, c := range chains {
		public, err := l.publicKey(ctx, c.ID)
		if err != nil {
			return nil, fmt.Errorf("couldn't read key %s: %w", c.ID.Short(), err)
		}
		keys[i] = &docket.Key{Public: public, Standing: c.State.Key, Chain: c}
	}
	return keys, nil
}

// Key finds a key that some event introduced: a person's with its standing and
// chain, a root key with the organisations that list it.
func (l *Ledger) Key(ctx context.Context, id custody.ID) (*docket.Key, error) {
	public, err := l.publicKey(ctx, id)
	if err != nil {
		return nil, err
	}
	k := &docket.Key{Public: public}
	// People's keys are asked for with every request: one question tells their
	// standing, and whether the roots known are all there are.
	newest := int64(math.MaxInt64)
	rows, err := l.db.QueryContext(ctx, `SELECT (SELECT coalesce(max(founded), -1) FROM custody.chains WHERE type = 'organisation'), `+chainColumns+` FROM custody.chains WHERE id = $1`, id[:])
	chains, err := collect(rows, err, func(r *sql.Rows) (*docket.Chain, error) { return scanChain(besides{r, &newest}) })
	if err != nil {
		return nil, err
	}
	if len(chains) > 0 {
		k.Chain, k.Standing = chains[0], chains[0].State.Key
	}
	k.RootOf, err = l.rootOf(ctx, id, newest)
	return k, err
}

// besides reads a column that stands before a chain's.
type besides struct {
	rows  *sql.Rows
	first any
}

func (b besides) Scan(to ...any) error { return b.rows.Scan(append([]any{b.first}, to...)...) }

// roots remembers which organisations list a key as a root key. A founding
// document never changes, so only those founded since are asked for.
type roots struct {
	mu    sync.Mutex
	after int64 // log index of the newest organisation known
	of    map[custody.ID][]custody.ID
}

// rootOf finds the organisations whose documents list the key, oldest first.
// newest is at least the log index of the organisation founded last.
func (l *Ledger) rootOf(ctx context.Context, id custody.ID, newest int64) ([]custody.ID, error) {
	l.roots.mu.Lock()
	defer l.roots.mu.Unlock()
	if newest <= l.roots.after {
		return slices.Clone(l.roots.of[id]), nil
	}
	orgs, err := l.Organisations(ctx, docket.Page{After: l.roots.after, Limit: docket.All().Limit})
	if err != nil {
		return nil, err
	}
	for _, c := range orgs {
		l.roots.after = int64(c.Founded)
		if c.State.Org == nil {
			continue
		}
		for _, spki := range c.State.Org.Document.RootKeys {
			key := evidence.Sum(spki)
			l.roots.of[key] = append(l.roots.of[key], c.ID)
		}
	}
	return slices.Clone(l.roots.of[id]), nil
}

// Involvements lists an organisation's parts in cases, oldest first.
func (l *Ledger) Involvements(ctx context.Context, org custody.ID) ([]docket.Involvement, error) {
	rows, err := l.db.QueryContext(ctx, `SELECT case_id, item, org, person, part, index, expires FROM custody.parts WHERE org = $1 ORDER BY index, item`, org[:])
	return collect(rows, err, scanPart)
}

// CaseInvolvements lists everybody's parts in a case, oldest first.
func (l *Ledger) CaseInvolvements(ctx context.Context, id custody.ID) ([]docket.Involvement, error) {
	rows, err := l.db.QueryContext(ctx, `SELECT case_id, item, org, person, part, index, expires FROM custody.parts WHERE case_id = $1 ORDER BY index, item, org, person`, id[:])
	return collect(rows, err, scanPart)
}

func scanPart(r *sql.Rows) (i docket.Involvement, err error) {
	var item, person *custody.ID
	var expires *time.Time
	if err := r.Scan(idValue{&i.Case}, idPtr{&item}, idValue{&i.Org}, idPtr{&person}, &i.Part, &i.Index, &expires); err != nil {
		return i, err
	}
	if item != nil {
		i.Item = *item
	}
	if person != nil {
		i.Person = *person
	}
	i.Expires = expires
	return i, nil
}

// Blobs returns the details and founding documents of these digests; what the
// ledger hasn't is left out.
func (l *Ledger) Blobs(ctx context.Context, ids ...evidence.Digest) (map[evidence.Digest][]byte, error) {
	out := make(map[evidence.Digest][]byte, len(ids))
	if len(ids) == 0 {
		return out, nil
	}
	rows, err := l.db.QueryContext(ctx, `SELECT sha256, bytes FROM custody.details WHERE sha256 = ANY($1)
		UNION ALL SELECT sha256, bytes FROM custody.documents WHERE sha256 = ANY($1)`, idArray(ids))
	blobs, err := collect(rows, err, scanInto(func(b *docket.Blob) []any { return []any{idValue{&b.SHA256}, &b.Bytes} }))
	if err != nil {
		return nil, err
	}
	for _, b := range blobs {
		if evidence.Sum(b.Bytes) != b.SHA256 {
			return nil, docket.AlteredF("the bytes kept as %s have another digest", b.SHA256.Short())
		}
		out[b.SHA256] = b.Bytes
	}
	return out, nil
}

// Inclusion proves leaf index in the tree of size leaves.
func (l *Ledger) Inclusion(ctx context.Context, index, size uint64) ([]evidence.Digest, error) {
	if err := l.within(ctx, size); err != nil || index >= size {
		return nil, errors.Join(err, outside(index >= size))
	}
	p, err := tlog.ProveInclusion(size, index, l.forest.reader(ctx))
	return p, unavailable(err)
}

// Consistency proves the tree of from leaves to be a prefix of that of to.
func (l *Ledger) Consistency(ctx context.Context, from, to uint64) ([]evidence.Digest, error) {
	if err := l.within(ctx, to); err != nil || from > to {
		return nil, errors.Join(err, outside(from > to))
	}
	p, err := tlog.ProveConsistency(from, to, l.forest.reader(ctx))
	return p, unavailable(err)
}

func outside(is bool) error {
	if is {
		return docket.ErrNotFound
	}
	return nil
}

// within reports ErrNotFound for a size that was not published yet: what is
// only committed is nobody's to know.
func (l *Ledger) within(ctx context.Context, size uint64) error {
	if cp := l.latest.Load(); cp != nil && size <= cp.Size {
		return nil
	}
	cp, err := l.Checkpoint(ctx)
	if err != nil {
		return err
	}
	return outside(size > cp.Size)
}
