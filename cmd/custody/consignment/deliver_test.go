package consignment

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
)

// bearer deposits in memory, and fails where it is told to.
type bearer struct {
	deposits []desk.Depositing
	fail     map[string]error
	after    func()
}

func (b *bearer) Deposit(_ context.Context, in desk.Depositing) (desk.Deposited, error) {
	content, err := os.ReadFile(in.Path)
	if err != nil {
		return desk.Deposited{}, err
	}
	a := custody.Artifact{SHA256: evidence.Sum(content), Size: uint64(len(content))}
	if err := b.fail[in.Name]; err != nil {
		return desk.Deposited{Artifact: a}, err
	}
	b.deposits = append(b.deposits, in)
	if in.Progress != nil {
		in.Progress(int64(a.Size), int64(a.Size))
	}
	if b.after != nil {
		b.after()
	}
	return desk.Deposited{Item: evidence.Sum([]byte(in.Path)), Artifact: a, Recorded: desk.Recorded{Index: uint64(len(b.deposits))}}, nil
}

func TestDeliverGoesOn(t *testing.T) {
	dir := lay(t, map[string]string{"a.dd": "a", "b.dd": "b", "b.dd.sha256": strings.Repeat("ab", 32) + "  b.dd\n", "c.dd": "c",
		"c.dd.sha256": strings.Repeat("ab", 32) + "  c.dd\n", "d.dd": "d", "empty": ""})
	there := evidence.Sum([]byte("there"))
	b := &bearer{fail: map[string]error{"b.dd": errors.New("no luck"), "d.dd": &desk.Answer{Status: 409, Code: "artifact-exists", Existing: there}}}
	state := filepath.Join(t.TempDir(), "deposited")
	known := true
	d := Delivery{Bearer: b, State: state, Place: "here", Known: func(context.Context, evidence.Digest) bool { return known },
		Template: desk.Depositing{Fields: map[string]string{"exhibit": "MA/1"}, Role: custody.RoleMaster}}
	statuses := func(out []Outcome) string {
		var all []string
		for _, o := range out {
			all = append(all, o.Entry.Rel[strings.LastIndex(o.Entry.Rel, "/")+1:]+" "+o.Status)
		}
		return strings.Join(all, ", ")
	}
	entries := survey1(t, dir)
	out := d.Deliver(t.Context(), entries)
	const first = "a.dd deposited, b.dd failed, b.dd.sha256 not begun, c.dd deposited, c.dd.sha256 deposited, d.dd deposited before, empty left out"
	if got := statuses(out); got != first {
		t.Errorf("got  %s\nwant %s", got, first)
	}
	if out[5].Item != there || out[5].SHA256 != evidence.Sum([]byte("d")).String() {
		t.Errorf("what the service has: %+v", out[5])
	}
	if log := b.deposits[2]; log.Role != custody.RoleLog || *log.Parent != out[3].Item || log.Format != custody.FormatOther || len(b.deposits[1].Logs) != 1 {
		t.Errorf("the log's deposit: %+v", log)
	}
	// Again: what was deposited is recognised, what failed is tried anew.
	before := len(b.deposits)
	b.fail = nil
	out = d.Deliver(t.Context(), entries)
	const second = "a.dd deposited before, b.dd deposited, b.dd.sha256 deposited, c.dd deposited before, c.dd.sha256 deposited before, d.dd deposited before, empty left out"
	if got := statuses(out); got != second || len(b.deposits) != before+2 {
		t.Errorf("got  %s\nwant %s (%d deposits more)", got, second, len(b.deposits)-before)
	}
	// Another place, another time of change, or an item that the service does not
	// show: deposited anew.
	d.Place = "elsewhere"
	if out = d.Deliver(t.Context(), entries); out[0].Status != Deposited {
		t.Errorf("elsewhere: %s", statuses(out))
	}
	d.Place, known = "here", false
	if out = d.Deliver(t.Context(), entries); out[0].Status != Deposited {
		t.Errorf("unknown to the service: %s", statuses(out))
	}
	// Interrupted after the first: the rest is not begun.
	ctx, cancel := context.WithCancel(t.Context())
	d.State, b.after = "", cancel
	if got := statuses(d.Deliver(ctx, entries)); !strings.HasPrefix(got, "a.dd deposited, b.dd not begun") || strings.Count(got, "not begun") != 5 {
		t.Errorf("interrupted: %s", got)
	}
}

func TestManifest(t *testing.T) {
	dir := lay(t, map[string]string{"=1+1.dd": "formula", "گواہی.dd": "u", "new\nline.dd": "n", "back\\slash.dd": "b", "plain.dd": "p", "empty.dd": ""})
	t.Chdir(dir)
	d := Delivery{Bearer: &bearer{}, Template: desk.Depositing{Role: custody.RoleMaster}}
	out := d.Deliver(t.Context(), survey1(t, "."))
	m := NewManifest(Manifest{Server: "https://x.example", Exhibit: "MA/1"}, out)
	js, err := m.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var back Manifest
	if err := json.Unmarshal(js, &back); err != nil || back.Format != ManifestFormat || len(back.Lines) != 6 {
		t.Errorf("%v: %s", err, js)
	}
	table, err := m.CSV()
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(string(table), "\ufeff"))).ReadAll()
	if err != nil || len(rows) != 7 || strings.Join(rows[0], "|") != strings.Join(columns, "|") {
		t.Fatalf("%v: %s", err, table)
	}
	for _, row := range rows[1:] {
		for i, cell := range row {
			if strings.HasPrefix(cell, "=") {
				t.Errorf("%s is a formula: %q", rows[0][i], cell)
			}
		}
	}
	// sha256sum itself reads the list, names with hard characters too.
	if err := os.WriteFile("list.sha256", Sums(out), 0o600); err != nil {
		t.Fatal(err)
	}
	check := exec.Command("sha256sum", "--strict", "-c", "list.sha256")
	if b, err := check.CombinedOutput(); err != nil || strings.Count(string(b), ": OK") != 5 {
		t.Errorf("sha256sum: %v\n%s\n%s", err, b, Sums(out))
	}
}
