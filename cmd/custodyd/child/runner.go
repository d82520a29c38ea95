package child

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
)

// executable is this program whatever happened to its path: `go run` puts the
// binary under a folder that no other account can enter, and an upgrade may
// have replaced it.
const executable = "/proc/self/exe"

// Executable returns a path by which this very program can be executed again,
// by any account that its file's mode lets execute it.
func Executable() string { return executable }

// Runner starts children as its account.
type Runner struct {
	account Account

	// deathSignal is what a child gets when the service ends, however it ends.
	deathSignal syscall.Signal
}

// NewRunner returns a runner for the account that Find returns. Its children
// get SIGINT when the service ends: PostgreSQL's fast shutdown.
func NewRunner() (*Runner, error) {
	a, err := Find()
	if err != nil {
		return nil, err
	}
	return &Runner{account: a, deathSignal: syscall.SIGINT}, nil
}

// WithDeathSignal returns a runner whose children get sig instead; 0 lets them
// outlive the service.
func (r *Runner) WithDeathSignal(sig syscall.Signal) *Runner {
	return &Runner{account: r.account, deathSignal: sig}
}

// Account returns whom the children run as.
func (r *Runner) Account() Account { return r.account }

// Command is exec.Command with the account's credential, the death signal, a
// process group of its own, and / as the working directory. Its own group
// keeps a terminal's Ctrl-C from the child: it is the service that stops its
// children, in order and after its last request.
func (r *Runner) Command(name string, arg ...string) *exec.Cmd {
	cmd := exec.Command(name, arg...)
	if name == executable {
		cmd.Args[0] = filepath.Base(os.Args[0])
	}
	// The service's own directory may be closed to the account.
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: r.deathSignal, Setpgid: true}
	if r.account.switched {
		// No supplementary groups: root's would go along otherwise.
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: r.account.UID, Gid: r.account.GID}
	}
	return cmd
}

// Start starts cmd, waits for it, and sends the result of the wait, once. The
// kernel sends the death signal when the *thread* that started the child ends,
// and Go ends threads at will: this one is kept for as long as the child lives.
func (r *Runner) Start(cmd *exec.Cmd) (exited <-chan error, err error) {
	started := make(chan error, 1)
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		started <- nil
		done <- cmd.Wait()
	}()
	if err := <-started; err != nil {
		if errors.Is(err, fs.ErrPermission) {
			return nil, fmt.Errorf("couldn't start %s as %s, who must be allowed to execute it and to enter %s: %w",
				r.programName(cmd), r.account.Name, cmd.Dir, err)
		}
		return nil, fmt.Errorf("couldn't start %s as %s: %w", r.programName(cmd), r.account.Name, err)
	}
	return done, nil
}

func (r *Runner) programName(cmd *exec.Cmd) string {
	if cmd.Path == executable {
		if path, err := os.Executable(); err == nil {
			return path
		}
	}
	return cmd.Path
}

// Own gives path to the account, not what is in it; it does nothing where the
// account is the service's own. A symbolic link is not followed: who can plant
// one would be given any file.
func (r *Runner) Own(path string) error {
	if !r.account.switched {
		return nil
	}
	if err := os.Lchown(path, int(r.account.UID), int(r.account.GID)); err != nil {
		return fmt.Errorf("couldn't give %s to %s: %w", path, r.account.Name, err)
	}
	return nil
}
