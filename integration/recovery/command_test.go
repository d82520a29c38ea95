package recovery

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// TestCommands runs check and extend-retention as an operator does, on a
// service with private parts.
func TestCommands(t *testing.T) {
	data := filepath.Join(stage.Dir(t), "data")
	svc := stage.Serve(t, stage.Options(data))
	token, _, err := svc.FirstToken(stage.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	cast := stage.NewCast(t, svc.URL(), token)
	kase := cast.Investigator.OpenCase(t)
	first := cast.Investigator.Deposit(t, kase, nil, stage.File(t, 1<<20+1))
	cast.Investigator.Deposit(t, kase, nil, stage.File(t, 1<<20+2))
	custodyd := stage.Build(t).Custodyd
	run := func(code int, args ...string) stage.Done {
		t.Helper()
		d := stage.Run(t, exec.Command(custodyd, args...))
		if d.Code != code {
			t.Fatalf("%v: exit code %d, want %d\n%s%s", args, d.Code, code, d.Stdout, d.Stderr)
		}
		return d
	}
	if d := run(1, "check", "--data", data); !strings.Contains(string(d.Stderr), "stop it first") {
		t.Errorf("beside a running service: %s", d.Stderr)
	}
	// Auditors' tokens come and go while it runs.
	var issued struct {
		Token string
		service.Auditor
	}
	if err := json.Unmarshal(run(0, "auditor", "issue", "--data", data, "--name", "expert", "--life", "30d", "--json").Stdout, &issued); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(issued.Token, "aud_") || issued.ID != evidence.Sum([]byte(issued.Token)) || issued.Expires.Sub(issued.Issued) != 30*24*time.Hour {
		t.Errorf("issued: %+v", issued)
	}
	for _, args := range [][]string{{"issue"}, {"issue", "--name", "x", "--life", "soon"}, {"revoke", "x"}} {
		run(2, append([]string{"auditor"}, args...)...)
	}
	stage.Stop(t, svc)

	// And while it doesn't.
	run(0, "auditor", "revoke", issued.ID.String(), "--data", data)
	run(1, "auditor", "revoke", evidence.Sum(nil).String(), "--data", data)
	if d := run(0, "auditor", "list", "--data", data); !strings.Contains(string(d.Stdout), "revoked  \"expert\"") || strings.Contains(string(d.Stdout), issued.Token) {
		t.Errorf("%s", d.Stdout)
	}

	var whole service.CheckResult
	if err := json.Unmarshal(run(0, "check", "--data", data, "--bytes", "--json").Stdout, &whole); err != nil {
		t.Fatal(err)
	}
	if !whole.Whole() || whole.Artifacts != 2 || whole.Bytes != 2<<20+3 || whole.Signed != whole.Events {
		t.Errorf("%+v", whole)
	}
	if d := run(0, "check", "--data", data); !strings.HasSuffix(string(d.Stdout), "whole\n") {
		t.Errorf("%s", d.Stdout)
	}

	extend := func(args ...string) (x service.Extension) {
		t.Helper()
		if err := json.Unmarshal(run(0, append([]string{"extend-retention", "--data", data, "--json"}, args...)...).Stdout, &x); err != nil {
			t.Fatal(err)
		}
		return x
	}
	in := func(days int) string { return time.Now().UTC().AddDate(0, 0, days).Format(time.DateOnly) }
	// Interrupted after one of two, so to speak; then all of them.
	if x := extend("--until", in(400), "--item", first.Item.String()); x.Extended != 1 || x.Already != 0 || x.Log != 0 {
		t.Errorf("one item: %+v", x)
	}
	if x := extend("--until", in(400)); x.Extended != 1 || x.Already != 1 || !strings.HasSuffix(x.Until.Format(time.RFC3339), "T23:59:59Z") {
		t.Errorf("gone on with: %+v", x)
	}
	// An earlier date shortens nothing; extended further, all are again.
	if x := extend("--until", in(200)); x.Extended != 0 || x.Already != 2 {
		t.Errorf("an earlier date: %+v", x)
	}
	if x := extend("--until", in(401)); x.Extended != 2 || len(x.Problems) != 0 {
		t.Errorf("further: %+v", x)
	}
	for _, args := range [][]string{{"--until", "tomorrow"}, {"--until", in(-1)}, {"--until", in(40000)}, {"--until", in(2), "--item", "x"}, {}} {
		run(2, append([]string{"extend-retention", "--data", data}, args...)...)
	}
	run(1, "extend-retention", "--data", data, "--until", in(2), "--item", strings.Repeat("ab", 32))
	run(1, "check", "--data", filepath.Join(t.TempDir(), "nowhere"))
	// What is locked for longer than recorded is as it should be.
	run(0, "check", "--data", data)
}
