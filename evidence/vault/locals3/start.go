package locals3

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const (
	// maxSocketPath is what fits into sockaddr_un, the final NUL excluded.
	maxSocketPath = 103
	socketName    = "s3.sock"
	readyTimeout  = 30 * time.Second
	stopTimeout   = 5 * time.Second
)

// Region is the region the server signs for.
const Region = "us-east-1"

// Runner starts processes under the account that private services run as.
type Runner interface {
	// Command is exec.Command with the account's credential set and the
	// signal that ends the child with its parent.
	Command(name string, arg ...string) *exec.Cmd
	// Start starts cmd so that this signal holds, waits for it, and sends the
	// result of the wait.
	Start(cmd *exec.Cmd) (exited <-chan error, err error)
	// Own gives path to the account; it does nothing where that is ours.
	Own(path string) error
}

// Options say where the server keeps what it stores and how it is started.
type Options struct {
	// Dir holds everything stored. It is created; its ancestors must be
	// traversable for the runner's account.
	Dir string
	// SocketDir is a short directory for the socket alone. It is created.
	SocketDir string
	// Args make this program (/proc/self/exe) call Child.
	Args   []string
	Runner Runner
	// Log takes what the server writes to its standard error; nothing if nil.
	Log io.Writer
}

// Server is a running server. Its credentials are made anew at each start and
// are on no disk and no command line.
type Server struct {
	config config
	stdin  io.Closer
	kill   func() error
	pid    int
	done   chan struct{}
	err    error
}

// Start prepares the directories, starts the server and waits until it takes
// connections. If ctx ends before, the server is stopped again; afterwards ctx
// has no effect.
func Start(ctx context.Context, o Options) (*Server, error) {
	s, err := start(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("couldn't start the private S3 server: %w", err)
	}
	return s, nil
}

func start(ctx context.Context, o Options) (*Server, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	socketDir, err := filepath.Abs(o.SocketDir)
	if err != nil {
		return nil, err
	}
	c := config{
		Dir: dir, Socket: filepath.Join(socketDir, socketName),
		AccessKey: "custody" + rand.Text()[:13], SecretKey: rand.Text() + rand.Text(),
	}
	if len(c.Socket) > maxSocketPath {
		return nil, fmt.Errorf("socket path %s has %d bytes, at most %d are possible: choose a shorter directory", c.Socket, len(c.Socket), maxSocketPath)
	}
	for _, d := range []string{c.Dir, c.objects(), c.versions(), socketDir} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, err
		}
		if err := o.Runner.Own(d); err != nil {
			return nil, fmt.Errorf("couldn't hand over %s: %w", d, err)
		}
	}
	cmd := o.Runner.Command("/proc/self/exe", o.Args...)
	if cmd.Env == nil {
		// Nothing of the service's environment, where secrets may be.
		cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C.UTF-8"}
	}
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = nil, o.Log
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	exited, err := o.Runner.Start(cmd)
	if err != nil {
		stdin.Close()
		return nil, err
	}
	s := &Server{config: c, stdin: stdin, kill: cmd.Process.Kill, pid: cmd.Process.Pid, done: make(chan struct{})}
	go func() {
		s.err = <-exited
		close(s.done)
	}()
	// The pipe stays open: its end tells the child that its parent is gone.
	if err := json.NewEncoder(stdin).Encode(c); err != nil {
		return nil, errors.Join(fmt.Errorf("couldn't tell it its settings: %w", err), s.abandon())
	}
	if err := s.awaitReady(ctx); err != nil {
		return nil, errors.Join(err, s.abandon())
	}
	return s, nil
}

func (s *Server) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "unix", s.config.Socket)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-s.done:
			return fmt.Errorf("it ended before it was ready: %w", s.exitError())
		case <-ctx.Done():
			return fmt.Errorf("it wasn't ready in time: %w", err)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

func (s *Server) abandon() error {
	s.stdin.Close()
	err := s.kill()
	<-s.done
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

func (s *Server) exitError() error {
	if s.err == nil {
		return errors.New("exit status 0")
	}
	return s.err
}

// Socket returns the path of the unix socket the server listens on.
func (s *Server) Socket() string { return s.config.Socket }

// Credentials return the only access key and its secret.
func (s *Server) Credentials() (accessKey, secretKey string) {
	return s.config.AccessKey, s.config.SecretKey
}

// PID returns the process id of the server.
func (s *Server) PID() int { return s.pid }

// Done is closed when the server has ended, for whatever reason.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err says, after Done, how the server ended; nil if it was stopped.
func (s *Server) Err() error {
	select {
	case <-s.done:
		return s.err
	default:
		return nil
	}
}

// Stop ends the server and waits for it: politely for five seconds or until
// ctx ends, then by force, which loses nothing that was acknowledged.
func (s *Server) Stop(ctx context.Context) error {
	s.stdin.Close()
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	select {
	case <-s.done:
	case <-ctx.Done():
		if err := s.kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("couldn't end the private S3 server: %w", err)
		}
		<-s.done
		return nil
	}
	if s.err != nil {
		return fmt.Errorf("the private S3 server ended badly: %w", s.err)
	}
	return nil
}
