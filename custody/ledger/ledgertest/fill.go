package ledgertest

import (
	"context"
	"crypto/rand"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
)

// Officer founds an organisation on any log and enrols one person of it, who
// may open cases.
func Officer(t testing.TB, l *ledger.Ledger) *rulingtest.Key {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	add := func(by *rulingtest.Key, body custody.Body, documents [][]byte, basis ...custody.ID) *custody.ID {
		t.Helper()
		s := Seal(t, by, Draft(t, l, by, body, basis...))
		s.Documents = documents
		r, err := l.Append(ctx, s)
		if err != nil {
			t.Fatal(err)
		}
		return &r[0].LeafHash
	}
	root, key := rulingtest.NewKey("root of a busy office"), rulingtest.NewKey("officer of a busy office")
	doc, org, err := custody.OrgDocument{Class: custody.OrgAgency, Document: custody.DocOrganisation, Name: "Busy Office",
		ControlledBy: []custody.ID{}, RootKeys: [][]byte{root.Public.SPKI()}, Threshold: 1}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	root.Cert = add(root, &custody.Founded{Org: org}, [][]byte{doc})
	person, id := Document(t, custody.DocPerson, "name", "An Officer")
	key.Party = custody.Party{Org: org, Person: id}
	request := add(key, &custody.KeyRequested{Key: key.ID(), Org: org, Person: id}, [][]byte{person, key.Public.SPKI()})
	key.Cert = add(root, &custody.KeyCertified{Key: key.ID(), Org: org, Person: id, Rights: []custody.Right{custody.RightInvestigate}}, nil, *request)
	return key
}

// Fill appends n events to the log: cases that by opens, signed by all
// processors and handed in by many callers at once, as a busy service has it.
func Fill(ctx context.Context, t testing.TB, l *ledger.Ledger, by *rulingtest.Key, n int) {
	t.Helper()
	const callers, together = 32, 32
	_, id := Document(t, custody.DocCase, "title", "a model")
	model := Draft(t, l, by, &custody.CaseOpened{Case: id})
	if len(model.Predicate.Chains) != 1 {
		t.Fatalf("opening a case advances %d chains", len(model.Predicate.Chains))
	}
	var next atomic.Int64
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for !t.Failed() {
				from := int(next.Add(together)) - together
				var group []docket.Submission
				for i := from; i < min(from+together, n); i++ {
					group = append(group, another(t, by, *model))
				}
				if len(group) == 0 {
					return
				}
				if _, err := l.Append(ctx, group...); err != nil {
					t.Errorf("couldn't append %d events behind %d: %v", len(group), from, err)
				}
			}
		})
	}
	all.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// another is the model with another case.
func another(t testing.TB, by *rulingtest.Key, st custody.Statement) docket.Submission {
	doc, id := Document(t, custody.DocCase, "title", "one of many")
	body := &custody.CaseOpened{Case: id}
	st.Subject, st.Predicate.Body = custody.SubjectsOf(body), body
	st.Predicate.Chains = []custody.Link{{ID: id}}
	if _, err := rand.Read(st.Predicate.Nonce[:]); err != nil {
		t.Error(err)
	}
	s := Seal(t, by, &st)
	s.Documents = [][]byte{doc}
	return s
}
