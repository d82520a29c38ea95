package stage

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Done is how a program ended.
type Done struct {
	Code           int // exit code; -1 for a signal
	Stdout, Stderr []byte
	Took           time.Duration
}

// Run runs a program to its end.
func Run(t testing.TB, cmd *exec.Cmd) Done {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	began := time.Now()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("couldn't run %s: %v", cmd.Path, err)
	}
	return Done{Code: cmd.ProcessState.ExitCode(), Stdout: out.Bytes(), Stderr: errs.Bytes(), Took: time.Since(began)}
}

// nobody is the account of AsNobody.
const nobody = 65534

// AsNobody makes a program run as a user without privileges, at home in a
// directory of its own, which it returns. Only root can.
func AsNobody(t testing.TB, cmd *exec.Cmd) (home string) {
	t.Helper()
	home = filepath.Join(Dir(t), "nobody")
	if err := errors.Join(os.Mkdir(home, 0o755), os.Chown(home, nobody, nobody)); err != nil {
		t.Fatal(err)
	}
	cmd.Dir = home
	cmd.Env = []string{"HOME=" + home, "USER=nobody", "PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	return home
}

// Process is custodyd serve, in a process of its own.
type Process struct {
	URL   string
	Token string // the one-time token, where it printed one
	cmd   *exec.Cmd
	done  chan struct{}
	mu    sync.Mutex
	said  bytes.Buffer
}

// ServeProcess starts custodyd serve on a state directory and waits until it
// serves. It is stopped at the end of the test, if it still runs.
func ServeProcess(t testing.TB, data string, args ...string) *Process {
	t.Helper()
	cmd := exec.Command(Build(t).Custodyd, append([]string{"serve", "--data", data, "--listen", "127.0.0.1:0"}, args...)...)
	return serveProcess(t, cmd)
}

func serveProcess(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	p := &Process{cmd: cmd, done: make(chan struct{})}
	r, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = io.MultiWriter(w, p), p
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = cmd.Wait() // Code says how
		w.Close()
		close(p.done)
	}()
	t.Cleanup(func() {
		// Politely: killed, it leaves a database that still writes while it stops.
		_ = cmd.Process.Signal(os.Interrupt)
		select {
		case <-p.done:
		case <-time.After(patience):
			p.Kill()
		}
	})
	serving := make(chan bool, 1)
	go func() {
		lines := bufio.NewScanner(r)
		for lines.Scan() {
			line := lines.Text()
			if _, url, ok := strings.Cut(line, "API:"); ok {
				p.URL = strings.TrimSpace(url)
			}
			if _, token, ok := strings.Cut(line, "one-time token:"); ok {
				p.Token = strings.TrimSpace(token)
			}
			if strings.HasPrefix(line, "serving") {
				serving <- true
			}
		}
		serving <- false
		_, _ = io.Copy(io.Discard, r)
	}()
	select {
	case ok := <-serving:
		if !ok {
			<-p.done
			t.Fatalf("custodyd serve ended with exit code %d:\n%s", p.Code(), p.Said())
		}
	case <-time.After(patience):
		t.Fatalf("custodyd serve doesn't serve:\n%s", p.Said())
	}
	return p
}

// Write collects what the process says.
func (p *Process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.Write(b)
}

// Said is all that the process wrote so far.
func (p *Process) Said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.String()
}

// PID is the process's id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Code is its exit code after Done; -1 for a signal.
func (p *Process) Code() int { return p.cmd.ProcessState.ExitCode() }

// Kill ends it as a power cut would, and waits.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// Interrupt stops it as Ctrl-C does, and wants an orderly end.
func (p *Process) Interrupt(t testing.TB) {
	t.Helper()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.done:
	case <-time.After(patience):
		t.Fatalf("custodyd serve doesn't stop:\n%s", p.Said())
	}
	if p.Code() != 0 {
		t.Fatalf("custodyd serve stopped with exit code %d:\n%s", p.Code(), p.Said())
	}
}
