package ruling_test

import (
	"errors"
	"slices"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
)

// sent releases the phone to the laboratory.
func sent(s *scene, person ...*rulingtest.Key) id {
	return s.Act(s.Officer, s.Release(rulingtest.To(s.Laboratory.ID, person...), s.Phone))
}

var custodyCases = []ruleCase{
	pair("custody.not-holder", "a colleague releases", func(s *scene) (attempt, attempt) {
		b := s.Release(rulingtest.To(s.Laboratory.ID), s.Phone)
		return attempt{By: s.Officer, Body: b}, attempt{By: s.Second, Body: b}
	}),
	pair("custody.not-holder", "one item of many is not the signer's", func(s *scene) (attempt, attempt) {
		return attempt{By: s.Officer, Body: s.Release(rulingtest.To(s.Laboratory.ID), s.Phone, s.Disk)},
			attempt{By: s.Officer, Body: s.Release(rulingtest.To(s.Laboratory.ID), s.Phone, s.Disk, s.Foreign)}
	}),
	{"custody.in-transit", "released twice", func(s *scene) (error, error) {
		b := s.Release(rulingtest.To(s.Laboratory.ID), s.Phone)
		admitted := s.Try(attempt{By: s.Officer, Body: b})
		sent(s)
		return admitted, s.Try(attempt{By: s.Officer, Body: b})
	}},
	pair("custody.not-recipient", "accepted by another organisation", func(s *scene) (attempt, attempt) {
		release := sent(s)
		b := s.Acceptance(s.Phone)
		return attempt{By: s.Analyst, Body: b, Basis: []id{release}}, attempt{By: s.Stranger, Body: b, Basis: []id{release}}
	}),
	pair("custody.not-recipient", "accepted by another person than the one named", func(s *scene) (attempt, attempt) {
		release := sent(s, s.Analyst)
		b := s.Acceptance(s.Phone)
		return attempt{By: s.Analyst, Body: b, Basis: []id{release}}, attempt{By: s.Visitor, Body: b, Basis: []id{release}}
	}),
	pair("custody.not-recipient", "accepted by the releaser", func(s *scene) (attempt, attempt) {
		release := sent(s)
		b := s.Acceptance(s.Phone)
		return attempt{By: s.Visitor, Body: b, Basis: []id{release}}, attempt{By: s.Officer, Body: b, Basis: []id{release}}
	}),
	pair("custody.not-recipient", "declined by a stranger", func(s *scene) (attempt, attempt) {
		release := sent(s)
		b := &custody.Declined{Items: []id{s.Phone}, Reason: custody.DeclineSeal}
		return attempt{By: s.Analyst, Body: b, Basis: []id{release}}, attempt{By: s.Stranger, Body: b, Basis: []id{release}}
	}),
	pair("custody.not-releaser", "recalled by a colleague", func(s *scene) (attempt, attempt) {
		release := sent(s)
		b := &custody.Recalled{Items: []id{s.Phone}}
		return attempt{By: s.Officer, Body: b, Basis: []id{release}}, attempt{By: s.Second, Body: b, Basis: []id{release}}
	}),
	{"custody.not-released", "accepted, then accepted again", func(s *scene) (error, error) {
		a := attempt{By: s.Analyst, Body: s.Acceptance(s.Phone), Basis: []id{sent(s)}}
		admitted := s.Try(a)
		s.Act(a.By, a.Body, a.Basis...)
		return admitted, s.Try(a)
	}},
	{"custody.not-released", "recalled, then accepted", func(s *scene) (error, error) {
		release := sent(s)
		a := attempt{By: s.Analyst, Body: s.Acceptance(s.Phone), Basis: []id{release}}
		admitted := s.Try(a)
		s.Act(s.Officer, &custody.Recalled{Items: []id{s.Phone}}, release)
		return admitted, s.Try(a)
	}},
	pair("basis.required", "an acceptance that does not name the release", func(s *scene) (attempt, attempt) {
		release := sent(s)
		b := s.Acceptance(s.Phone)
		return attempt{By: s.Analyst, Body: b, Basis: []id{release}}, attempt{By: s.Analyst, Body: b, Basis: []id{s.GrantLeaf}}
	}),
	pair("basis.required", "a recall that names an earlier release", func(s *scene) (attempt, attempt) {
		earlier := sent(s)
		s.Act(s.Analyst, &custody.Declined{Items: []id{s.Phone}, Reason: custody.DeclineOther}, earlier)
		release := sent(s)
		b := &custody.Recalled{Items: []id{s.Phone}}
		return attempt{By: s.Officer, Body: b, Basis: []id{release}}, attempt{By: s.Officer, Body: b, Basis: []id{earlier}}
	}),
}

