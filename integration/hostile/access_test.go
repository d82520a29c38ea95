package hostile

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/api/client"
	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// TestForeign: to people of another agency a case does not exist, by whatever
// door they come.
func TestForeign(t *testing.T) {
	c := house(t)
	kase := c.Investigator.OpenCase(t)
	exhibit := c.Investigator.Register(t, kase)
	d := c.Investigator.Deposit(t, kase, &exhibit, stage.File(t, 50_000))
	reading, err := c.Investigator.Desk.RequestAccess(stage.Context(t), desk.Reading{Item: d.Item, Purpose: custody.PurposeExamination})
	if err != nil {
		t.Fatal(err)
	}
	report, err := c.Investigator.Desk.RequestReport(stage.Context(t), kase, nil)
	if err != nil {
		t.Fatal(err)
	}
	agency := c.Organisation(t, "Foreign Agency", custody.OrgAgency)
	stranger := c.Enrol(t, agency, "Stranger", custody.RightInvestigate, custody.RightHold, custody.RightExamine, custody.RightInspect, custody.RightApprove)
	c.Trust(t, stranger)
	// The clerk's court has a grant of nothing yet; the root keys see no case.
	for who, p := range map[string]*stage.Person{"another agency's officer": stranger, "the court's clerk": c.Clerk, "the agency's own root key": c.Agency} {
		api := p.Client(t, c.URL)
		ctx := stage.Context(t)
		nothing(t, func() {
			for what, ask := range map[string]func() error{
				"case":          func() error { _, err := api.Case(ctx, kase); return err },
				"items":         func() error { _, err := api.Items(ctx, &kase); return err },
				"item":          func() error { _, err := api.Item(ctx, exhibit); return err },
				"case dossier":  func() error { _, err := api.CaseDossier(ctx, kase); return err },
				"item dossier":  func() error { _, err := api.ItemDossier(ctx, d.Item); return err },
				"event":         func() error { _, err := api.Event(ctx, d.EventID); return err },
				"case chain":    func() error { _, err := api.Chain(ctx, kase); return err },
				"item chain":    func() error { _, err := api.Chain(ctx, exhibit); return err },
				"observations":  func() error { _, err := api.Chain(ctx, custody.Observations(d.Item)); return err },
				"bytes":         func() error { _, err := api.Artifact(ctx, d.Artifact.SHA256, reading.EventID, 0); return err },
				"blocks":        func() error { _, err := api.Blocks(ctx, d.Artifact.SHA256, reading.EventID); return err },
				"report's file": func() error { _, err := api.ReportFile(ctx, report.ID, "report.pdf"); return err },
				"new report":    func() error { _, err := api.IssueReport(ctx, kase, nil); return err },
			} {
				var no *client.Error
				if err := ask(); !asError(err, &no) || no.Status != 404 || no.Problem.Code != "not-found" {
					t.Errorf("%s of a foreign case, asked for by %s: %v", what, who, err)
				}
			}
			cases, err := api.Cases(ctx)
			if err != nil {
				t.Error(err)
			}
			for _, k := range cases {
				if k.Id == kase.String() {
					t.Errorf("%s is shown the case in a list", who)
				}
			}
		})
	}
	// Neither may they act in it.
	nothing(t, func() {
		_, err := stranger.Client(t, c.URL).BeginUpload(stage.Context(t), kase, nil, 10, "x")
		refused(t, err, 404, "not-found", "")
		doc, id := stage.Founding(t, custody.DocGrant, nil)
		grant := &custody.Granted{Case: kase, Grant: id, Items: []custody.ID{}, Scope: custody.ScopeRecord, To: custody.Recipient{Org: agency.ID()}}
		st := stage.Draft(t, c.Investigator, grant)
		st.Predicate.Signer.Key, st.Predicate.Signer.Cert = stranger.Desk.Key.KeyID(), &stranger.Desk.Key.Cert
		var no *client.Error
		if err := submit(t, stranger, st, doc); !asError(err, &no) || no.Status != 422 && no.Status != 404 {
			t.Errorf("a stranger grants itself the record: %v", err)
		}
	})
}

// retrieve tries to get an item's bytes as its desk would.
func retrieve(t *testing.T, p *stage.Person, item evidence.Digest) error {
	t.Helper()
	_, err := p.Desk.Retrieve(stage.Context(t), desk.Retrieval{Reading: desk.Reading{Item: item, Purpose: custody.PurposeExamination}, Path: filepath.Join(t.TempDir(), "retrieved")})
	return err
}

// force asks for bytes past all of the desk's own checks: it signs an
// access.requested on this basis, which must be refused, and asks nevertheless.
func force(t *testing.T, p *stage.Person, d desk.Deposited, grant *custody.ID, basis custody.ID) {
	t.Helper()
	st := stage.Draft(t, p, &custody.AccessRequested{Artifact: d.Artifact.SHA256, Grant: grant, Item: d.Item, Purpose: custody.PurposeExamination}, basis)
	env := stage.Seal(t, p.Desk.Key, st)
	refused(t, send(t, p, env), 422, "rule-refused", "access.not-granted")
	_, err := p.Client(t, shared.svc.URL()).Blocks(stage.Context(t), d.Artifact.SHA256, env.EventID())
	refused(t, err, 404, "not-found", "")
}

