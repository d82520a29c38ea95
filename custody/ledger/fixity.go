package ledger

import (
	"context"
	"database/sql"
	"time"

	"github.com/lib/pq"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
)

// erasedItems are those that were disposed of and whose data key is destroyed.
const erasedItems = `SELECT a.item FROM custody.events e JOIN custody.links l ON l.index = e.index JOIN custody.artifacts a ON a.item = l.chain
	WHERE e.kind = 'item.disposed' AND a.encoding = 'dare-blocks' AND NOT EXISTS (SELECT FROM custody.data_keys k WHERE k.object_key = a.key)`

const fixityColumns = `item, since, whole, coalesce(result, ''), event, told, turn = '-infinity', CASE WHEN isfinite(not_before) THEN not_before END,
	item IN (` + erasedItems + `), began, next_block, bad_count, bad, short`

func scanFixity(rows interface{ Scan(...any) error }) (docket.Fixity, error) {
	var f docket.Fixity
	var told, after, began sql.NullTime
	var bad pq.Int64Array
	err := rows.Scan(idValue{&f.Item}, &f.Since, &f.Whole, &f.Result, idPtr{&f.Event}, &told, &f.Asked, &after, &f.Erased, &began, &f.Next, &f.Count, &bad, &f.Short)
	f.Told, f.After, f.Began = told.Time, after.Time, began.Time
	for _, n := range bad {
		f.Bad = append(f.Bad, uint64(n))
	}
	return f, err
}

// insertFixity begins an artifact's row: a deposit was measured as it came.
func insertFixity(ctx context.Context, q querier, a docket.Artifact) error {
	_, err := q.ExecContext(ctx, `INSERT INTO custody.fixity (item, since, whole, turn) VALUES ($1, $2, $2, $2)`, a.Item[:], a.Stored)
	return err
}

// fixityEffect notes what a fixity event says in its item's row. A row that
// somebody took away is for Check to miss: the event is the record.
func fixityEffect(ctx context.Context, q querier, e *sealedEvent, x *docket.FixityEffect) error {
	p := e.statement.Predicate
	if x == nil {
		x = &docket.FixityEffect{Ended: true}
	}
	const ended = `, since = $4, turn = $4, not_before = '-infinity', holder = NULL, held_until = '-infinity', began = NULL, next_block = 0, bad_count = 0, bad = '{}', short = false`
	result, item := copyKinds[p.Kind], custody.ItemsOf(p.Body)[0]
	query, args := `UPDATE custody.fixity SET result = $2, event = $3, told = $4`, []any{item[:], string(result), e.event[:], actEnd(p)}
	switch {
	case result == docket.FixityUnchecked && p.Body.(*custody.FixityUnchecked).Reason == custody.UncheckedErased:
		// There is nothing to read any more, ever: its turn doesn't come again.
		query += `, turn = 'infinity', not_before = 'infinity', holder = NULL, held_until = '-infinity'`
	case result == docket.FixityUnchecked:
		query, args = query+`, turn = since, not_before = now() + make_interval(secs => $5), holder = NULL, held_until = '-infinity'`, append(args, x.Again.Seconds())
	case result == docket.FixityPassed:
		query += ended + `, whole = $4`
	case x.Ended:
		query += ended
	default:
		query += `, turn = '-infinity', not_before = '-infinity'`
	}
	_, err := q.ExecContext(ctx, query+` WHERE item = $1`, args...)
	return err
}

var copyKinds = map[custody.Kind]docket.FixityResult{custody.KindFixityPassed: docket.FixityPassed, custody.KindFixityFailed: docket.FixityFailed,
	custody.KindFixityUnchecked: docket.FixityUnchecked}

// ofCopy: kinds that say how the store's copy was found.
func ofCopy(k custody.Kind) bool { return copyKinds[k] != "" }

// noted: kinds that are looked up in a table of their own.
func noted(k custody.Kind) bool { return ofCopy(k) || k == custody.KindImageRead }

// actEnd is when an act was done, as its signer says.
func actEnd(p custody.Predicate) time.Time {
	if p.Times.Act.To != nil {
		return p.Times.Act.To.Std()
	}
	return p.Times.Act.From.Std()
}

// Fixity tells how the copy of an item's artifact was last found.
func (l *Ledger) Fixity(ctx context.Context, item custody.ID) (docket.Fixity, error) {
	f, err := scanFixity(l.db.QueryRowContext(ctx, `SELECT `+fixityColumns+` FROM custody.fixity WHERE item = $1`, item[:]))
	return f, found(err)
}

// Fixities lists at most limit of them, in the order of their items, from the
// one behind after on; zero begins.
func (l *Ledger) Fixities(ctx context.Context, after custody.ID, limit int) ([]docket.Fixity, error) {
	rows, err := l.db.QueryContext(ctx, `SELECT `+fixityColumns+` FROM custody.fixity WHERE item > $1 ORDER BY item LIMIT $2`, after[:], limit)
	return collect(rows, err, func(r *sql.Rows) (docket.Fixity, error) { return scanFixity(r) })
}

// FixityState counts; due are those told apart before then.
func (l *Ledger) FixityState(ctx context.Context, due time.Time) (docket.FixityState, error) {
	var s docket.FixityState
	var oldest sql.NullTime
	err := l.db.QueryRowContext(ctx, `WITH copies AS (SELECT f.*, item IN (`+erasedItems+`) AS erased FROM custody.fixity f)
		SELECT count(*), count(*) FILTER (WHERE turn < $1 AND NOT erased), count(*) FILTER (WHERE result = 'failed' AND NOT erased), count(*) FILTER (WHERE result = 'unchecked' AND NOT erased),
			count(*) FILTER (WHERE erased), count(*) FILTER (WHERE result IS NULL AND NOT erased), min(since) FILTER (WHERE NOT erased) FROM copies`, due).
		Scan(&s.Artifacts, &s.Due, &s.Failed, &s.Unchecked, &s.Erased, &s.Unread, &oldest)
	s.Oldest = oldest.Time
	return s, unavailable(err)
}

