package doctor

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lib/pq"

	"github.com/evidence-custody/custodyd/migrations"
)

// minPostgres is the oldest major version that is served.
const minPostgres = 15

// settings that decide whether what was acknowledged outlives a power cut, and
// the values that are safe; the last is what is said of others.
var settings = []struct {
	name  string
	safe  []string
	state State
	do    string
}{
	{"fsync", []string{"on"}, Problem, "set fsync = on: a power cut can destroy the database"},
	{"full_page_writes", []string{"on"}, Problem, "set full_page_writes = on: a power cut can tear pages"},
	{"synchronous_commit", []string{"on", "remote_apply"}, Problem, "set synchronous_commit = on, for custody_app and its database, too: acknowledged events can be lost"},
	{"data_checksums", []string{"on"}, Warning, "switch them on while the server is stopped (pg_checksums --enable): rot on its disk goes unnoticed"},
}

// examine looks at the database as custody_app, who alone serves.
func (v *visit) examine(ctx context.Context, dsn string, outside bool) {
	c, err := pq.NewConfig(dsn)
	if err != nil {
		// Its words may hold the string, and that a password.
		v.problem("database", "write it as PostgreSQL documents (libpq connection strings)", "the connection string can't be read")
		return
	}
	where := fmt.Sprintf("%s as %s", c.Host, c.User)
	if outside && !localHost(c.Host) && c.SSLMode != pq.SSLModeVerifyFull {
		v.warn("database", "put sslmode=verify-full and sslrootcert into the connection string", "%s: nothing proves which server answers", where)
	}
	db, err := sql.Open("postgres", dsn)
	if err != nil {
		v.problem("database", "write it as PostgreSQL documents (libpq connection strings)", "the connection string can't be used")
		return
	}
	defer db.Close()
	var number int
	var now time.Time
	if err := db.QueryRowContext(ctx, `SELECT current_setting('server_version_num')::int, clock_timestamp()`).Scan(&number, &now); err != nil {
		v.problem("database", "look whether it runs, can be reached from here, and knows this role and password", "%s can't be reached: %s", where, words(err))
		return
	}
	if number/10000 < minPostgres {
		v.problem("database", fmt.Sprintf("use PostgreSQL %d or newer", minPostgres), "%s is PostgreSQL %d", where, number/10000)
		return
	}
	before := len(v.findings)
	if off := v.now().Sub(now).Abs(); off > 5*time.Second {
		v.warn("database", "keep both clocks by NTP", "its clock and this machine's differ by %s", off.Round(time.Second))
	}
	v.settings(ctx, db)
	v.roles(ctx, db)
	v.tables(ctx, db)
	if len(v.findings) == before {
		v.ok("database", "PostgreSQL %d at %s: durable, roles, grants and triggers as they must be", number/10000, where)
	}
}

// migrator only has to be let in, and to be a member of the owner.
func (v *visit) migrator(ctx context.Context, dsn string) {
	db, err := sql.Open("postgres", dsn)
	if err != nil {
		v.problem("database", "write it as PostgreSQL documents (libpq connection strings)", "the migrator's connection string can't be used")
		return
	}
	defer db.Close()
	var member bool
	err = db.QueryRowContext(ctx, `SELECT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = $1 AND pg_catalog.pg_has_role(oid, 'MEMBER'))`, migrations.RoleOwner).Scan(&member)
	switch {
	case err != nil:
		v.problem("database", "look whether it knows the migrator's role and password", "the migrator can't connect: %s", words(err))
	case !member:
		v.problem("database", "GRANT custody_owner TO custody_migrator", "the migrator is not a member of %s", migrations.RoleOwner)
	default:
		v.ok("database", "the migrator can migrate")
	}
}

func (v *visit) settings(ctx context.Context, db *sql.DB) {
	for _, s := range settings {
		var got string
		if err := db.QueryRowContext(ctx, `SELECT current_setting($1)`, s.name).Scan(&got); err != nil {
			v.problem("database", "look into the database's log", "couldn't ask for %s: %s", s.name, words(err))
		} else if !slices.Contains(s.safe, got) {
			v.findings = append(v.findings, Finding{s.state, "database", fmt.Sprintf("%s is %s", s.name, got), s.do})
		}
	}
}

