package ruling_test

import (
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ruling"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/custody/standing"
)

// TestContested: from what the revoker had seen, or from the index of the
// compromise, up to the revocation, a key's events are contested; from the
// revocation on they are invalid.
func TestContested(t *testing.T) {
	start := rulingtest.NewScene(t)
	for _, c := range []struct {
		name       string
		seenBack   uint64  // how many leaves before the head the revoker has seen
		since      *uint64 // compromisedSince
		contested  uint64  // leaves before the revocation
		wantReason custody.RevocationReason
	}{
		{"the revoker saw the head", 0, nil, 0, custody.ReasonLost},
		{"the revoker saw an older head", 3, nil, 3, custody.ReasonLost},
		{"compromised since long ago", 0, new(uint64), 0, custody.ReasonCompromised}, // since 0
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start.Apart(t)
			for range 4 { // the key's chain is older than what the revoker saw
				s.Story.Case(s.Stranger, "case "+string(rune('a'+len(s.Entries)%26)))
			}
			a := attempt{By: s.Agency.Root, Body: &custody.KeyRevoked{Key: s.Officer.ID(), Org: s.Agency.ID, Reason: c.wantReason, CompromisedSince: c.since}, Basis: []id{*s.Officer.Cert},
				Change: func(p *custody.Predicate) { p.Seen.Size -= c.seenBack }}
			e, r, err := s.Do(a)
			if err != nil {
				t.Fatal(err)
			}
			k := s.Chains[s.Officer.ID()].State.Key
			first := e.Index - c.contested
			if c.since != nil {
				first = *c.since
			}
			if k.Revocation == nil || k.Revocation.Contested != first || k.Revocation.Index != e.Index || k.Status != standing.Revoked {
				t.Fatalf("revocation is %+v, want contested from %d up to %d", k.Revocation, first, e.Index)
			}
			for index := uint64(0); index < e.Index+3; index++ {
				want := standing.Good
				switch {
				case index >= e.Index:
					want = standing.Invalid
				case index >= first:
					want = standing.Contested
				}
				if got := k.At(index); got != want {
					t.Errorf("an event at %d is %v, want %v", index, got, want)
				}
			}
			if !r.Signer.IsZero() || r.Key != nil {
				t.Errorf("a root key's event names the person %v", r.Signer)
			}
		})
	}
}

// TestPartialWorld: a verifier that has not every chain lets links of unknown
// chains pass, and still refuses a fork of what it knows.
func TestPartialWorld(t *testing.T) {
	s := rulingtest.NewScene(t)
	release := s.Release(rulingtest.To(s.Laboratory.ID), s.Phone)
	c := s.Chains[s.Phone]
	s.Chains[s.Phone] = &ruling.Chain{ID: s.Phone, Partial: true}
	a := attempt{By: s.Second, Body: release, Change: func(p *custody.Predicate) { p.Chains[0].Seq, p.Chains[0].Prev = 7, &s.GrantLeaf }}
	if err := s.Try(a); err != nil {
		t.Errorf("a link of a chain outside the scope was refused: %v", err)
	}
	s.Chains[s.Phone] = &ruling.Chain{ID: s.Phone, Type: custody.ChainItem, Partial: true, Seq: 6, Head: c.Head, Index: c.Index}
	wantRule(t, s.Try(a), ruling.RuleFork)
	a.Change = func(p *custody.Predicate) { p.Chains[0].Seq, p.Chains[0].Prev = 9, &s.GrantLeaf }
	if err := s.Try(a); err != nil {
		t.Errorf("a gap in a chain outside the scope was refused: %v", err)
	}
	a.Change = func(p *custody.Predicate) { p.Chains[0].Seq, p.Chains[0].Prev = 6, &s.GrantLeaf }
	wantRule(t, s.Try(a), ruling.RuleStale)
}

// TestControlled walks ownership to any depth, and ends in a circle.
func TestControlled(t *testing.T) {
	docs := map[id]*custody.OrgDocument{}
	at := func(n byte) id { return id{n} }
	for n := byte(2); n < 40; n++ { // each is owned by the one before; 1 is the agency
		docs[at(n)] = &custody.OrgDocument{ControlledBy: []id{at(n - 1)}}
	}
	docs[at(50)] = &custody.OrgDocument{ControlledBy: []id{at(51)}}
	docs[at(51)] = &custody.OrgDocument{ControlledBy: []id{at(50)}}
	docs[at(60)] = &custody.OrgDocument{ControlledBy: []id{at(61), at(50)}}
	docs[at(61)] = &custody.OrgDocument{}
	find := func(o id) (*custody.OrgDocument, error) { return docs[o], nil }
	for o, want := range map[byte]bool{1: true, 2: true, 3: true, 39: true, 50: false, 60: false, 61: false, 99: true} {
		if got, err := standing.Controlled(at(o), at(1), find); err != nil || got != want {
			t.Errorf("organisation %d controlled: %v, %v; want %v", o, got, err, want)
		}
	}
	failing := func(id) (*custody.OrgDocument, error) { return nil, errUnread }
	if _, err := standing.Controlled(at(5), at(1), failing); err == nil {
		t.Error("a document that could not be read counts as an answer")
	}
}
