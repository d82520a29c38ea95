package verify_test

import (
	"bytes"
	"context"
	"crypto/elliptic"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/custody/verify/verifytest"
	"github.com/evidence-custody/custodyd/evidence"
)

// impostor founds an organisation of that name with a root key of the thief's.
func impostor(t testing.TB, s *rulingtest.Story, name string, class custody.OrgClass) *rulingtest.Org {
	t.Helper()
	root := rulingtest.NewKey("the thief's root for " + name)
	raw, id, err := custody.OrgDocument{Class: class, ControlledBy: []custody.ID{}, Document: custody.DocOrganisation, Name: name,
		RootKeys: [][]byte{root.Public.SPKI()}, Threshold: 1}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	s.Disclose(raw)
	o := &rulingtest.Org{ID: id, Root: root}
	o.Founded = s.Act(root, &custody.Founded{Org: id})
	root.Cert = &o.Founded
	return o
}

// forged is a dossier made whole by somebody who holds the log's and the
// service's keys, with impostors of both organisations.
func forged(t testing.TB, origin string) *dossier.Dossier {
	t.Helper()
	s := rulingtest.NewStoryOn(t, origin)
	agency, lab := impostor(t, s, "Cyber Crime Agency", custody.OrgAgency), impostor(t, s, "Independent Laboratory", custody.OrgLaboratory)
	officer := s.Person(agency, "officer", custody.RightHold, custody.RightInvestigate)
	analyst := s.Person(lab, "analyst", custody.RightExamine, custody.RightHold)
	caseID := s.Case(officer, "State v. X")
	phone := s.Exhibit(officer, caseID, "phone")
	release := s.Act(officer, s.Release(rulingtest.To(lab.ID), phone))
	s.Act(analyst, s.Acceptance(phone), release)
	b := verifytest.Open(t, s)
	d := b.Dossier(caseID, phone)
	// The forgery is perfect in itself.
	wantVerdict(t, run(t, b.Trust(agency, lab), d), verify.Whole)
	return d
}

// TestForgedWhole: the real log's own keys and all server keys make no event
// of an organisation that the policy names.
func TestForgedWhole(t *testing.T) {
	c := sit(t)
	for name, origin := range map[string]string{"the log's own keys": "log.example.org", "another log": "log.other.example"} {
		t.Run(name, func(t *testing.T) {
			r := run(t, c.p, forged(t, origin))
			wantVerdict(t, r, verify.Open)
			if !r.Has(verify.OrgUnidentified) || r.Has(verify.LogUnpinned) != (origin != "log.example.org") {
				t.Errorf("%v", r.Findings)
			}
			for _, o := range r.Readings[0].Orgs {
				if o.Identified {
					t.Errorf("%s is called identified", o.Name)
				}
			}
		})
	}
}

// TestGenesisOfAnotherLog: the log document that signs the checkpoint is the
// one that the genesis founds.
func TestGenesisOfAnotherLog(t *testing.T) {
	s, other := rulingtest.NewStory(t), rulingtest.NewStoryOn(t, "log.other.example")
	b, ob := verifytest.Open(t, s), verifytest.Open(t, other)
	b.Sealed[0] = ob.Sealed[0]
	b.Documents[evidence.Sum(ob.Log)] = ob.Log
	d := b.Dossier(evidence.Sum(nil))
	d.Documents[evidence.Sum(ob.Log)] = ob.Log
	r := run(t, nil, d)
	wantVerdict(t, r, verify.NotWhole)
	if !r.Has(verify.GenesisMissing) {
		t.Errorf("%v", r.Findings)
	}
}

// twin returns the other signature (r, n-s) that ECDSA accepts.
func twin(t testing.TB, der []byte) []byte {
	t.Helper()
	r, s := new(big.Int), new(big.Int)
	in, inner := cryptobyte.String(der), cryptobyte.String(nil)
	if !in.ReadASN1(&inner, asn1.SEQUENCE) || !inner.ReadASN1Integer(r) || !inner.ReadASN1Integer(s) {
		t.Fatal("not a signature")
	}
	s.Sub(elliptic.P256().Params().N, s)
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1BigInt(r); b.AddASN1BigInt(s) })
	return b.BytesOrPanic()
}

