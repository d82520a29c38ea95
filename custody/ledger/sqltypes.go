package ledger

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
)

// querier is a *sql.DB or a *sql.Tx.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// idValue reads a digest column; idPtr one that may be null or empty.
type idValue struct{ to *custody.ID }

func (v idValue) Scan(src any) error {
	b, ok := src.([]byte)
	if !ok || len(b) != len(custody.ID{}) {
		return docket.AlteredF("a digest is kept in %d bytes", len(b))
	}
	copy(v.to[:], b)
	return nil
}

type idPtr struct{ to **custody.ID }

func (v idPtr) Scan(src any) error {
	b, _ := src.([]byte)
	if len(b) == 0 {
		*v.to = nil
		return nil
	}
	id := new(custody.ID)
	if err := (idValue{id}).Scan(src); err != nil {
		return err
	}
	*v.to = id
	return nil
}

// numbers reads an integer[].
type numbers struct{ to *[]int }

func (v numbers) Scan(src any) error {
	var list pq.Int64Array
	if err := list.Scan(src); err != nil {
		return err
	}
	*v.to = nil
	for _, n := range list {
		*v.to = append(*v.to, int(n))
	}
	return nil
}

// numberArray is an integer[] parameter.
func numberArray(list []int) any {
	out := make(pq.Int64Array, len(list))
	for i, n := range list {
		out[i] = int64(n)
	}
	return out
}

// idArg is a parameter that is null for nil.
func idArg(id *custody.ID) any {
	if id == nil {
		return nil
	}
	return id[:]
}

// idArray is a bytea[] parameter.
func idArray(ids []custody.ID) any {
	out := make(pq.ByteaArray, len(ids))
	for i := range ids {
		out[i] = ids[i][:]
	}
	return out
}

// collect reads all rows.
func collect[T any](rows *sql.Rows, err error, scan func(*sql.Rows) (T, error)) ([]T, error) {
	if err != nil {
		return nil, unavailable(err)
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	if err := rows.Err(); err != nil {
		return nil, unavailable(err)
	}
	return out, nil
}

// found turns sql.ErrNoRows into docket.ErrNotFound.
func found(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return docket.ErrNotFound
	}
	return unavailable(err)
}

// unavailable marks an error of the database. Errors of our own pass.
func unavailable(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var u *docket.Unavailable
	var a *docket.Altered
	if errors.As(err, &u) || errors.As(err, &a) || errors.Is(err, docket.ErrSpent) || errors.Is(err, docket.ErrClosed) || errors.Is(err, docket.ErrNotFound) {
		return err
	}
	return &docket.Unavailable{Cause: err}
}

func isUnique(err error) bool { return pq.As(err, pqerror.UniqueViolation) != nil }

// inTx runs do in one transaction.
func inTx(ctx context.Context, db *pool, do func(tx *sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return unavailable(err)
	}
	defer tx.Rollback()
	if err := do(tx); err != nil {
		return err
	}
	return unavailable(tx.Commit())
}

// statements keeps the appender's statements prepared.
type statements struct {
	db *sql.DB
	mu sync.Mutex
	by map[string]*sql.Stmt
}

func newStatements(db *sql.DB) *statements { return &statements{db: db, by: map[string]*sql.Stmt{}} }

// on returns the statement where the appender stands.
func (s *statements) on(ctx context.Context, g ground, query string) (*sql.Stmt, error) {
	s.mu.Lock()
	stmt, ok := s.by[query]
	s.mu.Unlock()
	if !ok {
		// The appender's pool has a second connection for this first time.
		made, err := s.db.PrepareContext(ctx, query)
		if err != nil {
			return nil, err
		}
		s.mu.Lock()
		if stmt, ok = s.by[query]; !ok {
			stmt, s.by[query] = made, made
		}
		s.mu.Unlock()
		if stmt != made { // somebody else asked first, too
			made.Close()
		}
	}
	if g.tx != nil {
		return g.tx.StmtContext(ctx, stmt), nil
	}
	return stmt, nil
}

func (s *statements) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, stmt := range s.by {
		stmt.Close()
	}
}

// pool is the connections of readers and stores. What they ask again and again
// is parsed and planned once on each connection, which is most of what a small
// question costs.
type pool struct {
	*sql.DB
	stmts *statements
}

func newPool(db *sql.DB) *pool { return &pool{db, newStatements(db)} }

// QueryContext implements querier.
func (p *pool) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return ground{db: p.DB, stmts: p.stmts}.QueryContext(ctx, query, args...)
}

// QueryRowContext implements querier.
func (p *pool) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return ground{db: p.DB, stmts: p.stmts}.QueryRowContext(ctx, query, args...)
}

// ExecContext implements querier.
func (p *pool) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return ground{db: p.DB, stmts: p.stmts}.ExecContext(ctx, query, args...)
}

func (p *pool) Close() error {
	p.stmts.close()
	return p.DB.Close()
}

// ground is where the appender stands: in a transaction, or in none. Its
// queries are prepared.
type ground struct {
	db    *sql.DB
	tx    *sql.Tx // nil: each statement is a transaction of its own
	stmts *statements
}

// QueryContext implements querier.
func (g ground) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	stmt, err := g.stmts.on(ctx, g, query)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
}

// QueryRowContext implements querier.
func (g ground) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	stmt, err := g.stmts.on(ctx, g, query)
	switch {
	case err == nil:
		return stmt.QueryRowContext(ctx, args...)
	case g.tx != nil:
		return g.tx.QueryRowContext(ctx, query, args...) // a row of its error
	}
	return g.db.QueryRowContext(ctx, query, args...)
}

// ExecContext implements querier.
func (g ground) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	stmt, err := g.stmts.on(ctx, g, query)
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(ctx, args...)
}

func scanText(r *sql.Rows) (s string, err error) { return s, r.Scan(&s) }
