package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/ledger/ledgertest"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/evidence"
)

// scene opens a ledger with a scene told to it.
func scene(t testing.TB) (*ledger.Ledger, ledgertest.Database, *rulingtest.Scene) {
	t.Helper()
	s := rulingtest.NewScene(t)
	d := ledgertest.NewDatabase(t)
	l := d.Open(t)
	ledgertest.Retell(t, l, s.Story, 0)
	return l, d, s
}

func size(t testing.TB, l *ledger.Ledger) uint64 {
	t.Helper()
	cp, err := l.Checkpoint(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	return cp.Size
}

// Each row spoils a good submission in one way. Nothing of it is written, and
// the good one is admitted afterwards.
func TestRefusals(t *testing.T) {
	ctx := testContext(t)
	l, _, s := scene(t)
	before := size(t, l)

	text := func(field custody.Field, value string) ([]byte, custody.ID) {
		d, err := custody.NewDetail(field, custody.Salt{1}, value)
		if err != nil {
			t.Fatal(err)
		}
		b, id, err := d.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return b, id
	}
	note, noteID := text(custody.FieldNote, "found under the bed")
	other, _ := text(custody.FieldNote, "found on the roof")
	place, placeID := text(custody.FieldPlace, "Lahore")
	personDoc, person := ledgertest.Document(t, custody.DocPerson, "name", "a witness")
	itemDoc, item := ledgertest.Document(t, custody.DocItem, "description", "a laptop")
	strayDoc, stray := ledgertest.Document(t, custody.DocPerson, "name", "nobody's")
	caseDoc, wrongType := ledgertest.Document(t, custody.DocCase, "title", "not a person")

	body := func() *custody.ItemRegistered {
		return &custody.ItemRegistered{Case: s.Case, Class: custody.ItemDevice, Item: item, Seals: []custody.SealNumber{"S-1"},
			SeizedBy: s.Officer.Party, Witnesses: custody.SortedIDs(person, s.Second.Party.Person)}
	}
	make := func(change func(*custody.Statement)) docket.Submission {
		st := ledgertest.Draft(t, l, s.Officer, body())
		st.Predicate.Details[custody.FieldNote] = noteID
		if change != nil {
			change(st)
		}
		sub := ledgertest.Seal(t, s.Officer, st)
		sub.Details, sub.Documents = [][]byte{note}, [][]byte{itemDoc, personDoc}
		return sub
	}
	rows := []struct {
		name, rule string
		make       func() docket.Submission
	}{
		{"no detail", "detail.missing", func() docket.Submission { s := make(nil); s.Details = nil; return s }},
		{"another detail", "detail.superfluous", func() docket.Submission { s := make(nil); s.Details = [][]byte{other}; return s }},
		{"one detail too many", "detail.superfluous", func() docket.Submission { s := make(nil); s.Details = [][]byte{note, place}; return s }},
		{"detail under another field", "detail.mismatch", func() docket.Submission {
			sub := make(func(st *custody.Statement) {
				st.Predicate.Details = map[custody.Field]custody.ID{custody.FieldNote: placeID}
			})
			sub.Details = [][]byte{place}
			return sub
		}},
		{"detail that is none", "detail.form", func() docket.Submission {
			junk := []byte(`{"field": "note"}`)
			sub := make(func(st *custody.Statement) {
				st.Predicate.Details = map[custody.Field]custody.ID{custody.FieldNote: evidence.Sum(junk)}
			})
			sub.Details = [][]byte{junk}
			return sub
		}},
		{"no item document", "document.missing", func() docket.Submission { s := make(nil); s.Documents = [][]byte{personDoc}; return s }},
		{"no document of an unknown person", "document.missing", func() docket.Submission { s := make(nil); s.Documents = [][]byte{itemDoc}; return s }},
		{"stray document", "document.superfluous", func() docket.Submission { s := make(nil); s.Documents = append(s.Documents, strayDoc); return s }},
		{"a case document for a person", "document.type", func() docket.Submission {
			b := body()
			b.Witnesses = custody.SortedIDs(wrongType, s.Second.Party.Person)
			st := ledgertest.Draft(t, l, s.Officer, b)
			sub := ledgertest.Seal(t, s.Officer, st)
			sub.Documents = [][]byte{itemDoc, caseDoc}
			return sub
		}},
		{"a known case's id for a person", "document.missing", func() docket.Submission {
			b := body()
			b.Witnesses = custody.SortedIDs(s.OtherCase, s.Second.Party.Person)
			sub := ledgertest.Seal(t, s.Officer, ledgertest.Draft(t, l, s.Officer, b))
			sub.Documents = [][]byte{itemDoc}
			return sub
		}},
		{"seen with another root", "seen.unknown", func() docket.Submission {
			return make(func(st *custody.Statement) { st.Predicate.Seen.Root[0] ^= 1 })
		}},
		{"seen in the future", "seen.unknown", func() docket.Submission {
			return make(func(st *custody.Statement) { st.Predicate.Seen.Size++ })
		}},
		{"seen the empty tree", "seen.unknown", func() docket.Submission {
			return make(func(st *custody.Statement) { st.Predicate.Seen = custody.Seen{Root: evidence.Sum(nil)} })
		}},
		{"signed by another key", "signature-invalid", func() docket.Submission {
			st := ledgertest.Draft(t, l, s.Officer, body())
			sub := ledgertest.Seal(t, s.Second, st)
			sub.Documents = [][]byte{itemDoc, personDoc}
			return sub
		}},
		{"signature with a flipped bit", "", func() docket.Submission {
			sub := make(nil)
			sub.Envelope.Signature = bytes.Clone(sub.Envelope.Signature)
			sub.Envelope.Signature[len(sub.Envelope.Signature)-1] ^= 1
			return sub
		}},
		{"unknown key", "signer.key-unknown", func() docket.Submission {
			k := rulingtest.NewKey("somebody from outside")
			k.Party, k.Cert = s.Officer.Party, s.Officer.Cert
			sub := ledgertest.Seal(t, k, ledgertest.Draft(t, l, k, body()))
			sub.Documents = [][]byte{itemDoc, personDoc}
			return sub
		}},
		{"another agency's person", "case.other-agency", func() docket.Submission {
			sub := ledgertest.Seal(t, s.Stranger, ledgertest.Draft(t, l, s.Stranger, body()))
			sub.Documents = [][]byte{itemDoc, personDoc}
			return sub
		}},
		{"not a statement", "", func() docket.Submission {
			s := make(nil)
			s.Envelope.Payload = []byte(`{"a":1}`)
			return s
		}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			_, err := l.Append(ctx, row.make())
			var refused *custody.Refusal
			if !errors.As(err, &refused) || (row.rule != "" && refused.Rule != row.rule) {
				t.Errorf("want %s, got %v", row.rule, err)
			}
		})
	}
	if after := size(t, l); after != before {
		t.Fatalf("the log grew from %d to %d events", before, after)
	}
	if blobs, err := l.Blobs(ctx, item, stray, noteID); err != nil || len(blobs) != 0 {
		t.Errorf("%d blobs of refused events are kept: %v", len(blobs), err)
	}
	if _, err := l.Append(ctx, make(nil)); err != nil {
		t.Errorf("the good submission: %v", err)
	}
}

