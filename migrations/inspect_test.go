package migrations_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody/ledger/ledgertest"
	"github.com/evidence-custody/custodyd/custody/ledger/localpg"
	"github.com/evidence-custody/custodyd/migrations"
)

func inspect(t *testing.T, dsn string) []migrations.Finding {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	found, err := migrations.Inspect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestInspectFindsNothingInAMigratedDatabase(t *testing.T) {
	d := ledgertest.NewDatabase(t)
	if found := inspect(t, d.DSN(migrations.RoleApp)); len(found) != 0 {
		t.Errorf("found %v", found)
	}
	founded, err := migrations.Founded(t.Context(), d.DSN(migrations.RoleApp))
	if err != nil || founded {
		t.Errorf("an empty database has a log: %v, %v", founded, err)
	}
	_, d = ledgertest.New(t)
	if founded, err = migrations.Founded(t.Context(), d.DSN(migrations.RoleApp)); err != nil || !founded {
		t.Errorf("a database with a log: %v, %v", founded, err)
	}
}

// TestInspectFindsWhatWasChanged changes one thing at a time that an
// administrator could, and undoes what is not the one database's own.
func TestInspectFindsWhatWasChanged(t *testing.T) {
	for _, c := range []struct{ change, undo, rule string }{
		{"GRANT UPDATE ON custody.events TO custody_app", "", "grant.events"},
		{"GRANT DELETE ON custody.links TO custody_app", "", "grant.links"},
		{"GRANT TRUNCATE ON custody.tiles TO custody_app", "", "grant.tiles"},
		{"GRANT TRIGGER ON custody.events TO custody_app", "", "grant.events"},
		{"GRANT DELETE ON custody.artifacts TO PUBLIC", "", "grant.artifacts"},
		{"GRANT SELECT ON custody.details TO PUBLIC", "", "grant.details"},
		{"GRANT INSERT ON custody.events TO custody_auditor", "", "grant.events"},
		{"GRANT UPDATE (payload) ON custody.events TO custody_app", "", "grant.events"},
		{"REVOKE INSERT ON custody.checkpoints FROM custody_app", "", "grant.checkpoints"},
		{"GRANT CREATE ON SCHEMA custody TO custody_app", "", "grant.schema"},
		{"DROP TRIGGER append_only_row ON custody.events", "", "trigger.events"},
		{"DROP TRIGGER append_only_table ON custody.details", "", "trigger.details"},
		{"ALTER TABLE custody.events DISABLE TRIGGER append_only_row", "", "trigger.events"},
		{"ALTER TABLE custody.events ENABLE TRIGGER append_only_row", "", "trigger.events"},
		{"ALTER TABLE custody.events ENABLE REPLICA TRIGGER append_only_table", "", "trigger.events"},
		{"DROP TRIGGER append_only_row ON custody.keys; CREATE TRIGGER append_only_row BEFORE UPDATE OR DELETE ON custody.keys FOR EACH ROW WHEN (OLD.index > 5) EXECUTE FUNCTION custody.refuse_change(); ALTER TABLE custody.keys ENABLE ALWAYS TRIGGER append_only_row", "", "trigger.keys"},
		{"DROP TRIGGER append_only_row ON custody.keys; CREATE TRIGGER append_only_row BEFORE DELETE ON custody.keys FOR EACH ROW EXECUTE FUNCTION custody.refuse_change(); ALTER TABLE custody.keys ENABLE ALWAYS TRIGGER append_only_row", "", "trigger.keys"},
		{"CREATE FUNCTION custody.quiet() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; ALTER FUNCTION custody.quiet() OWNER TO custody_owner; CREATE TRIGGER a_quiet_one BEFORE INSERT ON custody.events FOR EACH ROW EXECUTE FUNCTION custody.quiet()", "", "trigger.events"},
		{"CREATE RULE swallow AS ON INSERT TO custody.links DO INSTEAD NOTHING", "", "trigger.links"},
		{"ALTER TABLE custody.events ENABLE ROW LEVEL SECURITY; CREATE POLICY early ON custody.events USING (index < 5)", "", "trigger.events"},
		{"CREATE OR REPLACE FUNCTION custody.refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN COALESCE(NEW, OLD); END'", "", "function.refuse_change"},
		{"ALTER TABLE custody.events OWNER TO custody_app", "", "owner.events"},
		{"ALTER FUNCTION custody.refuse_change() OWNER TO custody_app", "", "owner.refuse_change"},
		{"ALTER SCHEMA custody OWNER TO custody_app", "", "owner.(schema)"},
		{"GRANT TRUNCATE ON custody.data_keys TO custody_app", "", "grant.data_keys"},
		{"GRANT SELECT ON custody.data_keys TO custody_auditor", "", "grant.data_keys"},
		{"GRANT DELETE ON custody.wrapping_keys TO custody_app", "", "grant.wrapping_keys"},
		{"DROP TRIGGER guard_row ON custody.data_keys", "", "trigger.data_keys"},
		{"ALTER TABLE custody.data_keys DISABLE TRIGGER guard_row", "", "trigger.data_keys"},
		{"CREATE TRIGGER another BEFORE DELETE ON custody.data_keys FOR EACH ROW EXECUTE FUNCTION custody.refuse_change()", "", "trigger.data_keys"},
		{"CREATE OR REPLACE FUNCTION custody.guard_data_key() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN COALESCE(NEW, OLD); END'", "", "function.guard_data_key"},
		{"DROP TABLE custody.artifacts CASCADE", "", "table.artifacts"},
		{"ALTER ROLE custody_app SUPERUSER", "ALTER ROLE custody_app NOSUPERUSER", "role.superuser"},
		{"ALTER ROLE custody_app BYPASSRLS", "ALTER ROLE custody_app NOBYPASSRLS", "role.bypassrls"},
		{"ALTER ROLE custody_app CREATEROLE", "ALTER ROLE custody_app NOCREATEROLE", "role.createrole"},
		{"GRANT custody_owner TO custody_app", "REVOKE custody_owner FROM custody_app", "role.member"},
		{"GRANT pg_write_all_data TO custody_app", "REVOKE pg_write_all_data FROM custody_app", "role.member"},
		{"ALTER ROLE custody_app SET synchronous_commit = off", "ALTER ROLE custody_app RESET synchronous_commit", "setting.synchronous_commit"},
		{"ALTER ROLE custody_migrator SET synchronous_commit = local", "ALTER ROLE custody_migrator RESET synchronous_commit", "setting.synchronous_commit"},
	} {
		t.Run(c.change, func(t *testing.T) {
			d := ledgertest.NewDatabase(t)
			admin := d.Connect(t, localpg.Superuser)
			exec(t, admin, c.change)
			if c.undo != "" {
				defer exec(t, admin, c.undo)
			}
			found := inspect(t, d.DSN(migrations.RoleApp))
			if !slices.ContainsFunc(found, func(f migrations.Finding) bool { return f.Rule == c.rule && !f.Warning }) {
				t.Errorf("found %v, want %s", found, c.rule)
			}
			err := migrations.Unsafe(found)
			var unsafe *migrations.UnsafeError
			if !errors.As(err, &unsafe) || !strings.Contains(err.Error(), c.rule) {
				t.Errorf("refused as %v", err)
			}
			for _, f := range found {
				if strings.Contains(f.Why, "\n") {
					t.Errorf("more than a line: %q", f.Why)
				}
			}
		})
	}
}

// Another role than the application's has more rights, or fewer.
func TestInspectWantsTheApplicationsRole(t *testing.T) {
	d := ledgertest.NewDatabase(t)
	for _, role := range []string{migrations.RoleMigrator, localpg.Superuser} {
		found := inspect(t, d.DSN(role))
		if !slices.ContainsFunc(found, func(f migrations.Finding) bool { return f.Rule == "role.name" }) {
			t.Errorf("%s: found %v", role, found)
		}
	}
	if _, err := migrations.Inspect(t.Context(), "host=/nowhere user=custody_app dbname=custody sslmode=disable"); err == nil || migrations.Unsafe(nil) != nil {
		t.Errorf("a database that doesn't answer: %v", err)
	}
}

// A warning alone refuses nothing.
func TestWarningsRefuseNothing(t *testing.T) {
	warning := migrations.Finding{Rule: "setting.data_checksums", Warning: true, Why: "off"}
	if err := migrations.Unsafe([]migrations.Finding{warning}); err != nil {
		t.Error(err)
	}
}
