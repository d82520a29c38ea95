package ruling_test

import (
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/evidence"
)

// recruit asks for a key of the agency.
func recruit(s *scene) (*custody.KeyCertified, id) {
	k, request := s.Request(s.Agency, s.Found(custody.DocPerson, "recruit"), "recruit")
	return &custody.KeyCertified{Key: k.ID(), Org: s.Agency.ID, Person: k.Party.Person, Rights: []custody.Right{custody.RightHold}}, request
}

var keyCases = []ruleCase{
	pair("org.document-missing", "an organisation without its document", func(s *scene) (attempt, attempt) {
		orgID, root := s.OrgDocument("Bar Council", custody.OrgDefence)
		return attempt{By: root, Body: &custody.Founded{Org: orgID}}, attempt{By: root, Body: &custody.Founded{Org: evidence.Sum([]byte("no document"))}}
	}),
	pair("key.not-possessed", "a key requested by another key", func(s *scene) (attempt, attempt) {
		k, other := rulingtest.NewKey("recruit"), rulingtest.NewKey("somebody else's")
		b := &custody.KeyRequested{Key: k.ID(), Org: s.Agency.ID, Person: s.Found(custody.DocPerson, "recruit")}
		return attempt{By: k, Body: b}, attempt{By: other, Body: b}
	}),
	pair("key.other-org", "a root key certifies for another organisation", func(s *scene) (attempt, attempt) {
		b, request := recruit(s)
		return attempt{By: s.Agency.Root, Body: b, Basis: []id{request}}, attempt{By: s.Laboratory.Root, Body: b, Basis: []id{request}}
	}),
	pair("key.other-org", "a key of another organisation revoked", func(s *scene) (attempt, attempt) {
		return attempt{By: s.Laboratory.Root, Body: &custody.KeyRevoked{Key: s.Analyst.ID(), Org: s.Laboratory.ID, Reason: custody.ReasonLeft}, Basis: []id{*s.Analyst.Cert}},
			attempt{By: s.Laboratory.Root, Body: &custody.KeyRevoked{Key: s.Officer.ID(), Org: s.Laboratory.ID, Reason: custody.ReasonLeft}, Basis: []id{*s.Officer.Cert}}
	}),
	pair("signer.right", "certifying without the right certify", func(s *scene) (attempt, attempt) {
		b, request := recruit(s)
		return attempt{By: s.Certifier, Body: b, Basis: []id{request}}, attempt{By: s.Officer, Body: b, Basis: []id{request}}
	}),
	pair("key.unknown", "the organisation in place of the key", func(s *scene) (attempt, attempt) {
		b, request := recruit(s)
		odd := *b
		odd.Key = s.Agency.ID
		return attempt{By: s.Agency.Root, Body: b, Basis: []id{request}}, attempt{By: s.Agency.Root, Body: &odd, Basis: []id{request}}
	}),
	pair("basis.required", "a certificate that does not name the request", func(s *scene) (attempt, attempt) {
		b, request := recruit(s)
		return attempt{By: s.Agency.Root, Body: b, Basis: []id{request}}, attempt{By: s.Agency.Root, Body: b, Basis: []id{*s.Officer.Cert}}
	}),
	{"key.certified-already", "a key certified again, with more rights", func(s *scene) (error, error) {
		b, request := recruit(s)
		a := attempt{By: s.Agency.Root, Body: b, Basis: []id{request}}
		admitted := s.Try(a)
		s.Act(a.By, a.Body, a.Basis...)
		more := *b
		more.Rights = []custody.Right{custody.RightApprove, custody.RightHold}
		return admitted, s.Try(attempt{By: s.Agency.Root, Body: &more, Basis: []id{request}})
	}},
	pair("key.not-as-requested", "a key certified for another person", func(s *scene) (attempt, attempt) {
		b, request := recruit(s)
		other := *b
		other.Person = s.Officer.Party.Person
		return attempt{By: s.Agency.Root, Body: b, Basis: []id{request}}, attempt{By: s.Agency.Root, Body: &other, Basis: []id{request}}
	}),
	{"key.not-certified", "a key revoked twice", func(s *scene) (error, error) {
		a := attempt{By: s.Certifier, Body: &custody.KeyRevoked{Key: s.Officer.ID(), Org: s.Agency.ID, Reason: custody.ReasonLost}, Basis: []id{*s.Officer.Cert}}
		admitted := s.Try(a)
		s.Act(a.By, a.Body, a.Basis...)
		return admitted, s.Try(a)
	}},
	pair("basis.required", "a revocation that does not name the certificate", func(s *scene) (attempt, attempt) {
		b := &custody.KeyRevoked{Key: s.Officer.ID(), Org: s.Agency.ID, Reason: custody.ReasonLost}
		return attempt{By: s.Certifier, Body: b, Basis: []id{*s.Officer.Cert}}, attempt{By: s.Certifier, Body: b}
	}),
}

