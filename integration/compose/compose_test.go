// Package compose brings the tree's compose.yaml up, as it stands, with images
// built on this machine, and plays the whole story on it.
package compose

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/cmd/custodyd/demo"
	"github.com/evidence-custody/custodyd/integration/images"
	"github.com/evidence-custody/custodyd/integration/stage"
)

func TestMain(m *testing.M) { os.Exit(stage.Main(m)) }

const file = "../../compose.yaml"

// patience is for three containers to come up on a busy machine.
const patience = 2 * time.Minute

// project is compose.yaml brought up.
type project struct {
	t    *testing.T
	name string
	env  []string
	url  string
}

// TestDeployment: up, a deposit, a handover, a verification, a restart, down.
func TestDeployment(t *testing.T) {
	p := up(t)
	if _, err := demo.Play(stage.Context(t), p, demo.Options{Out: filepath.Join(t.TempDir(), "out"), Work: t.TempDir(), Say: io.Discard}); err != nil {
		t.Fatalf("%v\n%s", err, p.tail("custodyd"))
	}
	p.checkConfinement()
	// What is kept is in volumes: containers can be made anew.
	before := p.size()
	p.compose("rm", "-s", "-f", "custodyd")
	p.compose("stop")
	p.compose("up", "-d", "--no-build")
	p.awaitReady()
	if after := p.size(); after < before {
		t.Errorf("the log has %d events after containers were made anew, %d before", after, before)
	}
}

// size is how many events the log has.
func (p *project) size() (size uint64) {
	p.t.Helper()
	resp, err := http.Get(p.url + "/v1/checkpoint")
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	if lines := strings.Split(string(b), "\n"); len(lines) > 2 {
		_, err = fmt.Sscan(lines[1], &size)
	}
	if err != nil || size < 20 {
		p.t.Fatalf("no checkpoint of a played story: %q, %v", b, err)
	}
	return size
}

// secretsRecipe are the commands that compose.yaml gives its reader.
var secretsRecipe = regexp.MustCompile(`(?s)#   (mkdir -m 700 secrets.*?chmod 644 secrets/\*)`)

// up follows compose.yaml's own instructions.
func up(t *testing.T) *project {
	t.Helper()
	stage.Need(t, "docker-compose")
	images.Docker(t)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	recipe := secretsRecipe.FindSubmatch(text)
	if recipe == nil {
		t.Fatal("compose.yaml does not say how to make the secrets")
	}
	dir := stage.Dir(t)
	sh := exec.Command("sh", "-euc", strings.ReplaceAll(string(recipe[1]), "\n#", "\n"))
	sh.Dir = dir
	if out, err := sh.CombinedOutput(); err != nil {
		t.Fatalf("the secrets' recipe: %v\n%s", err, out)
	}
	port := freePort(t)
	p := &project{t: t, name: fmt.Sprintf("custody-test-%d", port), url: fmt.Sprintf("http://127.0.0.1:%d", port)}
	p.env = append(os.Environ(), "POSTGRES_IMAGE="+images.Postgres(t), "SILO_IMAGE="+images.MinIO(t), "CUSTODYD_IMAGE="+images.Custodyd(t),
		"SECRETS="+filepath.Join(dir, "secrets"), "RETENTION_PERIOD=1d", "CUSTODY_MODE=test", fmt.Sprintf("CUSTODY_PORT=%d", port))
	t.Cleanup(func() { p.compose("down", "--volumes", "--timeout", "20") })
	p.compose("up", "-d", "--no-build")
	p.awaitReady()
	return p
}

// compose runs docker-compose on the file.
func (p *project) compose(args ...string) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "docker-compose", append([]string{"-f", file, "-p", p.name, "--no-ansi"}, args...)...)
	cmd.Env = p.env
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Run(); err != nil {
		p.t.Errorf("docker-compose %s: %v\n%s", strings.Join(args, " "), err, log.String())
	}
	return out.String()
}

func (p *project) tail(service string) string {
	return stage.Lines([]byte(p.compose("logs", "--no-color", service)), 40)
}

func (p *project) awaitReady() {
	p.t.Helper()
	var last string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		resp, err := http.Get(p.url + "/readyz")
		if err != nil {
			last = err.Error()
			continue
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if last = string(b); resp.StatusCode == http.StatusOK {
			return
		}
	}
	p.t.Fatalf("custodyd is not ready: %s\n%s\n%s\n%s", last, p.tail("custodyd"), p.tail("postgres"), p.tail("store"))
}

// URL and FirstToken make the project a stage for the demonstration.
func (p *project) URL() string { return p.url }

var tokenLine = regexp.MustCompile(`one-time token: (\S+)`)

// FirstToken is in custodyd's log, as the operator finds it.
func (p *project) FirstToken(context.Context) (string, time.Time, error) {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		if all := tokenLine.FindAllStringSubmatch(p.compose("logs", "--no-color", "custodyd"), -1); len(all) > 0 {
			return all[len(all)-1][1], time.Now().Add(time.Hour), nil
		}
	}
	return "", time.Time{}, fmt.Errorf("no token in the log:\n%s", p.tail("custodyd"))
}

// checkConfinement looks at what runs, not at what was asked for.
func (p *project) checkConfinement() {
	t := p.t
	t.Helper()
	id := strings.TrimSpace(p.compose("ps", "-q", "custodyd"))
	out, err := exec.Command("docker", "inspect", id).Output()
	if err != nil {
		t.Fatal(err)
	}
	var found []struct {
		Config     struct{ User string }
		HostConfig struct {
			ReadonlyRootfs bool
			CapDrop        []string
			SecurityOpt    []string
		}
		State struct {
			Pid    int
			Health struct{ Status string }
		}
	}
	if err := json.Unmarshal(out, &found); err != nil || len(found) != 1 {
		t.Fatalf("docker inspect: %v, %d containers", err, len(found))
	}
	c := found[0]
	if c.Config.User != "65532:65532" || !c.HostConfig.ReadonlyRootfs || len(c.HostConfig.CapDrop) == 0 || len(c.HostConfig.SecurityOpt) == 0 {
		t.Errorf("custodyd runs as %+v", c)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.State.Pid))
	if err != nil || !bytes.Contains(status, []byte("Uid:\t65532\t65532")) || !bytes.Contains(status, []byte("CapEff:\t0000000000000000")) {
		t.Errorf("the process has other rights than those (%v):\n%s", err, status)
	}
	// Its own health check, which nothing but the binary can make.
	if out := p.compose("exec", "-T", "custodyd", "/custodyd", "ready"); !strings.Contains(out, "ready") {
		t.Errorf("custodyd ready says %q", out)
	}
	// The database and the store answer nobody outside.
	for _, service := range []string{"postgres", "store"} {
		id := strings.TrimSpace(p.compose("ps", "-q", service))
		if out, err := exec.Command("docker", "port", id).Output(); err != nil || len(bytes.TrimSpace(out)) != 0 {
			t.Errorf("%s has open ports: %s, %v", service, out, err)
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
