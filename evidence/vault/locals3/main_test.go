package locals3_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evidence-custody/custodyd/evidence/vault"
	"github.com/evidence-custody/custodyd/evidence/vault/locals3"
)

const (
	childArg = "locals3-child"
	tinyArg  = "locals3-child-on-a-tiny-disk"
	dyingArg = "locals3-child-that-dies" // after the step named by the next argument
)

// TestMain makes the test binary the child it starts, as the service is its own.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && slices.Contains([]string{childArg, tinyArg, dyingArg}, os.Args[1]) {
		if err := child(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func child() error {
	if os.Args[1] == tinyArg {
		// In a mount namespace of its own: nobody else sees this disk.
		dir := os.Args[2]
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return fmt.Errorf("couldn't make mounts private: %w", err)
		}
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=40m,mode=0700"); err != nil {
			return fmt.Errorf("couldn't mount a tiny disk: %w", err)
		}
		for _, d := range []string{"objects", "versions"} {
			if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
				return err
			}
		}
	}
	if os.Args[1] == dyingArg {
		return locals3.ChildDyingAfter(context.Background(), os.Stdin, os.Args[2])
	}
	return locals3.Child(context.Background(), os.Stdin)
}

// runner drops to nobody where the tests run as root.
type runner struct {
	uid, gid  int // -1: stay who we are
	namespace bool
}

func newRunner(t testing.TB) runner {
	if os.Geteuid() != 0 {
		return runner{uid: -1}
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(nobody.Uid)
	gid, _ := strconv.Atoi(nobody.Gid)
	return runner{uid: uid, gid: gid}
}

func (r runner) Command(name string, arg ...string) *exec.Cmd {
	cmd := exec.Command(name, arg...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	switch {
	case r.namespace && os.Geteuid() == 0:
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWNS
	case r.namespace:
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWNS | syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	case r.uid >= 0:
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(r.uid), Gid: uint32(r.gid)}
	}
	return cmd
}

func (r runner) Start(cmd *exec.Cmd) (<-chan error, error) {
	started, exited := make(chan error, 1), make(chan error, 1)
	go func() {
		runtime.LockOSThread() // Pdeathsig fires when this thread ends
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			exited <- cmd.Wait()
		}
	}()
	return exited, <-started
}

func (r runner) Own(path string) error {
	if r.uid < 0 || r.namespace {
		return nil
	}
	return os.Chown(path, r.uid, r.gid)
}

// place is where a server under test keeps things; servers come and go in it.
type place struct {
	options locals3.Options
	log     *strings.Builder
}

// newPlace lies outside of t.TempDir, whose parents only root can pass.
func newPlace(t testing.TB) *place {
	t.Helper()
	base, err := os.MkdirTemp("", "s3-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(base, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(base); err != nil {
			t.Error(err)
		}
	})
	p := &place{log: &strings.Builder{}}
	p.options = locals3.Options{
		Dir: filepath.Join(base, "data"), SocketDir: filepath.Join(base, "run"),
		Args: []string{childArg}, Runner: newRunner(t), Log: p.log,
	}
	return p
}

// giveSidecar has metadata kept in files. A sidecar that is there is used.
func (p *place) giveSidecar(t testing.TB) string {
	t.Helper()
	side := filepath.Join(p.options.Dir, "sidecar")
	if err := errors.Join(os.MkdirAll(side, 0o700), p.options.Runner.Own(side)); err != nil {
		t.Fatal(err)
	}
	return side
}

func (p *place) start(t testing.TB) *locals3.Server {
	t.Helper()
	s, err := locals3.Start(context.Background(), p.options)
	if err != nil {
		t.Fatalf("%v\n%s", err, p.log)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil && s.Err() == nil {
			t.Error(err)
		}
	})
	return s
}

var buckets atomic.Int64

func config(s *locals3.Server) vault.Config {
	access, secret := s.Credentials()
	return vault.Config{
		Socket: s.Socket(), Region: locals3.Region, AccessKey: access, SecretKey: secret,
		Bucket: "evidence-" + strconv.FormatInt(buckets.Add(1), 10),
		Mode:   vault.Compliance, Period: time.Minute,
	}
}

func open(t testing.TB, c vault.Config) *vault.Store {
	t.Helper()
	s, err := vault.Open(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.EnsureBucket(context.Background()); err != nil {
		t.Fatal(err)
	}
	return s
}

// kill ends a server as a power cut would end its process.
func kill(t testing.TB, s *locals3.Server) {
	t.Helper()
	if err := syscall.Kill(s.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-s.Done()
}
