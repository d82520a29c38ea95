package verifytest

import (
	"fmt"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/custody/verify"
)

// Long makes the dossier of one case whose record has about n events: exhibits
// that go back and forth between an agency and a laboratory, each act signed
// over the newest head. It returns the policy under which it is whole.
func Long(t testing.TB, n int) (*dossier.Dossier, *verify.Policy) {
	t.Helper()
	s := rulingtest.NewStory(t)
	agency, lab := s.Organisation("Agency", custody.OrgAgency), s.Organisation("Laboratory", custody.OrgLaboratory)
	officer := s.Person(agency, "officer", custody.RightHold, custody.RightInvestigate)
	analyst := s.Person(lab, "analyst", custody.RightExamine, custody.RightHold)
	matter := s.Case(officer, "a long case")
	var items []custody.ID
	for i := range min(1000, n/100+1) {
		items = append(items, s.Exhibit(officer, matter, fmt.Sprint("exhibit ", i)))
	}
	for i := 0; len(s.Entries) < n; i++ {
		item := items[i%len(items)]
		from, to, org := officer, analyst, lab
		if s.Item(item).Holder == analyst.Party {
			from, to, org = analyst, officer, agency
		}
		release := s.ActTelling(from, custody.FieldNote, fmt.Sprint("handed over, ", i), s.Release(rulingtest.To(org.ID), item))
		s.Act(to, s.Acceptance(item), release)
	}
	b := Open(t, s)
	return b.Dossier(matter, items...), b.Trust(agency, lab)
}
