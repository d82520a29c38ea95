package golden

import (
	"maps"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/custody/tlog/tsatest"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/custody/verify/verifytest"
)

const (
	origin      = "log.example.org"
	witnessName = "witness.example.org"
	clockName   = "clock.example.org"
	imageName   = "image" // rulingtest makes an artifact's bytes of its name
)

// scene is the least story of which nothing need be said: an agency, an
// officer, a case, and one image that the service received.
type scene struct {
	*rulingtest.Story
	t testing.TB

	agency    *rulingtest.Org
	officer   *rulingtest.Key
	caseID    custody.ID
	image     custody.ID
	bytes     custody.Artifact
	deposited custody.ID // leaf
	clock     *tsatest.Authority
}

func newScene(t testing.TB, mode custody.Mode) *scene {
	s := &scene{Story: rulingtest.NewStoryIn(t, origin, mode), t: t, clock: tsatest.New(t, clockName)}
	s.agency = s.Organisation("Cyber Crime Agency", custody.OrgAgency)
	s.officer = s.Person(s.agency, "officer", custody.RightHold, custody.RightInvestigate)
	s.caseID = s.Case(s.officer, "State v. X")
	b := s.Deposit(s.caseID, nil, imageName, custody.RoleMaster)
	s.image, s.bytes = b.Item, b.Artifact
	s.deposited = s.Act(s.officer, b)
	s.Act(s.Service, s.Reception(b.Item, b.Artifact), s.deposited)
	return s
}

func (s *scene) apart() *scene {
	c := *s
	c.Story = s.Story.Apart(s.t)
	c.Details, c.clock = maps.Clone(s.Details), tsatest.New(s.t, clockName)
	return &c
}

// exhibit registers a sealed exhibit held by the officer.
func (s *scene) exhibit() custody.ID { return s.Exhibit(s.officer, s.caseID, "phone") }

// ask is the officer's request to read the image that the officer holds.
func (s *scene) ask() custody.ID {
	return s.Act(s.officer, &custody.AccessRequested{Artifact: s.bytes.SHA256, Item: s.image, Purpose: custody.PurposeAudit}, s.Custody(s.image))
}

// refusal is what the service records of a deposit that did not match.
func (s *scene) refusal(about custody.ID) *custody.DepositRefused {
	return &custody.DepositRefused{About: about, Case: s.caseID, Reason: custody.RefuseMismatch,
		Declared: custody.Measured{SHA256: s.bytes.SHA256, Size: s.bytes.Size},
		Received: custody.Measured{SHA256: rulingtest.Artifact("other").SHA256, Size: s.bytes.Size}}
}

// now is when heads are stamped: after all that the stories tell.
var now = time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC)

// book is the log as the story tells it, cosigned and stamped by those whom the
// policy believes.
func (s *scene) book() *verifytest.Book {
	b := verifytest.Open(s.t, s.Story)
	b.Witnesses = []note.Signer{verifytest.NewWitness(witnessName)}
	b.Clock, b.Now = s.clock, now
	return b
}

// shown is the dossier of the story so far, closed.
func (s *scene) shown(items ...custody.ID) *dossier.Dossier { return s.close(s.book(), items...) }

// close ends the book with the agency's list of its revoked keys and makes the
// dossier of the image and those items.
func (s *scene) close(b *verifytest.Book, items ...custody.ID) *dossier.Dossier {
	b.Draft(s.Story, s.agency.Root, s.Status(s.agency), s.seeing(b))
	return b.Dossier(s.caseID, append(items, s.image)...)
}

// seeing lets a draft see the book's head, not the story's.
func (s *scene) seeing(b *verifytest.Book) func(*custody.Statement) {
	tree := b.Tree()
	root, err := tree.Root(tree.Size())
	if err != nil {
		s.t.Fatalf("couldn't look at the book: %v", err)
	}
	return func(st *custody.Statement) { st.Predicate.Seen = custody.Seen{Root: root, Size: tree.Size()} }
}

// policy names the log, the organisations (the agency where none is given) and
// the witness.
func (s *scene) policy(orgs ...*rulingtest.Org) *verify.Policy {
	if len(orgs) == 0 {
		orgs = []*rulingtest.Org{s.agency}
	}
	p := s.book().Trust(orgs...)
	quorum := 1
	p.TimestampAuthorities = []verify.PolicyAuthority{{Name: clockName, Certificates: [][]byte{s.clock.Root.Raw}}}
	p.Quorum, p.Witnesses = &quorum, []verify.PolicyWitness{{Key: verifytest.NewWitness(witnessName).VerifierKey()}}
	return p
}

// exam is what is verified: its parts become files.
type exam struct {
	dossiers [][]byte
	policy   *verify.Policy // nil for none
	files    [][]byte
	sets     [][]segment // segmented images, after the files
}

// of examines one dossier under the scene's policy, with the image's file.
func (s *scene) of(d *dossier.Dossier) exam {
	return exam{dossiers: [][]byte{s.encode(d)}, policy: s.policy(), files: [][]byte{imageBytes()}}
}

func imageBytes() []byte { return []byte("artifact:" + imageName) }

func (s *scene) encode(d *dossier.Dossier) []byte {
	raw, err := d.Encode()
	if err != nil {
		s.t.Fatalf("couldn't encode the dossier: %v", err)
	}
	return raw
}
