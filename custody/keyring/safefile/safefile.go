// Package safefile puts files on disk so that a crash at any moment leaves
// either the old state or the new one, and so that a file which must never be
// replaced is not.
//
// Files are created 0600 in directories created 0700. Leftovers of a crash
// carry the suffix [TempSuffix] and are removed by [Sweep].
package safefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// TempSuffix ends the name of every file that is not yet in its place.
const TempSuffix = ".part-of-write"

// Dir makes dir and its parents, 0700 where it makes them, and refuses a
// directory that others can write: whoever can write a directory can replace
// the files in it, whatever their own modes say.
func Dir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("couldn't make directory: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("couldn't look at directory: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("couldn't use %s: not a directory", dir)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("couldn't use %s: mode %#o lets others write (chmod 700 it)", dir, info.Mode().Perm())
	}
	return nil
}

// WriteNew writes a file that must not exist yet; if it does the error is
// fs.ErrExist and the old file is untouched. Of several concurrent writers
// exactly one succeeds.
func WriteNew(path string, content []byte) error {
	temp, err := writeTemp(path, content)
	if err != nil {
		return err
	}
	if err := PlaceNew(temp, path); err != nil {
		return errors.Join(err, dropTemp(temp))
	}
	return nil
}

// Replace writes a file whether or not it exists. Readers see the old content
// or the new, never a mixture.
func Replace(path string, content []byte) error {
	temp, err := writeTemp(path, content)
	if err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return errors.Join(fmt.Errorf("couldn't put file in its place: %w", err), dropTemp(temp))
	}
	return syncDir(filepath.Dir(path))
}

// PlaceNew gives the finished, synced file temp the name path, which must not
// exist (fs.ErrExist). On success temp is gone.
func PlaceNew(temp, path string) error {
	// A hard link never replaces: it is the one portable "rename unless it
	// exists". A crash after it leaves both names, and Sweep removes temp.
	err := os.Link(temp, path)
	switch {
	case err == nil:
		if err := os.Remove(temp); err != nil {
			return fmt.Errorf("couldn't remove temporary name: %w", err)
		}
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("couldn't create %s: %w", path, fs.ErrExist)
	default:
		// The file system has no hard links (FAT, some network shares).
		if err := placeByReservation(temp, path); err != nil {
			return err
		}
	}
	return syncDir(filepath.Dir(path))
}

// placeByReservation creates path exclusively and empty, then renames over its
// own reservation. A crash between the two leaves an empty file under the
// name, which loses nothing but has to be removed by hand.
func placeByReservation(temp, path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("couldn't create %s: %w", path, err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("couldn't reserve %s: %w", path, err)
	}
	if err := os.Rename(temp, path); err != nil {
		return errors.Join(fmt.Errorf("couldn't put file in its place: %w", err), os.Remove(path))
	}
	return nil
}

// Sweep removes what crashed writers left in dir. Files younger than a minute
// are spared: another process may be about to place them.
func Sweep(dir string, now time.Time) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("couldn't read directory: %w", err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), TempSuffix) {
			continue
		}
		info, err := e.Info()
		if err != nil || now.Sub(info.ModTime()) < time.Minute {
			continue
		}
		if err := dropTemp(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

func writeTemp(path string, content []byte) (string, error) {
	// CreateTemp makes the file 0600 and exclusively.
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*"+TempSuffix)
	if err != nil {
		return "", fmt.Errorf("couldn't create temporary file: %w", err)
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return "", errors.Join(fmt.Errorf("couldn't write file: %w", err), dropTemp(f.Name()))
	}
	return f.Name(), nil
}

func dropTemp(temp string) error {
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("couldn't remove temporary file: %w", err)
	}
	return nil
}

// syncDir makes a new name durable. Windows has no such call and needs none.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("couldn't open directory: %w", err)
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("couldn't make the name durable: %w", err)
	}
	return nil
}
