package speed

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/ledger/ledgertest"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// signer is whoever signs a script's events.
type signer struct {
	key    custody.ID
	public seal.PublicKey
	party  custody.Party
	cert   custody.ID
	seal   func(payload []byte) (seal.Envelope, error)
}

func of(k *rulingtest.Key) signer {
	return signer{key: k.ID(), public: k.Public, party: k.Party, cert: *k.Cert, seal: func(b []byte) (seal.Envelope, error) {
		sealed, err := k.Seal(b)
		return sealed.Envelope, err
	}}
}

// stageplay is what scripts have in common: the log, a checkpoint it published,
// an officer and an analyst.
type stageplay struct {
	log            custody.ID
	seen           custody.Seen
	officer, other signer
	persons        [][]byte // documents of the witnesses and of the officer
	witnesses      []custody.ID
}

// script is a case on its way, signed act by act: an event shows a checkpoint
// that includes the one before it, so it cannot be signed sooner.
type script struct {
	t     testing.TB
	play  *stageplay
	heads map[custody.ID]custody.Link // the next link of each chain
	name  string
	acts  []func() docket.Submission
	n     int // acts so far
}

// begin writes a case of seven acts: it is opened, two exhibits are registered,
// and one of them goes to the laboratory and back.
func (p *stageplay) begin(t testing.TB, name string) *script {
	s := &script{t: t, play: p, heads: map[custody.ID]custody.Link{}, name: name}
	kase, caseDoc := s.document(custody.DocCase, "title", "case "+name)
	var item, release custody.ID
	register := func() docket.Submission {
		var doc []byte
		item, doc = s.document(custody.DocItem, "description", fmt.Sprint("exhibit ", s.n, " of ", name))
		sub, _ := s.act(p.officer, &custody.ItemRegistered{Case: kase, Class: custody.ItemDevice, Item: item, Seals: []custody.SealNumber{"S-1"},
			SeizedBy: p.officer.party, Witnesses: p.witnesses}, nil, append([][]byte{doc}, p.persons...)...)
		return sub
	}
	handed := func() []custody.HandedItem {
		return []custody.HandedItem{{Item: item, Seals: []custody.SealNumber{"S-1"}, State: custody.SealIntact}}
	}
	releases := func(from, to signer) func() docket.Submission {
		return func() (sub docket.Submission) {
			sub, release = s.act(from, &custody.Released{Items: handed(), Purpose: custody.PurposeExamination, To: custody.Recipient{Org: to.party.Org}}, nil)
			return sub
		}
	}
	accepts := func(by signer) func() docket.Submission {
		return func() docket.Submission {
			sub, _ := s.act(by, &custody.Accepted{Items: handed()}, []custody.ID{release})
			return sub
		}
	}
	s.acts = []func() docket.Submission{
		func() docket.Submission {
			sub, _ := s.act(p.officer, &custody.CaseOpened{Case: kase}, nil, caseDoc)
			return sub
		},
		register, register,
		releases(p.officer, p.other), accepts(p.other), releases(p.other, p.officer), accepts(p.officer),
	}
	return s
}

// acts is how many acts a case has.
const acts = 7

// next signs the next act.
func (s *script) next() docket.Submission {
	sub := s.acts[s.n]()
	s.n++
	return sub
}

func (s *script) document(typ custody.DocumentType, field, value string) (custody.ID, []byte) {
	f := custody.Founding{Document: typ, Fields: map[string]string{field: value}, Salt: custody.Salt(evidence.Sum([]byte("salt " + value)))}
	b, id, err := f.Encode()
	if err != nil {
		s.t.Fatal(err)
	}
	return id, b
}

// act signs one event and returns it with its leaf hash.
func (s *script) act(by signer, body custody.Body, basis []custody.ID, documents ...[]byte) (docket.Submission, custody.ID) {
	s.t.Helper()
	at := custody.NewTime(time.Date(2026, 11, 2, 9, s.n, 0, 0, time.UTC))
	st := &custody.Statement{Type: custody.StatementType, PredicateType: custody.PredicateType, Subject: custody.SubjectsOf(body)}
	p := &st.Predicate
	p.Kind, p.Body, p.Details, p.Basis, p.Log, p.Seen = body.Kind(), body, map[custody.Field]custody.ID{}, custody.SortedIDs(basis...), &s.play.log, s.play.seen
	p.Nonce = evidence.Sum(fmt.Append(nil, "nonce ", s.name, s.n))
	p.Times = custody.Times{Act: custody.Act{From: at}, Signed: at}
	p.Signer = custody.Signer{Class: custody.ClassPerson, Key: by.key, Cert: &by.cert}
	for _, a := range p.Advances() {
		link, ok := s.heads[a.ID]
		if !ok {
			link = custody.Link{ID: a.ID}
		}
		p.Chains = append(p.Chains, link)
	}
	slices.SortFunc(p.Chains, func(a, b custody.Link) int { return a.ID.Compare(b.ID) })
	payload, err := custody.Encode(st)
	if err != nil {
		s.t.Fatal(err)
	}
	e, err := by.seal(payload)
	if err != nil {
		s.t.Fatal(err)
	}
	leaf := tlog.LeafHash(tlog.Leaf(e, by.public))
	for _, link := range p.Chains {
		prev := leaf
		s.heads[link.ID] = custody.Link{ID: link.ID, Prev: &prev, Seq: link.Seq + 1}
	}
	return docket.Submission{Envelope: e, Documents: documents}, leaf
}

// rehearse founds a log of its own with the people of a script.
func rehearse(t testing.TB) (ledgertest.Database, *stageplay) {
	t.Helper()
	s := rulingtest.NewScene(t, ledgertest.PostQuantum(t)) // as custodyd founds logs
	d := ledgertest.NewDatabase(t)
	l := d.Open(t)
	ledgertest.Retell(t, l, s.Story, 0)
	cp, err := l.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, log := l.LogDocument()
	l.Close()
	play := &stageplay{log: log, seen: cp.Seen(), officer: of(s.Second), other: of(s.Analyst), persons: [][]byte{s.Documents[s.Second.Party.Person]}}
	play.callWitnesses(t)
	return d, play
}
