package doctor

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/lib/pq"

	"github.com/evidence-custody/custodyd/migrations"
)

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
	if number/10000 < migrations.MinVersion {
		v.problem("database", fmt.Sprintf("use PostgreSQL %d or newer", migrations.MinVersion), "%s is PostgreSQL %d", where, number/10000)
		return
	}
	before := len(v.findings)
	defer v.times(ctx, db)
	defer v.cosignatures(ctx, db)
	if off := v.now().Sub(now).Abs(); off > 5*time.Second {
		v.warn("database", "keep both clocks by NTP", "its clock and this machine's differ by %s", off.Round(time.Second))
	}
	if !v.inspect(ctx, db, dsn) {
		return
	}
	defer v.copies(ctx, db, dsn)
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

// inspect holds settings, roles, grants and triggers to what every start does.
// It says whether there is anything to hold.
func (v *visit) inspect(ctx context.Context, db *sql.DB, dsn string) bool {
	var migrated bool
	if err := db.QueryRowContext(ctx, `SELECT EXISTS (SELECT FROM pg_catalog.pg_tables WHERE schemaname = 'custody')`).Scan(&migrated); err == nil && !migrated {
		v.note("database", "it can be reached and is not migrated yet; the first start does that")
		return false
	}
	found, err := migrations.Inspect(ctx, dsn)
	if err != nil {
		v.problem("database", "look into the database's log", "%s", words(err))
	}
	for _, f := range found {
		says := f.Rule + ": " + strings.Join(strings.Fields(f.Why), " ")
		do := "find out who changed it, check the log whole, and put it right as the migrations made it; the next start is refused until then"
		if strings.HasPrefix(f.Rule, "setting.") {
			do = "change that setting of the database"
		}
		if f.Warning {
			v.warn("database", do, "%s", says)
		} else {
			v.problem("database", do, "%s", says)
		}
	}
	v.tables(ctx, db)
	return true
}

const (
	add   = "INSERT,SELECT"
	edit  = "INSERT,SELECT,UPDATE"
	every = "DELETE,INSERT,SELECT,UPDATE"
)

// granted is what the migrations left custody_app of the tables beside the chain.
var granted = map[string]string{
	"log_state": "SELECT,UPDATE", "chains": edit, "parts": add,
	"uploads": every, "upload_parts": every, "tokens": every, "assertions": every, "idempotency": every,
	"invitations": edit, "fixity": edit, "images": edit, "reports": add, "report_files": add,
}

// tables holds the grants on what is no part of the chain to those of the
// migrations: Inspect, by which a start is refused, looks at the chain.
func (v *visit) tables(ctx context.Context, db *sql.DB) {
	rows, err := db.QueryContext(ctx, `
		SELECT c.relname,
			coalesce((SELECT string_agg(g.who || ':' || g.what, ' ' ORDER BY g.who) FROM (
				SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(a.grantee) END AS who, string_agg(a.privilege_type, ',' ORDER BY a.privilege_type) AS what
				FROM pg_catalog.aclexplode(c.relacl) a WHERE a.grantee <> c.relowner GROUP BY 1) g), '')
		FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = 'custody' AND c.relkind IN ('r', 'p') AND c.relname <> 'migrations'`)
	if err != nil {
		v.problem("database", "look into the database's log", "couldn't ask for tables: %s", words(err))
		return
	}
	defer rows.Close()
	seen, wrong := 0, []string(nil)
	for rows.Next() {
		var name, grants string
		if err := rows.Scan(&name, &grants); err != nil {
			v.problem("database", "look into the database's log", "couldn't ask for tables: %s", words(err))
			return
		}
		want, known := granted[name]
		if !known {
			continue // of a newer version, or the administrator's own
		}
		seen++
		if expect := migrations.RoleApp + ":" + want; grants != expect {
			wrong = append(wrong, fmt.Sprintf("%s is granted %q, not %q", name, grants, expect))
		}
	}
	switch err := rows.Err(); {
	case err != nil:
		v.problem("database", "look into the database's log", "couldn't ask for tables: %s", words(err))
	case seen < len(granted):
		v.problem("database", "start this version of custodyd once, which migrates; a table that was dropped comes from the backup", "%d of %d tables are there", seen, len(granted))
	case len(wrong) > 0:
		v.problem("database", "find out who changed it, check the log whole, and put it right as the migrations made it", "%s", strings.Join(wrong, "; "))
	}
}
