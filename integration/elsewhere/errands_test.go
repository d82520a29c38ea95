package elsewhere

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/localpg"
	"github.com/evidence-custody/custodyd/custody/tlog/tsatest"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// office is a service in a process of its own, with the people who use it and
// the programs that they run.
type office struct {
	*stage.Cast
	process  *stage.Process
	data     string
	superior *stage.Person
	kase     evidence.Digest

	clockFile string // certificate of the service's time-stamping authority
}

// TestErrands runs both programs as officers and operators do, and holds each to
// its exit code and to what it says.
func TestErrands(t *testing.T) {
	t.Parallel()
	o := &office{data: stage.Dir(t)}
	clock := tsatest.New(t, "clock")
	server := httptest.NewServer(clock.OpenSSL(t, stage.Need(t, "openssl")))
	t.Cleanup(server.Close)
	o.clockFile = stage.Write(t, "clock.pem", clock.PEM())
	o.process = stage.ServeProcess(t, o.data, "--mode", "test", "--timestamp-authorities", server.URL+" "+o.clockFile, "--timestamp-every", "1s")
	o.Cast = stage.NewCast(t, o.process.URL, o.process.Token)
	o.superior = o.Enrol(t, o.Agency, "Superintendent", custody.RightApprove, custody.RightHold)
	o.Trusts(t, o.Investigator, o.superior)
	o.kase = o.Investigator.OpenCase(t)
	t.Run("time", o.timed)
	t.Run("uploads", o.uploads)
	t.Run("rotate-key", o.rotates)
	t.Run("fixity", o.fixity)
	t.Run("segment", o.segment)
	t.Run("dispose", o.disposes)
	t.Run("extend-retention", o.extends)
}

// custodyd runs the operator's program beside the service, and wants this exit code.
func (o *office) custodyd(t *testing.T, code int, args ...string) stage.Done {
	t.Helper()
	return wants(t, code, exec.CommandContext(stage.Context(t), stage.Build(t).Custodyd, append(args, "--data", o.data, "--listen", strings.TrimPrefix(o.process.URL, "http://"))...))
}

// custody runs the people's program.
func (o *office) custody(t *testing.T, p *stage.Person, code int, args ...string) stage.Done {
	t.Helper()
	return wants(t, code, p.Command(t, o.process.URL, args...))
}

func wants(t *testing.T, code int, cmd *exec.Cmd) stage.Done {
	t.Helper()
	d := stage.Run(t, cmd)
	if d.Code != code {
		t.Fatalf("%v: exit code %d, want %d\n%s%s", cmd.Args[1:], d.Code, code, stage.Lines(d.Stdout, 40), d.Stderr)
	}
	return d
}

func read[T any](t *testing.T, d stage.Done) (v T) {
	t.Helper()
	if err := json.Unmarshal(d.Stdout, &v); err != nil {
		t.Fatalf("%v\n%s", err, d.Stdout)
	}
	return v
}

func (o *office) deposit(t *testing.T, size int64) (item, sum evidence.Digest, path string) {
	t.Helper()
	path = stage.File(t, size)
	d := o.Investigator.Deposit(t, o.kase, nil, path)
	return d.Item, d.Artifact.SHA256, path
}

