package verify_test

import (
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/custody/verify/verifytest"
)

// TestAnotherCasesEventInABasis: a signer who names an event of another case
// must not be able to spoil the dossier of this one.
func TestAnotherCasesEventInABasis(t *testing.T) {
	s := rulingtest.NewScene(t)
	image := s.Deposit(s.OtherCase, &s.Foreign, "foreign image", custody.RoleMaster)
	deposited := s.Act(s.Stranger, image, s.Custody(s.Foreign))
	received := s.Act(s.Service, s.Reception(image.Item, image.Artifact), deposited)
	grant := s.Story.Grant(s.OtherCase, "foreign grant", rulingtest.To(s.Laboratory.ID), image.Item)
	granted := s.Act(s.Stranger, grant, s.Custody(image.Item))
	record := s.Story.Grant(s.OtherCase, "foreign record", rulingtest.To(s.Court.ID))
	record.Scope = custody.ScopeRecord
	recorded := s.Act(s.Stranger, record)
	opinion := s.Act(s.Analyst, &custody.Opinion{Capacity: custody.Section40, Case: s.OtherCase, Items: []custody.ID{image.Item}}, granted)
	s.Act(s.Officer, s.Release(rulingtest.To(s.Laboratory.ID), s.Phone), s.Custody(s.Phone), s.Custody(s.Foreign), received, recorded, opinion)
	b := verifytest.Open(t, s.Story)
	d := b.Dossier(s.Case, s.Phone)
	// Nor need the policy know the strangers.
	r := run(t, b.Trust(s.Agency, s.Laboratory), d)
	wantVerdict(t, r, verify.Whole)
	if len(r.Readings[0].Events) != len(d.Events) {
		t.Errorf("%d of %d events admitted", len(r.Readings[0].Events), len(d.Events))
	}
}

// TestPartOfACase: a dossier of one item verifies by itself, and says which
// rules could not be applied without the others.
func TestPartOfACase(t *testing.T) {
	s := rulingtest.Everything(t)
	b := verifytest.Open(t, s.Story)
	for name, items := range map[string][]custody.ID{"phone": {s.Phone}, "disk": {s.Disk}, "image": {s.Image}, "none": nil} {
		t.Run(name, func(t *testing.T) {
			r := run(t, everybody(b, s), b.Dossier(s.Case, items...))
			wantVerdict(t, r, verify.Whole)
			if !r.Has(verify.OutsideScope) {
				t.Error("nothing is said of the items left out")
			}
			for _, id := range items {
				if r.Readings[0].Items[id] == nil {
					t.Errorf("item %s is promised and not read", id.Short())
				}
			}
			if len(r.Readings[0].Items) != len(items) {
				t.Errorf("%d items read, %d promised", len(r.Readings[0].Items), len(items))
			}
		})
	}
}