// TestGrantOfOne: a grant of one item opens that item and no other.
func TestGrantOfOne(t *testing.T) {
	c := house(t)
	kase := c.Investigator.OpenCase(t)
	granted := c.Investigator.Deposit(t, kase, nil, stage.File(t, 60_000))
	kept := c.Investigator.Deposit(t, kase, nil, stage.File(t, 70_000))
	g := c.Investigator.GrantBytes(t, kase, granted.Item, c.Lab.ID(), time.Now().Add(time.Hour))
	if err := retrieve(t, c.Analyst, granted.Item); err != nil {
		t.Errorf("what was granted: %v", err)
	}
	if err := retrieve(t, c.Analyst, kept.Item); err == nil {
		t.Error("what was not granted was retrieved")
	}
	api := c.Analyst.Client(t, c.URL)
	_, err := api.Item(stage.Context(t), kept.Item)
	refused(t, err, 404, "not-found", "")
	_, err = api.ItemDossier(stage.Context(t), kept.Item)
	refused(t, err, 404, "not-found", "")
	items, err := api.Items(stage.Context(t), &kase)
	if err != nil || len(items) != 1 || items[0].Id != granted.Item.String() {
		t.Errorf("the laboratory is shown %d items (%v)", len(items), err)
	}
	force(t, c.Analyst, kept, &g.Grant, g.Leaf) // the other item's grant
	force(t, c.Analyst, kept, nil, kept.Leaf)
	// Its request for the granted item opens no other artifact, and only to itself.
	reading, err := c.Analyst.Desk.RequestAccess(stage.Context(t), desk.Reading{Item: granted.Item, Purpose: custody.PurposeExamination})
	if err != nil {
		t.Fatal(err)
	}
	_, err = api.Artifact(stage.Context(t), kept.Artifact.SHA256, reading.EventID, 0)
	refused(t, err, 404, "not-found", "")
	_, err = c.Clerk.Client(t, c.URL).Artifact(stage.Context(t), granted.Artifact.SHA256, reading.EventID, 0)
	refused(t, err, 404, "not-found", "")
	_, err = c.Investigator.Client(t, c.URL).Artifact(stage.Context(t), granted.Artifact.SHA256, reading.EventID, 0)
	refused(t, err, 404, "not-found", "")
}

// TestGrantToOne: a grant to one person is not one to a colleague.
func TestGrantToOne(t *testing.T) {
	c := house(t)
	kase := c.Investigator.OpenCase(t)
	d := c.Investigator.Deposit(t, kase, nil, stage.File(t, 80_000))
	colleague := c.Enrol(t, c.Lab, "Colleague", custody.RightExamine, custody.RightHold)
	person := c.Analyst.Desk.Key.Person
	g, err := c.Investigator.Desk.Grant(stage.Context(t), desk.Granting{Case: kase, Items: []evidence.Digest{d.Item}, To: custody.Recipient{Org: c.Lab.ID(), Person: &person},
		Scope: custody.ScopeBytes, Fields: map[string]string{"title": "Examination"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := retrieve(t, c.Analyst, d.Item); err != nil {
		t.Errorf("the person named: %v", err)
	}
	if err := retrieve(t, colleague, d.Item); err == nil {
		t.Error("a colleague has retrieved it")
	}
	force(t, colleague, d, &g.Grant, g.Leaf)
}

// TestExpiredGrant: from its end on a grant opens nothing, not even to who
// asked in time.
func TestExpiredGrant(t *testing.T) {
	c := house(t)
	kase := c.Investigator.OpenCase(t)
	d := c.Investigator.Deposit(t, kase, nil, stage.File(t, 90_000))
	ends := time.Now().Add(3 * time.Second)
	g := c.Investigator.GrantBytes(t, kase, d.Item, c.Lab.ID(), ends)
	reading, err := c.Analyst.Desk.RequestAccess(stage.Context(t), desk.Reading{Item: d.Item, Purpose: custody.PurposeExamination})
	if err != nil {
		t.Fatal(err)
	}
	api := c.Analyst.Client(t, c.URL)
	blocks, err := api.Blocks(stage.Context(t), d.Artifact.SHA256, reading.EventID)
	if err != nil {
		t.Fatalf("before its end: %v", err)
	}
	blocks.Close()
	// Drafted while the chains are still shown to the laboratory.
	st := stage.Draft(t, c.Analyst, &custody.AccessRequested{Artifact: d.Artifact.SHA256, Grant: &g.Grant, Item: d.Item, Purpose: custody.PurposeExamination}, g.Leaf)
	time.Sleep(time.Until(ends.Add(1100 * time.Millisecond)))
	for what, ask := range map[string]func() error{
		"blocks": func() error { _, err := api.Blocks(stage.Context(t), d.Artifact.SHA256, reading.EventID); return err },
		"bytes": func() error {
			_, err := api.Artifact(stage.Context(t), d.Artifact.SHA256, reading.EventID, 0)
			return err
		},
		"dossier": func() error { _, err := api.ItemDossier(stage.Context(t), d.Item); return err },
		"item":    func() error { _, err := api.Item(stage.Context(t), d.Item); return err },
	} {
		var no *client.Error
		if err := ask(); !asError(err, &no) || !slices.Contains([]int{403, 404}, no.Status) {
			t.Errorf("%s after the grant's end: %v", what, err)
		}
	}
	if err := retrieve(t, c.Analyst, d.Item); err == nil {
		t.Error("after the grant's end the image was retrieved")
	}
	// Signing that one asks now leaves a trace and opens nothing.
	env := stage.Seal(t, c.Analyst.Desk.Key, st)
	t.Logf("a request after the end is answered: %v", send(t, c.Analyst, env))
	if _, err := api.Artifact(stage.Context(t), d.Artifact.SHA256, env.EventID(), 0); err == nil {
		t.Error("a request signed after the grant's end opens it")
	}
}
