package stage

import (
	"context"
	"database/sql"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/lib/pq" // the driver

	"github.com/evidence-custody/custodyd/cmd/custodyd/child"
	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/localpg"
	"github.com/evidence-custody/custodyd/evidence/vault"
	"github.com/evidence-custody/custodyd/evidence/vault/locals3"
	"github.com/evidence-custody/custodyd/migrations"
)

// Outside is a database and a store that no service started: several may share
// them.
type Outside struct {
	Dir   string // of both; anybody may enter
	pg    *localpg.Server
	store *vault.Config
}

// NewOutside starts a PostgreSQL whose administrator made roles and database
// beforehand, as package migrations asks, and an S3 server.
func NewOutside(t testing.TB) *Outside {
	t.Helper()
	o := &Outside{Dir: Dir(t)}
	runner, sockets := o.runner(t)
	var err error
	if o.pg, err = localpg.Start(Context(t), localpg.Options{Dir: filepath.Join(o.Dir, "pg"), SocketDir: filepath.Join(sockets, "pg"), Runner: runner}); err != nil {
		t.Fatal(err)
	}
	ended(t, o.pg.Stop)
	o.SQL(t, localpg.Database, "CREATE ROLE custody_owner NOLOGIN", "CREATE ROLE custody_migrator LOGIN IN ROLE custody_owner",
		"CREATE ROLE custody_app LOGIN", "CREATE ROLE custody_auditor LOGIN", "GRANT CREATE ON DATABASE custody TO custody_owner")
	o.store = o.Store(t, "s3")
	return o
}

func (o *Outside) runner(t testing.TB) (*child.Runner, string) {
	t.Helper()
	runner, err := child.NewRunner()
	if err != nil {
		t.Fatal(err)
	}
	sockets, err := runner.RuntimeDir(o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	return runner, sockets
}

// Store starts an S3 server on what is in a directory of o.Dir.
func (o *Outside) Store(t testing.TB, name string) *vault.Config {
	t.Helper()
	runner, sockets := o.runner(t)
	s3, err := locals3.Start(Context(t), locals3.Options{Dir: filepath.Join(o.Dir, name), SocketDir: filepath.Join(sockets, name),
		Args: []string{service.S3Command}, Runner: runner.WithDeathSignal(syscall.SIGKILL)})
	if err != nil {
		t.Fatal(err)
	}
	ended(t, s3.Stop)
	access, secret := s3.Credentials()
	return &vault.Config{Socket: s3.Socket(), Region: locals3.Region, Bucket: "evidence", AccessKey: access, SecretKey: secret, Mode: vault.Governance, Period: 24 * time.Hour}
}

func ended(t testing.TB, stop func(context.Context) error) {
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := stop(ctx); err != nil {
			t.Error(err)
		}
	})
}

// DSN is how a role reaches one of the server's databases.
func (o *Outside) DSN(database, role string) string {
	return strings.Replace(o.pg.DSN(role), "dbname="+localpg.Database, "dbname="+database, 1)
}

// SQL executes statements in a database, as its administrator.
func (o *Outside) SQL(t testing.TB, database string, statements ...string) {
	t.Helper()
	db, err := sql.Open("postgres", o.DSN(database, localpg.Superuser))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.ExecContext(Context(t), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// Tool runs one of PostgreSQL's programs as the administrator.
func (o *Outside) Tool(t testing.TB, program string, args ...string) {
	t.Helper()
	bin, err := localpg.Find(Context(t), "", "")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(Context(t), filepath.Join(bin.Dir, program), args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", program, err, out)
	}
}

// Options are those of one replica: a state directory of its own, and keys.
func (o *Outside) Options(data, keys string) service.Options {
	return service.Options{Data: data, KeysDir: keys, Listen: "127.0.0.1:0", Mode: custody.ModeTest, Origin: "custody.example.org",
		Database: &service.Database{App: o.DSN(localpg.Database, migrations.RoleApp), Migrator: o.DSN(localpg.Database, migrations.RoleMigrator)},
		Store:    o.store, PolicyFile: filepath.Join(o.Dir, "trust.json")}
}

// CopyKeys copies a key directory, as an operator does for another replica.
func CopyKeys(t testing.TB, from, to string) {
	t.Helper()
	if err := os.MkdirAll(to, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range keyFiles(t, from) {
		b, err := os.ReadFile(filepath.Join(from, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// keyFiles are the names of a service's keys: its own, and what the keys of
// evidence are wrapped by.
func keyFiles(t testing.TB, dir string) []string {
	t.Helper()
	names := []string{"service.pem", "log.pem", "log-mldsa.pem"}
	wrapping, err := filepath.Glob(filepath.Join(dir, "kek-*.pem"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range wrapping {
		names = append(names, filepath.Base(path))
	}
	return names
}