var caseCases = []ruleCase{
	pair("case.not-agency", "a laboratory's investigator opens a case", func(s *scene) (attempt, attempt) {
		return openCase(s, s.Officer, nil), openCase(s, s.Person(s.Laboratory, "would-be investigator", custody.RightInvestigate), nil)
	}),
	pair("case.other-agency", "an exhibit registered in another agency's case", func(s *scene) (attempt, attempt) {
		b := s.Registration(s.Officer, s.Case, "tablet")
		return attempt{By: s.Officer, Body: b}, attempt{By: s.Stranger, Body: b}
	}),
	pair("item.unknown", "a parent that was never registered", func(s *scene) (attempt, attempt) {
		b, c := s.Registration(s.Officer, s.Case, "SIM"), s.Registration(s.Officer, s.Case, "SIM")
		nothing := s.Found(custody.DocItem, "nothing")
		b.Parent, c.Parent = &s.Phone, &nothing
		return attempt{By: s.Officer, Body: b}, attempt{By: s.Officer, Body: c}
	}),
	pair("item.other-case", "a parent of another case", func(s *scene) (attempt, attempt) {
		b, c := s.Registration(s.Officer, s.Case, "SIM"), s.Registration(s.Officer, s.Case, "SIM")
		b.Parent, c.Parent = &s.Phone, &s.Foreign
		return attempt{By: s.Officer, Body: b}, attempt{By: s.Officer, Body: c}
	}),
	pair("item.other-case", "a deposit from a parent of another case", func(s *scene) (attempt, attempt) {
		b := s.Deposit(s.OtherCase, &s.Foreign, "dump", custody.RoleMaster)
		c := s.Deposit(s.Case, &s.Foreign, "dump", custody.RoleMaster)
		return attempt{By: s.Stranger, Body: b, Basis: []id{s.Custody(s.Foreign)}}, attempt{By: s.Officer, Body: c, Basis: []id{s.Custody(s.Foreign)}}
	}),
	pair("deposit.no-standing", "another agency deposits into the case", func(s *scene) (attempt, attempt) {
		b := s.Deposit(s.Case, nil, "photograph", custody.RoleMaster)
		return attempt{By: s.Officer, Body: b}, attempt{By: s.Stranger, Body: b}
	}),
	pair("deposit.no-standing", "a laboratory deposits without a parent", func(s *scene) (attempt, attempt) {
		return attempt{By: s.Analyst, Body: s.Deposit(s.Case, &s.Image, "chats", custody.RoleDerivative), Basis: []id{s.GrantLeaf}},
			attempt{By: s.Analyst, Body: s.Deposit(s.Case, nil, "chats", custody.RoleDerivative), Basis: []id{s.GrantLeaf}}
	}),
	pair("custody.not-holder", "an image of an exhibit that a colleague holds", func(s *scene) (attempt, attempt) {
		b := s.Deposit(s.Case, &s.Disk, "second image", custody.RoleMaster)
		return attempt{By: s.Officer, Body: b, Basis: []id{s.Custody(s.Disk)}}, attempt{By: s.Second, Body: b, Basis: []id{s.Custody(s.Disk)}}
	}),
	pair("custody.not-holder", "a grantee deposits a master", func(s *scene) (attempt, attempt) {
		return attempt{By: s.Analyst, Body: s.Deposit(s.Case, &s.Image, "copy", custody.RoleWorkingCopy), Basis: []id{s.GrantLeaf}},
			attempt{By: s.Analyst, Body: s.Deposit(s.Case, &s.Image, "copy", custody.RoleMaster), Basis: []id{s.GrantLeaf}}
	}),
	pair("custody.not-holder", "a grantee deposits a log of how the master was made", func(s *scene) (attempt, attempt) {
		b := s.Deposit(s.Case, &s.Image, "log", custody.RoleLog)
		return attempt{By: s.Officer, Body: b, Basis: []id{s.Custody(s.Image)}}, attempt{By: s.Analyst, Body: b, Basis: []id{s.GrantLeaf}}
	}),
	pair("basis.required", "a deposit that does not say since when the parent is held", func(s *scene) (attempt, attempt) {
		b := s.Deposit(s.Case, &s.Disk, "second image", custody.RoleMaster)
		return attempt{By: s.Officer, Body: b, Basis: []id{s.Custody(s.Disk)}}, attempt{By: s.Officer, Body: b}
	}),
	{"custody.in-transit", "an image of an exhibit that is in transit", func(s *scene) (error, error) {
		a := attempt{By: s.Officer, Body: s.Deposit(s.Case, &s.Disk, "second image", custody.RoleMaster), Basis: []id{s.Custody(s.Disk)}}
		admitted := s.Try(a)
		s.Act(s.Officer, s.Release(rulingtest.To(s.Laboratory.ID), s.Disk))
		return admitted, s.Try(a)
	}},
}
