package ledger

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/evidence-custody/custodyd/custody/ledger/docket"
)

// wrappingLock is the advisory lock under which the first key-encryption key is
// made and a new one becomes current: an arbitrary constant.
const wrappingLock = 0x77726170

func insertDataKey(ctx context.Context, q querier, k docket.DataKey) error {
	_, err := q.ExecContext(ctx, `INSERT INTO custody.data_keys (object_key, wrapping, wrapped) VALUES ($1, $2, $3)`, k.Object, k.Wrapping, notNil(k.Wrapped))
	return err
}

// DataKey finds the wrapped data key of an object. ErrNotFound: it has none, or
// it was destroyed.
func (l *Ledger) DataKey(ctx context.Context, object string) (docket.DataKey, error) {
	k := docket.DataKey{Object: object}
	err := l.db.QueryRowContext(ctx, `SELECT wrapping, wrapped FROM custody.data_keys WHERE object_key = $1`, object).Scan(&k.Wrapping, &k.Wrapped)
	return k, found(err)
}

// DataKeysUnder lists at most limit data keys that a key-encryption key wraps,
// in the order of their objects, behind after.
func (l *Ledger) DataKeysUnder(ctx context.Context, wrapping, after string, limit int) ([]docket.DataKey, error) {
	rows, err := l.db.QueryContext(ctx, `SELECT object_key, wrapping, wrapped FROM custody.data_keys
		WHERE wrapping = $1 AND object_key > $2 ORDER BY object_key LIMIT $3`, wrapping, after, limit)
	return collect(rows, err, scanInto(func(k *docket.DataKey) []any { return []any{&k.Object, &k.Wrapping, &k.Wrapped} }))
}

// Rewrap is one data key, as it was wrapped and as it is to be.
type Rewrap struct{ Was, Now docket.DataKey }

// Rewrap changes how these data keys are wrapped, all in one transaction, and
// says how many. One that meanwhile was wrapped anew by somebody else, or
// destroyed, stays as it is.
func (l *Ledger) Rewrap(ctx context.Context, keys []Rewrap) (int, error) {
	done := 0
	err := inTx(ctx, l.db, func(tx *sql.Tx) error {
		for _, k := range keys {
			if k.Was.Object != k.Now.Object {
				return fmt.Errorf("couldn't wrap the data key of %s as that of %s", k.Was.Object, k.Now.Object)
			}
			res, err := tx.ExecContext(ctx, `UPDATE custody.data_keys SET wrapping = $4, wrapped = $5 WHERE object_key = $1 AND wrapping = $2 AND wrapped = $3`,
				k.Was.Object, k.Was.Wrapping, k.Was.Wrapped, k.Now.Wrapping, k.Now.Wrapped)
			if err != nil {
				return unavailable(err)
			}
			n, err := res.RowsAffected()
			if err != nil {
				return unavailable(err)
			}
			done += int(n)
		}
		return nil
	})
	return done, err
}

// WrappingKeys lists the key-encryption keys, oldest first, with how many data
// keys each wraps.
func (l *Ledger) WrappingKeys(ctx context.Context) ([]docket.WrappingKey, error) {
	rows, err := l.db.QueryContext(ctx, `SELECT id, check_value, made, current, retired,
		(SELECT count(*) FROM custody.data_keys WHERE wrapping = w.id) FROM custody.wrapping_keys w ORDER BY made, id`)
	return collect(rows, err, scanInto(func(k *docket.WrappingKey) []any {
		return []any{&k.ID, &k.Check, &k.Made, &k.Current, &k.Retired, &k.Wraps}
	}))
}

// WrappingKey finds a key-encryption key by its id; "" is the current one.
func (l *Ledger) WrappingKey(ctx context.Context, id string) (docket.WrappingKey, error) {
	var k docket.WrappingKey
	err := l.db.QueryRowContext(ctx, `SELECT id, check_value, made, current, retired FROM custody.wrapping_keys
		WHERE ($1 = '' AND current) OR id = $1`, id).Scan(&k.ID, &k.Check, &k.Made, &k.Current, &k.Retired)
	return k, found(err)
}

// AddWrappingKey makes a key-encryption key known and current, in place of the
// one whose id was is ("": there is none). prepare makes or finds it, once it is
// certain that no other replica does so at the same time; what it made stays
// where this then fails. Where another is current by now, that one is returned
// and nothing was prepared.
func (l *Ledger) AddWrappingKey(ctx context.Context, was string, prepare func() (docket.WrappingKey, error)) (docket.WrappingKey, error) {
	var now docket.WrappingKey
	err := inTx(ctx, l.db, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(wrappingLock)); err != nil {
			return unavailable(err)
		}
		err := tx.QueryRowContext(ctx, `SELECT id, check_value, made, current FROM custody.wrapping_keys WHERE current`).Scan(&now.ID, &now.Check, &now.Made, &now.Current)
		if err == nil && now.ID != was {
			return nil
		}
		if err != nil && (was != "" || found(err) != docket.ErrNotFound) {
			return found(err)
		}
		if now, err = prepare(); err != nil {
			return err
		}
		if now.ID == was {
			return nil
		}
		if _, err := tx.ExecContext(ctx, `UPDATE custody.wrapping_keys SET current = false WHERE id = $1`, was); err != nil {
			return unavailable(err)
		}
		now.Current = true
		// One that was current before may become so again, as long as it isn't retired.
		_, err = tx.ExecContext(ctx, `INSERT INTO custody.wrapping_keys (id, check_value, made, current) VALUES ($1, $2, $3, true)
			ON CONFLICT (id) DO UPDATE SET current = true`, now.ID, notNil(now.Check), now.Made)
		return unavailable(err)
	})
	return now, err
}

// RetireWrappingKey notes that nothing is wrapped by a key-encryption key any
// more, and nothing will be. ErrClosed: it is current, retired already, or
// something is.
func (l *Ledger) RetireWrappingKey(ctx context.Context, id string) error {
	return inTx(ctx, l.db, func(tx *sql.Tx) error {
		// Locked first, so that what is wrapped by it is looked for afterwards;
		// a trigger has each new data key wait for this lock.
		if _, err := tx.ExecContext(ctx, `SELECT FROM custody.wrapping_keys WHERE id = $1 FOR UPDATE`, id); err != nil {
			return unavailable(err)
		}
		return unavailable(changeOne(ctx, tx, docket.ErrClosed, `UPDATE custody.wrapping_keys SET retired = $2 WHERE id = $1 AND NOT current AND retired IS NULL
			AND NOT EXISTS (SELECT FROM custody.data_keys WHERE wrapping = $1)`, id, l.now()))
	})
}

// Undestroyed lists the artifacts whose item was disposed of and whose data key
// is still there: what a crash between the two leaves to be done.
func (l *Ledger) Undestroyed(ctx context.Context) ([]docket.Artifact, error) {
	rows, err := l.db.QueryContext(ctx, `SELECT `+artifactColumns+` FROM custody.artifacts WHERE key IN (SELECT object_key FROM custody.data_keys)
		AND item IN (SELECT l.chain FROM custody.events e JOIN custody.links l ON l.index = e.index WHERE e.kind = 'item.disposed') ORDER BY item`)
	return collect(rows, err, scanInto(artifactInto))
}
