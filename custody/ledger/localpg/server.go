package localpg

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/lib/pq"
	"golang.org/x/sys/unix"
)

// ErrInUse: another running service, or PostgreSQL, has the directory.
var ErrInUse = errors.New("it is in use")

const (
	// lockPatience is how long a service that has just been killed may take
	// to let go of its lock.
	lockPatience = 2 * time.Second
	// readyPatience bounds the recovery after a crash, which re-reads at most
	// about max_wal_size.
	readyPatience = 10 * time.Minute
	pollReady     = 10 * time.Millisecond
)

// Server is a running PostgreSQL.
type Server struct {
	places places
	bin    Binaries
	proc   *os.Process
	output *tail

	done chan struct{}
	err  error // set before done is closed
}

// Start starts the database, which it makes if there is none and recovers if
// it wasn't stopped, and waits until it takes connections. If ctx ends before,
// it is stopped again; afterwards ctx has no effect.
//
// Errors to tell apart: ErrNoBinaries, *WrongVersionError, ErrInUse. None of
// them has touched a database.
func Start(ctx context.Context, o Options) (*Server, error) {
	s, err := start(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("couldn't start the private PostgreSQL: %w", err)
	}
	return s, nil
}

func start(ctx context.Context, o Options) (*Server, error) {
	p, err := resolve(o)
	if err != nil {
		return nil, err
	}
	bin, err := Find(ctx, o.BinDir, p.data())
	if err != nil {
		return nil, err
	}
	if err := prepareDirs(p, o.Runner); err != nil {
		return nil, err
	}
	lock, err := lockDir(ctx, p)
	if err != nil {
		return nil, err
	}
	s := &Server{places: p, bin: bin, output: &tail{next: o.Log}, done: make(chan struct{})}
	if err := s.launch(ctx, o.Runner, lock); err != nil {
		lock.Close()
		return nil, err
	}
	if err := s.open(ctx); err != nil {
		select {
		case <-s.done:
			return nil, err
		default:
		}
		// ctx may have ended, which is no reason to kill.
		if stopErr := s.Stop(context.WithoutCancel(ctx)); stopErr != nil {
			return nil, fmt.Errorf("%w; then %w", err, stopErr)
		}
		return nil, err
	}
	return s, nil
}

func prepareDirs(p places, r Runner) error {
	for path, mode := range map[string]os.FileMode{p.dir: 0o711, p.socketDir: 0o700} {
		info, err := os.Lstat(path)
		if err == nil && info.Mode().Perm()&0o022 != 0 {
			return fmt.Errorf("directory %s can be changed by others (mode %o): choose one of its own", path, info.Mode().Perm())
		}
		if err := makeDir(path, mode); err != nil {
			return err
		}
	}
	if err := r.Own(p.socketDir); err != nil {
		return fmt.Errorf("couldn't hand over %s: %w", p.socketDir, err)
	}
	return nil
}

// lockDir makes sure that no other service works on the directory. The lock
// goes with the process, however it ends; PostgreSQL does not inherit it.
func lockDir(ctx context.Context, p places) (*os.File, error) {
	f, err := os.OpenFile(p.lock(), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("couldn't open the directory's lock: %w", err)
	}
	for deadline := time.Now().Add(lockPatience); ; time.Sleep(pollReady) {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if ctx.Err() != nil || time.Now().After(deadline) || !errors.Is(err, unix.EWOULDBLOCK) {
			f.Close()
			return nil, fmt.Errorf("another service runs on %s: %w", p.dir, ErrInUse)
		}
	}
}

// launch starts postgres; the lock is held for as long as that lives.
func (s *Server) launch(ctx context.Context, r Runner, lock *os.File) error {
	p := s.places
	if err := takeOver(ctx, p, func(line string) { s.output.Write([]byte(line)) }); err != nil {
		return err
	}
	// Under the lock: another service may have made it since it was looked at.
	switch version, err := dataVersion(p.data()); {
	case err != nil:
		return err
	case version == 0:
		if err := initialise(ctx, p, s.bin, r); err != nil {
			return err
		}
	case version != s.bin.Major:
		return &WrongVersionError{DataDir: p.data(), Need: version, Have: []int{s.bin.Major}}
	}
	if err := writeAccess(p, r); err != nil {
		return err
	}
	cmd := r.Command(s.bin.postgres(), p.arguments()...)
	cmd.Env, cmd.Dir, cmd.Stderr = cleanEnv(), "/", s.output
	// Killed, it leaves children that keep the pipe open until they notice.
	cmd.WaitDelay = orphanPatience
	exited, err := r.Start(cmd)
	if err != nil {
		return err
	}
	s.proc = cmd.Process
	go func() {
		s.err = errors.Join(<-exited, lock.Close())
		close(s.done)
	}()
	return nil
}

