package service

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/lib/pq"
)

// monitor asks the database what the ledger has no need to know, over one
// connection of its own: a full pool doesn't keep it from saying so.
type monitor struct {
	db   *sql.DB
	name string // under which the ledger's connections are known
}

func openMonitor(dsn, name string) (monitor, error) {
	connector, err := pq.NewConnector(named(dsn, name+"-monitor"))
	if err != nil {
		return monitor{}, fmt.Errorf("couldn't read the database's connection string: %w", err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1)
	db.SetConnMaxIdleTime(5 * time.Minute)
	return monitor{db, name}, nil
}

func (m monitor) openUploads(ctx context.Context) (n int, err error) {
	err = m.db.QueryRowContext(ctx, `SELECT count(*) FROM custody.uploads WHERE status IN ('open', 'completing')`).Scan(&n)
	return n, err
}

// connections counts this process's, by what they do. The states are
// PostgreSQL's own, and few.
func (m monitor) connections(ctx context.Context) (_ map[string]int, err error) {
	rows, err := m.db.QueryContext(ctx, `SELECT coalesce(state, 'unknown'), count(*) FROM pg_catalog.pg_stat_activity WHERE application_name = $1 GROUP BY 1`, m.name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	states := map[string]int{"active": 0, "idle": 0, "idle in transaction": 0}
	for rows.Next() {
		var state string
		var n int
		if err := rows.Scan(&state, &n); err != nil {
			return nil, err
		}
		states[state] = n
	}
	return states, rows.Err()
}

// processName tells this process's connections from other replicas'.
func processName() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return "custodyd-" + hex.EncodeToString(b[:])
}

// named is the connection string with an application name that database
// administrators see; it overrides one that is set, which would not tell
// replicas apart.
func named(dsn, name string) string {
	if !strings.HasPrefix(dsn, "postgres://") && !strings.HasPrefix(dsn, "postgresql://") {
		return dsn + " application_name=" + name
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return dsn // who connects says what is wrong with it
	}
	q := u.Query()
	q.Set("application_name", name)
	u.RawQuery = q.Encode()
	return u.String()
}
