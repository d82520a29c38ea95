package golden

import (
	"bytes"
	"crypto/sha256"
	"maps"
	"slices"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/custody/verify/verifytest"
	"github.com/evidence-custody/custodyd/evidence"
)

// single is a way to bring one finding about, and no other.
type single struct {
	finding verify.Name
	variant string // where a finding has several vectors
	make    func(s *scene) exam
}

// changed examines the scene's dossier after change.
func changed(change func(s *scene, d *dossier.Dossier)) func(*scene) exam {
	return func(s *scene) exam {
		d := s.shown()
		change(s, d)
		return s.of(d)
	}
}

// told examines the dossier of the scene after more was told; more returns the
// items in scope beside the image.
func told(more func(s *scene) []custody.ID) func(*scene) exam {
	return func(s *scene) exam {
		items := more(s)
		return s.of(s.shown(items...))
	}
}

// written examines the dossier after the log's keeper wrote into the book what
// no judge admitted.
func written(write func(s *scene, b *verifytest.Book)) func(*scene) exam {
	return func(s *scene) exam {
		b := s.book()
		write(s, b)
		return s.of(s.close(b))
	}
}

// under examines the untouched dossier with another policy or other files.
func under(change func(s *scene, e *exam)) func(*scene) exam {
	return func(s *scene) exam {
		e := s.of(s.shown())
		change(s, &e)
		return e
	}
}

func nothing(*scene, *dossier.Dossier) {}

// release is the officer's release of the image, which may follow the scene.
func (s *scene) release() *custody.Released {
	return s.Release(rulingtest.To(s.agency.ID), s.image)
}

func signed(s *scene, by *rulingtest.Key, payload []byte) rulingtest.Sealed {
	sealed, err := by.Seal(payload)
	if err != nil {
		s.t.Fatalf("couldn't seal: %v", err)
	}
	return sealed
}

func payloadOf(s *scene, by *rulingtest.Key, body custody.Body, basis ...custody.ID) []byte {
	b, err := custody.Encode(s.Draft(by, body, basis...))
	if err != nil {
		s.t.Fatalf("couldn't encode: %v", err)
	}
	return b
}

// brokenDetail is a file that is a detail of another field than place.
func brokenDetail(s *scene) (custody.ID, []byte) {
	d, err := custody.NewDetail(custody.FieldNote, custody.Salt(sha256.Sum256([]byte("salt: note for place"))), "a note")
	if err != nil {
		s.t.Fatal(err)
	}
	b, id, err := d.Encode()
	if err != nil {
		s.t.Fatal(err)
	}
	return id, b
}

var formCases = []single{
	{verify.CompleteTo, "", changed(nothing)},
	{verify.DossierMalformed, "", func(s *scene) exam {
		raw := s.encode(s.shown())
		raw[len(raw)/2] ^= 1
		return exam{dossiers: [][]byte{raw}, policy: s.policy()}
	}},
	{verify.LogDocument, "", func(s *scene) exam {
		d := s.shown()
		doc, err := custody.ParseLogDocument(d.Log)
		if err != nil {
			s.t.Fatal(err)
		}
		doc.Keys = append(doc.Keys, custody.LogKey{Algorithm: custody.LogEd25519, Key: s.officer.Public.SPKI()})
		raw, id, err := doc.Encode()
		if err != nil {
			s.t.Fatal(err)
		}
		d.Log = raw
		p := s.policy()
		p.Logs[0].ID = id
		return exam{dossiers: [][]byte{s.encode(d)}, policy: p}
	}},
	{verify.CheckpointInvalid, "", func(s *scene) exam {
		b := s.book()
		d := s.close(b)
		other := *b
		other.Sealed = b.Sealed[:len(b.Sealed)-1]
		lines := bytes.SplitAfter(d.Checkpoint, []byte("\n"))
		signatures := bytes.SplitAfter(other.Sign(other.Tree()), []byte("\n"))
		d.Checkpoint = bytes.Join(append(slices.Clone(lines[:4]), signatures[4:]...), nil)
		return exam{dossiers: [][]byte{s.encode(d)}, policy: s.policy()}
	}},
	{verify.GenesisMissing, "", changed(func(_ *scene, d *dossier.Dossier) { d.Events = d.Events[1:] })},
	{verify.StatementInvalid, "", written(func(s *scene, b *verifytest.Book) {
		b.Sealed = append(b.Sealed, signed(s, s.officer, []byte(`{"a":1}`)))
	})},
	{verify.SignatureInvalid, "", written(func(s *scene, b *verifytest.Book) {
		e := signed(s, s.officer, payloadOf(s, s.officer, s.release()))
		e.Envelope.Signature = b.Sealed[len(b.Sealed)-1].Envelope.Signature
		b.Sealed = append(b.Sealed, e)
	})},
	{verify.SignerKeyOther, "", written(func(s *scene, b *verifytest.Book) {
		b.Sealed = append(b.Sealed, signed(s, s.Service, payloadOf(s, s.officer, s.release())))
	})},
	{verify.InclusionInvalid, "", func(s *scene) exam {
		s.Act(s.officer, s.release())
		d := s.shown()
		e := &d.Events[len(d.Events)-2] // the release, before the agency's list
		e.Proof = slices.Clone(e.Proof)
		e.Proof[0] = evidence.Sum([]byte("another leaf"))
		return s.of(d)
	}},
	{verify.EventTwice, "", written(func(s *scene, b *verifytest.Book) {
		b.Sealed = append(b.Sealed, b.Sealed[len(b.Sealed)-1])
	})},
	{verify.SeenInconsistent, "", written(func(s *scene, b *verifytest.Book) {
		b.Draft(s.Story, s.officer, s.release(), func(st *custody.Statement) {
			st.Predicate.Seen.Root = evidence.Sum([]byte("another history"))
		})
	})},
	{verify.SeenUnproven, "", changed(func(_ *scene, d *dossier.Dossier) {
		delete(d.Consistency, slices.Min(slices.Collect(maps.Keys(d.Consistency))))
	})},
}