// AskFixity has these items read next, or all; it returns how many.
func (l *Ledger) AskFixity(ctx context.Context, items ...custody.ID) (int64, error) {
	res, err := l.db.ExecContext(ctx, `UPDATE custody.fixity SET turn = '-infinity', not_before = '-infinity' WHERE $1::bytea[] IS NULL OR item = ANY($1)`, itemsArg(items))
	if err != nil {
		return 0, unavailable(err)
	}
	n, err := res.RowsAffected()
	return n, unavailable(err)
}

func itemsArg(items []custody.ID) any {
	if len(items) == 0 {
		return nil
	}
	return idArray(items)
}

// ClaimFixity takes the item whose turn it is, of those told apart before due,
// for a process to read back; what another process holds is passed over until
// its time is over. docket.ErrNotFound: there is none.
func (l *Ledger) ClaimFixity(ctx context.Context, holder string, due time.Time, life time.Duration) (docket.Fixity, error) {
	f, err := scanFixity(l.db.QueryRowContext(ctx, `UPDATE custody.fixity SET holder = $1, held_until = now() + make_interval(secs => $3), began = coalesce(began, $4)
		WHERE item = (SELECT item FROM custody.fixity WHERE (turn < $2 OR result = 'unchecked') AND not_before <= now() AND held_until <= now() ORDER BY turn, item LIMIT 1 FOR UPDATE SKIP LOCKED)
		RETURNING `+fixityColumns, holder, due, life.Seconds(), l.now()))
	return f, found(err)
}

// KeepFixity saves how far the reading in hand is, and holds the item for
// longer. docket.ErrClosed: another process has it.
func (l *Ledger) KeepFixity(ctx context.Context, holder string, f docket.Fixity, life time.Duration) error {
	bad := make(pq.Int64Array, len(f.Bad))
	for i, n := range f.Bad {
		bad[i] = int64(n)
	}
	return unavailable(changeOne(ctx, l.db, docket.ErrClosed, `UPDATE custody.fixity SET held_until = now() + make_interval(secs => $3), next_block = $4, bad_count = $5, bad = $6, short = $7
		WHERE item = $1 AND holder = $2`, f.Item[:], holder, life.Seconds(), int64(f.Next), int64(f.Count), bad, f.Short))
}

// LetGoFixity gives an item back, to be taken again after a while.
func (l *Ledger) LetGoFixity(ctx context.Context, holder string, item custody.ID, again time.Duration) error {
	return unavailable(changeOne(ctx, l.db, docket.ErrClosed, `UPDATE custody.fixity SET holder = NULL, held_until = '-infinity', not_before = now() + make_interval(secs => $3)
		WHERE item = $1 AND holder = $2`, item[:], holder, again.Seconds()))
}

// fixity: every artifact has a row, which says what its events say.
func (c *checking) fixity() error {
	stored := map[custody.ID]time.Time{}
	var item custody.ID
	var at time.Time
	if err := c.each(`SELECT item, stored_at FROM custody.artifacts`, []any{idValue{&item}, &at}, func() error {
		stored[item] = at
		return nil
	}); err != nil {
		return err
	}
	rows, err := c.tx.QueryContext(c.ctx, `SELECT `+fixityColumns+` FROM custody.fixity`)
	all, err := collect(rows, err, func(r *sql.Rows) (docket.Fixity, error) { return scanFixity(r) })
	if err != nil {
		return err
	}
	for _, f := range all {
		at, ok := stored[f.Item]
		if !ok {
			return docket.AlteredF("readings back are noted for item %s, which has no artifact", f.Item.Short())
		}
		delete(stored, f.Item)
		said := c.copies[f.Item]
		if said == nil {
			said = &copyEvents{}
		}
		if f.Result != said.result || (f.Event == nil) != (said.result == "") || f.Event != nil && *f.Event != said.event || !f.Told.Equal(said.told) ||
			!f.Whole.Equal(orTime(said.whole, at)) || !f.Since.Equal(at) && !said.ends[f.Since.UTC()] {
			return docket.AlteredF("how the copy of item %s was last found is not what the events say", f.Item.Short())
		}
	}
	for item := range stored {
		return docket.AlteredF("no readings back are noted for the artifact of item %s: it would never be read", item.Short())
	}
	return nil
}

func orTime(t, other time.Time) time.Time {
	if t.IsZero() {
		return other
	}
	return t
}

// copyEvents is what the fixity events of an item say.
type copyEvents struct {
	result      docket.FixityResult
	event       custody.ID
	told, whole time.Time
	ends        map[time.Time]bool // of those that tell apart
}

// noteCopy takes an event of the replayed log in.
func (c *checking) noteCopy(event custody.ID, p custody.Predicate) {
	result := copyKinds[p.Kind]
	if result == "" {
		return
	}
	item := custody.ItemsOf(p.Body)[0]
	said := c.copies[item]
	if said == nil {
		said = &copyEvents{ends: map[time.Time]bool{}}
		c.copies[item] = said
	}
	said.result, said.event, said.told = result, event, actEnd(p).UTC()
	if result != docket.FixityUnchecked {
		said.ends[said.told] = true
	}
	if result == docket.FixityPassed {
		said.whole = said.told
	}
}
