package localpg_test

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/lib/pq"

	"github.com/evidence-custody/custodyd/cmd/custodyd/child"
	"github.com/evidence-custody/custodyd/custody/ledger/localpg"
)

// These make the test binary play a service that runs a database until it is
// killed: its directory, and whether its children outlive it.
const (
	envServe  = "CUSTODY_TEST_SERVE"
	envOrphan = "CUSTODY_TEST_ORPHAN"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(envServe); dir != "" {
		if err := serve(dir, os.Getenv(envOrphan) != ""); err != nil {
			fmt.Println(err)
		}
		os.Exit(1)
	}
	code := m.Run()
	if err := template.remove(); err != nil {
		fmt.Println(err)
		code = 1
	}
	os.Exit(code)
}

func serve(dir string, orphan bool) error {
	r, err := child.NewRunner()
	if err != nil {
		return err
	}
	if orphan {
		r = r.WithDeathSignal(0)
	}
	fmt.Println("starting")
	s, err := localpg.Start(context.Background(), options(dir, r))
	if err != nil {
		return err
	}
	fmt.Println(s.PID())
	select {}
}

// service starts a service of its own process, and returns after it has
// written that many lines; the last of them is returned.
func service(t *testing.T, dir string, lines int, env ...string) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.Command(child.Executable())
	cmd.Env = append(append(os.Environ(), envServe+"="+dir), env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	in := bufio.NewReader(out)
	line := ""
	for range lines {
		if line, err = in.ReadString('\n'); err != nil {
			t.Fatalf("the service ended: %v", err)
		}
	}
	return cmd, strings.TrimSpace(line)
}

func kill(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
}

func newRunner(t *testing.T) *child.Runner {
	t.Helper()
	r, err := child.NewRunner()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func options(dir string, r localpg.Runner) localpg.Options {
	return localpg.Options{Dir: filepath.Join(dir, "db"), SocketDir: filepath.Join(dir, "sock"), Runner: r}
}

// emptyDir is for one database; the account can reach it.
func emptyDir(t *testing.T) string {
	t.Helper()
	dir, remove, err := newRunner(t).TempState()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := remove(); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// template is a database made once and copied, which is what most tests start
// from: initdb takes a second or two each time.
var template templateDir

type templateDir struct {
	once   sync.Once
	dir    string
	err    error
	remove func() error
}

func init() { template.remove = func() error { return nil } }

func (d *templateDir) make() {
	r, err := child.NewRunner()
	if d.err = err; err != nil {
		return
	}
	if d.dir, d.remove, d.err = r.TempState(); d.err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	s, err := localpg.Start(ctx, options(d.dir, r))
	if d.err = err; err != nil {
		return
	}
	d.err = s.Stop(ctx)
}

// madeDir holds a database that was made and stopped.
func madeDir(t *testing.T) string {
	t.Helper()
	template.once.Do(template.make)
	if template.err != nil {
		t.Fatal(template.err)
	}
	dir := emptyDir(t)
	if out, err := exec.Command("cp", "-a", filepath.Join(template.dir, "db"), dir).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v: %s", err, out)
	}
	return dir
}

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func start(t *testing.T, dir string) *localpg.Server {
	t.Helper()
	ctx := testContext(t)
	s, err := localpg.Start(ctx, options(dir, newRunner(t)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop(ctx) })
	return s
}

func stop(t *testing.T, s *localpg.Server) {
	t.Helper()
	if err := s.Stop(testContext(t)); err != nil {
		t.Fatal(err)
	}
}

func connect(t *testing.T, s *localpg.Server, role string) *sql.DB {
	t.Helper()
	db, err := sql.Open("postgres", s.DSN(role))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func exec1(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.ExecContext(testContext(t), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func ask(t *testing.T, db *sql.DB, query string) string {
	t.Helper()
	var v string
	if err := db.QueryRowContext(testContext(t), query).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}

// remember commits something that a crash must not lose.
func remember(t *testing.T, s *localpg.Server) {
	t.Helper()
	db := connect(t, s, localpg.Superuser)
	exec1(t, db, `CREATE TABLE seen (what text)`)
	exec1(t, db, `INSERT INTO seen VALUES ('seal 4471 intact')`)
}

func mustRemember(t *testing.T, s *localpg.Server) {
	t.Helper()
	if got := ask(t, connect(t, s, localpg.Superuser), `SELECT string_agg(what, ',') FROM seen`); got != "seal 4471 intact" {
		t.Errorf("the database remembers %q", got)
	}
}

// running is false for a zombie, which nobody may be there to reap.
func running(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, ok := strings.Cut(string(stat), ") ")
	return ok && !strings.HasPrefix(rest, "Z")
}

func atoi(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatalf("%q is no process id", s)
	}
	return n
}

// TestAsPlainUser runs the others again as a user without privileges; where
// the tests aren't run by root they are that already.
func TestAsPlainUser(t *testing.T) {
	if os.Geteuid() != 0 {
		return
	}
	home := emptyDir(t)
	if err := os.Chown(home, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(child.Executable(), "-test.v", "-test.run", "^Test(FirstStart|Restart|KilledPostmaster|KilledService|Orphan|StaleLocks|InUse|Roles)$")
	cmd.Dir = home
	cmd.Env = append(os.Environ(), "HOME="+home, "TMPDIR="+home, "USER=nobody")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if n := strings.Count(string(out), "--- PASS"); n < 8 {
		t.Errorf("only %d tests ran:\n%s", n, out)
	}
}