// TestTwins: what verifies as well but is not the event that was made, in a
// log that holds it from the start.
func TestTwins(t *testing.T) {
	for name, c := range map[string]struct {
		want   verify.Name
		change func(t *testing.T, c *court, i uint64)
	}{
		"high s": {verify.SignatureInvalid, func(t *testing.T, c *court, i uint64) {
			e := &c.b.Sealed[i].Envelope
			e.Signature = twin(t, e.Signature)
		}},
		"signed again by another key": {verify.SignerKeyOther, func(t *testing.T, c *court, i uint64) {
			sealed, err := c.Second.Seal(c.b.Sealed[i].Envelope.Payload)
			if err != nil {
				t.Fatal(err)
			}
			c.b.Sealed[i] = sealed
		}},
		"signed in another's name": {verify.RuleBroken, func(t *testing.T, c *court, i uint64) {
			payload := bytes.ReplaceAll(c.b.Sealed[i].Envelope.Payload, []byte(`"key":"`+c.Officer.ID().String()), []byte(`"key":"`+c.Second.ID().String()))
			sealed, err := c.Second.Seal(payload)
			if err != nil {
				t.Fatal(err)
			}
			c.b.Sealed[i] = sealed
		}},
	} {
		t.Run(name, func(t *testing.T) {
			court := sit(t)
			c.change(t, court, court.d.Events[court.kind(custody.KindReleased)].Index)
			court.again()
			r := run(t, court.p, court.d)
			wantVerdict(t, r, verify.NotWhole)
			if !r.Has(c.want) {
				t.Errorf("no %s in %v", c.want, r.Findings)
			}
		})
	}
}

// TestDroppedEvents: leaving out any event is noticed but for the last of its
// chains, which the promise "complete to seq N" says.
func TestDroppedEvents(t *testing.T) {
	c := sit(t)
	reading := run(t, c.p, c.d).Readings[0]
	for i := range c.d.Events {
		d := *c.d
		d.Events = slices.Delete(slices.Clone(c.d.Events), i, i+1)
		r := run(t, c.p, &d)
		if r.Verdict != verify.Whole {
			continue
		}
		e := reading.Events[i]
		for _, l := range e.Statement.Predicate.Chains {
			if h, ok := reading.Heads[l.ID]; ok && h.Seq != l.Seq {
				t.Errorf("event %d (%s) can be left out, though the dossier goes on after it", e.Index, e.Kind())
			}
		}
	}
}

// TestMovedEvents: an event at another place, twice, or under another's proof.
func TestMovedEvents(t *testing.T) {
	c := sit(t)
	for i := 1; i < len(c.d.Events); i++ {
		for name, change := range map[string]func(e []dossier.Event) []dossier.Event{
			"swapped": func(e []dossier.Event) []dossier.Event {
				e[i].Envelope, e[i-1].Envelope = e[i-1].Envelope, e[i].Envelope
				e[i].Key, e[i-1].Key = e[i-1].Key, e[i].Key
				return e
			},
			"twice": func(e []dossier.Event) []dossier.Event {
				last := e[len(e)-1]
				copied := e[i]
				copied.Index = last.Index + 1
				return append(e, copied)
			},
			"renumbered": func(e []dossier.Event) []dossier.Event {
				e[len(e)-1].Index += uint64(i)
				return e
			},
			"out of order": func(e []dossier.Event) []dossier.Event {
				e[i], e[i-1] = e[i-1], e[i]
				return e
			},
		} {
			d := *c.d
			d.Events = change(slices.Clone(c.d.Events))
			if r := run(t, c.p, &d); r.Verdict != verify.NotWhole {
				t.Errorf("event %d %s: %s", c.d.Events[i].Index, name, r.Verdict)
			}
		}
	}
}

