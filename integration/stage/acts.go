package stage

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/keyring"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// OpenCase opens a case.
func (p *Person) OpenCase(t testing.TB) evidence.Digest {
	t.Helper()
	o, err := p.Desk.OpenCase(Context(t), desk.Opening{Fields: map[string]string{"title": "State v. unknown", "fir": "FIR 12/2026"}})
	if err != nil {
		t.Fatal(err)
	}
	return o.Case
}

// Register registers a seized exhibit in a case.
func (p *Person) Register(t testing.TB, kase evidence.Digest) evidence.Digest {
	t.Helper()
	r, err := p.Desk.RegisterItem(Context(t), desk.Registration{Case: kase, Class: custody.ItemMedium,
		Fields: map[string]string{"exhibit": "MA/1", "description": "USB stick"}, Seals: []custody.SealNumber{"NCCIA-000417"},
		Witnesses: []map[string]string{{"name": "Imran Shah"}, {"name": "Sana Tariq"}},
		Telling:   desk.Telling{From: time.Now().Add(-time.Hour), Details: map[custody.Field]string{custody.FieldPlace: "Islamabad"}}})
	if err != nil {
		t.Fatal(err)
	}
	return r.Item
}

// File writes a file of size random bytes.
func File(t testing.TB, size int64) string {
	t.Helper()
	b := make([]byte, size)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return Write(t, "exhibit.dd", b)
}

// Write writes a file in a directory of its own.
func Write(t testing.TB, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Deposit deposits a file, as made from parent where there is one.
func (p *Person) Deposit(t testing.TB, kase evidence.Digest, parent *evidence.Digest, path string) desk.Deposited {
	t.Helper()
	d, err := p.Desk.Deposit(Context(t), desk.Depositing{Path: path, Case: kase, Parent: parent, Role: custody.RoleMaster, Fields: map[string]string{"exhibit": "MA/1/1"}})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// GrantBytes lets an organisation read one item.
func (p *Person) GrantBytes(t testing.TB, kase, item, to evidence.Digest, expires time.Time) desk.Granted {
	t.Helper()
	g, err := p.Desk.Grant(Context(t), desk.Granting{Case: kase, Items: []evidence.Digest{item}, To: custody.Recipient{Org: to}, Scope: custody.ScopeBytes,
		Expires: expires, Fields: map[string]string{"title": "Examination"}})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// Draft writes a statement as a careful client would, without asking whether
// the signer may make it: linked to the present heads as the key's holder is
// shown them.
func Draft(t testing.TB, p *Person, body custody.Body, basis ...custody.ID) *custody.Statement {
	t.Helper()
	ctx := Context(t)
	log, err := p.Desk.LogID(ctx)
	if err != nil {
		t.Fatal(err)
	}
	now := custody.NewTime(time.Now())
	st := &custody.Statement{Type: custody.StatementType, PredicateType: custody.PredicateType, Subject: custody.SubjectsOf(body)}
	q := &st.Predicate
	q.Kind, q.Body, q.Log, q.Details, q.Basis = body.Kind(), body, &log, map[custody.Field]custody.ID{}, custody.SortedIDs(basis...)
	q.Times = custody.Times{Act: custody.Act{From: now}, Signed: now}
	q.Signer = custody.Signer{Class: custody.ClassPerson, Key: p.Desk.Key.KeyID()}
	if rule, ok := custody.Rule(q.Kind); ok && !rule.Uncertified {
		cert := p.Desk.Key.Cert
		q.Signer.Cert = &cert
	}
	Fresh(t, st)
	var newest uint64
	for _, a := range q.Advances() {
		link := custody.Link{ID: a.ID}
		if !a.Founds {
			head, ok, err := p.Desk.Service.Chain(ctx, a.ID)
			if err != nil {
				t.Fatal(err)
			}
			if ok {
				prev := head.Leaf
				link.Seq, link.Prev, newest = head.Seq+1, &prev, max(newest, head.Index)
			}
		}
		q.Chains = append(q.Chains, link)
	}
	slices.SortFunc(q.Chains, func(a, b custody.Link) int { return a.ID.Compare(b.ID) })
	q.Seen = p.see(t, newest)
	return st
}

// see waits for a checkpoint past index.
func (p *Person) see(t testing.TB, index uint64) custody.Seen {
	t.Helper()
	for range 50 {
		head, err := p.Desk.Checkpoint(Context(t))
		if err != nil {
			t.Fatal(err)
		}
		if head.Size > index {
			return custody.Seen{Size: head.Size, Root: head.Root}
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("no checkpoint past %d was published", index)
	return custody.Seen{}
}

// Fresh draws another nonce: another event.
func Fresh(t testing.TB, st *custody.Statement) {
	t.Helper()
	if _, err := rand.Read(st.Predicate.Nonce[:]); err != nil {
		t.Fatal(err)
	}
}

// Seal signs a statement.
func Seal(t testing.TB, key *keyring.Key, st *custody.Statement) seal.Envelope {
	t.Helper()
	payload, err := custody.Encode(st)
	if err != nil {
		t.Fatal(err)
	}
	env, err := key.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// Founding makes a founding document with a fresh salt.
func Founding(t testing.TB, kind custody.DocumentType, fields map[string]string) ([]byte, evidence.Digest) {
	t.Helper()
	var salt custody.Salt
	if _, err := rand.Read(salt[:]); err != nil {
		t.Fatal(err)
	}
	b, id, err := custody.Founding{Document: kind, Fields: fields, Salt: salt}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b, id
}

// Included checks that a receipt's event is in the log that a person has seen,
// today as on the day it was given.
func (p *Person) Included(t testing.TB, r desk.Recorded) {
	t.Helper()
	ctx := Context(t)
	head, err := p.Desk.Checkpoint(ctx)
	if err != nil {
		t.Fatal(err)
	}
	e, err := p.Desk.Service.Event(ctx, r.EventID)
	if err != nil {
		t.Fatalf("the acknowledged event %d is gone: %v", r.Index, err)
	}
	env, err := seal.ParseEnvelope(e.Envelope)
	if err != nil {
		t.Fatal(err)
	}
	key, err := seal.ParseSPKI(e.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	leaf := tlog.LeafHash(tlog.Leaf(env, key))
	if leaf != r.Leaf || e.Receipt.Index != r.Index || head.Size <= r.Index {
		t.Fatalf("event %d: leaf %s at index %d in a log of %d, acknowledged was leaf %s", r.Index, leaf.Short(), e.Receipt.Index, head.Size, r.Leaf.Short())
	}
}
