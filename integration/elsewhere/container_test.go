package elsewhere

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ory/dockertest/v3"
	"github.com/ory/dockertest/v3/docker"

	"github.com/evidence-custody/custodyd/cmd/custodyd/demo"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// TestVerifyInAnEmptyContainer verifies a dossier in a container that holds
// the verifier, the dossier, the policy and nothing else: no C library, no
// network, no time zones, no certificates.
func TestVerifyInAnEmptyContainer(t *testing.T) {
	pool, err := dockertest.NewPool("")
	if err == nil {
		err = pool.Client.Ping()
	}
	if err != nil {
		stage.Lacks(t, "Docker does not answer: %v", err)
	}
	out := play(t)
	image := buildVerifier(t, pool)
	for _, c := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"under the policy", []string{"verify", "--policy", "/in/" + demo.TrustFile, "/in/" + demo.DossierFile, "--artifact", "/in/retrieved-exhibit-1.img"}, 0, "VERDICT: whole"},
		{"without a policy", []string{"verify", "/in/" + demo.DossierFile}, 1, "no-policy"},
		{"another image", []string{"verify", "--policy", "/in/" + demo.TrustFile, "/in/" + demo.DossierFile, "--artifact", "/in/" + demo.PDFFile}, 3, "bytes-mismatch"},
	} {
		code, said := runContainer(t, pool, image, out, c.args)
		if code != c.code || !strings.Contains(said, c.says) {
			t.Errorf("%s: exit %d, want %d and %q:\n%s", c.name, code, c.code, c.says, said)
		}
	}
}

// play runs the demonstration as a process and returns its results.
func play(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(stage.Dir(t), "out")
	if out, err := exec.CommandContext(stage.Context(t), stage.Build(t).Custodyd, "demo", "--out", dir).CombinedOutput(); err != nil {
		t.Fatalf("demo: %v\n%s", err, stage.Lines(out, 30))
	}
	return dir
}

// buildVerifier makes an image of the static program alone.
func buildVerifier(t *testing.T, pool *dockertest.Pool) string {
	t.Helper()
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "custody"), "github.com/evidence-custody/custodyd/cmd/custody")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	dockerfile := "FROM scratch\nCOPY custody /custody\nENTRYPOINT [\"/custody\"]\n"
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o600); err != nil {
		t.Fatal(err)
	}
	const name = "custody-verify-test"
	var log bytes.Buffer
	if err := pool.Client.BuildImage(docker.BuildImageOptions{Name: name, ContextDir: dir, Dockerfile: "Dockerfile", OutputStream: &log, RmTmpContainer: true}); err != nil {
		t.Fatalf("docker build: %v\n%s", err, log.String())
	}
	t.Cleanup(func() {
		if err := pool.Client.RemoveImage(name); err != nil {
			t.Errorf("couldn't remove image: %v", err)
		}
	})
	return name
}

// runContainer runs the program to its end and returns its exit code and output.
func runContainer(t *testing.T, pool *dockertest.Pool, image, in string, args []string) (int, string) {
	t.Helper()
	c, err := pool.Client.CreateContainer(docker.CreateContainerOptions{
		Config: &docker.Config{Image: image, Cmd: args, Env: []string{"CUSTODY_HOME=/nowhere"}},
		HostConfig: &docker.HostConfig{NetworkMode: "none", ReadonlyRootfs: true, Binds: []string{in + ":/in:ro"},
			CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := pool.Client.RemoveContainer(docker.RemoveContainerOptions{ID: c.ID, Force: true}); err != nil {
			t.Error(err)
		}
	}()
	if err := pool.Client.StartContainer(c.ID, nil); err != nil {
		t.Fatal(err)
	}
	code, err := pool.Client.WaitContainerWithContext(c.ID, stage.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := pool.Client.Logs(docker.LogsOptions{Container: c.ID, OutputStream: &out, ErrorStream: &out, Stdout: true, Stderr: true}); err != nil {
		t.Fatal(err)
	}
	return code, out.String()
}
