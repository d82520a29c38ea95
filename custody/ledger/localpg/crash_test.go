package localpg_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody/ledger/localpg"
)

func TestKilledPostmaster(t *testing.T) {
	dir := madeDir(t)
	s := start(t, dir)
	remember(t, s)
	// A child that is busy outlives its postmaster for a moment.
	busy := connect(t, s, localpg.Superuser)
	go busy.Exec(`SELECT count(*) FROM generate_series(1, 100000000) WHERE random() < 0`)
	time.Sleep(50 * time.Millisecond)
	if err := syscall.Kill(s.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-s.Done()
	if s.Err() == nil {
		t.Error("it was killed, and Err is nil")
	}
	mustRemember(t, start(t, dir))
}

func TestKilledService(t *testing.T) {
	dir := madeDir(t)
	s := start(t, dir)
	remember(t, s)
	stop(t, s)
	// Several times, because what is met depends on the moment.
	for range 4 {
		cmd, pid := service(t, dir, 2)
		kill(t, cmd)
		s := start(t, dir)
		if s.PID() == atoi(t, pid) {
			t.Errorf("process %d was started by the killed service", s.PID())
		}
		mustRemember(t, s)
		stop(t, s)
	}
}

// A postmaster that did not hear of its parent's death is stopped.
func TestOrphan(t *testing.T) {
	dir := madeDir(t)
	cmd, pid := service(t, dir, 2, envOrphan+"=1")
	orphan := atoi(t, pid)
	kill(t, cmd)
	if !running(orphan) {
		t.Fatal("the postmaster ended with its parent: there is no orphan to test")
	}
	s := start(t, dir)
	if running(orphan) {
		t.Error("the orphan still runs")
	}
	remember(t, s)

	// The same for children whose postmaster is dead and that hang: stopped by
	// a debugger, they don't notice its death.
	stop(t, s)
	cmd, pid = service(t, dir, 2, envOrphan+"=1")
	kill(t, cmd)
	var orphans []int
	for _, p := range childrenOf(t, atoi(t, pid)) {
		// A child that is done, such as the killed service's backend, may end first.
		switch err := syscall.Kill(p, syscall.SIGSTOP); {
		case err == nil:
			orphans = append(orphans, p)
		case !errors.Is(err, syscall.ESRCH):
			t.Fatal(err)
		}
	}
	if len(orphans) == 0 {
		t.Fatal("the postmaster has no children")
	}
	if err := syscall.Kill(atoi(t, pid), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	mustRemember(t, start(t, dir))
	for _, p := range orphans {
		if running(p) {
			t.Errorf("orphan %d still runs", p)
		}
	}
}

func childrenOf(t *testing.T, pid int) []int {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		var id, parent int
		var name, state string
		if n, _ := fmt.Sscanf(string(b), "%d %s %s %d", &id, &name, &state, &parent); n == 4 && parent == pid {
			pids = append(pids, id)
		}
	}
	return pids
}

// The machine crashed; the ids in the lock files are others' now.
func TestStaleLocks(t *testing.T) {
	dir := madeDir(t)
	s := start(t, dir)
	remember(t, s)
	test := t // what is started in one case is killed in the next
	for _, owner := range []string{"account", "init", "zombie", "garbage", "empty"} {
		t.Run(owner, func(t *testing.T) {
			if err := syscall.Kill(s.PID(), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			<-s.Done()
			text := ""
			switch owner {
			case "account", "zombie":
				r := newRunner(t)
				cmd := r.Command("/bin/sleep", "60")
				if owner == "zombie" {
					// Ends at once, and this process doesn't reap it yet.
					cmd = r.Command("/bin/true")
				}
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				defer cmd.Wait()
				defer cmd.Process.Kill()
				text = fmt.Sprint(cmd.Process.Pid)
			case "init":
				text = "1"
			case "garbage":
				text = "\x00\x00not a number"
			}
			if text != "" {
				text += "\n" + filepath.Join(dir, "db", "pg") + "\n1700000000\n5432\n" + filepath.Join(dir, "sock") + "\n\n  9999999 9999999\nready\n"
			}
			for _, lock := range []string{"db/pg/postmaster.pid", "sock/.s.PGSQL.5432.lock"} {
				path := filepath.Join(dir, lock)
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				if err := newRunner(t).Own(path); err != nil {
					t.Fatal(err)
				}
			}
			s = start(test, dir)
			mustRemember(t, s)
		})
	}
}

// Killed while it makes the database, it leaves none, and the next start makes it.
func TestKilledWhileMakingTheDatabase(t *testing.T) {
	dir := emptyDir(t)
	making, made := filepath.Join(dir, "db", "pg.init"), filepath.Join(dir, "db", "pg")
	for _, signs := range []string{"PG_VERSION", "global/pg_control", "base/1/PG_VERSION"} {
		cmd, _ := service(t, dir, 1)
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
			if _, err := os.Stat(filepath.Join(making, signs)); err == nil {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s never appeared", signs)
			}
		}
		kill(t, cmd)
		if _, err := os.Stat(made); !errors.Is(err, os.ErrNotExist) {
			t.Fatalf("half a database is in its final place (%v)", err)
		}
	}
	remember(t, start(t, dir))
}
