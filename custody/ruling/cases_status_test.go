package ruling_test

import (
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/evidence"
)

// status lists these keys as the agency's revoked ones.
func status(s *scene, by *rulingtest.Key, keys ...id) attempt {
	return attempt{By: by, Body: &custody.OrgStatus{Org: s.Agency.ID, Revoked: custody.SortedIDs(keys...)}}
}

func revoke(s *scene, k *rulingtest.Key) {
	s.Act(s.Certifier, &custody.KeyRevoked{Key: k.ID(), Org: s.Agency.ID, Reason: custody.ReasonLeft}, *k.Cert)
}

var statusCases = []ruleCase{
	pair("status.list", "a key that was never revoked", func(s *scene) (attempt, attempt) {
		return status(s, s.Agency.Root), status(s, s.Agency.Root, s.Officer.ID())
	}),
	pair("status.list", "one of two revoked keys is left out", func(s *scene) (attempt, attempt) {
		revoke(s, s.Second)
		revoke(s, s.Approver)
		return status(s, s.Certifier, s.Second.ID(), s.Approver.ID()), status(s, s.Certifier, s.Approver.ID())
	}),
	pair("status.list", "a revoked key of another organisation", func(s *scene) (attempt, attempt) {
		s.Act(s.Laboratory.Root, &custody.KeyRevoked{Key: s.Visitor.ID(), Org: s.Laboratory.ID, Reason: custody.ReasonLeft}, *s.Visitor.Cert)
		return status(s, s.Certifier), status(s, s.Certifier, s.Visitor.ID())
	}),
	pair("status.list", "a key that nobody knows", func(s *scene) (attempt, attempt) {
		revoke(s, s.Second)
		return status(s, s.Certifier, s.Second.ID()), status(s, s.Certifier, s.Second.ID(), evidence.Sum([]byte("nobody's key")))
	}),
	pair("signer.right", "a status by an investigator", func(s *scene) (attempt, attempt) {
		return status(s, s.Certifier), status(s, s.Officer)
	}),
	pair("key.other-org", "another organisation's status", func(s *scene) (attempt, attempt) {
		return status(s, s.Agency.Root), status(s, s.Laboratory.Root)
	}),
	pair("signer.root-only-certifies", "a root key lists, and opens no case", func(s *scene) (attempt, attempt) {
		return status(s, s.Agency.Root), attempt{By: s.Agency.Root, Body: &custody.CaseOpened{Case: s.Found(custody.DocCase, "new case")}}
	}),
}

var logOwnCases = []ruleCase{
	pair("time.future", "a checkpoint that nobody has seen yet", func(s *scene) (attempt, attempt) {
		good, bad := s.Timestamp("token"), s.Timestamp("token")
		bad.Size++
		return attempt{By: s.Service, Body: good}, attempt{By: s.Service, Body: bad}
	}),
	pair("time.future", "another root than that of the checkpoint seen", func(s *scene) (attempt, attempt) {
		good, bad := s.Timestamp("token"), s.Timestamp("token")
		bad.Root = evidence.Sum([]byte("another history"))
		return attempt{By: s.Service, Body: good}, attempt{By: s.Service, Body: bad}
	}),
	pair("signer.not-service", "a timestamp noted by a person's key", func(s *scene) (attempt, attempt) {
		forger := *s.Officer
		forger.Class = custody.ClassService
		return attempt{By: s.Service, Body: s.Timestamp("token")}, attempt{By: &forger, Body: s.Timestamp("token")}
	}),
	pair("recovery.seen", "a recovery after another event", func(s *scene) (attempt, attempt) {
		return attempt{By: s.Service, Body: recovery(s, 0)}, attempt{By: s.Service, Body: recovery(s, 0), Change: func(p *custody.Predicate) { p.Seen.Size-- }}
	}),
	pair("recovery.signed", "a recovery from a head that the log shows", func(s *scene) (attempt, attempt) {
		return attempt{By: s.Service, Body: recovery(s, 0)}, attempt{By: s.Service, Body: recovery(s, -1)}
	}),
	pair("signer.not-service", "a recovery by a person's key", func(s *scene) (attempt, attempt) {
		forger := *s.Certifier
		forger.Class = custody.ClassService
		return attempt{By: s.Service, Body: recovery(s, 4)}, attempt{By: &forger, Body: recovery(s, 4)}
	}),
}

