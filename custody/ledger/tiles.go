package ledger

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"

	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// Tile returns the bytes of a tile or of an entry bundle from memory or the
// database: one query. Nothing is compared with the root, which is the
// caller's to do, nor with what was published; what the tree has not is
// ErrNotFound.
func (l *Ledger) Tile(ctx context.Context, t tlog.Tile) ([]byte, error) {
	if !t.In(tlog.MaxSize) {
		return nil, docket.ErrNotFound
	}
	if t.Entries {
		return l.bundle(ctx, t)
	}
	found, err := l.forest.tile(ctx, tileID{t.Level, t.N}, 0, t.Width-1)
	if err != nil {
		return nil, unavailable(err)
	}
	hashes := found[0]
	if len(hashes) < t.Width {
		return nil, docket.ErrNotFound
	}
	return tlog.EncodeTile(hashes[:t.Width]), nil
}

func (l *Ledger) bundle(ctx context.Context, t tlog.Tile) ([]byte, error) {
	first := int64(t.First())
	rows, err := l.db.QueryContext(ctx, `SELECT event_id, signature, spki FROM custody.events WHERE index >= $1 AND index < $2 ORDER BY index`, first, first+int64(t.Width))
	leaves, err := collect(rows, err, func(r *sql.Rows) ([]byte, error) {
		var f tlog.LeafFields
		if err := r.Scan(idValue{&f.EventID}, &f.Signature, &f.SPKI); err != nil {
			return nil, err
		}
		return f.Encode(), nil
	})
	if err != nil {
		return nil, unavailable(fmt.Errorf("couldn't read %s: %w", t.Path(), err))
	}
	if len(leaves) < t.Width {
		return nil, docket.ErrNotFound
	}
	return tlog.EncodeEntries(leaves)
}

// Shelved returns how many complete tiles of each level the object store is
// known to have, from the first; of level docket.BundleLevel, entry bundles.
func (l *Ledger) Shelved(ctx context.Context) (map[int]uint64, error) {
	rows, err := l.db.QueryContext(ctx, `SELECT level, n FROM custody.shelved`)
	type row struct {
		level int
		n     uint64
	}
	all, err := collect(rows, err, scanInto(func(r *row) []any { return []any{&r.level, &r.n} }))
	if err != nil {
		return nil, err
	}
	out := make(map[int]uint64, len(all))
	for _, r := range all {
		out[r.level] = r.n
	}
	return out, nil
}

// SetShelved records that tiles 0..n-1 of a level are in the store; a smaller
// number than is recorded has no effect.
func (l *Ledger) SetShelved(ctx context.Context, level int, n uint64) error {
	_, err := l.db.ExecContext(ctx, `UPDATE custody.shelved SET n = $2 WHERE level = $1 AND n < $2`, level, int64(n))
	return unavailable(err)
}

// shelving is the key of the lock that one replica holds while it shelves.
const shelving = 0x637573746f647900 // "custody" and a zero

// Shelving runs do while no other replica does. Where one does, it returns
// false at once. The lock lives on a connection: a replica that dies loses it.
// It saves work twice done and nothing else, so nothing is wrong if it is lost
// in the middle.
func (l *Ledger) Shelving(ctx context.Context, do func() error) (bool, error) {
	conn, err := l.db.Conn(ctx)
	if err != nil {
		return false, unavailable(err)
	}
	defer conn.Close()
	var mine bool
	if err := conn.QueryRowContext(ctx, `SELECT pg_try_advisory_lock($1)`, int64(shelving)).Scan(&mine); err != nil || !mine {
		return false, unavailable(err)
	}
	defer func() {
		// Also where ctx has ended: the connection goes back to the pool.
		if _, err := conn.ExecContext(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, int64(shelving)); err != nil {
			_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // unusable: closing it gives the lock back
		}
	}()
	return true, do()
}

// SaveAuditor keeps a new auditor's token.
func (l *Ledger) SaveAuditor(ctx context.Context, a docket.Auditor) error {
	_, err := l.db.ExecContext(ctx, `INSERT INTO custody.auditors (hash, name, issued, expires) VALUES ($1, $2, $3, $4)`, a.Hash[:], a.Name, a.Issued, a.Expires)
	return unavailable(err)
}

const auditorColumns = `hash, name, issued, expires, revoked`

func auditorFields(a *docket.Auditor) []any {
	return []any{idValue{&a.Hash}, &a.Name, &a.Issued, &a.Expires, &a.Revoked}
}

// Auditor finds an auditor's token, revoked and expired ones too.
func (l *Ledger) Auditor(ctx context.Context, hash evidence.Digest) (a docket.Auditor, err error) {
	err = l.db.QueryRowContext(ctx, `SELECT `+auditorColumns+` FROM custody.auditors WHERE hash = $1`, hash[:]).Scan(auditorFields(&a)...)
	return a, found(err)
}

// Auditors lists all auditors' tokens, oldest first.
func (l *Ledger) Auditors(ctx context.Context) ([]docket.Auditor, error) {
	rows, err := l.db.QueryContext(ctx, `SELECT `+auditorColumns+` FROM custody.auditors ORDER BY issued, hash`)
	return collect(rows, err, scanInto(auditorFields))
}

// RevokeAuditor ends a token at once; ErrNotFound for one that is not there.
// One revoked before keeps its time.
func (l *Ledger) RevokeAuditor(ctx context.Context, hash evidence.Digest) error {
	res, err := l.db.ExecContext(ctx, `UPDATE custody.auditors SET revoked = coalesce(revoked, $2) WHERE hash = $1`, hash[:], l.now())
	if err != nil {
		return unavailable(err)
	}
	n, err := res.RowsAffected()
	if err == nil && n == 0 {
		return docket.ErrNotFound
	}
	return unavailable(err)
}
