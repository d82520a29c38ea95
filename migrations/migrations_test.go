package migrations_test

import (
	"context"
	"database/sql"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody/ledger/ledgertest"
	"github.com/evidence-custody/custodyd/custody/ledger/localpg"
	"github.com/evidence-custody/custodyd/migrations"
)

func TestMain(m *testing.M) { os.Exit(ledgertest.Main(m)) }

func exec(t *testing.T, db *sql.DB, query string) {
	t.Helper()
	if _, err := db.Exec(query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// An outside database: roles exist, the migrating role is no superuser, and
// several services start at once.
func TestOutsideDatabase(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	home := ledgertest.NewDatabase(t) // its migration made the roles
	admin := home.Connect(t, localpg.Superuser)
	exec(t, admin, `CREATE DATABASE outside OWNER custody_owner`)
	dsn := func(role string) string {
		return strings.Replace(home.DSN(role), "dbname="+home.Name(), "dbname=outside", 1)
	}
	var work sync.WaitGroup
	for range 3 {
		work.Go(func() {
			if err := migrations.Up(ctx, dsn(migrations.RoleMigrator)); err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	if err := migrations.Up(ctx, dsn(migrations.RoleMigrator)); err != nil {
		t.Errorf("again: %v", err)
	}
	db, err := sql.Open("postgres", dsn(migrations.RoleApp))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var size int
	if err := db.QueryRowContext(ctx, `SELECT size FROM custody.log_state`).Scan(&size); err != nil || size != 0 {
		t.Errorf("the application finds %d events: %v", size, err)
	}
	var foreign int
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
		WHERE c.relnamespace = 'custody'::regnamespace AND r.rolname <> 'custody_owner'`).Scan(&foreign); err != nil || foreign != 0 {
		t.Errorf("%d objects do not belong to custody_owner: %v", foreign, err)
	}
}

// The application's role cannot migrate.
func TestWrongRole(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	d := ledgertest.NewDatabase(t)
	for _, role := range []string{migrations.RoleApp, migrations.RoleAuditor} {
		if err := migrations.Up(ctx, d.DSN(role)); err == nil {
			t.Errorf("%s migrates", role)
		}
	}
	if err := migrations.Up(ctx, "host='"); err == nil {
		t.Error("a broken connection string is accepted")
	}
}
