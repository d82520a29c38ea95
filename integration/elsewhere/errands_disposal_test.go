package elsewhere

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// disposes of a deposited image by order of a court, which is deposited itself:
// two persons, and nothing to be had afterwards.
func (o *office) disposes(t *testing.T) {
	item, sum, path := o.deposit(t, 2<<20)
	id := item.String()
	reading, err := o.Investigator.Desk.RequestAccess(stage.Context(t), desk.Reading{Item: item, Purpose: custody.PurposeExamination})
	if err != nil {
		t.Fatal(err)
	}
	order := stage.Write(t, "order.pdf", []byte("%PDF-1.7 In the Sessions Court: the image shall be destroyed."))
	ordered := read[struct {
		Item     evidence.Digest
		Artifact struct{ SHA256 evidence.Digest }
	}](t, o.custody(t, o.Investigator, 0, "put", order, "--case", o.kase.String(), "--role", "derivative", "--description", "Order of the Sessions Court", "--json"))

	dispose := func(code int, approval string, more ...string) stage.Done {
		t.Helper()
		return o.custody(t, o.Investigator, code, append([]string{"dispose", id, "--approval", approval, "--authority", "court-order",
			"--detail", "authority=Order of the Sessions Court, 12/2026, SHA-256 " + ordered.Artifact.SHA256.String(), "--json"}, more...)...)
	}
	// Not alone: with nobody's approval, nor with one's own.
	who := o.Investigator.Desk.Identity()
	me := who.Org.String() + "/" + who.Person.String()
	dispose(4, strings.Repeat("ab", 32))
	o.custody(t, o.Investigator, 4, "approve", id, "--action", "dispose", "--for", me)
	// An approval to assume is none to dispose of.
	type done struct {
		Leaf string `json:"leafHash"`
	}
	assume := read[done](t, o.custody(t, o.superior, 0, "approve", id, "--for", me, "--json"))
	dispose(4, assume.Leaf)
	approval := read[done](t, o.custody(t, o.superior, 0, "approve", id, "--action", "dispose", "--for", me, "--json"))
	// Nor by another than the holder, and not by handing stored bytes back.
	o.custody(t, o.superior, 4, "dispose", id, "--approval", approval.Leaf, "--authority", "court-order")
	dispose(1, approval.Leaf, "--method", "returned")
	o.custody(t, o.Investigator, 0, "get", id, "-o", filepath.Join(t.TempDir(), "before.dd"))

	dispose(0, approval.Leaf)

	// Nothing is served any more, to nobody, by an old request either.
	d := o.custody(t, o.Investigator, 4, "get", id, "-o", filepath.Join(t.TempDir(), "after.dd"))
	if !strings.Contains(string(d.Stderr), "disposed") {
		t.Errorf("get: %s", d.Stderr)
	}
	header := fmt.Sprintf("Authorization: Bearer %s", o.Investigator.Bearer(t, o.process.URL))
	url := fmt.Sprintf("%s/v1/artifacts/%s/content?request=%s", o.process.URL, sum, reading.EventID)
	if d := stage.Run(t, exec.Command(stage.Need(t, "curl"), "-s", "-o", os.DevNull, "-w", "%{http_code}", "-H", header, url)); string(d.Stdout) != "410" {
		t.Errorf("curl: %s", d.Stdout)
	}
	// A second run, and any other act on it, is refused.
	dispose(4, approval.Leaf)
	o.custody(t, o.Investigator, 4, "release", id, "--to", o.Lab.ID().String(), "--purpose", "examination")

	// The record says all of it and verifies, with the copy that somebody kept.
	zip := filepath.Join(t.TempDir(), "dossier.zip")
	o.custody(t, o.Investigator, 0, "dossier", "get", "--case", o.kase.String(), "-o", zip)
	policy := stage.Write(t, "trust.json", o.PolicyFile)
	verified := read[struct {
		Verdict  string
		Findings []struct{ Name, Subject string }
	}](t, o.custody(t, o.Investigator, 0, "verify", "--policy", policy, zip, "--artifact", path, "--artifact", order, "--json"))
	matched := 0
	for _, f := range verified.Findings {
		if f.Name == "bytes-match" && (f.Subject == sum.String() || f.Subject == ordered.Artifact.SHA256.String()) {
			matched++
		}
	}
	if verified.Verdict != "whole" || matched != 2 {
		t.Errorf("the dossier: %+v", verified)
	}
	shown := read[struct {
		State  string
		Fixity desk.Fixity
		Events []struct{ Kind string }
	}](t, o.custody(t, o.Investigator, 0, "item", "show", id, "--json"))
	if last := shown.Events[len(shown.Events)-1].Kind; shown.State != "disposed" || shown.Fixity.State != "erased" || shown.Fixity.Due != nil || last != "item.disposed" {
		t.Errorf("shown as %+v", shown)
	}
	if r := read[service.FixityResult](t, o.custodyd(t, 0, "fixity", "--now", "--all", "--json")); r.Erased != 1 || r.Failed+r.Unchecked+r.Never != 0 {
		t.Errorf("copies afterwards: %+v", r)
	} else if says := o.inspected(t); !strings.HasPrefix(says, fmt.Sprintf("ok: %d stored copies were read back whole", r.Passed)) {
		t.Errorf("the doctor says %q", says)
	}
}