// roles: who serves must not be able to do more than it is granted.
func (v *visit) roles(ctx context.Context, db *sql.DB) {
	var super, owner, create bool
	var user string
	err := db.QueryRowContext(ctx, `SELECT current_user, r.rolsuper OR r.rolbypassrls OR r.rolreplication, r.rolcreaterole,
		EXISTS (SELECT FROM pg_catalog.pg_roles o WHERE o.rolname = $1 AND pg_catalog.pg_has_role(r.oid, o.oid, 'MEMBER'))
		FROM pg_catalog.pg_roles r WHERE r.rolname = current_user`, migrations.RoleOwner).Scan(&user, &super, &create, &owner)
	switch {
	case err != nil:
		v.problem("database", "look into the database's log", "couldn't ask for roles: %s", words(err))
	case super || create || owner:
		v.problem("database", "serve as custody_app, and give it nothing but what the migrations grant", "%s can do more than serve: change the chain, drop its triggers or give itself more", user)
	}
}

const (
	read  = "SELECT"
	add   = "INSERT,SELECT"
	edit  = "INSERT,SELECT,UPDATE"
	every = "DELETE,INSERT,SELECT,UPDATE"
)

// granted is what the migrations left custody_app; appendOnly tables also have
// the two triggers, and custody_auditor reads them.
var granted = map[string]string{
	"events": add, "links": add, "keys": add, "details": add, "event_details": add, "documents": add, "event_documents": add,
	"tiles": add, "checkpoints": add, "artifacts": add,
	"log_state": "SELECT,UPDATE", "chains": edit, "parts": add,
	"uploads": every, "upload_parts": every, "tokens": every, "assertions": every, "idempotency": every,
	"invitations": edit, "reports": add, "report_files": add,
}

var appendOnly = []string{"events", "links", "keys", "details", "event_details", "documents", "event_documents", "tiles", "checkpoints", "artifacts"}

// tables holds owners, grants and triggers to what the migrations made.
func (v *visit) tables(ctx context.Context, db *sql.DB) {
	rows, err := db.QueryContext(ctx, `
		SELECT c.relname, pg_catalog.pg_get_userbyid(c.relowner),
			coalesce((SELECT string_agg(g.who || ':' || g.what, ' ' ORDER BY g.who) FROM (
				SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(a.grantee) END AS who, string_agg(a.privilege_type, ',' ORDER BY a.privilege_type) AS what
				FROM pg_catalog.aclexplode(c.relacl) a WHERE a.grantee <> c.relowner GROUP BY 1) g), ''),
			(SELECT count(*) FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
				WHERE t.tgrelid = c.oid AND t.tgname IN ('append_only_row', 'append_only_table') AND t.tgenabled = 'A' AND p.proname = 'refuse_change')
		FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = 'custody' AND c.relkind IN ('r', 'p') AND c.relname <> 'migrations'`)
	if err != nil {
		v.problem("database", "look into the database's log", "couldn't ask for tables: %s", words(err))
		return
	}
	defer rows.Close()
	seen, wrong := 0, []string(nil)
	for rows.Next() {
		var name, owner, grants string
		var triggers int
		if err := rows.Scan(&name, &owner, &grants, &triggers); err != nil {
			v.problem("database", "look into the database's log", "couldn't ask for tables: %s", words(err))
			return
		}
		want, known := granted[name]
		if !known {
			continue // of a newer version, or the administrator's own
		}
		seen++
		chain := slices.Contains(appendOnly, name)
		expect := migrations.RoleApp + ":" + want
		if chain {
			expect += " " + migrations.RoleAuditor + ":" + read
		}
		switch {
		case owner != migrations.RoleOwner:
			wrong = append(wrong, fmt.Sprintf("%s belongs to %s", name, owner))
		case grants != expect:
			wrong = append(wrong, fmt.Sprintf("%s is granted %q, not %q", name, grants, expect))
		case chain && triggers != 2:
			wrong = append(wrong, fmt.Sprintf("%s has lost a trigger that keeps it append-only", name))
		}
	}
	switch err := rows.Err(); {
	case err != nil:
		v.problem("database", "look into the database's log", "couldn't ask for tables: %s", words(err))
	case seen == 0:
		v.note("database", "it is not migrated yet; the first start does")
	case seen < len(granted):
		v.problem("database", "start this version of custodyd once, which migrates; a table that was dropped comes from the backup", "%d of %d tables are there", seen, len(granted))
	case len(wrong) > 0:
		v.problem("database", "find out who changed it, check the log whole, and put it right as the migrations made it", "%s", strings.Join(wrong, "; "))
	}
}
