package hostile

import (
	"database/sql"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/lib/pq"

	"github.com/evidence-custody/custodyd/custody/ledger/localpg"
	"github.com/evidence-custody/custodyd/integration/stage"
	"github.com/evidence-custody/custodyd/migrations"
)

// chainTables hold the record: nothing in them ever changes.
var chainTables = []string{"events", "links", "keys", "details", "documents", "tiles", "checkpoints", "notes", "artifacts"}

// attempts are statements that would change a table of the record.
func attempts(t *testing.T, db *sql.DB, table string) []string {
	t.Helper()
	var column string
	err := db.QueryRowContext(stage.Context(t), `SELECT attname FROM pg_attribute WHERE attrelid = ('custody.' || $1)::regclass AND attnum = 1`, table).Scan(&column)
	if err != nil {
		t.Fatal(err)
	}
	name := "custody." + table
	return []string{
		fmt.Sprintf("UPDATE %s SET %s = %s", name, column, column), "DELETE FROM " + name, "TRUNCATE " + name, "TRUNCATE " + name + " CASCADE",
		"DROP TABLE " + name, "DROP TABLE " + name + " CASCADE", "ALTER TABLE " + name + " DISABLE TRIGGER ALL", "ALTER TABLE " + name + " ADD COLUMN x int",
		"DROP TRIGGER append_only_row ON " + name, "ALTER TABLE " + name + " OWNER TO custody_app",
		fmt.Sprintf("CREATE RULE r AS ON SELECT TO %s DO INSTEAD NOTHING", name),
		fmt.Sprintf("MERGE INTO %s a USING (SELECT 1) b ON true WHEN MATCHED THEN DELETE", name),
		fmt.Sprintf("WITH x AS (DELETE FROM %s RETURNING 1) SELECT count(*) FROM x", name),
	}
}

// TestApplicationCannotChange tries as the service's own role, over its own
// socket, everything that would change the record.
func TestApplicationCannotChange(t *testing.T) {
	house(t)
	for _, role := range []string{migrations.RoleApp, migrations.RoleAuditor} {
		db := stage.Database(t, shared.svc.Data(), role)
		var tried int
		for _, table := range chainTables {
			for _, statement := range attempts(t, db, table) {
				tried++
				_, err := db.ExecContext(stage.Context(t), statement)
				var no *pq.Error
				if !errors.As(err, &no) {
					t.Errorf("%s, %s: %v", role, statement, err)
				} else if no.Code != "42501" && no.Code != "23001" && no.Code != "42809" { // may not; the trigger refuses
					t.Errorf("%s, %s: %v (%s)", role, statement, err, no.Code)
				}
			}
		}
		for _, statement := range []string{"SET ROLE custody_owner", "SET ROLE " + localpg.Superuser, "SET SESSION AUTHORIZATION " + localpg.Superuser, "SET session_replication_role = replica",
			"ALTER ROLE custody_app SUPERUSER", "GRANT custody_owner TO custody_app", "ALTER FUNCTION custody.refuse_change() OWNER TO custody_app",
			"CREATE OR REPLACE FUNCTION custody.refuse_change() RETURNS trigger LANGUAGE sql AS 'SELECT NEW'", "DROP SCHEMA custody CASCADE", "DROP DATABASE custody",
			"CREATE TABLE custody.events2 (x int)", "COPY custody.events FROM PROGRAM 'true'", "ALTER SYSTEM SET fsync = off"} {
			tried++
			if _, err := db.ExecContext(stage.Context(t), statement); err == nil {
				t.Errorf("%s, %s is allowed", role, statement)
			}
		}
		t.Logf("%s: %d statements", role, tried)
	}
	stage.Check(t, shared.svc.Data())
}

// TestOwnerCannotChange: the triggers also bind the tables' owner, who must
// first remove them, and a superuser who only switches triggers off.
func TestOwnerCannotChange(t *testing.T) {
	house(t)
	db := stage.Database(t, shared.svc.Data(), localpg.Superuser)
	for _, table := range chainTables {
		for _, statement := range attempts(t, db, table)[:3] {
			for _, before := range []string{"SET LOCAL ROLE custody_owner", "SET LOCAL session_replication_role = replica"} {
				tx, err := db.BeginTx(stage.Context(t), nil)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := tx.Exec(before); err != nil {
					t.Fatal(err)
				}
				res, err := tx.Exec(statement)
				if err == nil {
					// A row trigger has nothing to refuse in an empty table.
					if n, _ := res.RowsAffected(); n > 0 || strings.HasPrefix(statement, "TRUNCATE") {
						t.Errorf("%s; %s is allowed", before, statement)
					}
				}
				if err := tx.Rollback(); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// TestPsql does it as the issue says: psql, as the application's role.
func TestPsql(t *testing.T) {
	house(t)
	psql := stage.Need(t, "psql")
	run := func(statement string) (string, error) {
		out, err := exec.Command(psql, "-X", "-h", stage.SocketDir(t, shared.svc.Data()), "-U", migrations.RoleApp, "-d", "custody", "-v", "ON_ERROR_STOP=1", "-Atc", statement).CombinedOutput()
		return string(out), err
	}
	if out, err := run("SELECT count(*) > 9 FROM custody.events"); err != nil || strings.TrimSpace(out) != "t" {
		t.Fatalf("psql doesn't reach the chain: %v %s", err, out)
	}
	for _, statement := range []string{"UPDATE custody.events SET kind = 'org.founded' WHERE index = 5", "DELETE FROM custody.events WHERE index = 5", "TRUNCATE custody.events CASCADE"} {
		out, err := run(statement)
		if err == nil || !strings.Contains(out, "permission denied") && !strings.Contains(out, "append-only") {
			t.Errorf("%s: %v %s", statement, err, out)
		}
	}
}
