package rulingtest

import (
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
)

// Everything plays a story that has every kind of event at least once, but
// log.recovered, which no log has that is whole.
func Everything(t testing.TB) *Scene {
	t.Helper()
	s := NewScene(t)

	// A deposit that did not match, and one from the laboratory's examination.
	s.Act(s.Service, &custody.DepositRefused{About: s.Disk, Case: s.Case, Reason: custody.RefuseMismatch,
		Declared: custody.Measured{SHA256: s.Bytes.SHA256, Size: s.Bytes.Size},
		Received: custody.Measured{SHA256: evidence.Sum([]byte("other bytes")), Size: s.Bytes.Size, MD5: "00112233445566778899aabbccddeeff"}})
	result := s.Deposit(s.Case, &s.Image, "extracted chats", custody.RoleDerivative)
	s.Act(s.Analyst, result, s.GrantLeaf)

	// Two exhibits released to the laboratory: one accepted, one declined; then
	// one released and recalled.
	release := s.ActTelling(s.Officer, custody.FieldRoadCertificate, "RC 12/26", s.Release(To(s.Laboratory.ID), s.Phone, s.Disk), s.Custody(s.Phone))
	s.Act(s.Analyst, s.Acceptance(s.Phone), release)
	s.Act(s.Visitor, &custody.Declined{Items: []custody.ID{s.Disk}, Reason: custody.DeclineSeal}, release)
	again := s.Act(s.Officer, s.Release(To(s.Laboratory.ID, s.Analyst), s.Disk))
	s.Act(s.Officer, &custody.Recalled{Items: []custody.ID{s.Disk}}, again)

	// The officer is absent: a colleague assumes the disk.
	approval := s.Act(s.Approver, s.Approval(s.Second, s.Disk))
	s.Act(s.Second, s.Assumption(s.Officer, s.Disk), approval)

	// The laboratory reads the image, checks it and files its opinion.
	request := s.Act(s.Analyst, s.Ask(), s.GrantLeaf)
	s.Act(s.Service, &custody.Served{Artifact: s.Bytes.SHA256, Bytes: s.Bytes.Size, Item: s.Image, Outcome: custody.OutcomeWhole, Request: request}, request)
	s.Act(s.Analyst, &custody.Verification{Artifact: s.Bytes.SHA256, Computed: s.Bytes, Item: s.Image, Result: custody.ResultMatch}, request)
	opinion := s.ActTelling(s.Analyst, custody.FieldOpinion, "no sign of alteration", &custody.Opinion{Capacity: custody.Section40, Case: s.Case, Items: []custody.ID{s.Image}}, s.GrantLeaf)
	s.ActTelling(s.Visitor, custody.FieldOpinion, "no sign of alteration was found", &custody.Correction{Case: s.Case, Corrects: opinion}, opinion)

	// The court is shown the record, and a report is issued.
	record := s.Story.Grant(s.Case, "record for the court", To(s.Court.ID))
	record.Scope = custody.ScopeRecord
	s.Act(s.Officer, record)
	s.Act(s.Service, &custody.ReportIssued{Case: s.Case, For: s.Clerk.Party, Items: []custody.ID{}, Over: s.Seen(),
		Files: custody.ReportFiles{JSON: evidence.Sum([]byte("json")), PDF: evidence.Sum([]byte("pdf"))}})

	// The officer's key is lost.
	s.Act(s.Certifier, &custody.KeyRevoked{Key: s.Officer.ID(), Org: s.Agency.ID, Reason: custody.ReasonLost}, *s.Officer.Cert)

	// The agency lists its revoked keys, the laboratory's custodian confirms what
	// is held, and the service notes a timestamp.
	s.ActTelling(s.Certifier, custody.FieldNote, "monthly list", s.Status(s.Agency))
	s.ActTelling(s.Analyst, custody.FieldStoreRegister, "shelf 4", &custody.Confirmed{Items: []custody.ID{s.Phone}})
	s.Act(s.Service, s.Timestamp("token of the authority"))

	// It reads its copy of the image back.
	s.Fixity()

	// It decodes an image in the Expert Witness format.
	image := s.Deposit(s.Case, &s.Disk, "image in E01", custody.RoleMaster)
	image.Format = custody.FormatEWF
	taken := s.Act(s.Service, s.Reception(image.Item, image.Artifact), s.Act(s.Second, image, s.Custody(s.Disk)))
	s.ActTelling(s.Service, custody.FieldExaminer, "Muhammad Rafiq", custody.ImageDecoded(image.Item, image.Artifact.SHA256, Decoded()), taken)

	// A court orders that a working copy be erased, which is stored encrypted.
	spare := s.Deposit(s.Case, &s.Disk, "working copy", custody.RoleWorkingCopy)
	deposited := s.Act(s.Second, spare, s.Custody(s.Disk))
	reception := s.Reception(spare.Item, spare.Artifact)
	reception.Encoding = custody.EncodingDARE
	received := s.Act(s.Service, reception, deposited)
	consent := s.Act(s.Approver, s.DisposalApproval(s.Second, spare.Item))
	disposal := s.ActTelling(s.Second, custody.FieldAuthority, "Order of the Sessions Court, 12 March 2026", s.Disposal(spare.Item, custody.DisposeKeyDestroyed), consent)
	s.Act(s.Service, &custody.Erased{Artifact: spare.Artifact.SHA256, Disposal: disposal, Item: spare.Item, Retention: reception.Retention}, disposal, received)
	return s
}

