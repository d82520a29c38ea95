package migrations

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/lib/pq"
)

// MinVersion is the oldest PostgreSQL the service runs on.
const MinVersion = 15

// Finding is a way in which a database would not protect the record, or, as a
// warning, protects it less than it could.
type Finding struct {
	Rule    string `json:"rule"` // setting.fsync, role.superuser, grant.events, trigger.events…
	Warning bool   `json:"warning,omitempty"`
	Why     string `json:"why"` // one line, with what to do
}

func (f Finding) String() string { return f.Rule + ": " + f.Why }

// UnsafeError is a database that is refused, with the findings that are no warnings.
type UnsafeError struct{ Findings []Finding }

func (e *UnsafeError) Error() string {
	lines := make([]string, len(e.Findings))
	for i, f := range e.Findings {
		lines[i] = f.String()
	}
	return "the database is not safe for evidence:\n  " + strings.Join(lines, "\n  ")
}

// Unsafe returns an *UnsafeError of the findings that are no warnings, or nil.
func Unsafe(findings []Finding) error {
	bad := slices.DeleteFunc(slices.Clone(findings), func(f Finding) bool { return f.Warning })
	if len(bad) == 0 {
		return nil
	}
	return &UnsafeError{bad}
}

// chain are the tables that only grow.
var chain = []string{"events", "links", "keys", "details", "documents", "tiles", "checkpoints", "notes", "artifacts", "checkpoint_timestamps", "event_timestamps", "cosignatures"}

// guarded are the tables of data keys: rows change and go, and triggers say which.
var guarded = []guard{
	{"data_keys", []string{"SELECT", "INSERT", "UPDATE", "DELETE"}, "guard_data_key", 1 + 2 + 4 + 8 + 16},
	{"wrapping_keys", []string{"SELECT", "INSERT", "UPDATE"}, "guard_wrapping_key", 1 + 2 + 16},
}

// guard is what the migrations gave a guarded table.
type guard struct {
	table    string
	rights   []string // of custody_app; nobody else has any
	function string   // that its trigger guard_row calls
	fires    int      // tgtype of that trigger
}

// refuseChange is the body that the trigger function must have: a trigger that
// is there and does nothing is worse than none.
const refuseChange = `
BEGIN
    RAISE EXCEPTION '% of custody.% is refused: the audit chain is append-only', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
`

// Inspect asks a migrated database, reached as custody_app by dsn, whether it
// would protect the record: settings without which a commit is no promise, the
// role the service works under, and the grants and triggers as the migrations
// made them. It changes nothing. An error means that it could not be asked.
func Inspect(ctx context.Context, dsn string) ([]Finding, error) {
	connector, err := pq.NewConnector(dsn)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the database's connection string: %w", err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	// One transaction: one session, and one state of the catalog.
	tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("couldn't connect to inspect the database: %w", err)
	}
	defer tx.Rollback()
	i := inspection{ctx: ctx, tx: tx}
	for _, ask := range []func() error{i.version, i.settings, i.overrides, i.role, i.tables, i.grants, i.columns, i.triggers, i.function, i.guards, i.owners} {
		if err := ask(); err != nil {
			return i.found, fmt.Errorf("couldn't inspect the database: %w", err)
		}
	}
	return i.found, nil
}

// Founded reports whether a log was begun in the migrated database at dsn.
func Founded(ctx context.Context, dsn string) (bool, error) {
	connector, err := pq.NewConnector(dsn)
	if err != nil {
		return false, fmt.Errorf("couldn't read the database's connection string: %w", err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	var size int64
	if err := db.QueryRowContext(ctx, `SELECT size FROM custody.log_state`).Scan(&size); err != nil {
		return false, fmt.Errorf("couldn't ask for the log's size: %w", err)
	}
	return size > 0, nil
}

type inspection struct {
	ctx   context.Context
	tx    *sql.Tx
	found []Finding
}

func (i *inspection) refuse(rule, why string, args ...any) {
	i.found = append(i.found, Finding{Rule: rule, Why: fmt.Sprintf(why, args...)})
}

// each calls row for every row of the query's text columns.
func (i *inspection) each(columns int, row func(v []string), query string, args ...any) error {
	rows, err := i.tx.QueryContext(i.ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		v := make([]string, columns)
		to := make([]any, columns)
		for n := range v {
			to[n] = &v[n]
		}
		if err := rows.Scan(to...); err != nil {
			return err
		}
		row(v)
	}
	return rows.Err()
}

func (i *inspection) version() error {
	var number int
	if err := i.tx.QueryRowContext(i.ctx, `SELECT current_setting('server_version_num')::int`).Scan(&number); err != nil {
		return err
	}
	if number/10000 < MinVersion {
		i.refuse("version", "it is PostgreSQL %d, and %d or newer is needed", number/10000, MinVersion)
	}
	return nil
}

// settings as this session has them, which includes those of role and database.
func (i *inspection) settings() error {
	return i.each(2, func(v []string) {
		name, value := v[0], v[1]
		switch {
		case name == "data_checksums":
			if value != "on" {
				i.found = append(i.found, Finding{Rule: "setting.data_checksums", Warning: true,
					Why: "it is off: damage on the database's disk is not noticed there (pg_checksums --enable, with the server stopped)"})
			}
		// Stronger than on, or, without standbys, the same.
		case name == "synchronous_commit" && value == "remote_apply":
		case value != "on":
			i.refuse("setting."+name, "it is %q and must be on: what was acknowledged could be lost", value)
		}
	}, `SELECT name, current_setting(name) FROM unnest(ARRAY['fsync', 'full_page_writes', 'synchronous_commit', 'data_checksums']) AS name`)
}

// overrides of a role or database that this session does not show.
func (i *inspection) overrides() error {
	return i.each(3, func(v []string) {
		i.refuse("setting.synchronous_commit", "%s is set for role %q, database %q: reset it with ALTER ROLE or ALTER DATABASE … RESET", v[2], v[0], v[1])
	}, `SELECT coalesce(r.rolname, '(any)'), coalesce(d.datname, '(any)'), c
		FROM pg_catalog.pg_db_role_setting s
		CROSS JOIN unnest(s.setconfig) AS c
		LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
		LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
		WHERE (s.setrole = 0 OR r.rolname LIKE 'custody\_%')
		  AND (s.setdatabase = 0 OR d.datname = current_database())
		  AND c ILIKE 'synchronous_commit=%' AND lower(split_part(c, '=', 2)) NOT IN ('on', 'remote_apply')`)
}
