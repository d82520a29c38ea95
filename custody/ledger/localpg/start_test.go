package localpg_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lib/pq"

	"github.com/evidence-custody/custodyd/custody/ledger/localpg"
	"github.com/evidence-custody/custodyd/migrations"
)

func TestFirstStart(t *testing.T) {
	dir := emptyDir(t)
	s := start(t, dir)
	db := connect(t, s, localpg.Superuser)
	for setting, want := range map[string]string{
		"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "data_checksums": "on",
		"listen_addresses": "", "unix_socket_permissions": "0700", "server_encoding": "UTF8",
		"lc_collate": "C", "lc_ctype": "C.UTF-8", "TimeZone": "UTC", "shared_buffers": "64MB",
		"log_statement": "none", "log_min_error_statement": "panic",
	} {
		if got := ask(t, db, "SHOW "+setting); got != want {
			t.Errorf("%s is %q, want %q", setting, got, want)
		}
	}
	if got := ask(t, db, `SELECT current_database() || ' ' || string_agg(rolname, ',') FROM pg_roles WHERE rolname !~ '^pg_'`); got != "custody custody_superuser" {
		t.Errorf("database and roles: %s", got)
	}
	account := newRunner(t).Account()
	for path, mode := range map[string]os.FileMode{"db/pg": 0o700, "sock": 0o700, "sock/.s.PGSQL.5432": 0o700} {
		info, err := os.Stat(filepath.Join(dir, path))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != mode {
			t.Errorf("%s has mode %o, want %o", path, got, mode)
		}
		if got := info.Sys().(*syscall.Stat_t).Uid; got != account.UID {
			t.Errorf("%s belongs to %d, want %d", path, got, account.UID)
		}
	}
	if err := s.Err(); err != nil {
		t.Errorf("it runs, and Err is %v", err)
	}
	stop(t, s)
	<-s.Done()
	if s.Err() != nil || running(s.PID()) {
		t.Errorf("stopped: error %v, running %v", s.Err(), running(s.PID()))
	}
	stop(t, s) // twice is no error
}

func TestRestart(t *testing.T) {
	dir := madeDir(t)
	s := start(t, dir)
	remember(t, s)
	stop(t, s)
	began := time.Now()
	s = start(t, dir)
	t.Logf("restarted in %s", time.Since(began))
	mustRemember(t, s)
	if _, err := os.Stat(filepath.Join(dir, "db", "pg.init")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("pg.init: %v", err)
	}
}

// The roles the migrations make can log in, and nobody else.
func TestRoles(t *testing.T) {
	s := start(t, madeDir(t))
	if err := migrations.Up(testContext(t), s.DSN(localpg.Superuser)); err != nil {
		t.Fatal(err)
	}
	for _, role := range localpg.Roles() {
		if got := ask(t, connect(t, s, role), `SELECT current_user || '@' || current_database()`); got != role+"@custody" {
			t.Errorf("logged in as %s", got)
		}
	}
	for _, role := range []string{migrations.RoleOwner, "postgres", "root", ""} {
		err := connect(t, s, role).PingContext(testContext(t))
		if pq.As(err, "28000") == nil {
			t.Errorf("role %q: %v, want it refused", role, err)
		}
	}
	for _, want := range []string{migrations.RoleMigrator, migrations.RoleApp, migrations.RoleAuditor} {
		if !strings.Contains(strings.Join(localpg.Roles(), " "), want) {
			t.Errorf("the migrations' role %s can't log in", want)
		}
	}
}

// What an administrator may have changed doesn't weaken what is acknowledged.
func TestDurabilityCannotBeSwitchedOff(t *testing.T) {
	dir := madeDir(t)
	s := start(t, dir)
	db := connect(t, s, localpg.Superuser)
	for _, setting := range []string{"fsync", "full_page_writes", "synchronous_commit"} {
		exec1(t, db, "ALTER SYSTEM SET "+setting+" = off")
	}
	exec1(t, db, "ALTER SYSTEM SET listen_addresses = '*'")
	stop(t, s)
	s = start(t, dir)
	db = connect(t, s, localpg.Superuser)
	if got := ask(t, db, `SELECT current_setting('fsync') || current_setting('full_page_writes') || current_setting('synchronous_commit') || current_setting('listen_addresses')`); got != "ononon" {
		t.Errorf("settings after ALTER SYSTEM: %s", got)
	}
	for _, change := range []struct{ set, reset, want string }{
		{"ALTER DATABASE custody SET synchronous_commit = off", "ALTER DATABASE custody RESET synchronous_commit", "synchronous_commit"},
		{"CREATE ROLE clerk; ALTER ROLE clerk SET synchronous_commit = local", "ALTER ROLE clerk RESET synchronous_commit", "clerk"},
	} {
		exec1(t, db, change.set)
		stop(t, s)
		_, err := localpg.Start(testContext(t), options(dir, newRunner(t)))
		if err == nil || !strings.Contains(err.Error(), change.want) {
			t.Fatalf("after %s: %v", change.set, err)
		}
		if out := mustOutput(t, dir, change.reset); out != "" {
			t.Fatal(out)
		}
		s = start(t, dir)
		db = connect(t, s, localpg.Superuser)
	}
}

