package hostile

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// TestServiceKindsByAPerson posts what only the service may say.
func TestServiceKindsByAPerson(t *testing.T) {
	c := house(t)
	log, err := c.Investigator.Desk.LogID(stage.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	head, err := c.Investigator.Desk.Checkpoint(stage.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []custody.Body{
		&custody.LogTime{Digest: evidence.Sum([]byte("token")), Log: log, Root: head.Root, Size: head.Size, Time: custody.NewTime(time.Now())},
		&custody.LogRecovered{Cause: custody.RecoveryOther, Log: log, Signed: custody.SignedHead{Size: head.Size + 10}},
	} {
		st := stage.Draft(t, c.Investigator, body)
		st.Predicate.Signer.Class, st.Predicate.Signer.Cert = custody.ClassService, nil
		nothing(t, func() { refused(t, submit(t, c.Investigator, st), 403, "forbidden", "signer.class") })
		// As a person's statement it is none.
		st.Predicate.Signer.Class = custody.ClassPerson
		if _, err := custody.Encode(st); err == nil {
			t.Errorf("%s was encoded as a person's", body.Kind())
		}
	}
}

// TestConfirmedAndStated: the custodian's and the organisation's own word go
// over the wire into the record, false ones do not, and a dossier shows them.
func TestConfirmedAndStated(t *testing.T) {
	c := house(t)
	ctx := stage.Context(t)
	kase := c.Investigator.OpenCase(t)
	item := c.Investigator.Register(t, kase)
	left := c.Enrol(t, c.Agency, "Left", custody.RightHold)
	if _, err := c.Agency.Desk.RevokeKey(ctx, desk.Revocation{Key: left.Desk.Key.KeyID(), Reason: custody.ReasonLeft}); err != nil {
		t.Fatal(err)
	}
	colleague := c.Enrol(t, c.Agency, "Keeper of nothing", custody.RightInvestigate, custody.RightHold)
	nothing(t, func() {
		hides := &custody.OrgStatus{Org: c.Agency.ID(), Revoked: []custody.ID{}}
		refused(t, submit(t, c.Agency, stage.Draft(t, c.Agency, hides)), 422, "rule-refused", "status.list")
		confirms := stage.Draft(t, colleague, &custody.Confirmed{Items: []custody.ID{item}})
		refused(t, submit(t, colleague, confirms), 422, "rule-refused", "custody.not-holder")
	})
	stated, err := c.Agency.Desk.StateKeys(ctx, desk.Stating{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(stated.Revoked, left.Desk.Key.KeyID()) {
		t.Errorf("stated %v", stated.Revoked)
	}
	confirmed, err := c.Investigator.Desk.Confirm(ctx, desk.Confirmation{Items: []evidence.Digest{item}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := c.Investigator.Desk.Service.ItemDossier(ctx, item)
	if err != nil {
		t.Fatal(err)
	}
	d, bad, err := verify.Read(bytes.NewReader(b), int64(len(b)), dossier.DefaultLimits)
	if err != nil || bad != nil {
		t.Fatal(bad, err)
	}
	r, err := verify.Dossiers(ctx, c.Policy, []*dossier.Dossier{d})
	if err != nil {
		t.Fatal(err)
	}
	reading := r.Readings[0]
	if r.Verdict != verify.Whole || !r.Has(verify.ConfirmedTo) || reading.Items[item].Confirmed.Event.Index != confirmed.Index {
		t.Errorf("%s: %v", r.Verdict, r.Findings)
	}
	if s := reading.Orgs[c.Agency.ID()].Status; s == nil || s.Event.Index != stated.Index || s.Revoked != len(stated.Revoked) {
		t.Errorf("the agency's status is %+v", s)
	}
}
