// Package localpg runs a private PostgreSQL for a service on one machine. It
// listens on a unix socket alone, lets in only the service's own operating
// system user and the account it runs as (peer authentication: there is no
// password), and is durable: what it has committed outlasts a crash of it, of
// the service and of the machine.
//
// Its directory:
//
//	lock     held by the service that runs the database
//	conf/    who may log in, as whom; written anew at each start
//	pg/      the database, as initdb made it; its postgresql.conf may be tuned
//	pg.init  a database being made, which became pg only when whole
//
// It makes one role, Superuser, and one database, Database. Superuser is for
// migrations, which make the roles that Roles names; nothing else logs in as it.
//
// It is never wiped: a database that the installed PostgreSQL can't open is an
// error that says what to install.
package localpg

import (
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	// Superuser is the only role there is before the first migration.
	Superuser = "custody_superuser"
	// Database is the database the service uses.
	Database = "custody"

	// port is only part of the socket's name: no port is opened.
	port       = "5432"
	socketName = ".s.PGSQL." + port

	// maxSocketPath is what fits into sockaddr_un, leaving room for its NUL
	// and for what PostgreSQL and its clients each allow.
	maxSocketPath = 103
)

// Roles returns the roles as which the service's user and the account that
// PostgreSQL runs as may log in. Those but Superuser exist after migrations.
func Roles() []string {
	return []string{Superuser, "custody_migrator", "custody_app", "custody_auditor"}
}

// Runner starts processes under the account that private services run as.
type Runner interface {
	// Command is exec.Command with the account's credential set and a signal,
	// SIGINT for preference, that ends the child with its parent.
	Command(name string, arg ...string) *exec.Cmd
	// Start starts cmd so that this signal holds, waits for it, and sends the
	// result of the wait.
	Start(cmd *exec.Cmd) (exited <-chan error, err error)
	// Own gives path to the account; it does nothing where that is ours.
	Own(path string) error
}

// Options say where the database is and how it is started.
type Options struct {
	// Dir holds the database and nothing else. It is created; its ancestors
	// must be traversable for the runner's account.
	Dir string
	// SocketDir is a short directory for the socket alone. It is created.
	SocketDir string
	// BinDir holds initdb and postgres; if empty, they are looked for.
	BinDir string
	Runner Runner
	// Log takes what PostgreSQL writes to its standard error, statements and
	// their parameters excluded; nothing if nil.
	Log io.Writer
}

// places are the paths in a directory.
type places struct{ dir, socketDir string }

func (p places) lock() string     { return filepath.Join(p.dir, "lock") }
func (p places) conf() string     { return filepath.Join(p.dir, "conf") }
func (p places) hba() string      { return filepath.Join(p.conf(), "pg_hba.conf") }
func (p places) ident() string    { return filepath.Join(p.conf(), "pg_ident.conf") }
func (p places) data() string     { return filepath.Join(p.dir, "pg") }
func (p places) making() string   { return filepath.Join(p.dir, "pg.init") }
func (p places) pidFile() string  { return filepath.Join(p.data(), "postmaster.pid") }
func (p places) socket() string   { return filepath.Join(p.socketDir, socketName) }
func (p places) sockLock() string { return p.socket() + ".lock" }

func resolve(o Options) (places, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return places{}, fmt.Errorf("couldn't resolve %s: %w", o.Dir, err)
	}
	socketDir, err := filepath.Abs(o.SocketDir)
	if err != nil {
		return places{}, fmt.Errorf("couldn't resolve %s: %w", o.SocketDir, err)
	}
	p := places{dir: dir, socketDir: socketDir}
	if len(p.socket()) > maxSocketPath {
		return places{}, fmt.Errorf("socket path %s has %d bytes, at most %d are possible: choose a shorter directory", p.socket(), len(p.socket()), maxSocketPath)
	}
	if strings.Contains(socketDir, ",") {
		// lib/pq takes it for a list of hosts.
		return places{}, fmt.Errorf("path %s has a comma in it: choose another directory", socketDir)
	}
	for _, path := range []string{dir, socketDir} {
		// Neither can be written into PostgreSQL's configuration.
		if strings.ContainsAny(path, "\n\r\x00") {
			return places{}, fmt.Errorf("path %q has a line break in it: choose another directory", path)
		}
	}
	return p, nil
}

// dsn is a connection string for lib/pq. Everything the environment (PGPORT,
// PGOPTIONS and the like) could say otherwise is said.
// DSN is the connection string with which role uses Database on the server
// that runs with this socket directory.
func DSN(socketDir, role string) string { return places{socketDir: socketDir}.dsn(role, Database) }

func (p places) dsn(role, database string) string {
	return fmt.Sprintf("host=%s port=%s user=%s dbname=%s sslmode=disable", quoteDSN(p.socketDir), port, quoteDSN(role), quoteDSN(database))
}

func quoteDSN(v string) string {
	if v != "" && !strings.ContainsAny(v, ` '\`+"\t") {
		return v
	}
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(v) + "'"
}
