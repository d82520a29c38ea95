package verify_test

import (
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/custody/verify/verifytest"
	"github.com/evidence-custody/custodyd/evidence"
)

// TestStatusAndConfirmationAreRead: the newest of each, and how far they reach.
func TestStatusAndConfirmationAreRead(t *testing.T) {
	s := rulingtest.NewScene(t)
	s.Act(s.Officer, &custody.Confirmed{Items: custody.SortedIDs(s.Phone, s.Disk)})
	s.Act(s.Agency.Root, s.Status(s.Agency))
	s.Act(s.Certifier, &custody.KeyRevoked{Key: s.Approver.ID(), Org: s.Agency.ID, Reason: custody.ReasonLeft}, *s.Approver.Cert)
	newest := s.Act(s.Certifier, s.Status(s.Agency))
	confirmed := s.Act(s.Officer, &custody.Confirmed{Items: []custody.ID{s.Phone}})
	b := verifytest.Open(t, s.Story)
	// The approver signed nothing here: the dossier has nothing of that key,
	// nor of its revocation, but the list.
	r := run(t, everybody(b, s), b.Dossier(s.Case, s.Phone, s.Disk))
	wantVerdict(t, r, verify.Whole)
	reading := r.Readings[0]
	if st := reading.Orgs[s.Agency.ID].Status; st == nil || st.Event.Leaf != newest || st.Revoked != 1 || st.Size != st.Event.Index {
		t.Errorf("the agency's status is %+v", st)
	}
	if st := reading.Orgs[s.Laboratory.ID]; st != nil && st.Status != nil {
		t.Errorf("the laboratory, which stated nothing, has status %+v", st.Status)
	}
	for item, want := range map[custody.ID]uint64{s.Phone: 1, s.Disk: 0} {
		c := reading.Items[item].Confirmed
		if c == nil || c.Seq != want || (item == s.Phone) != (c.Event.Leaf == confirmed) {
			t.Errorf("item %s is confirmed %+v, want to seq %d", item.Short(), c, want)
		}
	}
}

// TestStatusInPart: a verifier that has only part of an organisation's chain
// still holds its list to what it has.
func TestStatusInPart(t *testing.T) {
	base := rulingtest.NewScene(t)
	for name, c := range map[string]struct {
		list func(s *rulingtest.Scene) []custody.ID
		rule string
	}{
		"a key of which nothing is shown":  {func(s *rulingtest.Scene) []custody.ID { return []custody.ID{s.Officer.ID(), s.Approver.ID()} }, ""},
		"a revocation shown is left out":   {func(s *rulingtest.Scene) []custody.ID { return []custody.ID{s.Approver.ID()} }, "status.list"},
		"a key shown in use is listed":     {func(s *rulingtest.Scene) []custody.ID { return []custody.ID{s.Officer.ID(), s.Certifier.ID()} }, "status.list"},
		"another organisation's key shown": {func(s *rulingtest.Scene) []custody.ID { return []custody.ID{s.Officer.ID(), s.Analyst.ID()} }, "status.list"},
	} {
		t.Run(name, func(t *testing.T) {
			s := base.Apart(t)
			s.Act(s.Analyst, s.Ask(), s.GrantLeaf) // so that the analyst's key is shown
			s.Act(s.Laboratory.Root, &custody.KeyRevoked{Key: s.Analyst.ID(), Org: s.Laboratory.ID, Reason: custody.ReasonLeft}, *s.Analyst.Cert)
			s.Act(s.Certifier, &custody.KeyRevoked{Key: s.Officer.ID(), Org: s.Agency.ID, Reason: custody.ReasonLeft}, *s.Officer.Cert)
			b := verifytest.Open(t, s.Story)
			b.Draft(s.Story, s.Certifier, &custody.OrgStatus{Org: s.Agency.ID, Revoked: custody.SortedIDs(c.list(s)...)}, nil)
			r := run(t, everybody(b, s), b.Dossier(s.Case, s.Image))
			if c.rule == "" {
				wantVerdict(t, r, verify.Whole)
				return
			}
			wantVerdict(t, r, verify.NotWhole)
			for _, f := range r.Findings {
				if f.Severity == verify.Bad && (f.Name != verify.RuleBroken || f.Rule != c.rule) {
					t.Errorf("found %s", f)
				}
			}
		})
	}
}

// TestTimestampOfAnotherHistory: a log.time that is shown names a checkpoint
// of this history.
func TestTimestampOfAnotherHistory(t *testing.T) {
	s := rulingtest.NewScene(t)
	old := s.Timestamp("token")
	s.Act(s.Service, old)
	leaf := s.Act(s.Service, old) // of an older checkpoint than the one seen
	bad := *old
	bad.Root = evidence.Sum([]byte("another history"))
	for _, c := range []struct {
		body custody.Body
		want verify.Verdict
		name verify.Name
	}{{nil, verify.Whole, ""}, {&bad, verify.NotWhole, verify.SeenInconsistent}} {
		s := s.Apart(t)
		basis := leaf
		b := verifytest.Open(t, s.Story)
		if c.body != nil {
			basis = b.Draft(s.Story, s.Service, c.body, nil)
		}
		// Named in a basis, so that the dossier shows it.
		b.Draft(s.Story, s.Officer, s.Release(rulingtest.To(s.Laboratory.ID), s.Phone), func(st *custody.Statement) {
			root, err := b.Tree().Root(b.Tree().Size())
			if err != nil {
				t.Fatal(err)
			}
			st.Predicate.Seen = custody.Seen{Root: root, Size: b.Tree().Size()}
		}, basis)
		r := run(t, everybody(b, s), b.Dossier(s.Case, s.Phone))
		wantVerdict(t, r, c.want)
		if c.name != "" && !r.Has(c.name) {
			t.Errorf("not found among %v", r.Findings)
		}
	}
}
