// Package migrations keeps the database's definition and applies it.
//
// Four roles: custody_owner (NOLOGIN) owns everything; custody_migrator, a
// member of it, applies migrations; custody_app serves; custody_auditor reads
// the chain. With an embedded Postgres a superuser runs Up and the roles are
// made here, without passwords, for peer authentication.
//
// With an outside database an administrator makes them beforehand, once:
//
//	CREATE ROLE custody_owner NOLOGIN;
//	CREATE ROLE custody_migrator LOGIN PASSWORD '…' IN ROLE custody_owner;
//	CREATE ROLE custody_app LOGIN PASSWORD '…';
//	CREATE ROLE custody_auditor LOGIN PASSWORD '…';
//	CREATE DATABASE custody OWNER custody_owner;
//
// and Up is given custody_migrator's connection string.
package migrations

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"fmt"
	"io/fs"

	"github.com/lib/pq"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed sql/*.sql
var files embed.FS

// The roles.
const (
	RoleOwner    = "custody_owner"
	RoleMigrator = "custody_migrator"
	RoleApp      = "custody_app"
	RoleAuditor  = "custody_auditor"
)

// roles makes what is missing. Roles belong to the whole server, so another
// database's migration may make them at the same moment: that is no error.
const roles = `
DO $$
DECLARE r record;
BEGIN
    FOR r IN SELECT * FROM (VALUES
        ('custody_owner',    'NOLOGIN'),
        ('custody_migrator', 'LOGIN'),
        ('custody_app',      'LOGIN'),
        ('custody_auditor',  'LOGIN')) AS v(name, login)
    LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = r.name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I %s', r.name, r.login);
                IF r.name = 'custody_migrator' THEN
                    GRANT custody_owner TO custody_migrator;
                END IF;
            EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
            END;
        END IF;
    END LOOP;
END
$$`

// schema belongs to the owner; nobody else makes anything in it.
const schema = `
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'custody') THEN
        CREATE SCHEMA custody AUTHORIZATION custody_owner;
    END IF;
END
$$`

const usage = `GRANT USAGE ON SCHEMA custody TO custody_app, custody_auditor`

// prepareLock is the advisory lock under which roles and schema are made: an
// arbitrary constant, the same in every version.
const prepareLock = 0x637573746f6479

// Up brings the database at dsn to this program's version. It is safe to run
// from several starting processes at once; a migration that fails leaves
// nothing of itself behind.
func Up(ctx context.Context, dsn string) error {
	connector, err := pq.NewConnector(dsn)
	if err != nil {
		return fmt.Errorf("couldn't read the database's connection string: %w", err)
	}
	if err := prepare(ctx, connector); err != nil {
		return err
	}
	db := sql.OpenDB(asOwner{connector})
	defer db.Close()
	dir, err := fs.Sub(files, "sql")
	if err != nil {
		return fmt.Errorf("couldn't read the migrations: %w", err)
	}
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return fmt.Errorf("couldn't make the migrations' lock: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db, dir,
		goose.WithSessionLocker(locker), goose.WithTableName("custody.migrations"), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("couldn't prepare the migrations: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("couldn't migrate the database: %w", err)
	}
	return nil
}

// prepare makes roles and schema in one transaction.
func prepare(ctx context.Context, connector driver.Connector) error {
	db := sql.OpenDB(connector)
	defer db.Close()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("couldn't connect to migrate: %w", err)
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(prepareLock)); err != nil {
		return fmt.Errorf("couldn't lock the database to migrate: %w", err)
	}
	if _, err := tx.ExecContext(ctx, roles); err != nil {
		return fmt.Errorf("couldn't make the database roles (an administrator can make custody_owner, custody_migrator in it, custody_app and custody_auditor): %w", err)
	}
	if _, err := tx.ExecContext(ctx, schema); err != nil {
		return fmt.Errorf("couldn't make the schema custody (custody_owner needs CREATE on the database): %w", err)
	}
	// Grants are the owner's to make.
	for _, stmt := range []string{`SET LOCAL ROLE custody_owner`, usage} {
		if _, err := tx.ExecContext(ctx, stmt); err != nil {
			return fmt.Errorf("couldn't act as custody_owner (the migrating role must be a member of it): %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("couldn't prepare the database: %w", err)
	}
	return nil
}

// asOwner connects and takes the owner's role, so that everything made belongs
// to it whoever logs in.
type asOwner struct{ driver.Connector }

func (c asOwner) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.(driver.ExecerContext).ExecContext(ctx, `SET ROLE custody_owner`, nil); err != nil {
		conn.Close()
		return nil, fmt.Errorf("couldn't act as custody_owner: %w", err)
	}
	return conn, nil
}
