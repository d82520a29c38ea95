package elsewhere

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
	"github.com/evidence-custody/custodyd/custody/ledger/localpg"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// spoil flips one bit in the middle of what the private store keeps of an item;
// again: it is put right.
func (o *office) spoil(t *testing.T, item evidence.Digest) {
	t.Helper()
	var key string
	if err := stage.Database(t, o.data, localpg.Superuser).QueryRowContext(stage.Context(t), `SELECT key FROM custody.artifacts WHERE item = $1`, item[:]).Scan(&key); err != nil {
		t.Fatal(err)
	}
	spoilt := 0
	err := filepath.WalkDir(filepath.Join(o.data, "store"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || !strings.HasSuffix(filepath.ToSlash(path), key) {
			return err
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		spoilt++
		var b [1]byte
		_, err = f.ReadAt(b[:], 100_000)
		b[0] ^= 8
		if err == nil {
			_, err = f.WriteAt(b[:], 100_000)
		}
		return errors.Join(err, f.Close())
	})
	if err != nil || spoilt != 1 {
		t.Fatalf("%d files were spoilt: %v", spoilt, err)
	}
}

// inspected is what the doctor says of stored copies.
func (o *office) inspected(t *testing.T) (says string) {
	t.Helper()
	d := stage.Run(t, exec.CommandContext(stage.Context(t), stage.Build(t).Custodyd, "doctor", "--json", "--data", o.data, "--listen", strings.TrimPrefix(o.process.URL, "http://")))
	for _, f := range read[struct {
		Findings []struct{ State, About, Says, Do string }
	}](t, d).Findings {
		if f.About == "copies" {
			says += f.State + ": " + f.Says + " (" + f.Do + ")\n"
		}
	}
	return says
}

// fixity has copies read back: what is found decides the exit code, and both
// programs and the doctor say so.
func (o *office) fixity(t *testing.T) {
	item, _, _ := o.deposit(t, evidence.BlockSize+70_000)
	id := item.String()
	shown := func() (s struct{ Fixity desk.Fixity }) {
		t.Helper()
		return read[struct{ Fixity desk.Fixity }](t, o.custody(t, o.Investigator, 0, "item", "show", id, "--json"))
	}
	// Not read back yet: nobody may take it for whole.
	r := read[service.FixityResult](t, o.custodyd(t, 1, "fixity", "--item", id, "--json"))
	if len(r.Items) != 1 || r.Never != 1 || r.Items[0].Result != "" {
		t.Errorf("not read back: %+v", r)
	}
	if f := shown().Fixity; f.State != "unread" || f.Due == nil {
		t.Errorf("shown as %+v", f)
	}
	if says := o.inspected(t); !strings.Contains(says, "note: ") || !strings.Contains(says, "not read back yet") {
		t.Errorf("the doctor says %q", says)
	}
	// Whole.
	if d := o.custodyd(t, 0, "fixity", "--now", "--all"); !strings.Contains(string(d.Stdout), "passed") || !strings.Contains(string(d.Stdout), " 0 failed, 0 could not be checked, 0 not read back yet") {
		t.Errorf("%s", d.Stdout)
	}
	o.custodyd(t, 0, "fixity")
	if f := shown().Fixity; f.State != "passed" || f.Checked == nil || !f.Whole.Equal(*f.Checked) {
		t.Errorf("shown as %+v", f)
	}
	if says := o.inspected(t); !strings.HasPrefix(says, "ok: ") {
		t.Errorf("the doctor says %q", says)
	}
	// Damaged: found by reading back, and named.
	o.spoil(t, item)
	r = read[service.FixityResult](t, o.custodyd(t, 3, "fixity", "--now", "--item", id, "--json"))
	if r.Failed != 1 || !strings.Contains(r.Items[0].Words, "digest-mismatch: 1 of 2 blocks looked at are bad: 0 (from byte 0)") {
		t.Errorf("damaged: %+v", r)
	}
	if d := o.custodyd(t, 3, "fixity"); !strings.Contains(string(d.Stdout), "FAILED       ") || !strings.Contains(string(d.Stdout), " 1 failed") {
		t.Errorf("%s", d.Stdout)
	}
	if f := shown().Fixity; f.State != "failed" || f.Reason != "digest-mismatch" || !slices.Equal(f.Blocks, []uint64{0}) || f.Bad != 1 || f.Looked != 2 || f.Event != *r.Items[0].Event || !f.Whole.Before(*f.Checked) {
		t.Errorf("shown as %+v", f)
	}
	words := string(o.custody(t, o.Investigator, 0, "item", "show", id).Stdout)
	if !strings.Contains(words, "copy    DAMAGED, found at ") || !strings.Contains(words, "digest-mismatch, 1 of 2 blocks looked at are bad: block 0 (bytes 0 to 8388607)") || !strings.Contains(words, "event "+r.Items[0].Event.String()) {
		t.Errorf("in words:\n%s", words)
	}
	if list := string(o.custody(t, o.Investigator, 0, "item", "list").Stdout); strings.Count(list, "DAMAGED") != 1 || !strings.Contains(list, "passed") {
		t.Errorf("in the list:\n%s", list)
	}
	if says := o.inspected(t); !strings.HasPrefix(says, "problem: 1 stored copy is not what was deposited: item "+id) || !strings.Contains(says, "custodyd fixity --now --item") {
		t.Errorf("the doctor says %q", says)
	}
	// Put back from where there is one, and read again.
	o.spoil(t, item)
	o.custodyd(t, 0, "fixity", "--now", "--item", id)
	if f := shown().Fixity; f.State != "passed" || len(f.Blocks) != 0 {
		t.Errorf("put right: %+v", f)
	}
	// It could not run.
	o.custodyd(t, 2, "fixity", "--all")
	o.custodyd(t, 2, "fixity", "--item", "x")
	o.custodyd(t, 1, "fixity", "--item", strings.Repeat("ab", 32))
	if d := wants(t, 1, exec.Command(stage.Build(t).Custodyd, "fixity", "--data", filepath.Join(stage.Dir(t), "nowhere"))); !strings.Contains(string(d.Stderr), "couldn't find the service's private parts") {
		t.Errorf("%s", d.Stderr)
	}
}
