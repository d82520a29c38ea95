package golden

import (
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/custody/verify/verifytest"
	"github.com/evidence-custody/custodyd/evidence"
)

func none() []custody.ID { return nil }

// decoded deposits an image of that format, and has the service say each time
// what it found in it: nil where it couldn't decode it.
func decoded(format custody.ImageFormat, found ...*custody.ImageFound) func(*scene) exam {
	return func(s *scene) exam {
		b := s.Deposit(s.caseID, nil, "image in E01", custody.RoleMaster)
		b.Format = format
		received := s.Act(s.Service, s.Reception(b.Item, b.Artifact), s.Act(s.officer, b))
		for _, f := range found {
			read := custody.ImageDecoded(b.Item, b.Artifact.SHA256, f)
			if f == nil {
				read.Reason = custody.UnreadableTruncated
			}
			s.Act(s.Service, read, received)
		}
		e := s.of(s.shown(b.Item))
		e.files = append(e.files, []byte("artifact:image in E01"))
		return e
	}
}

// differing is an image whose stored MD5 is not that of its data.
func differing() *custody.ImageFound {
	f := rulingtest.Decoded()
	f.Stored.MD5 = "ffffffffffffffffffffffffffffffff"
	return f
}

// inFiles is a whole image of so many segments.
func inFiles(n uint64) *custody.ImageFound {
	f := rulingtest.Decoded()
	f.Segments = n
	return f
}

// unhashed is the same image as another reading found it, without stored hashes.
func unhashed() *custody.ImageFound {
	f := rulingtest.Decoded()
	f.Stored = custody.MediaHashes{}
	return f
}

