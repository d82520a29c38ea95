package forgery

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/cmd/custodyd/child"
	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
	"github.com/evidence-custody/custodyd/custody/keyring"
	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/ledger/localpg"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/integration/stage"
	"github.com/evidence-custody/custodyd/migrations"
)

// refound makes an empty log of the same document and the same keys elsewhere:
// the operator begins anew, and nobody who has no policy could tell.
func refound(t *testing.T, m *matter, data string) {
	t.Helper()
	runner, err := child.NewRunner()
	if err != nil {
		t.Fatal(err)
	}
	if data, err = runner.MakeState(data); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(data, "keys"), 0o700); err != nil {
		t.Fatal(err)
	}
	// The keys, and not what lies beside them and says how far they have signed.
	for _, name := range []string{"service.pem", "log.pem", "log-mldsa.pem"} {
		copyDir(t, filepath.Join(m.data, "keys", name), filepath.Join(data, "keys", name))
	}
	wrapping, err := filepath.Glob(filepath.Join(m.data, "keys", "kek-*.pem"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range wrapping {
		copyDir(t, path, filepath.Join(data, "keys", filepath.Base(path)))
	}
	copyDir(t, filepath.Join(m.data, "store"), filepath.Join(data, "store"))
	ctx := stage.Context(t)
	pg, err := localpg.Start(ctx, localpg.Options{Dir: filepath.Join(data, "postgres"), SocketDir: stage.SocketDir(t, data), Runner: runner})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := pg.Stop(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
	}()
	if err := migrations.Up(ctx, pg.DSN(localpg.Superuser)); err != nil {
		t.Fatal(err)
	}
	keys := stage.OperatorKeys(t, data)
	signer, err := seal.NewSigner(keys.Service)
	if err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(ctx, ledger.Config{DSN: pg.DSN(migrations.RoleApp), Service: signer, LogKey: keys.Log, LogMLDSA: keys.LogMLDSA})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := l.Found(ctx, decode(t, m.zip).Log); err != nil {
		t.Fatal(err)
	}
}

// TestWholeForgery plays the whole story again on a log with the same document
// and all the same keys of the server, with organisations of the same names
// whose root keys the forger made. It is refused under the policy.
func TestWholeForgery(t *testing.T) {
	original := newMatter(t, stage.Dir(t))
	data := stage.Dir(t)
	refound(t, original, data)
	forged := newMatter(t, data)
	a, b := decode(t, original.zip), decode(t, forged.zip)
	if string(a.Log) != string(b.Log) {
		t.Fatal("the forger's log has another document: nothing is shown")
	}
	if res := judge(t, forged.cast.Policy, forged.zip); res.Verdict != verify.Whole {
		t.Fatalf("under the forger's own policy it is %s: %v", res.Verdict, against(res))
	}
	res := judge(t, original.cast.Policy, forged.zip)
	if res.Verdict == verify.Whole || !res.Has(verify.OrgUnidentified) {
		t.Errorf("under the true policy it is %s: %v", res.Verdict, against(res))
	}
	for _, r := range res.Readings {
		for _, o := range r.Orgs {
			if o.Identified {
				t.Errorf("the invented %q counts as identified", o.Name)
			}
		}
	}
	if code, said := command(t, original.cast.PolicyFile, forged.zip); code != 1 && code != 3 || strings.Contains(said, "VERDICT: whole") {
		t.Errorf("exit code %d\n%s", code, said)
	}
	// Beside a true one it is proof of two histories.
	res = judge(t, original.cast.Policy, original.zip, forged.zip)
	if res.Verdict == verify.Whole {
		t.Errorf("beside the true one it is %s", res.Verdict)
	}
	t.Logf("beside the true one it is %s: %v", res.Verdict, against(res)[:1])
	// Who worked on the true log notices at the first word.
	officer := original.cast.Investigator
	officer.Reach(t, forged.svc.URL(), "")
	if _, err := officer.Desk.Checkpoint(stage.Context(t)); err == nil {
		t.Error("an officer of the true log takes the forged one for its continuation")
	} else {
		t.Logf("an officer of the true log: %v", err)
	}
	// An event of one is none of the other, though the log's id is the same.
	e := a.Events[find(t, a, "case.opened")]
	_, err := forged.cast.Investigator.Desk.Service.Append(stage.Context(t), desk.Submission{Envelope: e.Envelope.JSON()})
	var no *desk.Answer
	if !errors.As(err, &no) || no.Status < 400 || no.Status >= 500 {
		t.Errorf("a replayed event of the true log: %v", err)
	}
}

// TestAlteredRows has a superuser remove the triggers and change rows: the
// check of the whole record finds each, and the next start refuses.
func TestAlteredRows(t *testing.T) {
	m := newMatter(t, stage.Dir(t))
	db := stage.Database(t, m.data, localpg.Superuser)
	do := func(statement string) {
		t.Helper()
		if _, err := db.ExecContext(stage.Context(t), "SET session_replication_role = replica; "+statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	db.SetMaxOpenConns(1)
	l, err := ledger.Open(stage.Context(t), stage.LedgerConfig(t, m.data))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	check := func() error { return l.Check(stage.Context(t)) }
	if err := check(); err != nil {
		t.Fatal(err)
	}
	tables := []string{"events", "links", "keys", "details", "documents", "checkpoints", "notes", "artifacts"}
	for _, table := range tables {
		do(`DROP TRIGGER append_only_row ON custody.` + table)
	}
	for _, statement := range []string{
		`UPDATE custody.events SET kind = 'custody.recalled' WHERE kind = 'custody.accepted'`,
		`UPDATE custody.events SET payload = convert_to(replace(convert_from(payload, 'UTF8'), '"intact"', '"broken"'), 'UTF8'), event_id = sha256(convert_to('DSSEv1 28 application/vnd.in-toto+json ' || octet_length(payload) || ' ', 'UTF8') || convert_to(replace(convert_from(payload, 'UTF8'), '"intact"', '"broken"'), 'UTF8')) WHERE kind = 'custody.released'`,
		`UPDATE custody.events SET signature = (SELECT signature FROM custody.events WHERE index = 3) WHERE index = 4`,
		`UPDATE custody.events SET spki = (SELECT spki FROM custody.events WHERE index = 1) WHERE kind = 'case.opened'`,
		`DELETE FROM custody.events WHERE kind = 'custody.accepted'`,
		`DELETE FROM custody.details`,
		`UPDATE custody.links SET seq = seq + 100 WHERE index = 5`,
		`UPDATE custody.artifacts SET sha256 = decode(repeat('00', 32), 'hex')`,
		`UPDATE custody.artifacts SET md5 = decode(repeat('00', 16), 'hex')`,
		`UPDATE custody.checkpoints SET root = decode(repeat('00', 32), 'hex') WHERE size = (SELECT max(size) FROM custody.checkpoints)`,
		`UPDATE custody.notes SET note = set_byte(note, 150, get_byte(note, 150) # 1)`,
		`DELETE FROM custody.keys WHERE index = (SELECT max(index) FROM custody.keys)`,
	} {
		do(`CREATE SCHEMA kept`)
		for _, table := range []string{"events", "links", "details", "artifacts", "checkpoints", "notes", "keys"} {
			do(`CREATE TABLE kept.` + table + ` AS TABLE custody.` + table)
		}
		do(statement)
		var altered *docket.Altered
		if err := check(); !errors.As(err, &altered) {
			t.Errorf("%s\nis found to be: %v", statement, err)
		}
		for _, table := range []string{"events", "links", "details", "artifacts", "checkpoints", "notes", "keys"} {
			do(`DELETE FROM custody.` + table + `; INSERT INTO custody.` + table + ` SELECT * FROM kept.` + table)
		}
		do(`DROP SCHEMA kept CASCADE`)
		if err := check(); err != nil {
			t.Fatalf("put back as it was: %v", err)
		}
	}
	// The next start compares too, also where the triggers are put back.
	do(`UPDATE custody.events SET spki = (SELECT spki FROM custody.events WHERE index = 1) WHERE kind = 'case.opened'`)
	for _, table := range tables {
		do(`CREATE TRIGGER append_only_row BEFORE UPDATE OR DELETE ON custody.` + table + ` FOR EACH ROW EXECUTE FUNCTION custody.refuse_change(); ALTER TABLE custody.` + table + ` ENABLE ALWAYS TRIGGER append_only_row`)
	}
	l.Close()
	db.Close()
	stage.Stop(t, m.svc)
	svc, err := service.Start(stage.Context(t), stage.Options(m.data))
	if err == nil {
		stage.Stop(t, svc)
		t.Fatal("the service starts on a database that was changed")
	}
	if !strings.Contains(err.Error(), "the database is not what the log signed") {
		t.Errorf("it says: %v", err)
	}
}

// TestRollback puts an older copy of the database back: the service notices by
// what it keeps beside its keys. Whoever puts that back too deceives the
// service, and not those who have seen a newer checkpoint: they sign nothing.
func TestRollback(t *testing.T) {
	m := newMatter(t, stage.Dir(t))
	officer, analyst := m.cast.Investigator, m.cast.Analyst
	stage.Stop(t, m.svc)
	older := filepath.Join(stage.Dir(t), "older")
	copyDir(t, m.data, older)
	m.svc = stage.Serve(t, stage.Options(m.data))
	m.cast.Reach(t, m.svc.URL())
	gone := officer.OpenCase(t)
	if head, err := officer.Desk.Checkpoint(stage.Context(t)); err != nil || head.Size == 0 {
		t.Fatal(err)
	}
	stage.Stop(t, m.svc)
	putBack := func(name string) {
		t.Helper()
		if err := os.RemoveAll(filepath.Join(m.data, name)); err != nil {
			t.Fatal(err)
		}
		copyDir(t, filepath.Join(older, name), filepath.Join(m.data, name))
	}
	putBack("postgres")
	svc, err := service.Start(stage.Context(t), stage.Options(m.data))
	if err == nil {
		stage.Stop(t, svc)
		t.Fatal("the service starts on an older copy of its database")
	}
	if !strings.Contains(err.Error(), "an old copy was put back") {
		t.Errorf("it says: %v", err)
	}
	entries, err := os.ReadDir(older)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		putBack(e.Name())
	}
	if svc, err = service.Start(stage.Context(t), stage.Options(m.data)); err != nil {
		t.Fatalf("with everything put back: %v", err)
	}
	t.Cleanup(func() { stage.Stop(t, svc) })
	m.cast.Reach(t, svc.URL())
	_, err = officer.Desk.Checkpoint(stage.Context(t))
	t.Logf("while the log is shorter than what was seen: %v", err)
	if err == nil {
		t.Error("an officer who has seen a newer checkpoint takes the older one")
	}
	if _, err := officer.Desk.OpenCase(stage.Context(t), desk.Opening{Fields: map[string]string{"title": "Another"}}); err == nil {
		t.Error("and signs on it")
	}
	// Others have not seen it, and the log grows past that size, another way.
	for range 3 {
		if _, err := analyst.Desk.RequestAccess(stage.Context(t), desk.Reading{Item: m.image.Item, Purpose: "examination"}); err != nil {
			t.Fatal(err)
		}
	}
	_, err = officer.Desk.Checkpoint(stage.Context(t))
	var split *keyring.SplitViewError
	if !errors.As(err, &split) {
		t.Fatalf("the log has grown another way, and the officer sees: %v", err)
	}
	if _, err := os.Stat(split.Kept); err != nil {
		t.Errorf("the two signed heads are not kept: %v", err)
	}
	if _, err := officer.Desk.VerifyCase(stage.Context(t), gone); err == nil {
		t.Error("the case that is gone is shown")
	}
}

func copyDir(t *testing.T, from, to string) {
	t.Helper()
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v %s", err, out)
	}
}