// consent approves that by takes over the phone.
func consent(s *scene, by *rulingtest.Key) id { return s.Act(s.Approver, s.Approval(by, s.Phone)) }

var assumeCases = []ruleCase{
	pair("approve.other-org", "an approval for another organisation", func(s *scene) (attempt, attempt) {
		b, c := s.Approval(s.Second, s.Phone), s.Approval(s.Second, s.Phone)
		c.Org = s.Laboratory.ID
		return attempt{By: s.Approver, Body: b}, attempt{By: s.Approver, Body: c}
	}),
	pair("approve.self", "an approval of one's own act", func(s *scene) (attempt, attempt) {
		return attempt{By: s.Approver, Body: s.Approval(s.Second, s.Phone)}, attempt{By: s.Approver, Body: s.Approval(s.Approver, s.Phone)}
	}),
	pair("approve.self", "an approval by another key of the same person", func(s *scene) (attempt, attempt) {
		other := s.AnotherKey(s.Agency, s.Second.Party.Person, "second officer's other key", custody.RightApprove)
		b := s.Approval(s.Second, s.Phone)
		return attempt{By: s.Approver, Body: b}, attempt{By: other, Body: b}
	}),
	pair("basis.required", "an assumption without approval", func(s *scene) (attempt, attempt) {
		approval := consent(s, s.Second)
		b := s.Assumption(s.Officer, s.Phone)
		return attempt{By: s.Second, Body: b, Basis: []id{approval}}, attempt{By: s.Second, Body: b}
	}),
	pair("basis.required", "an approval for another person", func(s *scene) (attempt, attempt) {
		b := s.Assumption(s.Officer, s.Phone)
		return attempt{By: s.Second, Body: b, Basis: []id{consent(s, s.Second)}}, attempt{By: s.Second, Body: b, Basis: []id{consent(s, s.Officer)}}
	}),
	pair("basis.required", "an approval of fewer items", func(s *scene) (attempt, attempt) {
		both := s.Act(s.Approver, s.Approval(s.Second, s.Phone, s.Disk))
		b := s.Assumption(s.Officer, s.Phone, s.Disk)
		return attempt{By: s.Second, Body: b, Basis: []id{both}}, attempt{By: s.Second, Body: b, Basis: []id{consent(s, s.Second)}}
	}),
	{"approve.revoked", "the approver's key was revoked meanwhile", func(s *scene) (error, error) {
		a := attempt{By: s.Second, Body: s.Assumption(s.Officer, s.Phone), Basis: []id{consent(s, s.Second)}}
		admitted := s.Try(a)
		s.Act(s.Certifier, &custody.KeyRevoked{Key: s.Approver.ID(), Org: s.Agency.ID, Reason: custody.ReasonCompromised}, *s.Approver.Cert)
		return admitted, s.Try(a)
	}},
	{"approve.stale", "an approval used for a second assumption", func(s *scene) (error, error) {
		a := attempt{By: s.Second, Body: s.Assumption(s.Officer, s.Phone), Basis: []id{consent(s, s.Second)}}
		admitted := s.Try(a)
		s.Act(a.By, a.Body, a.Basis...)
		release := s.Act(s.Second, s.Release(rulingtest.To(s.Agency.ID), s.Phone))
		s.Act(s.Officer, s.Acceptance(s.Phone), release)
		beside := a // a new one beside it is enough, whichever stands first
		beside.Basis = append(slices.Clone(a.Basis), consent(s, s.Second))
		return errors.Join(admitted, s.Try(beside)), s.Try(a)
	}},
	pair("custody.not-holder-org", "another organisation assumes custody", func(s *scene) (attempt, attempt) {
		approver := s.Person(s.Laboratory, "head of laboratory", custody.RightApprove)
		theirs := s.Act(approver, s.Approval(s.Analyst, s.Phone))
		b := s.Assumption(s.Officer, s.Phone)
		return attempt{By: s.Second, Body: b, Basis: []id{consent(s, s.Second)}}, attempt{By: s.Analyst, Body: b, Basis: []id{theirs}}
	}),
	pair("custody.wrong-from", "custody assumed from somebody who does not hold it", func(s *scene) (attempt, attempt) {
		approval := consent(s, s.Second)
		return attempt{By: s.Second, Body: s.Assumption(s.Officer, s.Phone), Basis: []id{approval}},
			attempt{By: s.Second, Body: s.Assumption(s.Approver, s.Phone), Basis: []id{approval}}
	}),
	{"custody.in-transit", "custody assumed of an item in transit", func(s *scene) (error, error) {
		a := attempt{By: s.Second, Body: s.Assumption(s.Officer, s.Phone), Basis: []id{consent(s, s.Second)}}
		admitted := s.Try(a)
		sent(s)
		return admitted, s.Try(a)
	}},
}
