package child

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// SystemStateDir is where state lies when the service is root.
const SystemStateDir = "/var/lib/custodyd"

// StateDir returns the default place of all state: /var/lib/custodyd as root,
// else custodyd in the XDG data directory.
func StateDir() (string, error) {
	return stateDir(os.Geteuid(), os.Getenv, os.UserHomeDir)
}

func stateDir(uid int, env func(string) string, home func() (string, error)) (string, error) {
	if uid == 0 {
		return SystemStateDir, nil
	}
	// The specification has relative paths ignored.
	if x := env("XDG_DATA_HOME"); filepath.IsAbs(x) {
		return filepath.Join(x, "custodyd"), nil
	}
	h, err := home()
	if err != nil {
		return "", fmt.Errorf("couldn't find a place for the service's data, say where with --data or set XDG_DATA_HOME: %w", err)
	}
	return filepath.Join(h, ".local", "share", "custodyd"), nil
}

// MakeState makes dir, where state will lie, and returns its absolute path.
// Nobody can list it, and the account can pass through to what is its own. It
// refuses a place that the account cannot reach.
func (r *Runner) MakeState(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("couldn't resolve the data directory %s: %w", dir, err)
	}
	if err := r.makeParents(filepath.Dir(dir)); err != nil {
		return "", err
	}
	switch err := os.Mkdir(dir, 0o711); {
	case err == nil:
		// Mkdir's mode is subject to the umask.
		if err := os.Chmod(dir, 0o711); err != nil {
			return "", fmt.Errorf("couldn't open the data directory to %s: %w", r.account.Name, err)
		}
	case errors.Is(err, fs.ErrExist):
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return "", fmt.Errorf("couldn't use %s as the data directory: it isn't a directory", dir)
		}
	default:
		return "", fmt.Errorf("couldn't make the data directory: %w", err)
	}
	return dir, r.Traversable(dir)
}

func (r *Runner) makeParents(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("couldn't make the data directory's parents: %w", err)
	}
	if err := r.makeParents(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("couldn't make the data directory's parents: %w", err)
	}
	if r.account.switched {
		if err := os.Chmod(dir, 0o755); err != nil {
			return fmt.Errorf("couldn't open the data directory's parents to %s: %w", r.account.Name, err)
		}
	}
	return nil
}

// NotTraversableError says which directory keeps the account from a path.
type NotTraversableError struct {
	Path, Closed, Account string
}

func (e *NotTraversableError) Error() string {
	return fmt.Sprintf("%s can't be used: the account %s, as which the private services run, may not enter %s; run `chmod a+x %s`, or choose another place, such as --data %s",
		e.Path, e.Account, e.Closed, e.Closed, SystemStateDir)
}

// Traversable returns a *NotTraversableError if the account may not enter path
// or a directory above it. What doesn't exist yet is no error.
func (r *Runner) Traversable(path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("couldn't resolve %s: %w", path, err)
	}
	real := path
	// Links are entered through the directories they lead to.
	for {
		if found, err := filepath.EvalSymlinks(real); err == nil {
			real = found
			break
		} else if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("couldn't resolve %s: %w", path, err)
		}
		real = filepath.Dir(real)
	}
	dir := "/"
	for _, name := range append([]string{""}, strings.Split(strings.TrimPrefix(real, "/"), "/")...) {
		dir = filepath.Join(dir, name)
		if info, err := os.Stat(dir); err == nil && !info.IsDir() {
			return fmt.Errorf("couldn't enter %s: it isn't a directory", dir)
		}
		ok, err := r.canEnter(dir)
		if err != nil {
			return fmt.Errorf("couldn't check whether %s may enter %s: %w", r.account.Name, dir, err)
		}
		if !ok {
			return &NotTraversableError{Path: path, Closed: dir, Account: r.account.Name}
		}
	}
	return nil
}

// canEnter lets the kernel decide, which knows of access control lists and the
// like: a child changes to dir under the account's credential, and then fails
// to execute what cannot exist. Only a refusal to enter is a permission error.
func (r *Runner) canEnter(dir string) (bool, error) {
	cmd := r.Command("/proc/self/no-such-program")
	cmd.Dir = dir
	err := cmd.Start()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true, nil
	case errors.Is(err, syscall.EACCES):
		return false, nil
	case err == nil:
		return false, errors.New("a program that can't exist was executed")
	default:
		return false, err
	}
}

// maxRuntimeDir leaves room for a socket's name in the 103 bytes of its path:
// "/pg/.s.PGSQL.5432" and the like.
const maxRuntimeDir = 103 - 32

// RuntimeDir makes, and returns, a short directory for the sockets of the
// services that keep their state in state; the same one each time, if nobody
// else has taken its name. Sockets go into directories of their own inside,
// because the account does not own this one.
func (r *Runner) RuntimeDir(state string) (string, error) {
	name := runtimeName(state)
	return r.privateDir(runtimeBases(os.Geteuid(), os.Getenv), func(base string) (string, error) {
		dir := filepath.Join(base, name)
		if len(dir) > maxRuntimeDir {
			return "", fmt.Errorf("%s is too long for a socket's path", dir)
		}
		err := os.Mkdir(dir, 0o711)
		if err == nil || errors.Is(err, fs.ErrExist) && ours(dir) {
			return dir, nil
		}
		// In a place open to all, the name can be somebody else's.
		return os.MkdirTemp(base, name+"-")
	})
}

func runtimeName(state string) string {
	sum := sha256.Sum256([]byte(state))
	return "custodyd-" + hex.EncodeToString(sum[:6])
}

// ours says whether dir is a directory that only this process's user can have
// made and can change.
func ours(dir string) bool {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() || info.Mode().Perm()&0o022 != 0 {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}

func runtimeBases(uid int, env func(string) string) []string {
	var bases []string
	if uid == 0 {
		bases = append(bases, "/run")
	} else if x := env("XDG_RUNTIME_DIR"); filepath.IsAbs(x) {
		bases = append(bases, x)
	}
	return append(bases, "/tmp", "/var/tmp")
}

// TempState makes a temporary data directory that the account can reach, for
// demonstrations and tests; remove deletes it with all that is in it, and the
// directory that RuntimeDir made for it.
func (r *Runner) TempState() (dir string, remove func() error, err error) {
	dir, err = r.privateDir([]string{os.TempDir(), "/tmp", "/var/tmp"}, func(base string) (string, error) {
		return os.MkdirTemp(base, "custodyd-")
	})
	remove = func() error {
		all := []error{os.RemoveAll(dir)}
		for _, base := range runtimeBases(os.Geteuid(), os.Getenv) {
			if sockets := filepath.Join(base, runtimeName(dir)); ours(sockets) {
				all = append(all, os.RemoveAll(sockets))
			}
		}
		return errors.Join(all...)
	}
	return dir, remove, err
}

// privateDir makes a directory in the first base where that works and the
// account gets through.
func (r *Runner) privateDir(bases []string, create func(base string) (string, error)) (string, error) {
	var all []error
	for _, base := range bases {
		if err := r.Traversable(base); err != nil {
			all = append(all, err)
			continue
		}
		dir, err := create(base)
		if err == nil {
			err = os.Chmod(dir, 0o711)
		}
		if err == nil {
			return dir, nil
		}
		all = append(all, err)
	}
	return "", fmt.Errorf("couldn't make a directory in any of %s: %w", strings.Join(bases, ", "), errors.Join(all...))
}
