package localpg

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// install makes a folder with programs that claim to be of that version.
func install(t *testing.T, version string) string {
	t.Helper()
	dir := t.TempDir()
	for _, program := range []string{"initdb", "postgres"} {
		script := fmt.Sprintf("#!/bin/sh\necho 'postgres (PostgreSQL) %s'\n", version)
		if err := os.WriteFile(filepath.Join(dir, program), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestFind(t *testing.T) {
	pg14, pg15, pg16, pg17 := install(t, "14.9"), install(t, "15.18 (Debian 15.18-0+deb12u1)"), install(t, "16.3"), install(t, "17beta2")
	alone := t.TempDir() // postgres without initdb, as a client's folder may have
	if err := os.Link(filepath.Join(pg16, "postgres"), filepath.Join(alone, "postgres")); err != nil {
		t.Fatal(err)
	}
	broken := install(t, "")
	for _, tt := range []struct {
		name      string
		hint, env string
		dirs      []string
		need      int
		want      string // directory
		err       string
	}{
		{"newest", "", "", []string{pg15, pg17, pg16, pg14}, 0, pg17, ""},
		{"that of the database", "", "", []string{pg17, pg15, pg16}, 15, pg15, ""},
		{"configured", pg15, pg16, []string{pg17}, 0, pg15, ""},
		{"from the environment", "", pg16, []string{pg17}, 0, pg16, ""},
		{"incomplete ones are passed over", "", "", []string{alone, broken, pg15}, 0, pg15, ""},
		{"old database, its PostgreSQL still there", "", "", []string{pg14, pg17}, 14, pg14, ""},
		{"none", "", "", nil, 0, "", "apt install postgresql"},
		{"none for a database", "", "", nil, 16, "", "apt install postgresql"},
		{"only an old one", "", "", []string{pg14}, 0, "", "found is only PostgreSQL 14"},
		{"configured folder has none", alone, "", []string{pg15}, 0, "", "pg_bindir is " + alone + ": couldn't find " + filepath.Join(alone, "initdb")},
		{"environment's folder has none", "", alone, []string{pg15}, 0, "", "PG_BINDIR is " + alone},
		{"configured one tells no version", broken, "", nil, 0, "", "tells no version"},
		{"wrong version", "", "", []string{pg17, pg15}, 16, "", "was made by PostgreSQL 16, and found is only PostgreSQL 15, 17: install PostgreSQL 16"},
		{"configured one is of the wrong version", pg15, "", []string{pg16}, 16, "", "was made by PostgreSQL 16"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, err := find(t.Context(), tt.hint, tt.env, tt.dirs, "/data/pg", tt.need)
			if tt.err == "" {
				if err != nil || b.Dir != tt.want {
					t.Fatalf("found %+v, %v, want %s", b, err, tt.want)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.err) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("error %v, want one line with %q", err, tt.err)
			}
			var wrong *WrongVersionError
			if errors.Is(err, ErrNoBinaries) == errors.As(err, &wrong) {
				t.Errorf("%v is of neither kind, or of both", err)
			}
		})
	}
}

// Programs in PATH may be symbolic links to one version's, without the rest of
// it beside them.
func TestInstalledResolvesLinks(t *testing.T) {
	real, linked := install(t, "15.1"), t.TempDir()
	if err := os.Symlink(filepath.Join(real, "postgres"), filepath.Join(linked, "postgres")); err != nil {
		t.Fatal(err)
	}
	real, err := filepath.EvalSymlinks(real)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, dir := range installed(strings.Join([]string{linked, real, "relative", ""}, ":")) {
		if dir == real {
			found++
		}
		if dir == linked || !filepath.IsAbs(dir) {
			t.Errorf("%s is listed", dir)
		}
	}
	if found != 1 {
		t.Errorf("the real folder is listed %d times", found)
	}
}

func TestOtherVersionsDatabaseIsRefusedUntouched(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "pg")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{"9\n": "was made by PostgreSQL 9,", "banana": "no version", "": "no version", "-3": "no version"} {
		if err := os.WriteFile(filepath.Join(data, "PG_VERSION"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Start(t.Context(), Options{Dir: dir, SocketDir: filepath.Join(dir, "s")})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("PG_VERSION %q: %v, want one line with %q", text, err, want)
		}
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != 1 {
			t.Errorf("the directory was changed: %v, %v", entries, err)
		}
		if b, err := os.ReadFile(filepath.Join(data, "PG_VERSION")); err != nil || string(b) != text {
			t.Errorf("PG_VERSION is now %q, %v", b, err)
		}
	}
}

func TestMissingBinariesAreOneLine(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "db")
	_, err := Start(t.Context(), Options{Dir: dir, SocketDir: filepath.Join(dir, "s"), BinDir: t.TempDir()})
	if !errors.Is(err, ErrNoBinaries) || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "CUSTODY_PG_BINDIR") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a directory was made for nothing: %v", err)
	}
}

func TestIdent(t *testing.T) {
	got, err := ident([]string{"root", "all", `CORP\ayesha`})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"custody \"root\" custody_app\n", "custody \"all\" custody_superuser\n", `custody "CORP\ayesha" custody_migrator` + "\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q isn't in %s", want, got)
		}
	}
	for _, name := range []string{"", "/.*", "a\"b", "a\ncustody \"evil\" custody_superuser"} {
		if _, err := ident([]string{name}); err == nil {
			t.Errorf("%q was written into the map", name)
		}
	}
}

func TestDSNQuotes(t *testing.T) {
	got := places{socketDir: `/a b/it's\`}.dsn("custody_app", "")
	if want := `host='/a b/it\'s\\' port=5432 user=custody_app dbname='' sslmode=disable`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
