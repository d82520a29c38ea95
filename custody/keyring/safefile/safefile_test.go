package safefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestWriteNewNeverReplaces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "once")
	if err := WriteNew(path, []byte("first")); err != nil {
		t.Fatal(err)
	}
	if err := WriteNew(path, []byte("second")); !errors.Is(err, fs.ErrExist) {
		t.Fatalf("second write: %v, want fs.ErrExist", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "first" {
		t.Fatalf("file says %q", b)
	}
	onlyFile(t, filepath.Dir(path))
	if info, _ := os.Stat(path); runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %#o, want 0600", info.Mode().Perm())
	}
}

func TestWriteNewHasOneWinner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "once")
	var won atomic.Int32
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			switch err := WriteNew(path, []byte(fmt.Sprint(i))); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, fs.ErrExist):
				t.Error(err)
			}
		})
	}
	group.Wait()
	if won.Load() != 1 {
		t.Errorf("%d writers succeeded, want 1", won.Load())
	}
	onlyFile(t, filepath.Dir(path))
}

// TestPlaceByReservation covers file systems without hard links.
func TestPlaceByReservation(t *testing.T) {
	dir := t.TempDir()
	temp, path := filepath.Join(dir, "temp"), filepath.Join(dir, "final")
	for i, want := range []error{nil, fs.ErrExist} {
		if err := os.WriteFile(temp, []byte(fmt.Sprint(i)), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := placeByReservation(temp, path); !errors.Is(err, want) {
			t.Fatalf("placing %d: %v, want %v", i, err, want)
		}
	}
	if b, _ := os.ReadFile(path); string(b) != "0" {
		t.Fatalf("file says %q", b)
	}
}

func TestReplace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	for _, s := range []string{"one", "two"} {
		if err := Replace(path, []byte(s)); err != nil {
			t.Fatal(err)
		}
		if b, _ := os.ReadFile(path); string(b) != s {
			t.Fatalf("file says %q, want %q", b, s)
		}
	}
	onlyFile(t, filepath.Dir(path))
}

func TestSweepSparesTheYoungAndTheRest(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	for name, age := range map[string]time.Duration{
		".old.1" + TempSuffix: time.Hour, ".young.2" + TempSuffix: time.Second, "kept": time.Hour,
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, now, now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	if err := Sweep(dir, now); err != nil {
		t.Fatal(err)
	}
	entries, _ := os.ReadDir(dir)
	if len(entries) != 2 || entries[0].Name() != ".young.2"+TempSuffix || entries[1].Name() != "kept" {
		t.Errorf("left: %v", entries)
	}
}

func TestDirRefusesWhatOthersCanWrite(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // modes say nothing there
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := Dir(dir); err == nil {
		t.Error("a directory that everybody writes was accepted")
	}
	made := filepath.Join(t.TempDir(), "a", "b")
	if err := Dir(made); err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(made); info.Mode().Perm() != 0o700 {
		t.Errorf("mode %#o, want 0700", info.Mode().Perm())
	}
}

func onlyFile(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 {
		t.Errorf("%d files left, want 1: %v", len(entries), entries)
	}
}
