package consignment

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

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

// meeting is a bearer at which deposits wait for one another.
type meeting struct {
	mu     sync.Mutex
	under  map[string]bool
	most   int
	alone  []string // what was under way by itself all the time
	wait   chan struct{}
	inner  *bearer
	expect int
}

func (m *meeting) Deposit(ctx context.Context, in desk.Depositing) (desk.Deposited, error) {
	m.mu.Lock()
	m.under[in.Name] = true
	m.most = max(m.most, len(m.under))
	if len(m.under) == m.expect {
		close(m.wait) // all that may be here at once are
		m.expect = -1
	}
	m.mu.Unlock()
	if in.Role != custody.RoleLog && !strings.HasPrefix(in.Name, "large") {
		select {
		case <-m.wait:
		case <-ctx.Done():
			return desk.Deposited{}, ctx.Err()
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	defer delete(m.under, in.Name)
	if len(m.under) == 1 {
		m.alone = append(m.alone, in.Name)
	}
	return m.inner.Deposit(ctx, in)
}

// TestTheFirstOfTheSameBytes: of the same bytes found twice, the first of the plan
// is the deposit, though the second was sent long before.
func TestTheFirstOfTheSameBytes(t *testing.T) {
	entries := survey1(t, lay(t, map[string]string{"a.dd": "same", "b.dd": "same", "c.dd": "else"}))
	var mu sync.Mutex
	var signed []string
	sent := make(chan struct{})
	d := Delivery{Jobs: 3, Bearer: bearerFunc(func(ctx context.Context, in desk.Depositing) (desk.Deposited, error) {
		if in.Name == "a.dd" {
			<-sent // the others are ready to be signed, or wait for their turn
		} else if in.Name == "c.dd" {
			time.AfterFunc(20*time.Millisecond, func() { close(sent) })
		}
		if err := in.Turn(ctx); err != nil {
			return desk.Deposited{}, err
		}
		mu.Lock()
		defer mu.Unlock()
		signed = append(signed, in.Name)
		return desk.Deposited{Item: evidence.Sum([]byte(in.Name))}, nil
	})}
	d.Deliver(t.Context(), entries)
	if slices.Index(signed, "b.dd") < slices.Index(signed, "a.dd") || len(signed) != 3 {
		t.Errorf("signed in the order %v", signed)
	}
}

type bearerFunc func(context.Context, desk.Depositing) (desk.Deposited, error)

func (f bearerFunc) Deposit(ctx context.Context, in desk.Depositing) (desk.Deposited, error) {
	return f(ctx, in)
}

// TestSeveralAtOnce: small files travel beside one another, a large one alone, a
// log after its image; what fails stops nobody, and the table has the plan's order.
func TestSeveralAtOnce(t *testing.T) {
	files := map[string]string{"c.dd": "c", "c.dd.sha256": strings.Repeat("ab", 32) + "  c.dd\n"}
	for _, n := range []string{"a.dd", "b.dd", "d.dd", "e.dd", "f.dd"} {
		files[n] = n
	}
	dir := lay(t, files)
	if err := os.Truncate(filepath.Join(dir, "f.dd"), 1000); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "f.dd"), filepath.Join(dir, "large.dd")); err != nil {
		t.Fatal(err)
	}
	m := &meeting{under: map[string]bool{}, wait: make(chan struct{}), expect: 3, inner: &bearer{fail: map[string]error{"b.dd": errors.New("no luck")}}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	heard := map[int]int{}
	d := Delivery{Bearer: m, Jobs: 3, Large: 300, State: filepath.Join(t.TempDir(), "deposited"), Template: desk.Depositing{Role: custody.RoleMaster},
		Tell: func(i int, _ Outcome) { heard[i]++ }, Progress: func(i int, _ int64) { heard[i]++ }}
	entries := survey1(t, dir)
	out := d.Deliver(ctx, entries)
	var got []string
	for i, o := range out {
		got = append(got, o.Entry.Name+" "+o.Status)
		if want := map[bool]int{true: 2, false: 3}[o.Status == Failed]; heard[i] != want {
			t.Errorf("%s was told of %d times, not %d", o.Name, heard[i], want)
		}
	}
	const want = "a.dd deposited, b.dd failed, c.dd deposited, c.dd.sha256 deposited, d.dd deposited, e.dd deposited, large.dd deposited"
	if all := strings.Join(got, ", "); all != want {
		t.Errorf("got  %s\nwant %s", all, want)
	}
	if m.most != 3 || !slices.Contains(m.alone, "large.dd") {
		t.Errorf("%d at once; alone were %v", m.most, m.alone)
	}
	for _, in := range m.inner.deposits {
		if in.Role == custody.RoleLog && *in.Parent != out[2].Item {
			t.Error("the log has another parent than its image")
		}
	}
	// Again, all at once: only what failed.
	m.inner.fail, m.expect, m.wait = nil, 1, make(chan struct{})
	before := len(m.inner.deposits)
	if out = d.Deliver(ctx, entries); out[1].Status != Deposited || len(m.inner.deposits) != before+1 || out[6].Status != Before {
		t.Errorf("again: %d deposits more; %s, %s", len(m.inner.deposits)-before, out[1].Status, out[6].Status)
	}
	// Interrupted with several under way: they end, and nothing else begins.
	d.State, m.expect, m.wait = "", -1, make(chan struct{})
	stop, end := context.WithCancel(ctx)
	time.AfterFunc(50*time.Millisecond, end)
	n := Tally(d.Deliver(stop, entries))
	if n[Failed]+n[Waiting] != 7 || n[Failed] > 3 {
		t.Errorf("interrupted: %v", n)
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
