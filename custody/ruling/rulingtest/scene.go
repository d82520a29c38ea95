package rulingtest

import (
	"testing"

	"github.com/evidence-custody/custodyd/custody"
)

// Scene is a story far enough on that every kind of event can follow: an
// agency with its people, an independent laboratory, a laboratory that the
// agency owns through a directorate, a second agency, a court, and a case with
// exhibits and an image.
type Scene struct {
	*Story

	Agency, Laboratory, Directorate, InHouse, OtherAgency, Court *Org

	Officer   *Key // of the agency: investigate, hold
	Second    *Key // of the agency: investigate, hold
	Approver  *Key // of the agency: approve, hold
	Certifier *Key // of the agency: certify
	Analyst   *Key // of the laboratory: examine, hold
	Visitor   *Key // of the laboratory: examine, hold; another person
	House     *Key // of the in-house laboratory: examine, hold
	Stranger  *Key // of the other agency: investigate, hold
	Clerk     *Key // of the court: inspect

	Case, OtherCase custody.ID
	Phone, Disk     custody.ID // exhibits held by Officer
	Foreign         custody.ID // exhibit of OtherCase, held by Stranger
	Image           custody.ID // digital item acquired from Disk, held by Officer
	Bytes           custody.Artifact
	Grant           custody.ID // grant of Image to the laboratory
	GrantLeaf       custody.ID
}

// NewScene plays the story up to there.
func NewScene(t testing.TB, more ...custody.LogKey) *Scene {
	t.Helper()
	s := &Scene{Story: NewStoryIn(t, "log.example.org", custody.ModeTest, more...)}
	s.Agency = s.Organisation("Cyber Crime Agency", custody.OrgAgency)
	s.Laboratory = s.Organisation("Independent Laboratory", custody.OrgLaboratory)
	s.Directorate = s.Organisation("Directorate of Forensics", custody.OrgOther, s.Agency.ID)
	s.InHouse = s.Organisation("Agency Laboratory", custody.OrgLaboratory, s.Directorate.ID)
	s.OtherAgency = s.Organisation("Customs", custody.OrgAgency)
	s.Court = s.Organisation("Sessions Court", custody.OrgCourt)

	s.Officer = s.Person(s.Agency, "officer", custody.RightHold, custody.RightInvestigate)
	s.Second = s.Person(s.Agency, "second officer", custody.RightHold, custody.RightInvestigate)
	s.Approver = s.Person(s.Agency, "superintendent", custody.RightApprove, custody.RightHold)
	s.Certifier = s.Person(s.Agency, "registrar of keys", custody.RightCertify)
	s.Analyst = s.Person(s.Laboratory, "analyst", custody.RightExamine, custody.RightHold)
	s.Visitor = s.Person(s.Laboratory, "second analyst", custody.RightExamine, custody.RightHold)
	s.House = s.Person(s.InHouse, "agency analyst", custody.RightExamine, custody.RightHold)
	s.Stranger = s.Person(s.OtherAgency, "stranger", custody.RightHold, custody.RightInvestigate)
	s.Clerk = s.Person(s.Court, "clerk", custody.RightInspect)

	s.Case, s.OtherCase = s.Story.Case(s.Officer, "State v. X"), s.Story.Case(s.Stranger, "another case")
	s.Phone, s.Disk = s.Exhibit(s.Officer, s.Case, "phone"), s.Exhibit(s.Officer, s.Case, "disk")
	s.Foreign = s.Exhibit(s.Stranger, s.OtherCase, "foreign phone")
	deposit := s.Story.Deposit(s.Case, &s.Disk, "image", custody.RoleMaster)
	deposited := s.ActTelling(s.Officer, custody.FieldTool, "ewfacquire 20140816", deposit, s.Custody(s.Disk))
	s.Image, s.Bytes = deposit.Item, deposit.Artifact
	s.Act(s.Service, s.Reception(s.Image, s.Bytes), deposited)
	grant := s.Story.Grant(s.Case, "copy for examination", To(s.Laboratory.ID), s.Image)
	s.Grant = grant.Grant
	s.GrantLeaf = s.Act(s.Officer, grant, s.Custody(s.Image))
	return s
}

// Apart lets a test go its own way from here.
func (s *Scene) Apart(t testing.TB) *Scene {
	c := *s
	c.Story = s.Story.Apart(t)
	return &c
}

// Reception is what the service observes of a deposit.
func (s *Story) Reception(item custody.ID, a custody.Artifact) *custody.Received {
	until, err := custody.ParseTime("2027-03-02T09:00:00Z")
	s.need(err)
	return &custody.Received{Artifact: a, Encoding: custody.EncodingPlain, Item: item, MD5: "00112233445566778899aabbccddeeff",
		SHA1: "00112233445566778899aabbccddeeff00112233", Retention: custody.Retention{Mode: custody.RetentionCompliance, Until: until}}
}

// Ask is the request of a read under the scene's grant.
func (s *Scene) Ask() *custody.AccessRequested {
	return &custody.AccessRequested{Artifact: s.Bytes.SHA256, Grant: &s.Grant, Item: s.Image, Purpose: custody.PurposeExamination}
}

// Approval is the consent that by may assume custody of the items.
func (s *Scene) Approval(by *Key, items ...custody.ID) *custody.Approved {
	return &custody.Approved{Action: custody.ActionAssume, For: by.Party, Items: custody.SortedIDs(items...), Org: by.Party.Org}
}

// Assumption takes the items over from the officer.
func (s *Scene) Assumption(from *Key, items ...custody.ID) *custody.Assumed {
	return &custody.Assumed{Authority: custody.AssumeAbsence, From: from.Party, Items: s.Handed(items...)}
}
