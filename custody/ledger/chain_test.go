package ledger_test

import (
	"database/sql"
	"fmt"
	"slices"
	"testing"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"github.com/evidence-custody/custodyd/custody/ledger/ledgertest"
	"github.com/evidence-custody/custodyd/custody/ledger/localpg"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/migrations"
)

// chainTables are the tables that nobody may change, with a column to try.
var chainTables = map[string]string{
	"events": "appended_at", "links": "seq", "keys": "index", "details": "bytes", "documents": "type",
	"tiles": "root", "checkpoints": "root", "notes": "note", "artifacts": "version", "checkpoint_timestamps": "said", "event_timestamps": "said", "cosignatures": "said",
}

func attempts(table, column string) []string {
	return []string{
		fmt.Sprintf(`UPDATE custody.%s SET %s = %s`, table, column, column),
		fmt.Sprintf(`DELETE FROM custody.%s`, table),
		fmt.Sprintf(`TRUNCATE custody.%s CASCADE`, table),
	}
}

// fillEmpty puts a row where the story leaves none, so that row triggers have
// something to refuse.
var fillEmpty = map[string]string{
	"checkpoint_timestamps": `INSERT INTO custody.checkpoint_timestamps (sha256, size, authority, token, said, kept_at) VALUES (sha256('t'), 1, 'a', 't', now(), now())`,
	"event_timestamps":      `INSERT INTO custody.event_timestamps (sha256, index, authority, token, said, kept_at) VALUES (sha256('t'), 1, 'a', 't', now(), now())`,
	"cosignatures":          `INSERT INTO custody.cosignatures (size, name, key_hash, signature, said, kept_at) VALUES (1, 'w', '0123', repeat('s', 72)::bytea, now(), now())`,
	"tiles":                 `INSERT INTO custody.tiles (level, n, root, hashes) VALUES (7, 0, sha256(''), repeat('x', 8192)::bytea)`,
	"artifacts": `INSERT INTO custody.artifacts (item, case_id, sha256, size, block_root, sha1, md5, bucket, key, version, encoding, retention_mode, retain_until, block_leaves, stored_at)
		VALUES (sha256('i'), sha256('c'), sha256('a'), 1, sha256('r'), repeat('x', 20)::bytea, repeat('x', 16)::bytea, 'b', 'k', 'v', 'plain', 'GOVERNANCE', now(), sha256('l'), now())`,
}

