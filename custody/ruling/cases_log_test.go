package ruling_test

import (
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ruling"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/evidence"
)

func openCase(s *scene, by *rulingtest.Key, change rulingtest.Change) attempt {
	return attempt{By: by, Body: &custody.CaseOpened{Case: s.Found(custody.DocCase, "new case")}, Change: change}
}

// genesis tries a first event on an empty log.
func genesis(s *scene, by *rulingtest.Key, disclose bool, change rulingtest.Change) error {
	_, logID := s.Log()
	empty := *s.Story
	empty.World = rulingtest.NewWorld()
	if disclose {
		empty.Disclose(s.Documents[logID])
	}
	return empty.Try(attempt{By: by, Body: &custody.Genesis{Document: logID}, Change: change})
}

var logCases = []ruleCase{
	{"log.document-missing", "genesis without its document", func(s *scene) (error, error) {
		return genesis(s, s.Service, true, nil), genesis(s, s.Service, false, nil)
	}},
	{"signer.not-service", "genesis by a key that the document does not list", func(s *scene) (error, error) {
		other := rulingtest.NewKey("another service")
		other.Class = custody.ClassService
		return genesis(s, s.Service, true, nil), genesis(s, other, true, nil)
	}},
	{"seen.genesis", "genesis that has seen another root", func(s *scene) (error, error) {
		return genesis(s, s.Service, true, nil), genesis(s, s.Service, true, func(p *custody.Predicate) { p.Seen.Root = evidence.Sum([]byte("x")) })
	}},
	{"log.genesis-place", "a second genesis", func(s *scene) (error, error) {
		other := rulingtest.NewStoryOn(new(testing.T), "other.example.org")
		_, second := other.Log()
		s.Disclose(other.Documents[second])
		return genesis(s, s.Service, true, nil), s.Try(attempt{By: other.Service, Body: &custody.Genesis{Document: second}})
	}},
	{"log.genesis-missing", "an event on a log without genesis", func(s *scene) (error, error) {
		orgID, root := s.OrgDocument("Bar Council", custody.OrgDefence)
		a := attempt{By: root, Body: &custody.Founded{Org: orgID}}
		_, logID := s.Log()
		empty := *s.Story
		empty.World = rulingtest.NewWorld()
		empty.Disclose(s.Documents[orgID])
		b := a
		b.Change = func(p *custody.Predicate) { p.Log = &logID }
		return s.Try(a), empty.Try(b)
	}},
	pair("log.other", "an event replayed on another log", func(s *scene) (attempt, attempt) {
		_, other := rulingtest.NewStoryOn(new(testing.T), "other.example.org").Log()
		return openCase(s, s.Officer, nil), openCase(s, s.Officer, func(p *custody.Predicate) { p.Log = &other })
	}),
}