var policyCases = []single{
	{verify.NoPolicy, "", under(func(_ *scene, e *exam) { e.policy = nil })},
	{verify.LogUnpinned, "", under(func(_ *scene, e *exam) { e.policy.Logs[0].ID = evidence.Sum([]byte("another log")) })},
	{verify.OrgUnidentified, "", under(func(_ *scene, e *exam) {
		e.policy.Organisations[0] = verify.PolicyOrg{ID: evidence.Sum([]byte("another organisation")), Name: "Another organisation"}
	})},
	{verify.QuorumUnmet, "", under(func(_ *scene, e *exam) {
		two := 2
		e.policy.Witnesses = append(e.policy.Witnesses, verify.PolicyWitness{Key: verifytest.NewWitness("absent.example.org").VerifierKey()})
		e.policy.Quorum = &two
	})},
	{verify.Untimed, "", under(func(_ *scene, e *exam) { e.policy.TimestampAuthorities = nil })},
	{verify.Untimed, "no-timestamp", changed(func(_ *scene, d *dossier.Dossier) { d.Times = nil })},
	{verify.StatusTooOld, "", under(func(s *scene, e *exam) { e.policy.Organisations[0].OldestStatus = s.time("2026-06-01T00:00:00Z") })},
	{verify.AlgorithmOutdated, "events", under(func(s *scene, e *exam) {
		e.policy.Algorithms = []verify.PolicyAlgorithm{{Algorithm: verify.AlgorithmP256, Until: *s.time("2026-01-01T00:00:00Z")}}
	})},
	{verify.AlgorithmOutdated, "head", under(func(s *scene, e *exam) {
		e.policy.Algorithms = []verify.PolicyAlgorithm{{Algorithm: verify.AlgorithmEd25519, Until: *s.time("2026-01-01T00:00:00Z")}}
	})},
	{verify.CompleteTo, "timestamped-before-its-algorithms-ended", under(func(s *scene, e *exam) {
		e.policy.Algorithms = []verify.PolicyAlgorithm{{Algorithm: verify.AlgorithmP256, Until: *s.time("2026-06-01T00:00:00Z")},
			{Algorithm: verify.AlgorithmEd25519, Until: *s.time("2026-06-01T00:00:00Z")}}
		e.policy.Organisations[0].OldestStatus = s.time("2026-03-01T00:00:00Z")
	})},
	{verify.Unwitnessed, "", under(func(_ *scene, e *exam) {
		none := 0
		e.policy.Witnesses, e.policy.Quorum = nil, &none
	})},
	{verify.TestLog, "", func(s *scene) exam {
		test := newScene(s.t, custody.ModeTest)
		return test.of(test.shown())
	}},
}

var fileCases = []single{
	{verify.BytesMatch, "", told(func(s *scene) []custody.ID { return nil })},
	{verify.BytesMismatch, "", under(func(_ *scene, e *exam) { e.files = append(e.files, []byte("artifact:imagE")) })},
	{verify.BytesUnchecked, "", told(func(s *scene) []custody.ID {
		b := s.Deposit(s.caseID, nil, "second image", custody.RoleMaster)
		s.Act(s.Service, s.Reception(b.Item, b.Artifact), s.Act(s.officer, b))
		return []custody.ID{b.Item}
	})},
	{verify.BlocksMismatch, "", changed(func(s *scene, d *dossier.Dossier) {
		d.Blocks[s.bytes.SHA256] = evidence.JoinLeaves([]evidence.Digest{evidence.Sum(nil)})
	})},
	{verify.AttachmentUnrecorded, "", changed(func(_ *scene, d *dossier.Dossier) { d.Attachments["report.pdf"] = []byte("a report") })},
	{verify.AttachmentUnrecorded, "another-reports-name", func(s *scene) exam {
		s.Act(s.Service, s.reported())
		later := s.reported()
		later.Files = custody.ReportFiles{JSON: evidence.Sum([]byte("later json")), PDF: evidence.Sum([]byte("later pdf"))}
		s.Act(s.Service, later)
		at := uint64(len(s.Entries) - 1)
		d := s.shown()
		d.Attachments[dossier.ReportFile(at-1, "json")], d.Attachments[dossier.ReportFile(at, "json")] = []byte("json"), []byte("later json")
		d.Attachments[dossier.ReportFile(at, "pdf")] = []byte("pdf") // the earlier report, as the newest
		return s.of(d)
	}},
	{verify.ContentUnreferenced, "detail", changed(func(_ *scene, d *dossier.Dossier) {
		d.Details[evidence.Sum([]byte("smuggled"))] = []byte("smuggled")
	})},
	{verify.ContentUnreferenced, "proof", func(s *scene) exam {
		s.Case(s.officer, "another case") // shown to nobody here, nor the head before it
		s.Act(s.officer, s.release())
		b := s.book()
		d := s.close(b)
		tree, size := b.Tree(), uint64(len(s.Entries)-2)
		proof, err := tlog.ProveConsistency(size, tree.Size(), tree)
		if err != nil {
			s.t.Fatal(err)
		}
		d.Consistency[size] = proof
		return s.of(d)
	}},
	{verify.Withheld, "detail", changed(func(_ *scene, d *dossier.Dossier) { clear(d.Details) })},
	{verify.Withheld, "document", changed(func(s *scene, d *dossier.Dossier) { delete(d.Documents, s.officer.Party.Person) })},
}