// open waits for PostgreSQL, makes the database where there is none, and
// checks that it is durable.
func (s *Server) open(ctx context.Context) error {
	admin, err := s.connect("postgres")
	if err != nil {
		return err
	}
	defer admin.Close()
	if err := s.awaitReady(ctx, admin); err != nil {
		return err
	}
	var there bool
	err = admin.QueryRowContext(ctx, `SELECT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = $1)`, Database).Scan(&there)
	if err != nil {
		return fmt.Errorf("couldn't look for the database %s: %w", Database, err)
	}
	if !there {
		if _, err := admin.ExecContext(ctx, `CREATE DATABASE `+pq.QuoteIdentifier(Database)); err != nil {
			return fmt.Errorf("couldn't make the database %s: %w", Database, err)
		}
	}
	db, err := s.connect(Database)
	if err != nil {
		return err
	}
	defer db.Close()
	return checkDurable(ctx, db)
}

func (s *Server) connect(database string) (*sql.DB, error) {
	connector, err := pq.NewConnector(s.places.dsn(Superuser, database))
	if err != nil {
		return nil, fmt.Errorf("couldn't prepare a connection: %w", err)
	}
	return sql.OpenDB(connector), nil
}

func (s *Server) awaitReady(ctx context.Context, db *sql.DB) error {
	ctx, cancel := context.WithTimeout(ctx, readyPatience)
	defer cancel()
	for {
		err := db.PingContext(ctx)
		if err == nil {
			return nil
		}
		// Not there yet, not listening yet, or still recovering.
		pqErr := pq.As(err, "57P03")
		if pqErr == nil && ctx.Err() == nil && !errors.Is(err, syscall.ENOENT) && !errors.Is(err, syscall.ECONNREFUSED) {
			select {
			case <-s.done:
			case <-time.After(immediatePatience):
				return fmt.Errorf("couldn't connect to it: %w", err)
			}
		}
		select {
		case <-s.done:
			said := s.output.String()
			return fmt.Errorf("it ended before it was ready (%w): %s%s", s.exitError(), oneLine(said), permissionHint(said))
		case <-ctx.Done():
			return fmt.Errorf("it wasn't ready in time (%w): %s", context.Cause(ctx), oneLine(err.Error()))
		case <-time.After(pollReady):
		}
	}
}

// DSN is the connection string, for lib/pq, with which role uses Database.
func (s *Server) DSN(role string) string { return s.places.dsn(role, Database) }

// SocketDir is what psql takes as its host.
func (s *Server) SocketDir() string { return s.places.socketDir }

// PID returns the process id of the postmaster.
func (s *Server) PID() int { return s.proc.Pid }

// Major returns PostgreSQL's major version.
func (s *Server) Major() int { return s.bin.Major }

// Done is closed when PostgreSQL has ended, for whatever reason. If it wasn't
// stopped, Start recovers it.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err says, after Done, how PostgreSQL ended; nil if it was shut down.
func (s *Server) Err() error {
	select {
	case <-s.done:
		return s.err
	default:
		return nil
	}
}

func (s *Server) exitError() error {
	if s.err == nil {
		return errors.New("exit status 0")
	}
	return s.err
}

// Stop shuts PostgreSQL down and waits for it: open transactions are rolled
// back, a checkpoint is written. After a minute or at ctx's end the checkpoint
// is forgone, and after five seconds more it is killed; both lose nothing that
// was committed, and the next start recovers.
func (s *Server) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, fastPatience)
	defer cancel()
	// The timer of a step starts with it: a nil channel is never ready.
	steps := []struct {
		signal syscall.Signal
		until  func() <-chan struct{}
	}{
		{syscall.SIGINT, ctx.Done},
		{syscall.SIGQUIT, func() <-chan struct{} { return after(immediatePatience) }},
		{syscall.SIGKILL, func() <-chan struct{} { return nil }},
	}
	for _, step := range steps {
		if err := s.proc.Signal(step.signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("couldn't stop the private PostgreSQL: %w", err)
		}
		select {
		case <-s.done:
			if step.signal == syscall.SIGINT && s.err != nil {
				return fmt.Errorf("the private PostgreSQL ended badly: %w", s.err)
			}
			return nil
		case <-step.until():
		}
	}
	return nil
}

func after(d time.Duration) <-chan struct{} {
	c := make(chan struct{})
	time.AfterFunc(d, func() { close(c) })
	return c
}

// tail passes on what PostgreSQL writes and keeps the end of it for an error.
type tail struct {
	mu   sync.Mutex
	kept []byte
	next io.Writer
}

const maxTail = 2048

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, b...)
	if cut := len(t.kept) - maxTail; cut > 0 {
		t.kept = append(t.kept[:0], t.kept[cut:]...)
	}
	if t.next != nil {
		// A log that can't be written is no reason to block PostgreSQL.
		_, _ = t.next.Write(b)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.kept)
}
