package ruling_test

import (
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ruling"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
)

// TestPartialAcceptance: what is not listed stays in transit under its release,
// and can still be accepted, declined or recalled.
func TestPartialAcceptance(t *testing.T) {
	s := rulingtest.NewScene(t)
	release := s.Act(s.Officer, s.Release(rulingtest.To(s.Laboratory.ID), s.Phone, s.Disk, s.Image))
	s.Act(s.Analyst, s.Acceptance(s.Disk), release)
	for item, want := range map[id]custody.Phase{s.Phone: custody.PhaseTransit, s.Disk: custody.PhaseHeld, s.Image: custody.PhaseTransit} {
		it := s.Item(item)
		if it.Phase != want {
			t.Errorf("item %s is %s, want %s", item.Short(), it.Phase, want)
		}
		if want == custody.PhaseTransit && (it.Holder != s.Officer.Party || *it.Release != release) {
			t.Errorf("item %s: the releaser is no longer answerable: %+v", item.Short(), it)
		}
	}
	s.Act(s.Visitor, s.Acceptance(s.Phone), release)
	s.Act(s.Officer, &custody.Recalled{Items: []id{s.Image}}, release)
	if s.Item(s.Phone).Holder != s.Visitor.Party || s.Item(s.Disk).Holder != s.Analyst.Party || s.Item(s.Image).Holder != s.Officer.Party {
		t.Error("the items are not where they were put")
	}
	// One acceptance may answer two releases, each in its basis.
	first := s.Act(s.Analyst, s.Release(rulingtest.To(s.Agency.ID), s.Disk))
	second := s.Act(s.Visitor, s.Release(rulingtest.To(s.Agency.ID), s.Phone))
	wantRule(t, s.Try(attempt{By: s.Second, Body: s.Acceptance(s.Disk, s.Phone), Basis: []id{first}}), "basis.required")
	s.Act(s.Second, s.Acceptance(s.Disk, s.Phone), first, second)
}

// TestNothingOfAHandoverIsLeftBehind: where one item of many is refused, none moves.
func TestNothingOfAHandoverIsLeftBehind(t *testing.T) {
	s := rulingtest.NewScene(t)
	head := s.Seen()
	_, _, err := s.Do(attempt{By: s.Officer, Body: s.Release(rulingtest.To(s.Laboratory.ID), s.Phone, s.Foreign)})
	wantRule(t, err, "custody.not-holder")
	if s.Item(s.Phone).Phase != custody.PhaseHeld || s.Seen() != head {
		t.Error("part of a refused handover happened")
	}
}

// TestRulesThatLinksForestall: what Judge says of a body without rules.
func TestRulesThatLinksForestall(t *testing.T) {
	s := rulingtest.NewScene(t)
	st := s.Draft(s.Officer, &custody.CaseOpened{Case: s.Found(custody.DocCase, "odd")})
	st.Predicate.Body = struct{ custody.Body }{st.Predicate.Body}
	wantRule(t, judge(s, st), "statement.kind")
}

func judge(s *scene, st *custody.Statement) error {
	_, err := ruling.Judge(s.World, ruling.Entry{Index: uint64(len(s.Entries)), Leaf: id{1}, Statement: st})
	return err
}
