package localpg

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// hba lets in whoever the map knows, over the socket. There is no other line,
// so that everybody else, and replication, is refused.
const hba = "# Written at each start.\nlocal all all peer map=custody\n"

// systemUsers returns the names of the service's user and of the account that
// PostgreSQL runs as. Peer authentication goes by names.
func systemUsers(r Runner) ([]string, error) {
	ids := []uint32{uint32(os.Geteuid())}
	if attr := r.Command("postgres").SysProcAttr; attr != nil && attr.Credential != nil {
		ids = append(ids, attr.Credential.Uid)
	}
	var names []string
	for _, id := range ids {
		u, err := user.LookupId(strconv.FormatUint(uint64(id), 10))
		if err != nil {
			return nil, fmt.Errorf("couldn't find the name of user id %d, which PostgreSQL needs: add it to /etc/passwd: %w", id, err)
		}
		if !slices.Contains(names, u.Username) {
			names = append(names, u.Username)
		}
	}
	return names, nil
}

// ident is the map from operating system users to roles.
func ident(users []string) (string, error) {
	var b strings.Builder
	b.WriteString("# Written at each start.\n")
	for _, u := range users {
		// A leading slash makes a name a regular expression; quotes keep
		// everything else literal.
		if u == "" || strings.ContainsAny(u, "\"\n\r\x00") || u[0] == '/' {
			return "", fmt.Errorf("user name %q can't be written into PostgreSQL's user map: run the service as another user", u)
		}
		for _, role := range Roles() {
			fmt.Fprintf(&b, "custody \"%s\" %s\n", u, role)
		}
	}
	return b.String(), nil
}

// writeAccess writes who may log in. The files are outside the database and not
// its account's to change; a crash between the two leaves a pair that is
// written again before PostgreSQL reads it.
func writeAccess(p places, r Runner) error {
	users, err := systemUsers(r)
	if err != nil {
		return err
	}
	text, err := ident(users)
	if err != nil {
		return err
	}
	if err := makeDir(p.conf(), 0o711); err != nil {
		return err
	}
	for path, text := range map[string]string{p.hba(): hba, p.ident(): text} {
		if err := replace(path, text); err != nil {
			return fmt.Errorf("couldn't write who may log in: %w", err)
		}
	}
	return nil
}

// makeDir makes a directory with exactly that mode, whatever the umask.
func makeDir(path string, mode os.FileMode) error {
	if err := os.MkdirAll(path, mode); err != nil {
		return fmt.Errorf("couldn't make a directory: %w", err)
	}
	if err := os.Chmod(path, mode); err != nil {
		return fmt.Errorf("couldn't set a directory's mode: %w", err)
	}
	return nil
}

func replace(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// syncPath makes a file, or the names in a directory, durable.
func syncPath(path string) error {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