// TestChangedContentUnderNewManifests: whoever changes a file can make the
// manifests anew; the events still commit to the file as it was.
func TestChangedContentUnderNewManifests(t *testing.T) {
	read := func(t *testing.T, d *dossier.Dossier) *dossier.Dossier {
		raw, err := d.Encode()
		if err != nil {
			t.Fatal(err)
		}
		out, bad, err := verify.Read(bytes.NewReader(raw), int64(len(raw)), dossier.DefaultLimits)
		if err != nil || bad != nil {
			t.Fatalf("%v %v", bad, err)
		}
		return out
	}
	for name, change := range map[string]func(c *court){
		"a detail's words": func(c *court) {
			for id, raw := range c.d.Details {
				changed := bytes.Replace(raw, []byte("alteration"), []byte("alterations"), 1)
				if !bytes.Equal(changed, raw) {
					delete(c.d.Details, id)
					c.d.Details[evidence.Sum(changed)] = changed
				}
			}
		},
		"a person's name": func(c *court) {
			raw := bytes.Replace(c.d.Documents[c.Officer.Party.Person], []byte("officer"), []byte("0fficer"), 1)
			delete(c.d.Documents, c.Officer.Party.Person)
			c.d.Documents[evidence.Sum(raw)] = raw
		},
		"an organisation's document": func(c *court) {
			raw := bytes.Replace(c.d.Documents[c.Laboratory.ID], []byte("laboratory"), []byte("court"), 1)
			delete(c.d.Documents, c.Laboratory.ID)
			c.d.Documents[evidence.Sum(raw)] = raw
		},
		"the scope": func(c *court) { c.d.Scope.Case = c.OtherCase },
	} {
		t.Run(name, func(t *testing.T) {
			c := sit(t)
			wantVerdict(t, run(t, c.p, read(t, c.d)), verify.Whole)
			change(c)
			wantVerdict(t, run(t, c.p, read(t, c.d)), verify.NotWhole)
		})
	}
}

// TestSeenRootsBetrayAFork: two dossiers of one log, of different sizes and
// with no proof between their heads, are told apart by what signers saw.
func TestSeenRootsBetrayAFork(t *testing.T) {
	s := rulingtest.NewScene(t)
	here, there := s.Apart(t), s.Apart(t)
	here.Exhibit(s.Officer, s.Case, "here")
	here.Act(s.Officer, here.Release(rulingtest.To(s.Laboratory.ID), s.Phone))
	there.Act(s.Stranger, there.Release(rulingtest.To(s.Court.ID), s.Foreign))
	there.Exhibit(s.Stranger, s.OtherCase, "there")
	there.Exhibit(s.Stranger, s.OtherCase, "there too")
	p := verifytest.Open(t, s.Story).Trust(s.Agency, s.OtherAgency, s.Laboratory, s.Court)
	a, b := verifytest.Open(t, here.Story).Dossier(s.Case, s.Phone), verifytest.Open(t, there.Story).Dossier(s.OtherCase, s.Foreign)
	r, err := verify.Dossiers(context.Background(), p, []*dossier.Dossier{a, b})
	if err != nil {
		t.Fatal(err)
	}
	wantVerdict(t, r, verify.NotWhole)
	if !r.Has(verify.LogFork) {
		t.Errorf("%v", r.Findings)
	}
}

// TestSameInputSameOutput: findings and summary do not depend on map order.
func TestSameInputSameOutput(t *testing.T) {
	c := sit(t)
	rng := rand.New(rand.NewPCG(7, 7))
	for i := range 12 {
		c.d.Attachments[string(rune('a'+i))+".txt"] = []byte{byte(i)}
		c.d.Details[evidence.Sum([]byte{byte(i)})] = []byte{byte(i)}
	}
	for range 4 {
		i := rng.IntN(len(c.d.Events))
		c.d.Events = slices.Delete(c.d.Events, i, i+1)
	}
	var want []byte
	for round := range 10 {
		got, err := run(t, c.p, c.d, verify.File{Name: "f", Reader: bytes.NewReader([]byte("artifact:imagE"))}).Summary().Encode()
		if err != nil {
			t.Fatal(err)
		}
		if round > 0 && !bytes.Equal(got, want) {
			t.Fatalf("round %d:\n%s\nwant\n%s", round, got, want)
		}
		want = got
	}
}