// uploads lists what was begun, warns of what ends soon, and discards.
func (o *office) uploads(t *testing.T) {
	if d := o.custody(t, o.Investigator, 0, "uploads", "list"); string(d.Stdout) != "nothing is unfinished\n" {
		t.Errorf("%s", d.Stdout)
	}
	begin := func(name string) string {
		t.Helper()
		u, err := o.Investigator.Desk.Service.BeginUpload(stage.Context(t), desk.UploadRequest{Case: o.kase, Size: 40 << 20, FileName: name})
		if err != nil {
			t.Fatal(err)
		}
		id, err := evidence.ParseDigest(u.ID)
		if err != nil {
			t.Fatal(err)
		}
		part := bytes.NewReader(make([]byte, u.PartSize))
		if _, err := o.Investigator.Client(t, o.process.URL).PutPart(stage.Context(t), id, 1, io.NewSectionReader(part, 0, part.Size())); err != nil {
			t.Fatal(err)
		}
		return u.ID
	}
	fresh, old := begin("fresh.dd"), begin("old.dd")
	// Six and a half idle days, so to speak.
	if _, err := stage.Database(t, o.data, localpg.Superuser).ExecContext(stage.Context(t), `UPDATE custody.uploads SET expires = now() + interval '11 hours' WHERE id = decode($1, 'hex')`, old); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(o.custody(t, o.Investigator, 0, "uploads", "list").Stdout)), "\n")
	const held = "16777216 of 41943040 bytes"
	if len(lines) != 2 || !strings.HasPrefix(lines[0], old+"  old.dd  "+held) || !strings.Contains(lines[0], "ENDS SOON") || !strings.HasPrefix(lines[1], fresh+"  fresh.dd  "+held) || strings.Contains(lines[1], "ENDS SOON") {
		t.Errorf("listed:\n%s", strings.Join(lines, "\n"))
	}
	list := read[[]desk.Session](t, o.custody(t, o.Investigator, 0, "uploads", "list", "--json"))
	if len(list) != 2 || list[0].ID != old || !list[0].EndsSoon || list[1].EndsSoon || list[0].Held != 16<<20 || time.Until(list[0].Expires).Round(time.Hour) != 11*time.Hour || time.Until(list[1].Expires).Round(time.Hour) != 7*24*time.Hour {
		t.Errorf("listed: %+v", list)
	}
	// Nobody else's.
	if d := o.custody(t, o.superior, 0, "uploads", "list", "--json"); strings.TrimSpace(string(d.Stdout)) != "[]" {
		t.Errorf("another person's list: %s", d.Stdout)
	}
	o.custody(t, o.superior, 1, "uploads", "abort", old)
	o.custody(t, o.Investigator, 2, "uploads", "abort", "old.dd")
	if d := o.custody(t, o.Investigator, 0, "uploads", "abort", old); string(d.Stdout) != "discarded "+old+": nothing of it was recorded\n" {
		t.Errorf("%s", d.Stdout)
	}
	if got := read[struct{ Discarded string }](t, o.custody(t, o.Investigator, 0, "uploads", "abort", fresh, "--json")); got.Discarded != fresh {
		t.Errorf("%+v", got)
	}
	d := o.custody(t, o.Investigator, 1, "uploads", "abort", fresh, "--json")
	var no struct {
		Error string
		Exit  int
	}
	if err := json.Unmarshal(d.Stderr, &no); err != nil || no.Exit != 1 || no.Error == "" {
		t.Errorf("once more: %s (%v)", d.Stderr, err)
	}
	if left := read[[]desk.Session](t, o.custody(t, o.Investigator, 0, "uploads", "list", "--json")); len(left) != 0 {
		t.Errorf("left: %+v", left)
	}
}

// rotates changes the key-encryption key while deposits run.
func (o *office) rotates(t *testing.T) {
	first, _, path := o.deposit(t, 3<<20)
	before := read[[]service.EncryptionKey](t, o.custodyd(t, 0, "rotate-key", "--status", "--json"))
	if len(before) != 1 || !before[0].Current || before[0].Wraps != 1 {
		t.Fatalf("%+v", before)
	}
	stop, done := make(chan struct{}), make(chan []evidence.Digest)
	go func() {
		var items []evidence.Digest
		defer func() { done <- items }()
		for {
			select {
			case <-stop:
				return
			default:
			}
			d, err := o.Investigator.Desk.Deposit(stage.Context(t), desk.Depositing{Path: stage.File(t, 2<<20), Case: o.kase, Role: custody.RoleMaster})
			if err != nil {
				t.Errorf("a deposit while the key changes: %v", err)
				return
			}
			items = append(items, d.Item)
		}
	}()
	var used []string
	for range 2 {
		r := read[service.Rotation](t, o.custodyd(t, 0, "rotate-key", "--json"))
		if len(r.Problems) != 0 || r.Current == before[0].ID {
			t.Errorf("%+v", r)
		}
		used = append(used, r.Current)
	}
	close(stop)
	items := <-done
	if len(items) == 0 {
		t.Error("nothing was deposited meanwhile")
	}
	// What was begun in the middle may be left to the next run.
	o.custodyd(t, 0, "rotate-key")
	now := read[[]service.EncryptionKey](t, o.custodyd(t, 0, "rotate-key", "--status", "--json"))
	wraps := uint64(0)
	for _, k := range now {
		if wraps += k.Wraps; k.Current != (k.Retired == nil) || !k.Current && k.Wraps != 0 || k.Problem != "" {
			t.Errorf("key %+v", k)
		}
	}
	if wraps != uint64(len(items))+1 {
		t.Errorf("%d data keys are wrapped, of %d deposits (keys used: %v)", wraps, len(items)+1, used)
	}
	out := filepath.Join(t.TempDir(), "back.dd")
	o.custody(t, o.Investigator, 0, "get", first.String(), "-o", out)
	if a, b := contents(t, path), contents(t, out); !bytes.Equal(a, b) {
		t.Error("other bytes came back after the key was changed")
	}
	o.custodyd(t, 2, "rotate-key", "--status", "--to", "x")
	o.custodyd(t, 1, "rotate-key", "--to", "no-such-key")
}

func contents(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
