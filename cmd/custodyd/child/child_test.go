package child

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// role makes the test binary play a child or a parent of one.
const role = "CUSTODY_TEST_CHILD_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "":
		os.Exit(m.Run())
	case "whoami":
		groups, err := os.Getgroups()
		wd, _ := os.Getwd()
		fmt.Println(os.Geteuid(), os.Getegid(), len(groups), err == nil, wd, syscall.Getpgrp() == os.Getpid())
	case "parent":
		// Starts a child that would live for a minute, tells its id, and waits to be killed.
		r, err := NewRunner()
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		cmd := r.Command("/bin/sleep", "60")
		if _, err := r.Start(cmd); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		// Threads that other goroutines lock and drop end; the child's must not.
		for range 20 {
			go func() { runtime.LockOSThread() }()
		}
		time.Sleep(50 * time.Millisecond)
		fmt.Println(cmd.Process.Pid)
		select {}
	}
	os.Exit(0)
}

func newRunner(t *testing.T) *Runner {
	t.Helper()
	r, err := NewRunner()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func users(known ...string) func(string) (*user.User, error) {
	return func(name string) (*user.User, error) {
		for _, k := range known {
			f := strings.Split(k, ":")
			if f[0] == name || f[1] == name {
				return &user.User{Username: f[0], Uid: f[1], Gid: f[2]}, nil
			}
		}
		return nil, user.UnknownUserError(name)
	}
}

func TestAccount(t *testing.T) {
	for _, tt := range []struct {
		name  string
		uid   int
		users []string
		want  Account
		err   string
	}{
		{"root with postgres", 0, []string{"postgres:101:104", "nobody:65534:65534"}, Account{"postgres", 101, 104, true}, ""},
		{"root without postgres", 0, []string{"nobody:65534:65534"}, Account{"nobody", 65534, 65534, true}, ""},
		{"root alone", 0, nil, Account{}, "create the user postgres"},
		{"postgres is root in disguise", 0, []string{"postgres:0:0"}, Account{}, "don't run as root"},
		{"plain user", 1000, []string{"ayesha:1000:1001"}, Account{"ayesha", 1000, 1001, false}, ""},
		{"user without a name", 4242, nil, Account{"user id 4242", 4242, uint32(os.Getegid()), false}, ""},
		{"garbled id", 0, []string{"postgres:x:1"}, Account{}, "couldn't read the id"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := find(tt.uid, users(tt.users...), users(tt.users...))
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want one with %q", err, tt.err)
				}
				return
			}
			if err != nil || got != tt.want {
				t.Fatalf("got %+v, %v, want %+v", got, err, tt.want)
			}
		})
	}
	lookupFails := func(string) (*user.User, error) { return nil, errors.New("directory server is down") }
	if _, err := find(0, lookupFails, lookupFails); err == nil || !strings.Contains(err.Error(), "directory server is down") {
		t.Errorf("a failing look-up chose an account: %v", err)
	}
}

// The test binary lies under a folder that only this user can enter, as that
// of `go run` does.
func TestChildRunsThisProgramAsTheAccount(t *testing.T) {
	r := newRunner(t)
	cmd := r.Command(Executable())
	cmd.Env = []string{role + "=whoami"}
	var out strings.Builder
	cmd.Stdout = &out
	exited, err := r.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-exited; err != nil {
		t.Fatal(err)
	}
	groups := 0
	if !r.account.switched {
		ids, err := os.Getgroups()
		if err != nil {
			t.Fatal(err)
		}
		groups = len(ids)
	}
	if want := fmt.Sprintln(r.account.UID, r.account.GID, groups, true, "/", true); out.String() != want {
		t.Errorf("child says %q, want %q", out.String(), want)
	}
	if os.Geteuid() == 0 && r.account.UID == 0 {
		t.Error("child runs as root")
	}
}

func TestStartErrorsSayWhatAndWho(t *testing.T) {
	r := newRunner(t)
	dir := t.TempDir()
	program := filepath.Join(dir, "program")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := r.Start(r.Command(program))
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), program) || !strings.Contains(err.Error(), r.account.Name) {
		t.Errorf("a file that can't be executed: %v", err)
	}
	_, err = r.Start(r.Command(filepath.Join("/proc/self", "missing")))
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing program: %v", err)
	}
	exited, err := r.Start(r.Command("/bin/sh", "-c", "exit 7"))
	if err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := <-exited; !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("exit status: %v, want 7", err)
	}
}

func TestChildDiesWithItsParent(t *testing.T) {
	parent := exec.Command(Executable())
	parent.Env = append(os.Environ(), role+"=parent")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatalf("parent says %q", line)
	}
	if !running(pid) {
		t.Fatal("the child died while its parent lived")
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	for deadline := time.Now().Add(10 * time.Second); running(pid); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			t.Fatal("the child outlived its parent")
		}
	}
}

// running is false for a zombie, too, which nobody may be there to reap.
func running(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, ok := strings.Cut(string(stat), ") ")
	return ok && !strings.HasPrefix(rest, "Z")
}

func TestOwn(t *testing.T) {
	r := newRunner(t)
	dir := t.TempDir()
	inside, target, link := filepath.Join(dir, "inside"), filepath.Join(t.TempDir(), "target"), filepath.Join(dir, "link")
	for _, f := range []string{inside, target} {
		if err := os.WriteFile(f, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{dir, link} {
		if err := r.Own(p); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]uint32{dir: r.account.UID, link: r.account.UID, inside: uint32(os.Geteuid()), target: uint32(os.Geteuid())} {
		info, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Sys().(*syscall.Stat_t).Uid; got != want {
			t.Errorf("%s belongs to %d, want %d", path, got, want)
		}
	}
	if err := r.Own(filepath.Join(dir, "missing")); r.account.switched && err == nil {
		t.Error("owning what doesn't exist succeeded")
	}
}
