package localpg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// minMajor is the oldest PostgreSQL the migrations are written for.
const minMajor = 15

// ErrNoBinaries is PostgreSQL missing, or none new enough.
var ErrNoBinaries = errors.New("PostgreSQL 15 or newer is needed: install it (apt install postgresql, dnf install postgresql-server), or set pg_bindir (CUSTODY_PG_BINDIR) to the folder with its initdb and postgres, or set database_url to use a server of your own")

// WrongVersionError is a database that none of the installed PostgreSQLs can
// open: its files are of another major version.
type WrongVersionError struct {
	DataDir string
	Need    int   // the database's major version
	Have    []int // those found
}

func (e *WrongVersionError) Error() string {
	have := make([]string, len(e.Have))
	for i, m := range e.Have {
		have[i] = strconv.Itoa(m)
	}
	return fmt.Sprintf("the database in %s was made by PostgreSQL %d, and found is only PostgreSQL %s: install PostgreSQL %d, or set pg_bindir (CUSTODY_PG_BINDIR) to the folder with its binaries; the database is left as it is",
		e.DataDir, e.Need, strings.Join(have, ", "), e.Need)
}

// Binaries are one installed PostgreSQL.
type Binaries struct {
	Dir   string
	Major int
}

func (b Binaries) initdb() string   { return filepath.Join(b.Dir, "initdb") }
func (b Binaries) postgres() string { return filepath.Join(b.Dir, "postgres") }

// Find finds the PostgreSQL that fits the database in dataDir or, if there is
// none yet, the newest. It looks in hint alone if that isn't empty, else in
// $PG_BINDIR alone if that is set, else in /usr/lib/postgresql/*/bin, its like
// on other systems, and PATH. Errors are ErrNoBinaries and *WrongVersionError.
func Find(ctx context.Context, hint, dataDir string) (Binaries, error) {
	need, err := dataVersion(dataDir)
	if err != nil {
		return Binaries{}, err
	}
	return find(ctx, hint, os.Getenv("PG_BINDIR"), installed(os.Getenv("PATH")), dataDir, need)
}

func find(ctx context.Context, hint, env string, dirs []string, dataDir string, need int) (Binaries, error) {
	where := ""
	for _, explicit := range []struct{ name, dir string }{{"pg_bindir", hint}, {"PG_BINDIR", env}} {
		if explicit.dir != "" {
			dirs, where = []string{explicit.dir}, fmt.Sprintf("%s is %s: ", explicit.name, explicit.dir)
			break
		}
	}
	var found []Binaries
	var why error
	for _, dir := range dirs {
		b, err := inspect(ctx, dir)
		if err != nil {
			why = err
			continue
		}
		found = append(found, b)
	}
	if need != 0 {
		have := []int{}
		for _, b := range found {
			if b.Major == need {
				return b, nil
			}
			have = append(have, b.Major)
		}
		if len(have) > 0 {
			slices.Sort(have)
			return Binaries{}, &WrongVersionError{DataDir: dataDir, Need: need, Have: slices.Compact(have)}
		}
	}
	best := Binaries{}
	for _, b := range found {
		// The first of equals: an explicit place comes before PATH.
		if b.Major > best.Major {
			best = b
		}
	}
	switch {
	case best.Major >= minMajor:
		return best, nil
	case best.Major > 0:
		return Binaries{}, fmt.Errorf("%sfound is only PostgreSQL %d in %s: %w", where, best.Major, best.Dir, ErrNoBinaries)
	case where != "":
		return Binaries{}, fmt.Errorf("%s%w: %w", where, why, ErrNoBinaries)
	default:
		return Binaries{}, ErrNoBinaries
	}
}

// installed lists folders where systems put PostgreSQL's server binaries. On
// most they are not in PATH; where they are it is often by a symbolic link to
// one program, beside which the others are missing: links are resolved.
func installed(path string) []string {
	var candidates []string
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", // Debian, Ubuntu, SUSE
		"/usr/pgsql-*/bin",          // the PostgreSQL project's RPMs
		"/usr/libexec/postgresql*",  // Alpine
		"/usr/local/pgsql/bin",      // from source
	} {
		match, err := filepath.Glob(pattern)
		if err == nil {
			candidates = append(candidates, match...)
		}
	}
	for _, dir := range filepath.SplitList(path) {
		// A relative entry would depend on where the service was started.
		if filepath.IsAbs(dir) {
			candidates = append(candidates, dir)
		}
	}
	var dirs []string
	for _, dir := range candidates {
		program, err := filepath.EvalSymlinks(filepath.Join(dir, "postgres"))
		if err != nil {
			continue
		}
		if dir = filepath.Dir(program); !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

var versionLine = regexp.MustCompile(`^postgres \(PostgreSQL\) ([0-9]{1,3})`)

func inspect(ctx context.Context, dir string) (Binaries, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Binaries{}, fmt.Errorf("couldn't resolve %s: %w", dir, err)
	}
	b := Binaries{Dir: dir}
	for _, program := range []string{b.initdb(), b.postgres()} {
		info, err := os.Stat(program)
		if err != nil {
			return Binaries{}, fmt.Errorf("couldn't find %s", program)
		}
		if !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0 {
			return Binaries{}, fmt.Errorf("%s can't be executed", program)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, b.postgres(), "--version")
	cmd.Env, cmd.Dir, cmd.WaitDelay = cleanEnv(), "/", time.Second
	out, err := cmd.Output()
	if err != nil {
		return Binaries{}, fmt.Errorf("couldn't ask %s for its version: %w", b.postgres(), err)
	}
	m := versionLine.FindSubmatch(out)
	if m == nil {
		return Binaries{}, fmt.Errorf("%s tells no version", b.postgres())
	}
	if b.Major, err = strconv.Atoi(string(m[1])); err != nil {
		return Binaries{}, fmt.Errorf("couldn't read the version of %s: %w", b.postgres(), err)
	}
	return b, nil
}

// dataVersion returns the major version of the database in dataDir, 0 if there
// is none.
func dataVersion(dataDir string) (int, error) {
	b, err := os.ReadFile(filepath.Join(dataDir, "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(dataDir); err == nil {
			return 0, fmt.Errorf("%s is there but is no PostgreSQL database (it has no PG_VERSION): move it away, or restore it from a backup", dataDir)
		}
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("couldn't read the database's version: %w", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || major <= 0 {
		return 0, fmt.Errorf("%s/PG_VERSION says %.20q, which is no version: restore it from a backup", dataDir, b)
	}
	return major, nil
}

// cleanEnv keeps the service's environment, where secrets and PGDATA and the
// like may be, from PostgreSQL. Its messages are in English. What a batch of
// events takes of memory its allocator keeps for the next: given back and asked
// for again at each commit, it would be cleared page by page each time.
func cleanEnv() []string {
	return []string{"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C", "TZ=UTC",
		"MALLOC_MMAP_THRESHOLD_=16777216", "MALLOC_TRIM_THRESHOLD_=33554432"}
}