var signerCases = []ruleCase{
	pair("signer.not-service", "an observation by another key", func(s *scene) (attempt, attempt) {
		other := rulingtest.NewKey("another service")
		other.Class = custody.ClassService
		b := s.Reception(s.Image, s.Bytes)
		leaf := s.Item(s.Image).Custody
		return attempt{By: s.Service, Body: b, Basis: []id{leaf}}, attempt{By: other, Body: b, Basis: []id{leaf}}
	}),
	pair("signer.cert-unknown", "a certificate that is not in the log", func(s *scene) (attempt, attempt) {
		nowhere := evidence.Sum([]byte("nowhere"))
		return openCase(s, s.Officer, nil), openCase(s, s.Officer, func(p *custody.Predicate) { p.Signer.Cert = &nowhere })
	}),
	pair("signer.cert-kind", "an event that certifies nobody", func(s *scene) (attempt, attempt) {
		return openCase(s, s.Officer, nil), openCase(s, s.Officer, func(p *custody.Predicate) { p.Signer.Cert = &s.GrantLeaf })
	}),
	pair("signer.cert-kind", "a request is not a certificate", func(s *scene) (attempt, attempt) {
		request := s.Chains[s.Officer.ID()].State.Key.Request
		return openCase(s, s.Officer, nil), openCase(s, s.Officer, func(p *custody.Predicate) { p.Signer.Cert = &request })
	}),
	pair("signer.cert-other-key", "a colleague's certificate", func(s *scene) (attempt, attempt) {
		return openCase(s, s.Officer, nil), openCase(s, s.Officer, func(p *custody.Predicate) { p.Signer.Cert = s.Second.Cert })
	}),
	pair("signer.not-root", "an organisation founded by a key that is not its root", func(s *scene) (attempt, attempt) {
		orgID, root := s.OrgDocument("Bar Council", custody.OrgDefence)
		b := &custody.Founded{Org: orgID}
		return attempt{By: root, Body: b}, attempt{By: rulingtest.NewKey("usurper"), Body: b}
	}),
	pair("signer.not-root", "a person's key with org.founded for its certificate", func(s *scene) (attempt, attempt) {
		return openCase(s, s.Officer, nil), openCase(s, s.Officer, func(p *custody.Predicate) { p.Signer.Cert = &s.Agency.Founded })
	}),
	pair("signer.root-only-certifies", "a root key opens a case", func(s *scene) (attempt, attempt) {
		return openCase(s, s.Officer, nil), openCase(s, s.Agency.Root, nil)
	}),
	pair("signer.right", "a case opened without the right investigate", func(s *scene) (attempt, attempt) {
		return openCase(s, s.Officer, nil), openCase(s, s.Approver, nil)
	}),
	pair("signer.right", "custody accepted without the right hold", func(s *scene) (attempt, attempt) {
		release := s.Act(s.Officer, s.Release(rulingtest.To(s.Court.ID), s.Phone))
		holder := s.Person(s.Court, "store keeper", custody.RightHold)
		b := s.Acceptance(s.Phone)
		return attempt{By: holder, Body: b, Basis: []id{release}}, attempt{By: s.Clerk, Body: b, Basis: []id{release}}
	}),
	pair("signer.right", "a deposit with neither right", func(s *scene) (attempt, attempt) {
		b := s.Deposit(s.Case, nil, "photograph", custody.RoleMaster)
		return attempt{By: s.Officer, Body: b}, attempt{By: s.Approver, Body: b}
	}),
	{"signer.revoked", "a case opened at the index after the key's revocation", func(s *scene) (error, error) {
		admitted := s.Try(openCase(s, s.Officer, nil)) // at the index at which the revocation then stands
		s.Act(s.Certifier, &custody.KeyRevoked{Key: s.Officer.ID(), Org: s.Agency.ID, Reason: custody.ReasonLeft}, *s.Officer.Cert)
		return admitted, s.Try(openCase(s, s.Officer, nil))
	}},
	{"signer.revoked", "a revoked certifier certifies", func(s *scene) (error, error) {
		k, request := s.Request(s.Agency, s.Found(custody.DocPerson, "recruit"), "recruit")
		a := attempt{By: s.Certifier, Body: &custody.KeyCertified{Key: k.ID(), Org: s.Agency.ID, Person: k.Party.Person, Rights: []custody.Right{custody.RightHold}}, Basis: []id{request}}
		admitted := s.Try(a)
		s.Act(s.Agency.Root, &custody.KeyRevoked{Key: s.Certifier.ID(), Org: s.Agency.ID, Reason: custody.ReasonCompromised}, *s.Certifier.Cert)
		return admitted, s.Try(a)
	}},
}

