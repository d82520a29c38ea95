package rulingtest

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ruling"
	"github.com/evidence-custody/custodyd/evidence"
)

// Story tells what people do, one signed event after the other, and fails the
// test where the judge refuses an event that the story needs.
type Story struct {
	*World
	Service *Key
	Details map[custody.ID][]byte // detail files told so far

	t   testing.TB
	now time.Time
}

// Org is an organisation of a story.
type Org struct {
	ID      custody.ID
	Root    *Key
	Founded custody.ID // leaf
}

// NewStory opens a log.
func NewStory(t testing.TB) *Story { return NewStoryOn(t, "log.example.org") }

// NewStoryOn opens the log of that origin.
func NewStoryOn(t testing.TB, origin string) *Story { return NewStoryIn(t, origin, custody.ModeTest) }

// NewStoryIn opens the log of that origin in that mode, with more log keys
// than the first.
func NewStoryIn(t testing.TB, origin string, mode custody.Mode, more ...custody.LogKey) *Story {
	t.Helper()
	s := &Story{World: NewWorld(), Service: NewKey("service " + origin), Details: map[custody.ID][]byte{}, t: t,
		now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.FixedZone("", 5*3600))}
	s.Service.Class = custody.ClassService
	seed := sha256.Sum256([]byte("log key " + origin))
	spki, err := x509.MarshalPKIXPublicKey(ed25519.NewKeyFromSeed(seed[:]).Public())
	s.need(err)
	b, id, err := custody.LogDocument{Document: custody.DocLog, Keys: append([]custody.LogKey{{Algorithm: custody.LogEd25519, Key: spki}}, more...),
		Mode: mode, Origin: origin, Salt: salt(origin), ServiceKeys: [][]byte{s.Service.Public.SPKI()}}.Encode()
	s.need(err)
	s.Disclose(b)
	s.Act(s.Service, &custody.Genesis{Document: id})
	return s
}

// Apart lets a test go its own way from here with its own World.
func (s *Story) Apart(t testing.TB) *Story {
	c := *s
	c.World, c.t = s.World.Clone(), t
	return &c
}

func (s *Story) need(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("the story breaks off: %v", err)
	}
}

// Draft writes a statement of body by that key, as a careful client would:
// links from the present heads, the present checkpoint, subjects and times.
func (s *Story) Draft(by *Key, body custody.Body, basis ...custody.ID) *custody.Statement {
	size := len(s.Entries)
	signed := custody.NewTime(s.now.Add(time.Duration(size) * time.Minute))
	st := &custody.Statement{Type: custody.StatementType, PredicateType: custody.PredicateType}
	p := &st.Predicate
	p.Kind, p.Body, p.Details, p.Basis = body.Kind(), body, map[custody.Field]custody.ID{}, custody.SortedIDs(basis...)
	p.Nonce, p.Seen = nonce(fmt.Sprint(size)), s.Seen()
	p.Times = custody.Times{Act: custody.Act{From: signed}, Signed: signed}
	p.Signer = custody.Signer{Class: by.Class, Key: by.ID()}
	if rule, ok := custody.Rule(p.Kind); ok && !rule.Uncertified {
		p.Signer.Cert = by.Cert
	}
	if _, id := s.Log(); p.Kind != custody.KindGenesis {
		p.Log = &id
	}
	var ids []custody.ID
	for _, a := range p.Advances() {
		ids = append(ids, a.ID)
	}
	for _, id := range custody.SortedIDs(ids...) {
		l := custody.Link{ID: id}
		if c := s.Chains[id]; c != nil {
			head := c.Head
			l.Prev, l.Seq = &head, c.Seq+1
		}
		p.Chains = append(p.Chains, l)
	}
	st.Subject = custody.SubjectsOf(body)
	return st
}

// Change alters a draft before it is signed.
type Change func(*custody.Predicate)

// Attempt is an act that may be refused.
type Attempt struct {
	By     *Key
	Body   custody.Body
	Basis  []custody.ID
	Change Change // nil for none
}

func (s *Story) seal(a Attempt) (Sealed, error) {
	st := s.Draft(a.By, a.Body, a.Basis...)
	if a.Change != nil {
		a.Change(&st.Predicate)
	}
	payload, err := custody.Encode(st)
	if err != nil {
		return Sealed{}, err
	}
	return a.By.Seal(payload)
}

// Try returns the refusal of an attempt, or nil, and changes nothing.
func (s *Story) Try(a Attempt) error {
	s.t.Helper()
	sealed, err := s.seal(a)
	if err != nil {
		return err
	}
	_, _, err = s.World.Try(sealed)
	return err
}

// Do makes an attempt and returns its entry or refusal.
func (s *Story) Do(a Attempt) (*ruling.Entry, *ruling.Ruling, error) {
	s.t.Helper()
	sealed, err := s.seal(a)
	if err != nil {
		return nil, nil, err
	}
	return s.World.Append(sealed)
}

// Act appends an event that must be admitted, and returns its leaf hash.
func (s *Story) Act(by *Key, body custody.Body, basis ...custody.ID) custody.ID {
	s.t.Helper()
	e, _, err := s.Do(Attempt{By: by, Body: body, Basis: basis})
	s.need(err)
	return e.Leaf
}

// Tell returns a change that adds one detail.
func (s *Story) Tell(field custody.Field, value string) Change {
	s.t.Helper()
	d, err := custody.NewDetail(field, salt(string(field)+value), value)
	s.need(err)
	b, id, err := d.Encode()
	s.need(err)
	s.Details[id] = b
	return func(p *custody.Predicate) { p.Details[field] = id }
}

// ActTelling is Act with one detail.
func (s *Story) ActTelling(by *Key, field custody.Field, value string, body custody.Body, basis ...custody.ID) custody.ID {
	s.t.Helper()
	e, _, err := s.Do(Attempt{By: by, Body: body, Basis: basis, Change: s.Tell(field, value)})
	s.need(err)
	return e.Leaf
}

// Found returns the id of the founding document of that type and name.
func (s *Story) Found(doc custody.DocumentType, name string) custody.ID {
	s.t.Helper()
	field := map[custody.DocumentType]string{custody.DocCase: "title", custody.DocItem: "description", custody.DocPerson: "name", custody.DocGrant: "title"}[doc]
	b, _, err := custody.Founding{Document: doc, Fields: map[string]string{field: name}, Salt: salt(string(doc) + name)}.Encode()
	s.need(err)
	return s.Disclose(b)
}

// Artifact returns the artifact of that name.
func Artifact(name string) custody.Artifact {
	content := []byte("artifact:" + name)
	return custody.Artifact{SHA256: evidence.Sum(content), Size: uint64(len(content)), BlockRoot: evidence.BlockRoot([]evidence.Digest{evidence.BlockLeaf(content)})}
}
