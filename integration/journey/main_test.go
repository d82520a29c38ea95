package journey

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/cmd/custodyd/demo"
	"github.com/evidence-custody/custodyd/integration/stage"
)

func TestMain(m *testing.M) {
	code := stage.Main(m)
	if played.dir != "" {
		os.RemoveAll(played.dir)
	}
	os.Exit(code)
}

// within is what a demonstration may take.
const within = 2 * time.Minute

// played is the demonstration without an image, played once for all tests.
var played struct {
	once     sync.Once
	dir, out string
	done     stage.Done
}

// demonstration returns where the results of the shared demonstration lie.
func demonstration(t *testing.T) string {
	t.Helper()
	programs := stage.Build(t)
	played.once.Do(func() {
		var err error
		if played.dir, err = os.MkdirTemp("", "custody-journey-"); err != nil {
			t.Fatal(err)
		}
		played.out = filepath.Join(played.dir, "out")
		played.done = stage.Run(t, exec.Command(programs.Custodyd, "demo", "--out", played.out))
	})
	if played.done.Code != 0 {
		t.Fatalf("the demonstration failed with exit code %d:\n%s\n%s", played.done.Code, played.done.Stdout, played.done.Stderr)
	}
	return played.out
}

// summary reads and checks what a demonstration says of itself.
func summary(t *testing.T, out string) demo.Summary {
	t.Helper()
	var s demo.Summary
	b, err := os.ReadFile(filepath.Join(out, demo.SummaryFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatal(err)
	}
	if !s.OK || len(s.Steps) < 15 || s.Artifact == nil {
		t.Fatalf("the summary isn't one of a story that held: %s", b)
	}
	for _, step := range s.Steps {
		if !step.OK {
			t.Errorf("step %q did not hold: %s", step.Name, step.Result)
		}
	}
	return s
}

// results holds every promised file to the summary's digest of it.
func results(t *testing.T, out, retrieved string) demo.Summary {
	t.Helper()
	s := summary(t, out)
	for _, name := range []string{demo.DossierFile, demo.TrustFile, demo.PDFFile, demo.JSONFile, retrieved} {
		if got := digest(t, filepath.Join(out, name)); got != s.Files[name] {
			t.Errorf("%s has SHA-256 %s; summary.json says %q", name, got, s.Files[name])
		}
	}
	if got := digest(t, filepath.Join(out, retrieved)); got != s.Artifact.SHA256.String() {
		t.Errorf("the retrieved image has SHA-256 %s, deposited was %s", got, s.Artifact.SHA256)
	}
	entries, err := os.ReadDir(out)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(s.Files)+1 {
		t.Errorf("%d files are left, and the summary names %d", len(entries), len(s.Files))
	}
	return s
}

func digest(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// custody runs the people's command, at nobody's home.
func custody(t *testing.T, args ...string) stage.Done {
	t.Helper()
	cmd := exec.Command(stage.Build(t).Custody, args...)
	cmd.Env = []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}
	return stage.Run(t, cmd)
}
