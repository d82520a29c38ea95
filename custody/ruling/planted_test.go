package ruling_test

import (
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ruling"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
)

// planted is a world with one event that no judge admitted, as a reader has
// who let one slip. The rules behind must hold by themselves.
type planted struct {
	ruling.World
	entry ruling.Entry
}

func (w planted) Entry(leaf id) (*ruling.Entry, error) {
	if leaf == w.entry.Leaf {
		return &w.entry, nil
	}
	return w.World.Entry(leaf)
}

// TestPlantedApproval: an approval of one's own act, by another key, opens
// nothing even where it got into the log.
func TestPlantedApproval(t *testing.T) {
	s := rulingtest.NewScene(t)
	other := s.AnotherKey(s.Agency, s.Second.Party.Person, "second officer's other key", custody.RightApprove)
	for name, c := range map[string]struct {
		by   *rulingtest.Key
		rule string
	}{"by another person": {s.Approver, ""}, "by the same person": {other, "approve.self"}} {
		w := planted{s.World, ruling.Entry{Index: uint64(len(s.Entries)), Leaf: id{7}, Statement: s.Draft(c.by, s.Approval(s.Second, s.Phone))}}
		st := s.Draft(s.Second, s.Assumption(s.Officer, s.Phone), id{7})
		st.Predicate.Seen.Size += 2
		_, err := ruling.Judge(w, ruling.Entry{Index: uint64(len(s.Entries)) + 2, Leaf: id{8}, Statement: st})
		if c.rule == "" && err != nil {
			t.Errorf("%s: %v", name, err)
		} else if c.rule != "" {
			wantRule(t, err, c.rule)
		}
	}
}

// TestPlantedCertificate: a second certificate of a key, with more rights,
// gives nothing; nor does one of a key whose chain is not shown.
func TestPlantedCertificate(t *testing.T) {
	s := rulingtest.NewScene(t)
	more := s.Draft(s.Agency.Root, &custody.KeyCertified{Key: s.Officer.ID(), Org: s.Agency.ID, Person: s.Officer.Party.Person, Rights: custody.Rights()}, s.Custody(s.Phone))
	w := planted{s.World, ruling.Entry{Index: uint64(len(s.Entries)), Leaf: id{7}, Statement: more}}
	st := s.Draft(s.Officer, &custody.CaseOpened{Case: s.Found(custody.DocCase, "new case")})
	st.Predicate.Signer.Cert = &w.entry.Leaf
	_, err := ruling.Judge(w, ruling.Entry{Index: uint64(len(s.Entries)) + 2, Leaf: id{8}, Statement: st})
	wantRule(t, err, "signer.cert-unknown")

	a := openCase(s, s.Officer, nil)
	if err := s.Try(a); err != nil {
		t.Error(err)
	}
	s.Chains[s.Officer.ID()] = &ruling.Chain{ID: s.Officer.ID(), Partial: true}
	wantRule(t, s.Try(a), "signer.cert-unknown")
}
