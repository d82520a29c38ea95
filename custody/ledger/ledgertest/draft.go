package ledgertest

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
)

// Draft writes a statement as a careful client would, from the ledger itself:
// links from the present heads, the newest checkpoint, a fresh nonce.
func Draft(t testing.TB, l *ledger.Ledger, by *rulingtest.Key, body custody.Body, basis ...custody.ID) *custody.Statement {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	st, err := TryDraft(ctx, l, by, body, basis...)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// TryDraft is Draft for tests in which the ledger may not answer.
func TryDraft(ctx context.Context, l *ledger.Ledger, by *rulingtest.Key, body custody.Body, basis ...custody.ID) (*custody.Statement, error) {
	now := custody.NewTime(time.Now())
	st := &custody.Statement{Type: custody.StatementType, PredicateType: custody.PredicateType, Subject: custody.SubjectsOf(body)}
	p := &st.Predicate
	p.Kind, p.Body, p.Details, p.Basis = body.Kind(), body, map[custody.Field]custody.ID{}, custody.SortedIDs(basis...)
	p.Times = custody.Times{Act: custody.Act{From: now}, Signed: now}
	p.Signer = custody.Signer{Class: by.Class, Key: by.ID()}
	if rule, ok := custody.Rule(p.Kind); ok && !rule.Uncertified {
		p.Signer.Cert = by.Cert
	}
	if _, err := rand.Read(p.Nonce[:]); err != nil {
		return nil, err
	}
	_, log := l.LogDocument()
	p.Log = &log
	var ids []custody.ID
	for _, a := range p.Advances() {
		ids = append(ids, a.ID)
	}
	for _, id := range custody.SortedIDs(ids...) {
		link := custody.Link{ID: id}
		c, err := l.Chain(ctx, id)
		if err == nil {
			head := c.Head
			link.Prev, link.Seq = &head, c.Seq+1
		} else if !errors.Is(err, docket.ErrNotFound) {
			return nil, err
		}
		p.Chains = append(p.Chains, link)
	}
	cp, err := l.Checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	p.Seen = cp.Seen()
	return st, nil
}

// Seal signs a statement.
func Seal(t testing.TB, by *rulingtest.Key, st *custody.Statement) docket.Submission {
	t.Helper()
	payload, err := custody.Encode(st)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := by.Seal(payload)
	if err != nil {
		t.Fatal(err)
	}
	return docket.Submission{Envelope: sealed.Envelope}
}

// Document makes a founding document with a salt of its own.
func Document(t testing.TB, doc custody.DocumentType, field, value string) ([]byte, custody.ID) {
	t.Helper()
	f := custody.Founding{Document: doc, Fields: map[string]string{field: value}}
	if _, err := rand.Read(f.Salt[:]); err != nil {
		t.Fatal(err)
	}
	b, id, err := f.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b, id
}

// OpenCase drafts and seals a case.opened with its document.
func OpenCase(t testing.TB, l *ledger.Ledger, by *rulingtest.Key, title string) (docket.Submission, custody.ID) {
	t.Helper()
	b, id := Document(t, custody.DocCase, "title", title)
	s := Seal(t, by, Draft(t, l, by, &custody.CaseOpened{Case: id}))
	s.Documents = [][]byte{b}
	return s, id
}
