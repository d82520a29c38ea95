package ledger

import (
	"context"
	"database/sql/driver"
	"errors"
	"slices"
	"time"

	"github.com/lib/pq"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/evidence"
)

// KeepCheckpointTimestamp keeps an authority's word on the published
// checkpoint of size leaves. One that is there already stays.
func (l *Ledger) KeepCheckpointTimestamp(ctx context.Context, size uint64, t docket.Timestamp) error {
	_, err := l.db.ExecContext(ctx, `INSERT INTO custody.checkpoint_timestamps (sha256, size, authority, token, said, kept_at)
		VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`, t.SHA256[:], int64(size), t.Authority, t.Token, t.Said.Truncate(time.Microsecond), l.now())
	return unavailable(err)
}

// KeepEventTimestamp keeps an authority's word on the signature of the event
// of this index. One that is there already stays.
func (l *Ledger) KeepEventTimestamp(ctx context.Context, index uint64, t docket.Timestamp) error {
	_, err := l.db.ExecContext(ctx, `INSERT INTO custody.event_timestamps (sha256, index, authority, token, said, kept_at)
		VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`, t.SHA256[:], int64(index), t.Authority, t.Token, t.Said.Truncate(time.Microsecond), l.now())
	return unavailable(err)
}

// Unstamped returns, oldest first, at most limit of the newest window events
// below size whose signatures the authority has not stamped. What the service
// says of time itself (log.time) is left out.
func (l *Ledger) Unstamped(ctx context.Context, authority string, size, window uint64, limit int) ([]docket.Unstamped, error) {
	rows, err := l.db.QueryContext(ctx, `SELECT e.index, e.signature FROM custody.events e
		WHERE e.index >= $1 AND e.index < $2 AND e.kind <> 'log.time'
		  AND NOT EXISTS (SELECT FROM custody.event_timestamps t WHERE t.index = e.index AND t.authority = $3)
		ORDER BY e.index LIMIT $4`, int64(size-min(size, window)), int64(size), authority, limit)
	out, err := collect(rows, err, scanInto(func(u *docket.Unstamped) []any { return []any{&u.Index, &u.Signature} }))
	return out, unavailable(err)
}

// EventTimestamps returns the timestamps of the signatures of the events of
// these log indexes, by index.
func (l *Ledger) EventTimestamps(ctx context.Context, indexes ...uint64) (map[uint64][]docket.Timestamp, error) {
	wanted := make(pq.Int64Array, len(indexes))
	for i, n := range indexes {
		wanted[i] = int64(n)
	}
	type row struct {
		index uint64
		docket.Timestamp
	}
	rows, err := l.db.QueryContext(ctx, `SELECT index, sha256, authority, token, said, kept_at FROM custody.event_timestamps
		WHERE index = ANY($1) ORDER BY index, authority`, wanted)
	got, err := collect(rows, err, scanInto(func(r *row) []any { return append([]any{&r.index}, timestampInto(&r.Timestamp)...) }))
	if err != nil {
		return nil, unavailable(err)
	}
	out := map[uint64][]docket.Timestamp{}
	for _, r := range got {
		out[r.index] = append(out[r.index], r.Timestamp)
	}
	return out, nil
}

func timestampInto(t *docket.Timestamp) []any {
	return []any{idValue{&t.SHA256}, &t.Authority, &t.Token, &t.Said, &t.Kept}
}

func stampedInto(s *docket.Stamped) []any {
	return append([]any{&s.Checkpoint.Size, idValue{&s.Checkpoint.Root}, &s.Checkpoint.Published}, timestampInto(&s.Timestamp)...)
}

const stampedColumns = `c.size, c.root, c.published_at, t.sha256, t.authority, t.token, t.said, t.kept_at`

// FirstStamped returns, for each authority, the first checkpoint that includes
// the event of this index and that it stamped.
func (l *Ledger) FirstStamped(ctx context.Context, index uint64) ([]docket.Stamped, error) {
	rows, err := l.db.QueryContext(ctx, `SELECT DISTINCT ON (t.authority) `+stampedColumns+`
		FROM custody.checkpoint_timestamps t JOIN custody.checkpoints c USING (size) WHERE t.size > $1 ORDER BY t.authority, t.size`, int64(index))
	out, err := collect(rows, err, scanInto(stampedInto))
	for i := range out {
		if err == nil {
			out[i].Checkpoint, err = l.signed(ctx, out[i].Checkpoint)
		}
	}
	return out, unavailable(err)
}

// LastStamped returns the newest checkpoint that the authority stamped;
// docket.ErrNotFound if there is none.
func (l *Ledger) LastStamped(ctx context.Context, authority string) (docket.Stamped, error) {
	var s docket.Stamped
	err := l.db.QueryRowContext(ctx, `SELECT `+stampedColumns+`
		FROM custody.checkpoint_timestamps t JOIN custody.checkpoints c USING (size) WHERE t.authority = $1 ORDER BY t.size DESC LIMIT 1`, authority).
		Scan(stampedInto(&s)...)
	if err == nil {
		s.Checkpoint, err = l.signed(ctx, s.Checkpoint)
	}
	return s, found(err)
}

