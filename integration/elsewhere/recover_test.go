package elsewhere

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// TestRecoverAsAnOperatorDoes puts an old copy of the database back under a
// service that signed more since, with nothing but the programs: serve refuses
// with words and an exit code, recover shows the loss and records it only when
// told how much, serve starts again. The auditor who had seen the lost events,
// and everybody's verifier, say so from then on.
func TestRecoverAsAnOperatorDoes(t *testing.T) {
	t.Parallel()
	dir := stage.Dir(t)
	data := filepath.Join(dir, "data")
	postgres, old := filepath.Join(data, "postgres"), filepath.Join(dir, "postgres-old")
	programs := stage.Build(t)
	custodyd := func(code int, args ...string) stage.Done {
		t.Helper()
		d := stage.Run(t, exec.CommandContext(stage.Context(t), programs.Custodyd, append(args, "--data", data)...))
		if d.Code != code {
			t.Fatalf("custodyd %v: exit code %d, want %d\n%s%s", args, d.Code, code, d.Stdout, d.Stderr)
		}
		return d
	}
	first := stage.ServeProcess(t, data, "--mode", "test")
	cast := stage.NewCast(t, first.URL, first.Token)
	kase := cast.Investigator.OpenCase(t)
	cast.Investigator.Deposit(t, kase, nil, stage.File(t, 70_000))
	first.Interrupt(t)
	copyTree := func(from, to string) {
		t.Helper()
		if d := stage.Run(t, exec.Command(stage.Need(t, "cp"), "-a", from, to)); d.Code != 0 {
			t.Fatalf("cp: %s", d.Stderr)
		}
	}
	copyTree(postgres, old)

	policy, state := stage.Write(t, "trust.json", cast.PolicyFile), filepath.Join(dir, "auditor.json")
	audit := func(code int, by *stage.Person, url string) string {
		t.Helper()
		d := stage.Run(t, by.Command(t, url, "audit", url, "--policy", policy, "--state", state))
		if d.Code != code {
			t.Fatalf("custody audit: exit code %d, want %d\n%s%s", d.Code, code, d.Stdout, d.Stderr)
		}
		return string(d.Stdout) + string(d.Stderr)
	}
	second := stage.ServeProcess(t, data)
	cast.Reach(t, second.URL)
	for range 2 {
		cast.Investigator.Register(t, kase)
	}
	audit(0, cast.Investigator, second.URL)
	second.Interrupt(t)

	// The disk died, and somebody put last week's copy back.
	if err := os.RemoveAll(postgres); err != nil {
		t.Fatal(err)
	}
	copyTree(old, postgres)
	refused := custodyd(1, "serve", "--listen", "127.0.0.1:0")
	if words := string(refused.Stderr) + string(refused.Stdout); !strings.Contains(words, "an old copy was put back") || !strings.Contains(words, "BACKUP.md") {
		t.Errorf("serve on an old copy says: %s", words)
	}
	shown := string(custodyd(3, "recover").Stdout)
	m := regexp.MustCompile(`(?s)events: +(\d+) in the database.*custodyd recover --accept-loss (\d+)\n`).FindStringSubmatch(shown)
	if m == nil {
		t.Fatalf("recover does not say how to go on: %s", shown)
	}
	wrong, err := strconv.Atoi(m[2])
	if err != nil {
		t.Fatal(err)
	}
	custodyd(1, "recover", "--accept-loss", strconv.Itoa(wrong-1))
	recorded := read[service.Loss](t, custodyd(0, "recover", "--json", "--accept-loss", m[2], "--cause", "storage-lost"))
	if !recorded.Lost || strconv.FormatUint(recorded.Recorded, 10) != m[1] || recorded.Signed < recorded.Recorded+2 || len(recorded.Archived) == 0 {
		t.Errorf("recorded: %+v", recorded)
	}

	// It serves again, and what it lost stands in every dossier.
	third := stage.ServeProcess(t, data)
	zip := filepath.Join(dir, "dossier.zip")
	d := stage.Run(t, cast.Investigator.Command(t, third.URL, "dossier", "get", "--case", kase.String(), "-o", zip))
	if d.Code != 0 {
		t.Fatalf("the dossier after the loss: exit code %d\n%s%s", d.Code, d.Stdout, d.Stderr)
	}
	check := func(code int, policy string, name verify.Name) {
		t.Helper()
		d := stage.Run(t, cast.Investigator.Command(t, third.URL, "verify", "--policy", policy, "--json", zip))
		var v struct {
			Findings []struct {
				Name  verify.Name
				Event uint64
			}
		}
		if err := json.Unmarshal(d.Stdout, &v); err != nil || d.Code != code {
			t.Fatalf("custody verify: exit code %d, want %d (%v)\n%s%s", d.Code, code, err, d.Stdout, d.Stderr)
		}
		for _, f := range v.Findings {
			if f.Name == name && f.Event == recorded.Recorded {
				return
			}
		}
		t.Errorf("no %s at log index %d in %s", name, recorded.Recorded, d.Stdout)
	}
	check(1, policy, verify.LogRecovered)
	event, err := evidence.ParseDigest(recorded.Event)
	if err != nil {
		t.Fatal(err)
	}
	p, err := verify.ParsePolicy(cast.PolicyFile)
	if err != nil {
		t.Fatal(err)
	}
	p.Logs[0].Recoveries = []evidence.Digest{event}
	known, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	check(0, stage.Write(t, "trust-known.json", known), verify.RecoveryAccepted)
	if words := audit(3, cast.Investigator, third.URL); !strings.Contains(words, "log-shrunk") && !strings.Contains(words, "log-fork") {
		t.Errorf("the auditor who saw the lost events says %s", words)
	}
	if err := os.Remove(state); err != nil {
		t.Fatal(err)
	}
	audit(0, cast.Analyst, third.URL) // one who comes later finds the log as it is
}
