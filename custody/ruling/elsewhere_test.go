package ruling_test

import (
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ruling"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/evidence"
)

// elsewhere is a world that has the case and its items only in part, as a
// verifier has those that a dossier names but does not show.
func elsewhere(t *testing.T) *scene {
	s := rulingtest.NewScene(t)
	for _, id := range []id{s.Case, s.Phone, s.Disk, s.Image, custody.Observations(s.Image)} {
		s.Chains[id] = &ruling.Chain{ID: id, Partial: true}
	}
	return s
}

// TestElsewhere: what rests on a case that the verifier does not have is let
// pass where that case would be needed, and refused where it would not.
func TestElsewhere(t *testing.T) {
	s := elsewhere(t)
	further := func(p *custody.Predicate) { // links as they would be on a case with a past
		for i := range p.Chains {
			if c := s.Chains[p.Chains[i].ID]; c != nil && c.Partial {
				p.Chains[i].Seq, p.Chains[i].Prev = 5, &s.GrantLeaf
			}
		}
	}
	report := &custody.ReportIssued{Case: s.Case, For: s.Clerk.Party, Items: []id{s.Image}, Over: s.Seen(), Files: custody.ReportFiles{JSON: evidence.Sum([]byte("json")), PDF: evidence.Sum([]byte("pdf"))}}
	for name, c := range map[string]struct {
		a    attempt
		rule string // "" for admitted
	}{
		"an exhibit registered":             {attempt{By: s.Stranger, Body: s.Registration(s.Stranger, s.Case, "tablet"), Change: further}, ""},
		"an exhibit, without investigating": {attempt{By: s.Approver, Body: s.Registration(s.Officer, s.Case, "tablet"), Change: further}, "signer.right"},
		"a deposit without parent":          {attempt{By: s.Officer, Body: s.Deposit(s.Case, nil, "photograph", custody.RoleMaster), Change: further}, ""},
		"an examiner's deposit":             {attempt{By: s.Analyst, Body: s.Deposit(s.Case, nil, "photograph", custody.RoleMaster), Change: further}, "deposit.no-standing"},
		"a deposit from an unseen parent":   {attempt{By: s.Second, Body: s.Deposit(s.Case, &s.Disk, "image 2", custody.RoleMaster), Change: further}, ""},
		"the record granted":                {attempt{By: s.Stranger, Body: recordGrant(s), Change: further}, ""},
		"the record, without investigating": {attempt{By: s.Approver, Body: recordGrant(s), Change: further}, "grant.no-standing"},
		"bytes granted":                     {attempt{By: s.Second, Body: s.Story.Grant(s.Case, "copy", rulingtest.To(s.Court.ID), s.Image), Change: further}, ""},
		"a read":                            {attempt{By: s.Analyst, Body: s.Ask(), Basis: []id{s.GrantLeaf}}, ""},
		"an opinion":                        {opineFurther(s, s.House, custody.Section40, further), ""},
		"an opinion, without examining":     {opineFurther(s, s.Officer, custody.Section40, further), "signer.right"},
		"a report":                          {attempt{By: s.Service, Body: report}, ""},
		"a release":                         {attempt{By: s.Second, Body: s.Release(rulingtest.To(s.Court.ID), s.Phone), Change: further}, ""},
		"a release by a key without a cert": {attempt{By: rulingtest.NewKey("nobody"), Body: s.Release(rulingtest.To(s.Court.ID), s.Phone), Change: further}, "signer.cert"},
		"a release over a checkpoint to come": {attempt{By: s.Second, Body: s.Release(rulingtest.To(s.Court.ID), s.Phone), Change: func(p *custody.Predicate) {
			further(p)
			p.Seen.Size++
		}}, "seen.future"},
	} {
		err := s.Try(c.a)
		if c.rule == "" && err != nil {
			t.Errorf("%s: %v", name, err)
		} else if c.rule != "" {
			wantRule(t, err, c.rule)
		}
	}
}

func opineFurther(s *scene, by *rulingtest.Key, capacity custody.Capacity, further rulingtest.Change) attempt {
	a := opine(s, by, capacity, s.GrantLeaf)
	a.Change = further
	return a
}
