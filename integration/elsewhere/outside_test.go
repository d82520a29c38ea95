package elsewhere

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/lib/pq"

	"github.com/evidence-custody/custodyd/cmd/custodyd/child"
	"github.com/evidence-custody/custodyd/cmd/custodyd/demo"
	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
	"github.com/evidence-custody/custodyd/custody/ledger/localpg"
	"github.com/evidence-custody/custodyd/evidence/vault/locals3"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// TestConfiguredDatabaseAndStore plays the whole story on a service that was
// given a database and a store by its configuration file.
func TestConfiguredDatabaseAndStore(t *testing.T) {
	runner, err := child.NewRunner()
	if err != nil {
		t.Fatal(err)
	}
	dir := stage.Dir(t)
	pg := outsideDatabase(t, runner, dir)
	endpoint, access, secret := outsideStore(t, runner, dir)
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	config := file("custodyd.yaml", strings.Join([]string{
		"data_dir: " + filepath.Join(dir, "data"), "listen: 127.0.0.1:0", "mode: test", "origin: custody.example.org",
		"database_url_file: " + file("database", pg.DSN("custody_app")),
		"database_migrator_url_file: " + file("migrator", pg.DSN("custody_migrator")),
		"s3:", "  endpoint: " + endpoint, "  bucket: evidence", "  tls: false",
		"  access_key_file: " + file("access", access), "  secret_key_file: " + file("secret", secret),
		"  retention_mode: GOVERNANCE", "  retention_period: 1d"}, "\n"))

	p := serve(t, "--config", config)
	if strings.Contains(p.said, "private") {
		t.Errorf("something private was started:\n%s", p.said)
	}
	out := filepath.Join(dir, "out")
	sum, err := demo.Play(stage.Context(t), p, demo.Options{Out: out, Work: t.TempDir(), Say: io.Discard})
	if err != nil {
		t.Fatalf("%v\nafter %d steps", err, len(sum.Steps))
	}
	db, err := sql.Open("postgres", pg.DSN("custody_app"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var events int
	if err := db.QueryRow(`SELECT count(*) FROM custody.events`).Scan(&events); err != nil || events < 20 {
		t.Errorf("the configured database holds %d events (%v)", events, err)
	}
}

// TestStoreWithoutPeriodIsRefused: how long evidence is locked has no default
// for an outside store.
func TestStoreWithoutPeriodIsRefused(t *testing.T) {
	cmd := exec.Command(stage.Build(t).Custodyd, "serve", "--data", stage.Dir(t), "--s3-endpoint", "127.0.0.1:1", "--s3-bucket", "evidence")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "retention") {
		t.Errorf("got %v:\n%s", err, out)
	}
}

// outsideDatabase is a PostgreSQL whose administrator made roles and database
// beforehand, as package migrations asks.
func outsideDatabase(t *testing.T, runner *child.Runner, dir string) *localpg.Server {
	t.Helper()
	sockets, err := runner.RuntimeDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	pg, err := localpg.Start(stage.Context(t), localpg.Options{Dir: filepath.Join(dir, "pg"), SocketDir: filepath.Join(sockets, "pg"), Runner: runner})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pg.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	db, err := sql.Open("postgres", pg.DSN(localpg.Superuser))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, stmt := range []string{"CREATE ROLE custody_owner NOLOGIN", "CREATE ROLE custody_migrator LOGIN IN ROLE custody_owner",
		"CREATE ROLE custody_app LOGIN", "CREATE ROLE custody_auditor LOGIN", "GRANT CREATE ON DATABASE custody TO custody_owner"} {
		if _, err := db.Exec(stmt); err != nil {
			t.Fatalf("%s: %v", stmt, err)
		}
	}
	return pg
}

// outsideStore is an S3 server reached over TCP.
func outsideStore(t *testing.T, runner *child.Runner, dir string) (endpoint, access, secret string) {
	t.Helper()
	sockets, err := runner.RuntimeDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	s3, err := locals3.Start(stage.Context(t), locals3.Options{Dir: filepath.Join(dir, "s3"), SocketDir: filepath.Join(sockets, "s3"),
		Args: []string{service.S3Command}, Runner: runner.WithDeathSignal(syscall.SIGKILL)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s3.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go pipe(c, s3.Socket())
		}
	}()
	access, secret = s3.Credentials()
	return l.Addr().String(), access, secret
}

// pipe joins a TCP connection to a unix socket.
func pipe(c net.Conn, socket string) {
	defer c.Close()
	u, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	defer u.Close()
	go func() {
		_, _ = io.Copy(u, c)
		u.Close()
	}()
	_, _ = io.Copy(c, u)
}

// process is a custodyd that prints where it serves and its one-time token.
type process struct{ url, token, said string }

func (p *process) URL() string { return p.url }

func (p *process) FirstToken(context.Context) (string, time.Time, error) {
	return p.token, time.Now().Add(time.Hour), nil
}

var (
	urlLine   = regexp.MustCompile(`(?m)^API: +(http://\S+)$`)
	tokenLine = regexp.MustCompile(`(?m)^one-time token: (\S+)$`)
)

// serve starts custodyd and waits until it serves; it is stopped with the test.
func serve(t *testing.T, args ...string) *process {
	t.Helper()
	cmd := exec.Command(stage.Build(t).Custodyd, append([]string{"serve"}, args...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{}
	serving := make(chan error, 1)
	rest := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			p.said += lines.Text() + "\n"
			if strings.HasPrefix(lines.Text(), "serving") {
				serving <- nil
				break
			}
		}
		b, _ := io.ReadAll(out)
		serving <- fmt.Errorf("custodyd ended:\n%s", p.said)
		rest <- string(b)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		tail := <-rest
		if err := cmd.Wait(); err != nil || !strings.Contains(tail, "stopped") {
			t.Errorf("custodyd did not stop cleanly: %v\n%s", err, tail)
		}
	})
	select {
	case err := <-serving:
		if err != nil {
			t.Fatal(err)
		}
	case <-stage.Context(t).Done():
		t.Fatal("custodyd does not serve")
	}
	url, token := urlLine.FindStringSubmatch(p.said), tokenLine.FindStringSubmatch(p.said)
	if url == nil || token == nil {
		t.Fatalf("no address or token:\n%s", p.said)
	}
	p.url, p.token = url[1], token[1]
	return p
}