// Decoded is what was found in a whole image: two chunks and a half, of which one
// is stored compressed, and a flaw that is no obstacle.
func Decoded() *custody.ImageFound {
	sum := evidence.Sum([]byte("the medium's data"))
	md5, sha1 := "0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef01234567"
	return &custody.ImageFound{ChunkSize: 32768, Chunks: 3, Compressed: 1, Damaged: custody.DamagedChunks{First: []uint64{}}, Dialect: custody.DialectE01,
		Flaws: []custody.ImageFlaw{custody.FlawTrailing}, MD5: md5, SectorSize: 512, Segments: 1, SHA1: sha1, SHA256: &sum, Size: 81920,
		Stored: custody.MediaHashes{MD5: md5, SHA1: sha1}, Unread: custody.UnreadSectors{Ranges: 1, Sectors: 8}}
}

// Broken is the same image with chunks that couldn't be decoded.
func Broken(chunks ...uint64) *custody.ImageFound {
	f := Decoded()
	f.Damaged = custody.DamagedChunks{Count: uint64(len(chunks)), First: chunks}
	f.MD5, f.SHA1, f.SHA256 = "", "", nil
	return f
}

// DisposalApproval is the consent that by disposes of the item.
func (s *Scene) DisposalApproval(by *Key, item custody.ID) *custody.Approved {
	a := s.Approval(by, item)
	a.Action = custody.ActionDispose
	return a
}

// Disposal disposes of an item of the scene's case, as a court ordered.
func (s *Scene) Disposal(item custody.ID, method custody.DisposalMethod) *custody.Disposed {
	return &custody.Disposed{Authority: custody.DisposeCourtOrder, Case: s.Case, Item: item, Method: method}
}

// Recovered plays Everything on a log that then lost events and says so: every
// kind of event there is.
func Recovered(t testing.TB) *Scene {
	t.Helper()
	s := Everything(t)
	_, log := s.Log()
	lost := evidence.Sum([]byte("the root that was lost"))
	s.Act(s.Service, &custody.LogRecovered{Cause: custody.RecoveryBackup, Log: log, Signed: custody.SignedHead{Root: &lost, Size: s.Leaves.Size() + 2}})
	return s
}

// Fixity plays three checks of the image's copy: not possible, failed, passed.
func (s *Scene) Fixity() {
	s.Act(s.Service, &custody.FixityUnchecked{Artifact: s.Bytes.SHA256, Item: s.Image, Reason: custody.UncheckedUnavailable})
	s.Act(s.Service, &custody.FixityFailed{Artifact: s.Bytes.SHA256, Blocks: []uint64{0}, Checked: 1, Count: 1, Item: s.Image, Reason: custody.FixityMismatch})
	s.Act(s.Service, &custody.FixityPassed{Artifact: s.Bytes.SHA256, Bytes: s.Bytes.Size, Item: s.Image})
}

// Status is the organisation's list of its revoked keys as they are now.
func (s *Story) Status(o *Org) *custody.OrgStatus {
	return &custody.OrgStatus{Org: o.ID, Revoked: custody.SortedIDs(s.Chains[o.ID].State.Org.Revoked...)}
}

// Timestamp is what the service notes of a token of that name over its head.
func (s *Story) Timestamp(token string) *custody.LogTime {
	_, log := s.Log()
	seen := s.Seen()
	return &custody.LogTime{Digest: evidence.Sum([]byte(token)), Log: log, Root: seen.Root, Size: seen.Size, Time: custody.NewTime(s.now)}
}
