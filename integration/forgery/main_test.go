package forgery

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/integration/stage"
)

func TestMain(m *testing.M) { os.Exit(stage.Main(m)) }

// matter is a case that was handed over once.
type matter struct {
	data       string
	svc        *service.Service
	cast       *stage.Cast
	kase, item evidence.Digest
	image      desk.Deposited
	zip        []byte // the case's dossier, as the investigator took it
}

// newMatter plays a short story on a service with this state directory.
func newMatter(t *testing.T, data string) *matter {
	t.Helper()
	m := &matter{data: data, svc: stage.Serve(t, stage.Options(data))}
	token, _, err := m.svc.FirstToken(stage.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	m.cast = stage.NewCast(t, m.svc.URL(), token)
	officer, analyst := m.cast.Investigator, m.cast.Analyst
	m.kase = officer.OpenCase(t)
	m.item = officer.Register(t, m.kase)
	m.image = officer.Deposit(t, m.kase, &m.item, stage.File(t, 100_000))
	if _, err := officer.Desk.Release(stage.Context(t), desk.Release{Items: []desk.Handing{{Item: m.item}}, To: custody.Recipient{Org: m.cast.Lab.ID()}, Purpose: custody.PurposeExamination}); err != nil {
		t.Fatal(err)
	}
	if _, err := analyst.Desk.Accept(stage.Context(t), desk.Acceptance{Items: []desk.Handing{{Item: m.item}}}); err != nil {
		t.Fatal(err)
	}
	officer.GrantBytes(t, m.kase, m.image.Item, m.cast.Lab.ID(), time.Time{})
	m.take(t)
	return m
}

// take takes the case's dossier as it is now.
func (m *matter) take(t *testing.T) {
	t.Helper()
	d, err := m.cast.Investigator.Desk.VerifyCase(stage.Context(t), m.kase)
	if err != nil {
		t.Fatal(err)
	}
	m.zip = d.Files[0]
}

// decode reads a dossier.
func decode(t *testing.T, zip []byte) *dossier.Dossier {
	t.Helper()
	d, err := dossier.Decode(bytes.NewReader(zip), int64(len(zip)), dossier.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// judge verifies a dossier from its bytes.
func judge(t *testing.T, policy *verify.Policy, zips ...[]byte) *verify.Result {
	t.Helper()
	var all []*dossier.Dossier
	for _, zip := range zips {
		d, bad, err := verify.Read(bytes.NewReader(zip), int64(len(zip)), dossier.DefaultLimits)
		if err != nil {
			t.Fatal(err)
		}
		if bad != nil {
			return bad
		}
		all = append(all, d)
	}
	res, err := verify.Dossiers(context.Background(), policy, all)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// command verifies dossiers with the people's command and returns its exit code.
func command(t *testing.T, policy []byte, zips ...[]byte) (int, string) {
	t.Helper()
	dir := t.TempDir()
	args := []string{"verify", "--policy", filepath.Join(dir, "trust.json")}
	if err := os.WriteFile(args[2], policy, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, zip := range zips {
		args = append(args, stage.Write(t, "dossier.zip", zip))
	}
	cmd := exec.Command(stage.Build(t).Custody, args...)
	cmd.Env = []string{"HOME=" + dir}
	done := stage.Run(t, cmd)
	return done.Code, string(done.Stdout) + string(done.Stderr)
}

// against names the findings that count against a dossier.
func against(res *verify.Result) (out []string) {
	for _, f := range res.Findings {
		if f.Severity != verify.Note {
			out = append(out, f.String())
		}
	}
	return out
}