// mustOutput runs a statement in a single-user PostgreSQL, the repair for what
// keeps the service from starting.
func mustOutput(t *testing.T, dir, statement string) string {
	t.Helper()
	bin, err := localpg.Find(testContext(t), "", filepath.Join(dir, "db", "pg"))
	if err != nil {
		t.Fatal(err)
	}
	r := newRunner(t)
	cmd := r.Command(filepath.Join(bin.Dir, "postgres"), "--single", "-D", filepath.Join(dir, "db", "pg"), "custody")
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C"}
	cmd.Stdin = strings.NewReader(statement + "\n")
	var out strings.Builder
	cmd.Stderr = &out
	exited, err := r.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-exited; err != nil || strings.Contains(out.String(), "ERROR") {
		return fmt.Sprint(err, out.String())
	}
	return ""
}

func TestInUse(t *testing.T) {
	dir := madeDir(t)
	s := start(t, dir)
	remember(t, s)
	if _, err := localpg.Start(testContext(t), options(dir, newRunner(t))); !errors.Is(err, localpg.ErrInUse) || !strings.Contains(err.Error(), filepath.Join(dir, "db")) {
		t.Errorf("second start on the directory: %v", err)
	}
	mustRemember(t, s)

	// Another database is no obstacle, unless it is to have the same socket.
	other := madeDir(t)
	o := options(other, newRunner(t))
	o.SocketDir = filepath.Join(dir, "sock")
	if _, err := localpg.Start(testContext(t), o); !errors.Is(err, localpg.ErrInUse) || !strings.Contains(err.Error(), o.SocketDir) {
		t.Errorf("second start on the socket directory: %v", err)
	}
	mustRemember(t, s)
	second := start(t, other)
	remember(t, second)
	stop(t, s)
	mustRemember(t, second)
}

func TestRefusedPlaces(t *testing.T) {
	dir := emptyDir(t)
	open := filepath.Join(dir, "open")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o1777); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(dir, "foreign")
	if err := os.MkdirAll(filepath.Join(foreign, "pg", "photographs"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, dir, socket, want string }{
		{"socket path too long", filepath.Join(dir, "db"), filepath.Join(dir, strings.Repeat("long", 20)), "at most 103 are possible: choose a shorter directory"},
		{"comma in the socket directory", filepath.Join(dir, "db"), filepath.Join(dir, "a,b"), "comma"},
		{"line break", filepath.Join(dir, "a\nb"), filepath.Join(dir, "s"), "line break"},
		{"directory open to all", open, filepath.Join(dir, "s"), "can be changed by others"},
		{"socket directory open to all", filepath.Join(dir, "db"), open, "can be changed by others"},
		{"a file", file, filepath.Join(dir, "s"), "not a directory"},
		{"something else at the database's place", foreign, filepath.Join(dir, "s"), "no PostgreSQL database"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := localpg.Start(testContext(t), localpg.Options{Dir: tt.dir, SocketDir: tt.socket, Runner: newRunner(t)})
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want one line with %q", err, tt.want)
			}
		})
	}
	if _, err := os.Stat(filepath.Join(foreign, "pg", "photographs")); err != nil {
		t.Errorf("what lay at the database's place was touched: %v", err)
	}
	if os.Geteuid() == 0 {
		_, err := localpg.Start(testContext(t), options(t.TempDir(), newRunner(t)))
		if err == nil || !strings.Contains(err.Error(), "to enter ") {
			t.Errorf("under a folder that the account can't enter: %v", err)
		}
	}
}

// Spaces, quotes and backslashes are written into DSNs, PostgreSQL's
// arguments and its list of socket directories, each with rules of its own.
func TestAwkwardPaths(t *testing.T) {
	dir := filepath.Join(madeDir(t), `it's "x" \ اے`)
	if err := os.Mkdir(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(filepath.Dir(dir), "db"), filepath.Join(dir, "db")); err != nil {
		t.Fatal(err)
	}
	s := start(t, dir)
	remember(t, s)
	mustRemember(t, s)
}

func TestStartStopsWhenItsContextEnds(t *testing.T) {
	dir := emptyDir(t)
	for _, patience := range []time.Duration{0, 50 * time.Millisecond, 400 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		s, err := localpg.Start(ctx, options(dir, newRunner(t)))
		cancel()
		if err == nil {
			stop(t, s)
			t.Logf("it was ready within %s", patience)
		} else if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, localpg.ErrNoBinaries) {
			t.Errorf("after %s: %v", patience, err)
		}
	}
	remember(t, start(t, dir))
}