// recovery is from a head of so many leaves more than the log has.
func recovery(s *scene, more int) *custody.LogRecovered {
	_, log := s.Log()
	return &custody.LogRecovered{Cause: custody.RecoveryStorage, Log: log, Signed: custody.SignedHead{Size: uint64(len(s.Entries) + more)}}
}

// confirm is the holder's statement of the items' heads.
func confirm(by *rulingtest.Key, items ...id) attempt {
	return attempt{By: by, Body: &custody.Confirmed{Items: custody.SortedIDs(items...)}}
}

var confirmCases = []ruleCase{
	pair("custody.not-holder", "a colleague confirms what the officer holds", func(s *scene) (attempt, attempt) {
		return confirm(s.Officer, s.Phone, s.Disk), confirm(s.Second, s.Phone)
	}),
	pair("custody.not-holder", "one of two items is another's", func(s *scene) (attempt, attempt) {
		return confirm(s.Officer, s.Phone), confirm(s.Officer, s.Phone, s.Foreign)
	}),
	{"custody.in-transit", "an item in transit is confirmed", func(s *scene) (error, error) {
		admitted := s.Try(confirm(s.Officer, s.Disk))
		s.Act(s.Officer, s.Release(rulingtest.To(s.Laboratory.ID), s.Disk))
		return admitted, s.Try(confirm(s.Officer, s.Disk))
	}},
	{"chain.stale", "a confirmation of a head that has moved on", func(s *scene) (error, error) {
		link := *s.Draft(s.Officer, confirm(s.Officer, s.Phone).Body).Predicate.Chains[0].Prev
		a := confirm(s.Officer, s.Phone)
		admitted := s.Try(a)
		s.Act(a.By, a.Body)
		a.Change = func(p *custody.Predicate) { p.Chains[0].Seq, p.Chains[0].Prev = p.Chains[0].Seq-1, &link }
		return admitted, s.Try(a)
	}},
}

// TestConfirmationKeepsCustody: what custody dates from stays the event that
// gave it, so that grants and releases go on from there.
func TestConfirmationKeepsCustody(t *testing.T) {
	s := rulingtest.NewScene(t)
	was := *s.Item(s.Image)
	s.Act(s.Officer, &custody.Confirmed{Items: []id{s.Image}})
	is := *s.Item(s.Image)
	if is.Custody != was.Custody || is.Since != was.Since || is.Phase != was.Phase || is.Holder != was.Holder {
		t.Errorf("before %+v, after %+v", was, is)
	}
	s.Act(s.Officer, s.Story.Grant(s.Case, "another copy", rulingtest.To(s.Laboratory.ID), s.Image), s.Custody(s.Image))
}

// TestStatusIsRemembered: the organisation's state shows its newest status,
// and every revocation since the first.
func TestStatusIsRemembered(t *testing.T) {
	s := rulingtest.NewScene(t)
	org := func() id { return s.Agency.ID }
	for _, k := range []*rulingtest.Key{s.Second, s.Approver} {
		revoke(s, k)
		leaf := s.Act(s.Agency.Root, s.Status(s.Agency))
		state := s.Chains[org()].State.Org
		if state.Stated == nil || state.Stated.Leaf != leaf || state.Stated.Index != uint64(len(s.Entries)-1) || state.Stated.Seen != state.Stated.Index {
			t.Fatalf("the newest status is %+v", state.Stated)
		}
	}
	if got := s.Chains[org()].State.Org.Revoked; len(got) != 2 {
		t.Errorf("revoked so far: %v", got)
	}
	// A key certified after a revocation does not lose the list.
	s.Person(s.Agency, "recruit", custody.RightHold)
	if got := s.Chains[org()].State.Org; len(got.Revoked) != 2 || got.Stated == nil {
		t.Errorf("after another event: %+v", got)
	}
}