// SinceTime returns when the oldest event of an index from size on was
// appended that is about anything but time; docket.ErrNotFound if there is none.
func (l *Ledger) SinceTime(ctx context.Context, size uint64) (time.Time, error) {
	var at time.Time
	err := l.db.QueryRowContext(ctx, `SELECT appended_at FROM custody.events WHERE index >= $1 AND kind <> 'log.time' ORDER BY index LIMIT 1`, int64(size)).Scan(&at)
	return at, found(err)
}

// stampedBy finds the stamped checkpoint whose token has this digest.
func (l *Ledger) stampedBy(ctx context.Context, token evidence.Digest) (docket.Stamped, error) {
	var s docket.Stamped
	err := l.db.QueryRowContext(ctx, `SELECT `+stampedColumns+`
		FROM custody.checkpoint_timestamps t JOIN custody.checkpoints c USING (size) WHERE t.sha256 = $1`, token[:]).Scan(stampedInto(&s)...)
	if err == nil {
		s.Checkpoint, err = l.signed(ctx, s.Checkpoint)
	}
	return s, found(err)
}

// TryTurn takes the turn named, of which one replica has it at a time, until
// done is called or this process ends; ok is false where another has it. It
// keeps replicas from doing the same work, and nothing depends on it.
func (l *Ledger) TryTurn(ctx context.Context, name string) (done func(), ok bool, err error) {
	conn, err := l.db.Conn(ctx)
	if err != nil {
		return nil, false, unavailable(err)
	}
	err = conn.QueryRowContext(ctx, `SELECT pg_try_advisory_lock(hashtextextended('custody:' || $1, 0))`, name).Scan(&ok)
	if err != nil || !ok {
		return nil, false, unavailable(errors.Join(err, conn.Close()))
	}
	return func() {
		// Closing the session gives the lock back even where asking for that fails.
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if _, err := conn.ExecContext(end, `SELECT pg_advisory_unlock(hashtextextended('custody:' || $1, 0))`, name); err != nil {
			_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		}
		conn.Close()
	}, true, nil
}

// recentTimes is how many log.time events are looked through for one of each
// authority.
const recentTimes = 32

// LogTimes returns, for each authority, the newest log.time event of an index
// below n, with the stamped checkpoint it commits to.
func (l *Ledger) LogTimes(ctx context.Context, n uint64) ([]docket.LogTime, error) {
	rows, err := l.db.QueryContext(ctx, `SELECT `+eventColumns+` FROM custody.events WHERE kind = $1 AND index < $2 ORDER BY index DESC LIMIT $3`,
		string(custody.KindTime), int64(n), recentTimes)
	events, err := collect(rows, err, scanEvent)
	if err != nil {
		return nil, err
	}
	var out []docket.LogTime
	for _, e := range events {
		b, ok := e.Statement.Predicate.Body.(*custody.LogTime)
		if !ok {
			return nil, docket.AlteredF("event %d is listed as %s and is %s", e.Index, custody.KindTime, e.Kind())
		}
		s, err := l.stampedBy(ctx, b.Digest)
		if errors.Is(err, docket.ErrNotFound) {
			continue // its token was made away with, which Check tells; it shows nothing any more
		}
		if err != nil {
			return nil, err
		}
		known := slices.ContainsFunc(out, func(o docket.LogTime) bool { return o.Stamped.Timestamp.Authority == s.Timestamp.Authority })
		if !known {
			out = append(out, docket.LogTime{Event: e, Stamped: s})
		}
	}
	return out, nil
}

// ObserveTime appends the log.time that commits to a stamped checkpoint.
func (l *Ledger) ObserveTime(ctx context.Context, s docket.Stamped) (docket.Receipt, error) {
	i := l.log.Load()
	if i == nil {
		return docket.Receipt{}, docket.ErrUnfounded
	}
	return l.Observe(ctx, docket.Act{Body: &custody.LogTime{Digest: s.Timestamp.SHA256, Log: i.id, Root: s.Checkpoint.Root, Size: s.Checkpoint.Size,
		Time: custody.NewTime(s.Timestamp.Said)}}, docket.Effects{})
}

// UnkeptTimes lists the log.time events whose timestamps the database no
// longer holds. It trusts the events, which Check has compared with what was
// signed.
func (l *Ledger) UnkeptTimes(ctx context.Context) ([]uint64, error) {
	rows, err := l.db.QueryContext(ctx, `SELECT e.index FROM custody.events e WHERE e.kind = $1 AND NOT EXISTS (SELECT FROM custody.checkpoint_timestamps t
		WHERE t.sha256 = decode(convert_from(e.payload, 'UTF8')::jsonb #>> '{predicate,body,digest}', 'hex')) ORDER BY 1`, string(custody.KindTime))
	return collect(rows, err, scanInto(func(n *uint64) []any { return []any{n} }))
}
