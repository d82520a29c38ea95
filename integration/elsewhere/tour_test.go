package elsewhere

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/integration/stage"
)

// TestTour runs the README's tour as it stands there, but for the port.
func TestTour(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, tour, ok := strings.Cut(string(readme), "```sh tour\n")
	tour, _, closed := strings.Cut(tour, "\n```")
	if !ok || !closed || !strings.Contains(tour, "custody verify") {
		t.Fatal("README.md has no tour that ends in a verification")
	}
	tour = strings.ReplaceAll(tour, ":8440", fmt.Sprintf(":%d", freePort(t)))
	programs := stage.Build(t)
	dir := stage.Dir(t)
	cmd := exec.CommandContext(stage.Context(t), stage.Need(t, "bash"), "-c", tour)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(programs.Custody)+":"+os.Getenv("PATH"), "CUSTODY_HOME=", "CUSTODY_KEY=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the tour fails: %v\n%s", err, stage.Lines(out, 40))
	}
	if !strings.Contains(string(out), "VERDICT: whole under the given policy") {
		t.Errorf("the tour does not end in a whole verdict:\n%s", stage.Lines(out, 40))
	}
	for _, name := range []string{"dossier.zip", "trust.json", "report.pdf", "report.json"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