func TestAppendOnly(t *testing.T) {
	ctx := testContext(t)
	d := ledgertest.NewDatabase(t)
	l := d.Open(t)
	ledgertest.Retell(t, l, rulingtest.Everything(t).Story, 0)
	app := d.Connect(t, migrations.RoleApp)
	super := d.Connect(t, localpg.Superuser)

	var tables []string
	rows, err := super.QueryContext(ctx, `SELECT DISTINCT c.relname FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid WHERE g.tgname = 'append_only_row' ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		tables = append(tables, s)
	}
	if len(tables) != len(chainTables) {
		t.Fatalf("append-only tables are %v", tables)
	}
	for table, column := range chainTables {
		if !slices.Contains(tables, table) {
			t.Errorf("%s is not append-only", table)
		}
		if fill := fillEmpty[table]; fill != "" {
			if _, err := app.ExecContext(ctx, fill); err != nil {
				t.Fatal(err)
			}
		}
		var n int
		if err := super.QueryRowContext(ctx, `SELECT count(*) FROM custody.`+table).Scan(&n); err != nil || n == 0 {
			t.Fatalf("%s has %d rows, so nothing is shown: %v", table, n, err)
		}
		for _, query := range attempts(table, column) {
			if _, err := app.ExecContext(ctx, query); pq.As(err, pqerror.InsufficientPrivilege) == nil {
				t.Errorf("as %s: %s: %v", migrations.RoleApp, query, err)
			}
			for _, before := range []string{`SET LOCAL ROLE custody_owner`, `SET LOCAL session_replication_role = replica`, `SELECT 1`} {
				if err := inTransaction(super, before, query); pq.As(err, pqerror.RestrictViolation) == nil {
					t.Errorf("as superuser after %q: %s: %v", before, query, err)
				}
			}
		}
	}
}

func inTransaction(db *sql.DB, queries ...string) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, q := range queries {
		if _, err := tx.Exec(q); err != nil {
			return err
		}
	}
	return nil
}

func TestRoles(t *testing.T) {
	ctx := testContext(t)
	_, d := ledgertest.New(t)
	denied := map[string][]string{
		migrations.RoleApp: {
			`DROP TABLE custody.events`, `ALTER TABLE custody.events DISABLE TRIGGER ALL`, `CREATE TABLE custody.x (i int)`,
			`DELETE FROM custody.chains`, `DELETE FROM custody.log_state`, `INSERT INTO custody.log_state (one, size, root, frontier) VALUES (true, 0, sha256(''), '')`,
			`UPDATE custody.parts SET index = 0`, `DELETE FROM custody.invitations`, `UPDATE custody.reports SET made = now()`,
			`SET ROLE custody_owner`, `SET session_replication_role = replica`,
		},
		migrations.RoleAuditor: {
			`INSERT INTO custody.links (chain, seq, index) VALUES (sha256(''), 0, 0)`, `UPDATE custody.events SET kind = kind`,
			`SELECT 1 FROM custody.tokens`, `SELECT 1 FROM custody.chains`, `SELECT 1 FROM custody.uploads`, `SELECT 1 FROM custody.invitations`,
		},
	}
	for role, queries := range denied {
		db := d.Connect(t, role)
		for _, q := range queries {
			if _, err := db.ExecContext(ctx, q); pq.As(err, pqerror.InsufficientPrivilege) == nil {
				t.Errorf("as %s: %s: %v", role, q, err)
			}
		}
	}
	auditor := d.Connect(t, migrations.RoleAuditor)
	for table := range chainTables {
		if _, err := auditor.ExecContext(ctx, `SELECT * FROM custody.`+table); err != nil {
			t.Errorf("the auditor cannot read %s: %v", table, err)
		}
	}
	var owners int
	if err := d.Connect(t, localpg.Superuser).QueryRowContext(ctx, `SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
		WHERE c.relnamespace = 'custody'::regnamespace AND r.rolname <> 'custody_owner'`).Scan(&owners); err != nil || owners != 0 {
		t.Errorf("%d objects do not belong to custody_owner: %v", owners, err)
	}
}

// Constraints hold columns to bytes even where the code above them errs.
func TestConstraints(t *testing.T) {
	ctx := testContext(t)
	_, d := ledgertest.New(t)
	app := d.Connect(t, migrations.RoleApp)
	for _, q := range []string{
		`INSERT INTO custody.details (sha256, bytes) VALUES (sha256('a'), 'b')`,
		`INSERT INTO custody.documents (sha256, type, bytes) VALUES (sha256('a'), 'case', 'b')`,
		`INSERT INTO custody.documents (sha256, type, bytes) VALUES (sha256('a'), 'letter', 'a')`,
		`INSERT INTO custody.keys (id, spki, index) VALUES (sha256('a'), 'b', 1)`,
		`INSERT INTO custody.links (chain, seq, index) VALUES ('short', 0, 0)`,
		`INSERT INTO custody.links (chain, seq, index) VALUES (sha256(''), -1, 0)`,
		`INSERT INTO custody.events SELECT 1, sha256('x'), leaf_hash, payload, signature, spki, kind, now() FROM custody.events`,
		`INSERT INTO custody.events SELECT 1, event_id, 'x', payload, signature, spki, kind, now() FROM custody.events`,
		`INSERT INTO custody.events SELECT 1, event_id, leaf_hash, payload, signature, spki, 'custody.lost', now() FROM custody.events`,
		`INSERT INTO custody.events SELECT -1, event_id, leaf_hash, payload, signature, spki, kind, now() FROM custody.events`,
		`INSERT INTO custody.tiles (level, n, root, hashes) VALUES (0, 0, sha256(''), 'short')`,
		`INSERT INTO custody.checkpoints (size, root, published_at) VALUES (0, sha256(''), now())`,
		`UPDATE custody.log_state SET size = -1`,
	} {
		if _, err := app.ExecContext(ctx, q); pq.As(err, pqerror.CheckViolation) == nil {
			t.Errorf("%s: %v", q, err)
		}
	}
	if _, err := app.ExecContext(ctx, `INSERT INTO custody.links (chain, seq, index) SELECT chain, seq, 7 FROM custody.links`); pq.As(err, pqerror.UniqueViolation) == nil {
		t.Errorf("a fork of a chain is accepted: %v", err)
	}
}
