package ledger

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// Inspect opens a log for reading, without its keys: it signs and writes
// nothing, appends to it are refused, and a database that was changed is
// opened too, so that Check can say what is wrong with it. logger may be nil.
func Inspect(ctx context.Context, dsn string, logger *slog.Logger) (*Ledger, error) {
	l, err := connect(Config{DSN: dsn, Logger: logger})
	if err != nil {
		return nil, err
	}
	l.fault.Store(docket.AlteredF("it was opened for inspection only"))
	s, err := readState(ctx, l.db, `SELECT size, root, frontier FROM custody.log_state WHERE one`)
	if err != nil {
		l.Close()
		return nil, fmt.Errorf("couldn't read the log's state (is the database migrated?): %w", unavailable(err))
	}
	if s.size == 0 {
		return l, nil
	}
	id, err := l.readIdentity(ctx)
	if err != nil {
		l.Close()
		return nil, err
	}
	l.log.Store(id)
	return l, nil
}

// Size is how many events the log holds.
func (l *Ledger) Size(ctx context.Context) (uint64, error) {
	s, err := readState(ctx, l.db, `SELECT size, root, frontier FROM custody.log_state WHERE one`)
	return s.size, unavailable(err)
}

// RootAt is the root of the tree of the first size events, from its tiles.
func (l *Ledger) RootAt(ctx context.Context, size uint64) (evidence.Digest, error) {
	root, err := tlog.Root(size, l.forest.reader(ctx))
	return root, unavailable(err)
}

// CountArtifacts is how many artifacts there are.
func (l *Ledger) CountArtifacts(ctx context.Context) (n uint64, err error) {
	err = l.db.QueryRowContext(ctx, `SELECT count(*) FROM custody.artifacts`).Scan(&n)
	return n, unavailable(err)
}

// Artifacts returns at most limit artifacts, in the order of their items, from
// the one behind after on; zero begins. Their block leaves are left out.
func (l *Ledger) Artifacts(ctx context.Context, after custody.ID, limit int) ([]docket.Artifact, error) {
	rows, err := l.db.QueryContext(ctx, `SELECT item, case_id, sha256, size, block_root, sha1, md5, bucket, key, version, encoding, retention_mode,
		retain_until, ''::bytea, stored_at FROM custody.artifacts WHERE item > $1 ORDER BY item LIMIT $2`, after[:], limit)
	return collect(rows, err, scanInto(artifactInto))
}

// Unkept lists the items whose bytes were received and of whose artifact the
// database no longer knows where it lies. It trusts the events, which Check
// has compared with what was signed.
func (l *Ledger) Unkept(ctx context.Context) ([]custody.ID, error) {
	rows, err := l.db.QueryContext(ctx, `SELECT r.item FROM (
		SELECT decode(convert_from(payload, 'UTF8')::jsonb #>> '{predicate,body,item}', 'hex') AS item FROM custody.events WHERE kind = $1) r
		WHERE NOT EXISTS (SELECT FROM custody.artifacts a WHERE a.item = r.item) ORDER BY 1`, string(custody.KindReceived))
	return collect(rows, err, scanID)
}
