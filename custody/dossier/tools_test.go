package dossier_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/seal/sealtest"
	"github.com/evidence-custody/custodyd/evidence"
)

// need stops the test where a program is missing.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			sealtest.Tool(t, p)
		}
	}
}

// run runs a program in dir and returns what it printed.
func run(t *testing.T, dir string, env []string, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// unpack unzips a dossier by the stock tool and returns the bag.
func unpack(t *testing.T, d *dossier.Dossier) string {
	t.Helper()
	need(t, "unzip")
	dir := t.TempDir()
	write(t, filepath.Join(dir, "dossier.zip"), encode(t, d))
	if out, err := run(t, dir, nil, "unzip", "-q", "dossier.zip", "-d", "bag"); err != nil || out != "" {
		t.Fatalf("unzip: %v: %s", err, out)
	}
	return filepath.Join(dir, "bag")
}

// commands are the README's commands that begin with word, as they stand in the bag.
func commands(t *testing.T, bag, word string) (out []string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(bag, "data/README.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if c, ok := strings.CutPrefix(line, "     "); ok && strings.HasPrefix(c, word) {
			out = append(out, strings.TrimSpace(c))
		}
	}
	if len(out) == 0 {
		t.Fatalf("the README has no command %s", word)
	}
	return out
}

// variables set what the README says to set.
func variables(d *dossier.Dossier, i int) []string {
	return []string{fmt.Sprintf("N=%012d", d.Events[i].Index), "K=" + d.Events[i].Key.ID().String(), "D=" + evidence.Sum(artifact).String(), "H=" + origin}
}

// TestSumsByHand runs the README's first command, on the bag and on spoiled ones.
func TestSumsByHand(t *testing.T) {
	need(t, "sh", "sha256sum")
	bag := unpack(t, sample(t, 3))
	command := commands(t, bag, "sha256sum")[0]
	if out, err := run(t, bag, nil, "sh", "-c", command); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, name := range []string{"data/log/log.json", "data/README.txt", "bagit.txt", "manifest-sha256.txt"} {
		path := filepath.Join(bag, name)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		write(t, path, append(bytes.Clone(b), ' '))
		if out, err := run(t, bag, nil, "sh", "-c", command); err == nil {
			t.Errorf("%s changed: %s", name, out)
		}
		write(t, path, b)
	}
}

// TestSignatureByHand runs the README's openssl commands for every event.
func TestSignatureByHand(t *testing.T) {
	need(t, "sh", "openssl", "sed", "base64")
	d := sample(t, 3)
	bag := unpack(t, d)
	script := strings.Join(append(append(commands(t, bag, "sed"), commands(t, bag, "(printf")...), commands(t, bag, "openssl dgst")...), "\n")
	for i := range d.Events {
		if out, err := run(t, bag, variables(d, i), "sh", "-ec", script); err != nil || !strings.Contains(out, "Verified OK") {
			t.Errorf("event %d: %v: %s", i, err, out)
		}
	}
	other := variables(d, 0)
	other[1] = variables(d, 2)[1]
	if out, err := run(t, bag, other, "sh", "-ec", script); err == nil {
		t.Errorf("by another key: %s", out)
	}
}

// TestTimeByHand runs the README's commands on a head and an older one.
func TestTimeByHand(t *testing.T) {
	need(t, "sh", "openssl", "head")
	d, authority := timed(t)
	bag := unpack(t, d)
	write(t, filepath.Join(bag, "../tsa.pem"), authority.PEM())
	script := strings.Join(append(commands(t, bag, "head"), commands(t, bag, "openssl ts")...), "\n")
	verified := 0
	for id := range d.Times {
		for _, note := range []string{"data/log/checkpoint.txt", "data/log/checkpoints/000000000002.txt"} {
			out, err := run(t, bag, []string{"T=" + id.String() + ".tsr", "C=" + note}, "sh", "-ec", script)
			if err == nil && strings.Contains(out, "Verification: OK") {
				verified++
			}
		}
	}
	if verified != 2 {
		t.Errorf("openssl verifies %d of 2 timestamps, each of its checkpoint alone", verified)
	}
}

// TestStockZipTools: small, and beyond what fits without zip64.
func TestStockZipTools(t *testing.T) {
	need(t, "unzip", "python3")
	large := sample(t, 0)
	large.Details = map[evidence.Digest][]byte{}
	for i := range 66_000 {
		b := fmt.Append(nil, i)
		large.Details[evidence.Sum(b)] = b
	}
	for name, d := range map[string]*dossier.Dossier{"small": sample(t, 3), "large": large} {
		dir := t.TempDir()
		b := encode(t, d)
		write(t, filepath.Join(dir, "d.zip"), b)
		if out, err := run(t, dir, nil, "unzip", "-tqq", "d.zip"); err != nil || strings.TrimSpace(out) != "" {
			t.Errorf("%s: unzip: %v: %.300s", name, err, out)
		}
		names, _ := stdFiles(t, b)
		out, err := run(t, dir, nil, "python3", "-c", "import zipfile; z=zipfile.ZipFile('d.zip'); assert z.testzip() is None; print(len(z.namelist()))")
		if err != nil || strings.TrimSpace(out) != fmt.Sprint(len(names)) {
			t.Errorf("%s: python finds %s of %d files: %v", name, out, len(names), err)
		}
	}
}