func TestStale(t *testing.T) {
	ctx := testContext(t)
	l, _, s := scene(t)
	release := func() docket.Submission {
		return ledgertest.Seal(t, s.Officer, ledgertest.Draft(t, l, s.Officer, s.Release(rulingtest.To(s.Laboratory.ID), s.Phone, s.Disk)))
	}
	first, second := release(), release()
	got, err := l.Append(ctx, first)
	if err != nil {
		t.Fatal(err)
	}
	_, err = l.Append(ctx, second)
	var stale *docket.Stale
	if !errors.As(err, &stale) {
		t.Fatalf("want stale, got %v", err)
	}
	if len(stale.Heads) != 2 || stale.Submission != 0 {
		t.Fatalf("heads are %+v", stale.Heads)
	}
	for i, h := range stale.Heads {
		c, err := l.Chain(ctx, h.ID)
		if err != nil {
			t.Fatal(err)
		}
		if h != c.Position() || h.Leaf != got[0].LeafHash || (i > 0 && stale.Heads[i-1].ID.Compare(h.ID) >= 0) {
			t.Errorf("head %+v, chain at %d %s", h, c.Seq, c.Head.Short())
		}
	}
}

// The same event again, whatever comes with it, has its first receipt.
func TestAgain(t *testing.T) {
	ctx := testContext(t)
	l, _, s := scene(t)
	sub, _ := ledgertest.OpenCase(t, l, s.Officer, "again")
	first, err := l.Append(ctx, sub)
	if err != nil {
		t.Fatal(err)
	}
	later, _ := ledgertest.OpenCase(t, l, s.Officer, "later")
	if _, err := l.Append(ctx, later); err != nil {
		t.Fatal(err)
	}
	other := sub
	other.Envelope.Signature = bytes.Clone(later.Envelope.Signature)
	bare := docket.Submission{Envelope: sub.Envelope}
	for name, again := range map[string]docket.Submission{"the same": sub, "another signature": other, "no documents": bare} {
		r, err := l.Append(ctx, again)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if r[0].Created || r[0].Index != first[0].Index || !bytes.Equal(r[0].Checkpoint, first[0].Checkpoint) || len(r[0].Inclusion) != len(first[0].Inclusion) {
			t.Errorf("%s: got receipt of index %d at size %d, created %v", name, r[0].Index, r[0].Size, r[0].Created)
		}
	}
}

