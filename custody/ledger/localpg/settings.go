package localpg

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// tuning is appended to postgresql.conf when a database is made, and the
// administrator's to change afterwards. A service on one machine shares it.
const tuning = `
# Memory of a database beside its service, yours to change.
shared_buffers = 64MB
max_connections = 60
max_wal_size = 512MB
min_wal_size = 128MB
jit = off
`

// demanded are the settings without which an acknowledged event could be lost.
// They are given on the command line, which ALTER SYSTEM can't override, and
// asked for again before the database is used.
var demanded = [][2]string{
	{"fsync", "on"},
	{"full_page_writes", "on"},
	{"synchronous_commit", "on"},
	{"listen_addresses", ""},
}

// arguments are postgres's. What the log must not hold is kept out of it:
// statements, their parameters, and the rows in an error's detail.
func (p places) arguments() []string {
	args := []string{"-D", p.data()}
	set := func(name, value string) { args = append(args, "-c", name+"="+value) }
	for _, s := range demanded {
		set(s[0], s[1])
	}
	set("port", port)
	set("unix_socket_directories", `"`+strings.ReplaceAll(p.socketDir, `"`, `""`)+`"`)
	set("unix_socket_permissions", "0700")
	set("hba_file", p.hba())
	set("ident_file", p.ident())
	set("cluster_name", "custodyd")
	set("timezone", "UTC")
	set("log_timezone", "UTC")
	set("logging_collector", "off")
	set("log_destination", "stderr")
	set("log_statement", "none")
	set("log_min_error_statement", "panic")
	set("log_error_verbosity", "terse")
	set("log_parameter_max_length", "0")
	set("log_parameter_max_length_on_error", "0")
	return args
}

// checkDurable refuses a database that would acknowledge what it can lose:
// checksums are made by initdb or never, and a role's or database's own
// settings come before the command line.
func checkDurable(ctx context.Context, db *sql.DB) error {
	for _, s := range append([][2]string{{"data_checksums", "on"}}, demanded...) {
		var got string
		if err := db.QueryRowContext(ctx, `SELECT current_setting($1)`, s[0]).Scan(&got); err != nil {
			return fmt.Errorf("couldn't ask for the setting %s: %w", s[0], err)
		}
		if got != s[1] {
			return fmt.Errorf("the database's setting %s is %q and must be %q: what it acknowledges could be lost", s[0], got, s[1])
		}
	}
	var who, where sql.NullString
	err := db.QueryRowContext(ctx, `
		SELECT r.rolname, d.datname FROM pg_catalog.pg_db_role_setting s
		LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
		LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
		WHERE EXISTS (SELECT FROM unnest(s.setconfig) c WHERE c ILIKE 'synchronous_commit=%' AND c NOT ILIKE '%=on') LIMIT 1`).Scan(&who, &where)
	switch {
	case err == nil:
		return fmt.Errorf("synchronous_commit is switched off for role %q, database %q: reset it with ALTER ROLE or ALTER DATABASE … RESET synchronous_commit", who.String, where.String)
	case err != sql.ErrNoRows:
		return fmt.Errorf("couldn't ask for settings of roles: %w", err)
	}
	return nil
}