var linkCases = []ruleCase{
	pair("basis.unknown", "a basis that is not in the log", func(s *scene) (attempt, attempt) {
		b := s.Release(rulingtest.To(s.Laboratory.ID), s.Phone)
		return attempt{By: s.Officer, Body: b, Basis: []id{s.GrantLeaf}}, attempt{By: s.Officer, Body: b, Basis: []id{evidence.Sum([]byte("nowhere"))}}
	}),
	{ruling.RuleStale, "two events over one head", func(s *scene) (error, error) {
		old := s.Draft(s.Officer, s.Release(rulingtest.To(s.Laboratory.ID), s.Phone)).Predicate.Chains
		a := attempt{By: s.Officer, Body: s.Release(rulingtest.To(s.Laboratory.ID), s.Phone), Change: func(p *custody.Predicate) { p.Chains = old }}
		admitted := s.Try(a)
		s.Act(s.Officer, s.Release(rulingtest.To(s.Laboratory.ID), s.Phone))
		return admitted, s.Try(a)
	}},
	{ruling.RuleStale, "an item registered twice", func(s *scene) (error, error) {
		a := attempt{By: s.Officer, Body: s.Registration(s.Officer, s.Case, "tablet")}
		admitted := s.Try(a)
		s.Act(s.Officer, a.Body)
		return admitted, s.Try(attempt{By: s.Officer, Body: a.Body, Change: func(p *custody.Predicate) {
			for i := range p.Chains {
				if p.Chains[i].ID != s.Case {
					p.Chains[i].Prev, p.Chains[i].Seq = nil, 0
				}
			}
		}})
	}},
	pair(ruling.RuleAhead, "a seq that leaves a gap", func(s *scene) (attempt, attempt) {
		b := s.Release(rulingtest.To(s.Laboratory.ID), s.Phone)
		return attempt{By: s.Officer, Body: b}, attempt{By: s.Officer, Body: b, Change: func(p *custody.Predicate) { p.Chains[0].Seq++ }}
	}),
	pair(ruling.RuleFork, "another event before", func(s *scene) (attempt, attempt) {
		b := s.Release(rulingtest.To(s.Laboratory.ID), s.Phone)
		return attempt{By: s.Officer, Body: b}, attempt{By: s.Officer, Body: b, Change: func(p *custody.Predicate) { p.Chains[0].Prev = &s.GrantLeaf }}
	}),
	pair(ruling.RuleUnknown, "an item that was never registered", func(s *scene) (attempt, attempt) {
		nothing := s.Found(custody.DocItem, "nothing")
		return attempt{By: s.Officer, Body: s.Release(rulingtest.To(s.Laboratory.ID), s.Phone)},
			attempt{By: s.Officer, Body: s.Release(rulingtest.To(s.Laboratory.ID), nothing), Change: func(p *custody.Predicate) {
				p.Chains[0].Seq, p.Chains[0].Prev = 1, &s.GrantLeaf
			}}
	}),
	pair(ruling.RuleType, "a case released as if it were an item", func(s *scene) (attempt, attempt) {
		return attempt{By: s.Officer, Body: s.Release(rulingtest.To(s.Laboratory.ID), s.Phone)},
			attempt{By: s.Officer, Body: s.Release(rulingtest.To(s.Laboratory.ID), s.Case)}
	}),
	pair(ruling.RuleType, "an item in place of the case", func(s *scene) (attempt, attempt) {
		return attempt{By: s.Officer, Body: s.Registration(s.Officer, s.Case, "tablet")}, attempt{By: s.Officer, Body: s.Registration(s.Officer, s.Phone, "tablet")}
	}),
	pair("seen.future", "a checkpoint larger than the log", func(s *scene) (attempt, attempt) {
		return openCase(s, s.Officer, nil), openCase(s, s.Officer, func(p *custody.Predicate) { p.Seen.Size++ })
	}),
	pair("seen.future", "the service has not seen the future either", func(s *scene) (attempt, attempt) {
		a := attempt{By: s.Service, Body: s.Reception(s.Image, s.Bytes), Basis: []id{s.Item(s.Image).Custody}}
		b := a
		b.Change = func(p *custody.Predicate) { p.Seen.Size++ }
		return a, b
	}),
	pair("seen.before-prev", "a checkpoint from before the previous event", func(s *scene) (attempt, attempt) {
		at := s.Chains[s.Phone].Index
		b := s.Release(rulingtest.To(s.Laboratory.ID), s.Phone)
		return attempt{By: s.Officer, Body: b, Change: func(p *custody.Predicate) { p.Seen.Size = at + 1 }},
			attempt{By: s.Officer, Body: b, Change: func(p *custody.Predicate) { p.Seen.Size = at }}
	}),
	pair("seen.before-basis", "a checkpoint from before the grant", func(s *scene) (attempt, attempt) {
		at := s.Chains[s.Grant].Index
		return attempt{By: s.Analyst, Body: s.Ask(), Basis: []id{s.GrantLeaf}, Change: func(p *custody.Predicate) { p.Seen.Size = at + 1 }},
			attempt{By: s.Analyst, Body: s.Ask(), Basis: []id{s.GrantLeaf}, Change: func(p *custody.Predicate) { p.Seen.Size = at }}
	}),
	pair("seen.before-cert", "a checkpoint from before the certificate", func(s *scene) (attempt, attempt) {
		k := s.Person(s.Agency, "recruit", custody.RightInvestigate)
		at := s.Chains[k.ID()].Index
		return openCase(s, k, func(p *custody.Predicate) { p.Seen.Size = at + 1 }), openCase(s, k, func(p *custody.Predicate) { p.Seen.Size = at })
	}),
}
