package child

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestStateDir(t *testing.T) {
	home := func() (string, error) { return "/home/ayesha", nil }
	homeless := func() (string, error) { return "", errors.New("no home") }
	for _, tt := range []struct {
		name, xdg, want string
		uid             int
		home            func() (string, error)
	}{
		{"root", "/elsewhere", "/var/lib/custodyd", 0, homeless},
		{"plain user", "", "/home/ayesha/.local/share/custodyd", 1000, home},
		{"data home set", "/data", "/data/custodyd", 1000, homeless},
		{"relative data home is ignored", "data", "/home/ayesha/.local/share/custodyd", 1000, home},
		{"no home", "", "", 1000, homeless},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := stateDir(tt.uid, func(string) string { return tt.xdg }, tt.home)
			if got != tt.want || (err != nil) != (tt.want == "") {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

// openDir is a directory that the account can reach, unlike t.TempDir's as root.
func openDir(t *testing.T, r *Runner) string {
	t.Helper()
	dir, remove, err := r.TempState()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := remove(); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestTraversable(t *testing.T) {
	r := newRunner(t)
	dir := openDir(t, r)
	closed := filepath.Join(dir, "closed")
	if err := os.Mkdir(closed, 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(closed, link); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/", dir, filepath.Join(dir, "not", "there", "yet")} {
		if err := r.Traversable(path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	paths := []string{closed}
	if os.Geteuid() == 0 {
		// A plain user can't look behind its own closed door at all.
		paths = append(paths, link, filepath.Join(closed, "below"))
	}
	for _, path := range paths {
		err := r.Traversable(path)
		var not *NotTraversableError
		if !errors.As(err, &not) || not.Closed != closed || not.Path != path || not.Account != r.account.Name {
			t.Errorf("%s: %v, want it to name %s", path, err, closed)
			continue
		}
		if msg := err.Error(); !strings.Contains(msg, "chmod a+x "+closed) || strings.Contains(msg, "\n") {
			t.Errorf("message doesn't say in one line what to do: %q", msg)
		}
	}
	if err := r.Traversable(file); err == nil {
		t.Error("a file was taken for a directory")
	}
}

func TestMakeState(t *testing.T) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	r := newRunner(t)
	base := openDir(t, r)
	want := filepath.Join(base, "a", "b", "state")
	for range 2 {
		got, err := r.MakeState(want)
		if err != nil || got != want {
			t.Fatalf("got %s, %v", got, err)
		}
	}
	info, err := os.Stat(want)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o711 {
		t.Errorf("mode %o, want 711: others pass through but can't list", mode)
	}
	file := filepath.Join(base, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.MakeState(file); err == nil {
		t.Error("a file was taken for the data directory")
	}
	if _, err := r.MakeState(filepath.Join(file, "below")); err == nil {
		t.Error("a data directory was made in a file")
	}
	if os.Geteuid() == 0 {
		var not *NotTraversableError
		if _, err := r.MakeState(filepath.Join(t.TempDir(), "state")); !errors.As(err, &not) {
			t.Errorf("a place under a closed folder: %v", err)
		}
	}
}

func TestRuntimeDir(t *testing.T) {
	r := newRunner(t)
	state := openDir(t, r)
	first, err := r.RuntimeDir(state)
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(first)
	again, err := r.RuntimeDir(state)
	if err != nil || again != first {
		t.Errorf("second call gave %s, %v, want %s", again, err, first)
	}
	other, err := r.RuntimeDir(state + "2")
	if err != nil || other == first {
		t.Errorf("another state's directory: %s, %v", other, err)
	}
	defer os.RemoveAll(other)
	if len(first) > maxRuntimeDir {
		t.Errorf("%s is too long", first)
	}
	if err := r.Traversable(first); err != nil {
		t.Error(err)
	}
	// Somebody else's directory, or one that others write to, isn't used.
	if err := os.Chmod(first, 0o777); err != nil {
		t.Fatal(err)
	}
	third, err := r.RuntimeDir(state)
	if err != nil || third == first {
		t.Errorf("a directory open to all was used: %s, %v", third, err)
	}
	defer os.RemoveAll(third)
}

func TestTempStateLeavesNothing(t *testing.T) {
	r := newRunner(t)
	state, remove, err := r.TempState()
	if err != nil {
		t.Fatal(err)
	}
	sockets, err := r.RuntimeDir(state)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(sockets, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := remove(); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{state, sockets} {
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there: %v", dir, err)
		}
	}
}

func TestTempStateFallsBackWhenTheTempFolderIsClosed(t *testing.T) {
	r := newRunner(t)
	closed := filepath.Join(openDir(t, r), "closed")
	if err := os.Mkdir(closed, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", closed)
	dir := openDir(t, r)
	if strings.HasPrefix(dir, closed) {
		t.Fatalf("%s lies in a folder the account can't enter", dir)
	}
	sub := filepath.Join(dir, "own")
	if err := os.Mkdir(sub, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := r.Own(sub); err != nil {
		t.Fatal(err)
	}
	exited, err := r.Start(r.Command("/bin/sh", "-c", `echo x > "$1/file"`, "sh", sub))
	if err != nil {
		t.Fatal(err)
	}
	if err := <-exited; err != nil {
		t.Errorf("the account couldn't write into its directory: %v", err)
	}
}
