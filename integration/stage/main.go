// Package stage sets up what the integration tests play on: the two programs,
// built once for a test process; a service with its private PostgreSQL and S3
// server; and people with keys and desks of their own.
package stage

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/evidence-custody/custodyd/cmd/custodyd/child"
	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
	"github.com/evidence-custody/custodyd/evidence/vault/locals3"
)

// Main runs a package's tests, or the private S3 server where the service has
// executed the test binary anew for that.
func Main(m *testing.M) int {
	if len(os.Args) > 1 && os.Args[1] == service.S3Command {
		if err := locals3.Child(context.Background(), os.Stdin); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	}
	code := m.Run()
	if built.remove != nil {
		if err := built.remove(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	return code
}

// Lacks skips the test for want of something of the machine's, or fails it
// where everything is required.
func Lacks(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CUSTODY_TEST_REQUIRE") == "all" {
		t.Fatalf("required: "+format, args...)
	}
	t.Skipf(format, args...)
}

// Need finds a program of the machine's that a test cannot do without.
func Need(t testing.TB, tool string) string {
	t.Helper()
	path, err := exec.LookPath(tool)
	if err != nil {
		path, err = exec.LookPath(filepath.Join("/usr/sbin", tool))
	}
	if err != nil {
		Lacks(t, "the program %s is missing", tool)
	}
	return path
}

// Programs are the paths of the programs under test. Any account may execute
// them.
type Programs struct {
	Custodyd, Custody string
}

var built struct {
	once   sync.Once
	p      Programs
	remove func() error
	err    error
}

// Build builds the programs, once for the test process.
func Build(t testing.TB) Programs {
	t.Helper()
	built.once.Do(func() {
		var dir string
		runner, err := child.NewRunner()
		if err != nil {
			built.err = err
			return
		}
		if dir, built.remove, built.err = runner.TempState(); built.err != nil {
			return
		}
		for name, path := range map[string]*string{"custodyd": &built.p.Custodyd, "custody": &built.p.Custody} {
			*path = filepath.Join(dir, name)
			out, err := exec.Command("go", "build", "-o", *path, "github.com/evidence-custody/custodyd/cmd/"+name).CombinedOutput()
			if err == nil {
				err = os.Chmod(*path, 0o755)
			}
			if err != nil {
				built.err = fmt.Errorf("couldn't build %s: %w\n%s", name, err, out)
				return
			}
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.p
}

// Dir makes a directory for the test that any account can enter: those of
// t.TempDir are closed to others than root.
func Dir(t testing.TB) string {
	t.Helper()
	runner, err := child.NewRunner()
	if err != nil {
		t.Fatal(err)
	}
	dir, remove, err := runner.TempState()
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

// Lines cuts a program's output for a failure's message.
func Lines(out []byte, most int) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) > most {
		lines = append(lines[:most/2:most/2], append([]string{"…"}, lines[len(lines)-most/2:]...)...)
	}
	return strings.Join(lines, "\n")
}