// storyCases bring their findings about by what people do.
var storyCases = []single{
	{verify.ChainFork, "", written(func(s *scene, b *verifytest.Book) {
		b.Draft(s.Story, s.officer, s.release(), nil)
		other := s.release()
		other.Purpose = custody.PurposeCourt
		b.Draft(s.Story, s.officer, other, nil)
	})},
	{verify.ChainFork, "over-two-dossiers", func(s *scene) exam {
		// One log holds both releases; each dossier was made without the other.
		one := s.apart()
		one.Act(s.officer, one.release())
		one.Act(s.agency.Root, one.Status(s.agency))
		b := one.book()
		e := s.of(b.Dossier(s.caseID, s.image))
		other := s.release()
		other.Purpose = custody.PurposeCourt
		b.Draft(s.Story, s.officer, other, s.seeing(b))
		second := one.close(b)
		n := len(second.Events)
		delete(second.Consistency, second.Events[n-3].Index) // the head that the first release saw
		second.Events = append(second.Events[:n-3:n-3], second.Events[n-2:]...)
		e.dossiers = append(e.dossiers, s.encode(second))
		return e
	}},
	{verify.ConsistencyNotShown, "", func(s *scene) exam {
		report := s.reported()
		s.Act(s.agency.Root, s.Status(s.agency))
		e := s.of(s.book().Dossier(s.caseID, s.image))
		// Nobody saw the first dossier's head.
		if _, _, err := s.Do(rulingtest.Attempt{By: s.Service, Body: report, Change: func(p *custody.Predicate) { p.Seen = report.Over }}); err != nil {
			s.t.Fatal(err)
		}
		s.Act(s.agency.Root, s.Status(s.agency))
		e.dossiers = append(e.dossiers, s.encode(s.book().Dossier(s.caseID, s.image)))
		return e
	}},
	{verify.ChainGap, "", func(s *scene) exam {
		s.Act(s.Service, s.refusal(s.caseID))
		s.Act(s.Service, s.refusal(s.caseID))
		d := s.shown()
		n := len(d.Events)
		delete(d.Consistency, d.Events[n-3].Index) // the head that it saw
		d.Events = append(d.Events[:n-3:n-3], d.Events[n-2:]...)
		return s.of(d)
	}},
	{verify.RuleBroken, "", written(func(s *scene, b *verifytest.Book) {
		b.Draft(s.Story, s.officer, &custody.Accepted{Items: s.Handed(s.image)}, nil)
	})},
	{verify.ScopeMissing, "", changed(func(_ *scene, d *dossier.Dossier) {
		d.Scope.Items = custody.SortedIDs(append(d.Scope.Items, evidence.Sum([]byte("promised")))...)
	})},
	{verify.ScopeForeign, "", told(func(s *scene) []custody.ID {
		b := s.Deposit(s.Case(s.officer, "another case"), nil, "foreign image", custody.RoleMaster)
		s.Act(s.Service, s.Reception(b.Item, b.Artifact), s.Act(s.officer, b))
		return []custody.ID{b.Item}
	})},
	{verify.DetailMismatch, "", func(s *scene) exam {
		id, raw := brokenDetail(s)
		b := s.book()
		b.Details[id] = raw
		b.Draft(s.Story, s.officer, s.release(), func(st *custody.Statement) { st.Predicate.Details[custody.FieldPlace] = id })
		return s.of(s.close(b))
	}},
	{verify.DocumentMismatch, "", func(s *scene) exam {
		// A grant whose document is a person's.
		g := s.Grant(s.caseID, "copy", rulingtest.To(s.agency.ID), s.image)
		g.Grant = s.Found(custody.DocPerson, "nobody")
		s.Act(s.officer, g, s.Custody(s.image))
		return s.of(s.shown())
	}},
	{verify.KeyContested, "", told(func(s *scene) []custody.ID {
		since := uint64(len(s.Entries) - 2)
		s.Act(s.agency.Root, &custody.KeyRevoked{CompromisedSince: &since, Key: s.officer.ID(), Org: s.agency.ID, Reason: custody.ReasonCompromised}, *s.officer.Cert)
		return none()
	})},
	{verify.RuleBroken, "status-hides-a-revocation", func(s *scene) exam {
		good := s.Act(s.agency.Root, s.Status(s.agency))
		s.Act(s.agency.Root, &custody.KeyRevoked{Key: s.officer.ID(), Org: s.agency.ID, Reason: custody.ReasonLeft}, *s.officer.Cert)
		b := s.book()
		b.Draft(s.Story, s.agency.Root, &custody.OrgStatus{Org: s.agency.ID, Revoked: []custody.ID{}}, nil, good)
		return s.of(b.Dossier(s.caseID, s.image))
	}},
	{verify.StatusUnchecked, "", func(s *scene) exam { return s.of(s.book().Dossier(s.caseID, s.image)) }},
	{verify.StatusUnchecked, "later", func(s *scene) exam {
		s.Act(s.agency.Root, s.Status(s.agency))
		s.Act(s.officer, s.release())
		return s.of(s.book().Dossier(s.caseID, s.image))
	}},
	{verify.ConfirmedTo, "", told(func(s *scene) []custody.ID {
		s.Act(s.officer, &custody.Confirmed{Items: []custody.ID{s.image}})
		return none()
	})},
	{verify.LogRecovered, "", told(func(s *scene) []custody.ID {
		s.recover()
		return none()
	})},
	{verify.RecoveryAccepted, "", func(s *scene) exam {
		id := s.recover()
		e := s.of(s.shown())
		e.policy.Logs[0].Recoveries = []custody.ID{id}
		return e
	}},
	{verify.CustodyGap, "", told(func(s *scene) []custody.ID {
		second := s.Person(s.agency, "second officer", custody.RightHold, custody.RightInvestigate)
		superior := s.Person(s.agency, "superintendent", custody.RightApprove)
		approval := s.Act(superior, &custody.Approved{Action: custody.ActionAssume, For: second.Party, Items: []custody.ID{s.image}, Org: s.agency.ID})
		s.Act(second, &custody.Assumed{Authority: custody.AssumeAbsence, From: s.officer.Party, Items: s.Handed(s.image)}, approval)
		return none()
	})},
	{verify.DepositRefused, "", told(func(s *scene) []custody.ID {
		s.Act(s.Service, s.refusal(s.caseID))
		return none()
	})},
	{verify.LabMismatch, "", told(func(s *scene) []custody.ID {
		request := s.ask()
		s.Act(s.officer, &custody.Verification{Artifact: s.bytes.SHA256, Computed: rulingtest.Artifact("other bytes"), Item: s.image, Result: custody.ResultMismatch}, request)
		return none()
	})},
	{verify.ServeFailed, "", told(func(s *scene) []custody.ID {
		request := s.ask()
		s.Act(s.Service, &custody.Served{Artifact: s.bytes.SHA256, Bytes: 1, Item: s.image, Outcome: custody.OutcomeFailed, Request: request}, request)
		return none()
	})},
	{verify.FixityFailed, "", told(func(s *scene) []custody.ID {
		s.Act(s.Service, &custody.FixityFailed{Artifact: s.bytes.SHA256, Blocks: []uint64{0}, Checked: 1, Count: 1, Item: s.image, Reason: custody.FixityMismatch})
		s.Act(s.Service, &custody.FixityPassed{Artifact: s.bytes.SHA256, Bytes: s.bytes.Size, Item: s.image}) // put right since, and shown all the same
		return none()
	})},
	{verify.ImageDamaged, "", decoded(custody.FormatEWF, rulingtest.Broken(0, 2))},
	{verify.ImageHashDiffers, "", decoded(custody.FormatEWF, differing())},
	{verify.ImageUnreadable, "", decoded(custody.FormatEWF, nil)},
	{verify.ImageContradicted, "", decoded(custody.FormatRaw, rulingtest.Decoded())},
	{verify.ImageContradicted, "files", decoded(custody.FormatEWF, inFiles(2))},
	{verify.ImageContradicted, "read-twice", decoded(custody.FormatEWF, rulingtest.Decoded(), unhashed())},
	{verify.SealDiffers, "", told(func(s *scene) []custody.ID {
		phone := s.exhibit()
		b := s.Release(rulingtest.To(s.agency.ID), phone)
		b.Items[0].State = custody.SealBroken
		s.Act(s.officer, b)
		return []custody.ID{phone}
	})},
	{verify.TimesContradict, "", written(func(s *scene, b *verifytest.Book) {
		at, err := custody.ParseTime("2026-01-01T00:00:00Z")
		if err != nil {
			s.t.Fatal(err)
		}
		b.Draft(s.Story, s.officer, s.release(), func(st *custody.Statement) { st.Predicate.Times.Act.From = at })
	})},
	{verify.OutsideScope, "", told(func(s *scene) []custody.ID {
		s.exhibit() // of the case, and not in scope
		s.Act(s.officer, s.Release(rulingtest.To(s.agency.ID), s.image))
		return none()
	})},
	{verify.ReceptionMissing, "", func(s *scene) exam {
		b := s.Deposit(s.caseID, nil, "never received", custody.RoleMaster)
		s.Act(s.officer, b)
		e := s.of(s.shown(b.Item))
		e.files = append(e.files, []byte("artifact:never received"))
		return e
	}},
	{verify.LogFork, "", func(s *scene) exam {
		request := s.ask()
		s.Act(s.agency.Root, s.Status(s.agency))
		here, there := s.apart(), s.apart()
		here.Act(s.Service, here.reported())
		there.Act(s.Service, &custody.Served{Artifact: s.bytes.SHA256, Bytes: s.bytes.Size, Item: s.image, Outcome: custody.OutcomeWhole, Request: request}, request)
		e := s.of(here.book().Dossier(s.caseID, s.image))
		e.dossiers = append(e.dossiers, s.encode(there.book().Dossier(s.caseID, s.image)))
		return e
	}},
	{verify.LogFork, "older-checkpoint", func(s *scene) exam {
		d := s.shown()
		size := d.Events[len(d.Events)-2].Index
		other := tlog.Checkpoint{Origin: origin, Size: size, Root: evidence.Sum([]byte("another history"))}
		d.Checkpoints = map[uint64][]byte{size: s.book().Certify(other)}
		return s.of(d)
	}},
}

// reported is a report that was issued over the present head.
func (s *scene) reported() *custody.ReportIssued {
	return &custody.ReportIssued{Case: s.caseID, For: s.officer.Party, Items: []custody.ID{}, Over: s.Seen(),
		Files: custody.ReportFiles{JSON: evidence.Sum([]byte("json")), PDF: evidence.Sum([]byte("pdf"))}}
}

// recover lets the log say that it lost two events, and returns the event's id.
func (s *scene) recover() custody.ID {
	_, log := s.Log()
	s.Act(s.Service, &custody.LogRecovered{Cause: custody.RecoveryBackup, Log: log, Signed: custody.SignedHead{Size: s.Leaves.Size() + 2}})
	return s.Entries[len(s.Entries)-1].EventID
}
