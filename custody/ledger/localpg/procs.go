package localpg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// How long a PostgreSQL gets to end by itself: a fast shutdown writes a
// checkpoint, an immediate one nothing. Then it is killed, which is no more
// than a power cut: its log recovers it.
const (
	fastPatience      = 60 * time.Second
	immediatePatience = 5 * time.Second
	orphanPatience    = time.Second // of children whose postmaster is dead
	pollProcesses     = 10 * time.Millisecond
)

// processes returns the ids of all that PostgreSQL runs in dir or below it, by
// what they execute and where they work: an id alone says nothing, because ids
// are used again, and a process may outlive the one that wrote its id down.
// Processes of other users, who can't work there, are not seen.
func processes(dir string) ([]int, error) {
	dir, err := filepath.EvalSymlinks(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		if cwd := postgresIn(pid); cwd == dir || strings.HasPrefix(cwd, dir+"/") {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// postgresIn returns the directory in which process pid runs PostgreSQL's
// programs; empty if it runs something else, has ended, or is another user's.
func postgresIn(pid int) string {
	link := func(name string) string {
		to, err := os.Readlink(fmt.Sprintf("/proc/%d/%s", pid, name))
		if err != nil {
			return ""
		}
		// An upgrade may have replaced the program of a running process.
		return strings.TrimSuffix(to, " (deleted)")
	}
	if !slices.Contains([]string{"postgres", "postmaster", "initdb"}, filepath.Base(link("exe"))) {
		return ""
	}
	return link("cwd")
}

// ownerOf reads the process id in the first line of a PostgreSQL lock file; 0
// if there is no id, or no file. A single-user PostgreSQL writes it negated.
func ownerOf(lockFile string) (pid int, there bool, err error) {
	b, err := os.ReadFile(lockFile)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	line, _, _ := strings.Cut(string(b), "\n")
	if pid, err = strconv.Atoi(strings.TrimSpace(line)); err != nil {
		// A crash of the machine can leave the file empty.
		return 0, true, nil
	}
	return pid, true, nil
}

// takeOver makes sure that nothing of an earlier run is at work in the
// directory, whose lock is held, so that whoever started it is dead: mostly it
// is about to end anyhow, told by the kernel that its parent has died.
func takeOver(ctx context.Context, p places, log func(string)) error {
	owner, _, err := ownerOf(p.pidFile())
	if err != nil {
		return fmt.Errorf("couldn't read who used the database: %w", err)
	}
	pids, err := processes(p.dir)
	if err != nil {
		return fmt.Errorf("couldn't look for an earlier PostgreSQL: %w", err)
	}
	if owner < 0 && slices.Contains(pids, -owner) {
		return fmt.Errorf("a single-user PostgreSQL (process %d) is at work on %s: end it: %w", -owner, p.data(), ErrInUse)
	}
	if len(pids) > 0 {
		log(fmt.Sprintf("stopping the PostgreSQL (process %d) that an earlier run left behind\n", pids[0]))
		if err := stopAll(ctx, p, owner); err != nil {
			return fmt.Errorf("couldn't stop the PostgreSQL that an earlier run left behind: %w", err)
		}
	}
	return clearStale(p)
}

// stopAll ends what runs in the directory, more and more urgently. Between the
// postmaster's death and the end of its last child the database is still in
// use: all have to be gone.
func stopAll(ctx context.Context, p places, postmaster int) error {
	for _, step := range []struct {
		signal   syscall.Signal
		patience time.Duration
	}{{syscall.SIGINT, fastPatience}, {syscall.SIGQUIT, immediatePatience}, {syscall.SIGKILL, fastPatience}} {
		pids, err := processes(p.dir)
		if err != nil {
			return err
		}
		patience := step.patience
		if !slices.Contains(pids, postmaster) && step.signal == syscall.SIGINT {
			// Children without their postmaster notice and end; to them this
			// signal would mean to cancel a query.
			patience = orphanPatience
		} else {
			if step.signal != syscall.SIGKILL && slices.Contains(pids, postmaster) {
				pids = []int{postmaster}
			}
			if step.signal == syscall.SIGQUIT && !slices.Contains(pids, postmaster) {
				patience = orphanPatience
			}
			for _, pid := range pids {
				if err := signal(p.dir, pid, step.signal); err != nil {
					return err
				}
			}
		}
		for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
			if pids, err = processes(p.dir); err != nil || len(pids) == 0 {
				return err
			}
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(pollProcesses):
			}
		}
	}
	return errors.New("it doesn't end")
}

// signal signals pid if it is still what processes took it for. The handle is
// taken before that is looked at again, so that a process that gets the id
// afterwards is not meant.
func signal(dir string, pid int, sig syscall.Signal) error {
	proc, err := os.FindProcess(pid)
	if err != nil {
		return nil
	}
	defer proc.Release()
	pids, err := processes(dir)
	if err != nil || !slices.Contains(pids, pid) {
		return err
	}
	if err := proc.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// clearStale removes lock files that hold nothing, or a process id that is now
// somebody else's or a zombie's: PostgreSQL would refuse to start. Nothing of PostgreSQL runs in the directory when it is called. Lock
// files of the dead are left to PostgreSQL, which checks shared memory, too.
func clearStale(p places) error {
	owner, there, err := ownerOf(p.pidFile())
	if err != nil {
		return fmt.Errorf("couldn't read who used the database: %w", err)
	}
	if there && (owner == 0 || exists(owner)) {
		if err := os.Remove(p.pidFile()); err != nil {
			return fmt.Errorf("couldn't remove a stale lock: %w", err)
		}
	}
	owner, there, err = ownerOf(p.sockLock())
	if err != nil {
		return fmt.Errorf("couldn't read who used the socket: %w", err)
	}
	if !there {
		// Without its lock, a socket is nobody's.
		return nil
	}
	if other := postgresIn(owner); other != "" {
		return fmt.Errorf("socket directory %s is used by the database in %s (process %d): choose another: %w", p.socketDir, other, owner, ErrInUse)
	}
	for _, path := range []string{p.sockLock(), p.socket()} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("couldn't remove a stale socket: %w", err)
		}
	}
	return nil
}

// exists says whether there is a process with that id, a zombie included.
func exists(pid int) bool {
	if pid < 0 {
		pid = -pid
	}
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}