// A group stands or falls as one.
func TestGroup(t *testing.T) {
	ctx := testContext(t)
	l, _, s := scene(t)
	before := size(t, l)
	good, id := ledgertest.OpenCase(t, l, s.Officer, "good")
	bad, _ := ledgertest.OpenCase(t, l, s.Clerk, "a clerk opens no case")
	if _, err := l.Append(ctx, good, bad); err == nil {
		t.Fatal("a group with a bad event is admitted")
	}
	if _, err := l.Chain(ctx, id); !errors.Is(err, docket.ErrNotFound) || size(t, l) != before {
		t.Fatalf("half a group was written: %v", err)
	}
	if _, err := l.Append(ctx, good, good); err == nil {
		t.Fatal("one event twice in a group is admitted")
	}
	third, _ := ledgertest.OpenCase(t, l, s.Officer, "third")
	if r, err := l.Append(ctx, good, third); err != nil || r[1].Index != r[0].Index+1 || r[0].Size != before+2 {
		t.Fatalf("a good group: %+v %v", r, err)
	}
	fourth, _ := ledgertest.OpenCase(t, l, s.Officer, "fourth")
	_, err := l.Append(ctx, third, fourth)
	var partly *docket.PartlyAppended
	if !errors.As(err, &partly) || partly.Receipts[0] == nil || partly.Receipts[1] != nil || len(partly.Receipts[0].Checkpoint) == 0 {
		t.Errorf("a group that is partly in the log: %v", err)
	}
}

// An effect that cannot be done undoes its own group and no other.
func TestEffects(t *testing.T) {
	ctx := testContext(t)
	l, _, s := scene(t)
	hash := evidence.Sum([]byte("inv_secret"))
	if err := l.SaveInvitation(ctx, docket.Invitation{Hash: hash, Purpose: docket.InviteOrganisation, Expires: farAway}); err != nil {
		t.Fatal(err)
	}
	one, _ := ledgertest.OpenCase(t, l, s.Officer, "one")
	two, twoID := ledgertest.OpenCase(t, l, s.Officer, "two")
	one.Effects.Invitation, two.Effects.Invitation = &hash, &hash
	type answer struct {
		sub docket.Submission
		err error
	}
	answers := make(chan answer, 2)
	for _, sub := range []docket.Submission{one, two} {
		go func() {
			_, err := l.Append(context.WithoutCancel(ctx), sub)
			answers <- answer{sub, err}
		}()
	}
	a, b := <-answers, <-answers
	if (a.err == nil) == (b.err == nil) {
		t.Fatalf("an invitation was spent twice or never: %v, %v", a.err, b.err)
	}
	lost := a
	if a.err == nil {
		lost = b
	}
	if !errors.Is(lost.err, docket.ErrSpent) {
		t.Errorf("want spent, got %v", lost.err)
	}
	if _, err := l.Event(ctx, lost.sub.Envelope.EventID()); !errors.Is(err, docket.ErrNotFound) {
		t.Errorf("an event without its effect was appended: %v", err)
	}
	i, err := l.Invitation(ctx, hash)
	if err != nil || i.UsedAt == nil || i.UsedBy == nil {
		t.Errorf("the invitation is %+v: %v", i, err)
	}
	// The same event again leaves effects undone.
	won := one
	if lost.sub.Envelope.EventID() == one.Envelope.EventID() {
		won = two
	}
	if r, err := l.Append(ctx, won); err != nil || r[0].Created {
		t.Errorf("%s again: %v", twoID.Short(), err)
	}
}
