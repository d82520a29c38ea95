package ruling_test

import (
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/evidence"
)

// ask is the analyst's request under a grant.
func ask(s *scene, grant *custody.Granted, leaf id) attempt {
	b := s.Ask()
	b.Grant = &grant.Grant
	return attempt{By: s.Analyst, Body: b, Basis: []id{leaf}}
}

// grants gives the image's bytes by that grant.
func grants(s *scene, b *custody.Granted) id { return s.Act(s.Officer, b, s.Custody(s.Image)) }

// recordGrant opens the case's record to the court.
func recordGrant(s *scene) *custody.Granted {
	b := s.Story.Grant(s.Case, "record", rulingtest.To(s.Court.ID))
	b.Scope = custody.ScopeRecord
	return b
}

var accessCases = []ruleCase{
	pair("custody.not-holder", "a grant by somebody who does not hold the item", func(s *scene) (attempt, attempt) {
		b := s.Story.Grant(s.Case, "copy", rulingtest.To(s.Laboratory.ID), s.Image)
		return attempt{By: s.Officer, Body: b, Basis: []id{s.Custody(s.Image)}}, attempt{By: s.Second, Body: b, Basis: []id{s.Custody(s.Image)}}
	}),
	pair("basis.required", "a grant that does not say since when the item is held", func(s *scene) (attempt, attempt) {
		b := s.Story.Grant(s.Case, "copy", rulingtest.To(s.Laboratory.ID), s.Image)
		return attempt{By: s.Officer, Body: b, Basis: []id{s.Custody(s.Image)}}, attempt{By: s.Officer, Body: b}
	}),
	pair("grant.not-digital", "the bytes of a thing", func(s *scene) (attempt, attempt) {
		return attempt{By: s.Officer, Body: s.Story.Grant(s.Case, "copy", rulingtest.To(s.Laboratory.ID), s.Image), Basis: []id{s.Custody(s.Image)}},
			attempt{By: s.Officer, Body: s.Story.Grant(s.Case, "copy", rulingtest.To(s.Laboratory.ID), s.Phone), Basis: []id{s.Custody(s.Phone)}}
	}),
	pair("item.other-case", "an item of another case", func(s *scene) (attempt, attempt) {
		return attempt{By: s.Officer, Body: s.Story.Grant(s.Case, "copy", rulingtest.To(s.Laboratory.ID), s.Image), Basis: []id{s.Custody(s.Image)}},
			attempt{By: s.Officer, Body: s.Story.Grant(s.Case, "copy", rulingtest.To(s.Laboratory.ID), s.Foreign), Basis: []id{s.Custody(s.Foreign)}}
	}),
	{"custody.in-transit", "a grant of an item in transit", func(s *scene) (error, error) {
		a := attempt{By: s.Officer, Body: s.Story.Grant(s.Case, "copy", rulingtest.To(s.Laboratory.ID), s.Image), Basis: []id{s.Custody(s.Image)}}
		admitted := s.Try(a)
		s.Act(s.Officer, s.Release(rulingtest.To(s.Laboratory.ID), s.Image))
		return admitted, s.Try(a)
	}},
	pair("grant.no-standing", "the record opened by another agency", func(s *scene) (attempt, attempt) {
		return attempt{By: s.Second, Body: recordGrant(s)}, attempt{By: s.Stranger, Body: recordGrant(s)}
	}),
	pair("grant.no-standing", "the record opened by somebody who does not investigate", func(s *scene) (attempt, attempt) {
		return attempt{By: s.Officer, Body: recordGrant(s)}, attempt{By: s.Approver, Body: recordGrant(s)}
	}),
	pair("access.not-granted", "a reader of another organisation", func(s *scene) (attempt, attempt) {
		b := s.Ask()
		b.Grant = nil
		return attempt{By: s.Analyst, Body: s.Ask(), Basis: []id{s.GrantLeaf}}, attempt{By: s.House, Body: b, Basis: []id{s.GrantLeaf}}
	}),
	pair("access.not-granted", "a grant to one person, used by another", func(s *scene) (attempt, attempt) {
		g := s.Story.Grant(s.Case, "for the analyst", rulingtest.To(s.Laboratory.ID, s.Analyst), s.Image)
		a := ask(s, g, grants(s, g))
		b := a
		b.By = s.Visitor
		return a, b
	}),
	pair("access.not-granted", "an expired grant", func(s *scene) (attempt, attempt) {
		g := s.Story.Grant(s.Case, "for a day", rulingtest.To(s.Laboratory.ID), s.Image)
		expires := s.Draft(s.Officer, g).Predicate.Times.Signed.Std().Add(24 * time.Hour)
		until, late := custody.NewTime(expires), custody.NewTime(expires.Add(time.Second))
		g.Expires = &until
		a := ask(s, g, grants(s, g))
		b := a
		a.Change = func(p *custody.Predicate) { p.Times.Signed = until }
		b.Change = func(p *custody.Predicate) { p.Times.Signed = late }
		return a, b
	}),
	pair("access.not-granted", "a grant of the record opens no bytes", func(s *scene) (attempt, attempt) {
		g := recordGrant(s)
		g.To = rulingtest.To(s.Laboratory.ID)
		record := s.Act(s.Officer, g)
		return attempt{By: s.Analyst, Body: s.Ask(), Basis: []id{s.GrantLeaf}}, ask(s, g, record)
	}),
	pair("access.not-granted", "the grant named is of another item", func(s *scene) (attempt, attempt) {
		other := s.Deposit(s.Case, &s.Disk, "second image", custody.RoleMaster)
		s.Act(s.Officer, other, s.Custody(s.Disk))
		g := s.Story.Grant(s.Case, "of the second image", rulingtest.To(s.Laboratory.ID), other.Item)
		leaf := s.Act(s.Officer, g, s.Custody(other.Item))
		a, b := ask(s, g, leaf), ask(s, g, leaf)
		a.Body = s.Ask()
		a.Basis, b.Basis = []id{leaf, s.GrantLeaf}, []id{leaf, s.GrantLeaf}
		return a, b
	}),
	pair("access.not-granted", "the holder's organisation does not say since when", func(s *scene) (attempt, attempt) {
		b := s.Ask()
		b.Grant = nil
		return attempt{By: s.Second, Body: b, Basis: []id{s.Custody(s.Image)}}, attempt{By: s.Second, Body: b}
	}),
	pair("basis.required", "the grant named is not in the basis", func(s *scene) (attempt, attempt) {
		return attempt{By: s.Second, Body: s.Ask(), Basis: []id{s.GrantLeaf, s.Custody(s.Image)}, Change: func(p *custody.Predicate) { p.Body.(*custody.AccessRequested).Grant = nil }},
			attempt{By: s.Second, Body: s.Ask(), Basis: []id{s.Custody(s.Image)}}
	}),
	pair("access.other-artifact", "another artifact than the item's", func(s *scene) (attempt, attempt) {
		b := s.Ask()
		b.Artifact = rulingtest.Artifact("other").SHA256
		return attempt{By: s.Analyst, Body: s.Ask(), Basis: []id{s.GrantLeaf}}, attempt{By: s.Analyst, Body: b, Basis: []id{s.GrantLeaf}}
	}),
	pair("basis.required", "a verification without its request", func(s *scene) (attempt, attempt) {
		request := s.Act(s.Analyst, s.Ask(), s.GrantLeaf)
		b := &custody.Verification{Artifact: s.Bytes.SHA256, Computed: s.Bytes, Item: s.Image, Result: custody.ResultMatch}
		return attempt{By: s.Analyst, Body: b, Basis: []id{request}}, attempt{By: s.Analyst, Body: b, Basis: []id{s.GrantLeaf}}
	}),
	pair("basis.required", "a verification of another reader's request", func(s *scene) (attempt, attempt) {
		request := s.Act(s.Analyst, s.Ask(), s.GrantLeaf)
		s.Act(s.Visitor, s.Ask(), s.GrantLeaf)
		b := &custody.Verification{Artifact: s.Bytes.SHA256, Computed: s.Bytes, Item: s.Image, Result: custody.ResultMatch}
		return attempt{By: s.Analyst, Body: b, Basis: []id{request}}, attempt{By: s.Visitor, Body: b, Basis: []id{request}}
	}),
	pair("verification.result", "a match that is none", func(s *scene) (attempt, attempt) {
		request := s.Act(s.Analyst, s.Ask(), s.GrantLeaf)
		b := custody.Verification{Artifact: s.Bytes.SHA256, Computed: s.Bytes, Item: s.Image, Result: custody.ResultMatch}
		c := b
		c.Computed.Size++
		return attempt{By: s.Analyst, Body: &b, Basis: []id{request}}, attempt{By: s.Analyst, Body: &c, Basis: []id{request}}
	}),
	pair("verification.result", "a mismatch that is none", func(s *scene) (attempt, attempt) {
		request := s.Act(s.Analyst, s.Ask(), s.GrantLeaf)
		b := custody.Verification{Artifact: s.Bytes.SHA256, Computed: rulingtest.Artifact("other"), Item: s.Image, Result: custody.ResultMismatch}
		c := b
		c.Computed = s.Bytes
		return attempt{By: s.Analyst, Body: &b, Basis: []id{request}}, attempt{By: s.Analyst, Body: &c, Basis: []id{request}}
	}),
}

func opine(s *scene, by *rulingtest.Key, capacity custody.Capacity, leaf id) attempt {
	return attempt{By: by, Body: &custody.Opinion{Capacity: capacity, Case: s.Case, Items: []id{s.Image}}, Basis: []id{leaf}}
}

// opened grants the image to an organisation.
func opened(s *scene, org *rulingtest.Org) id {
	return grants(s, s.Story.Grant(s.Case, "for "+org.ID.Short(), rulingtest.To(org.ID), s.Image))
}

var opinionCases = []ruleCase{
	pair("opinion.not-independent", "a laboratory that the agency owns through a directorate", func(s *scene) (attempt, attempt) {
		leaf := opened(s, s.InHouse)
		return opine(s, s.House, custody.InHouse, leaf), opine(s, s.House, custody.Section40, leaf)
	}),
	pair("opinion.not-independent", "the agency itself", func(s *scene) (attempt, attempt) {
		k := s.Person(s.Agency, "the agency's examiner", custody.RightExamine)
		return opine(s, k, custody.InHouse, s.Custody(s.Image)), opine(s, k, custody.Section40, s.Custody(s.Image))
	}),
	{"opinion.not-independent", "an owner whose document nobody has", func(s *scene) (error, error) {
		owner, _ := s.OrgDocument("a holding", custody.OrgOther)
		lab := s.Organisation("Held Laboratory", custody.OrgLaboratory, owner)
		k := s.Person(lab, "its analyst", custody.RightExamine)
		leaf := opened(s, lab)
		admitted := s.Try(opine(s, k, custody.Section40, leaf))
		delete(s.Documents, owner)
		return admitted, s.Try(opine(s, k, custody.Section40, leaf))
	}},
	pair("opinion.not-in-house", "an independent laboratory says in-house", func(s *scene) (attempt, attempt) {
		return opine(s, s.Analyst, custody.Section40, s.GrantLeaf), opine(s, s.Analyst, custody.InHouse, s.GrantLeaf)
	}),
	pair("opinion.not-laboratory", "a section 40 opinion by a court", func(s *scene) (attempt, attempt) {
		k := s.Person(s.Court, "court examiner", custody.RightExamine)
		return opine(s, s.Analyst, custody.Section40, s.GrantLeaf), opine(s, k, custody.Section40, opened(s, s.Court))
	}),
	pair("access.not-granted", "an opinion without having been given the item", func(s *scene) (attempt, attempt) {
		return opine(s, s.Analyst, custody.Section40, s.GrantLeaf), opine(s, s.Analyst, custody.Section40, s.Custody(s.Image))
	}),
	pair("access.not-granted", "an opinion on an exhibit that another organisation held", func(s *scene) (attempt, attempt) {
		held := s.Act(s.Analyst, s.Acceptance(s.Phone), sent(s))
		back := s.Act(s.Analyst, s.Release(rulingtest.To(s.Agency.ID), s.Phone))
		returned := s.Act(s.Officer, s.Acceptance(s.Phone), back)
		b := &custody.Opinion{Capacity: custody.Section40, Case: s.Case, Items: []id{s.Phone}}
		return attempt{By: s.Visitor, Body: b, Basis: []id{held}}, attempt{By: s.Visitor, Body: b, Basis: []id{returned}}
	}),
	pair("access.not-granted", "an opinion on another exhibit than the one held", func(s *scene) (attempt, attempt) {
		held := s.Act(s.Analyst, s.Acceptance(s.Phone), sent(s))
		return attempt{By: s.Analyst, Body: &custody.Opinion{Capacity: custody.Section40, Case: s.Case, Items: []id{s.Phone}}, Basis: []id{held}},
			attempt{By: s.Analyst, Body: &custody.Opinion{Capacity: custody.Section40, Case: s.Case, Items: []id{s.Disk}}, Basis: []id{held}}
	}),
	pair("item.other-case", "an opinion on another case's item", func(s *scene) (attempt, attempt) {
		a := opine(s, s.Analyst, custody.Section40, s.GrantLeaf)
		b := a
		b.Body = &custody.Opinion{Capacity: custody.Section40, Case: s.OtherCase, Items: []id{s.Image}}
		return a, b
	}),
	pair("correction.empty", "a correction of nothing", func(s *scene) (attempt, attempt) { return correct(s, s.Officer, "place"), correct(s, s.Officer, "") }),
	pair("correction.field", "a field that the event does not have", func(s *scene) (attempt, attempt) {
		return correct(s, s.Officer, "place"), correct(s, s.Officer, "condition")
	}),
	pair("correction.other-org", "the words of another organisation", func(s *scene) (attempt, attempt) {
		return correct(s, s.Second, "place"), correct(s, s.Analyst, "place")
	}),
	pair("correction.other-case", "an event of another case", func(s *scene) (attempt, attempt) {
		mine := s.Story.Case(s.Officer, "third case")
		return correct(s, s.Officer, "place"), attempt{By: s.Officer, Body: &custody.Correction{Case: mine, Corrects: s.Custody(s.Phone)},
			Basis: []id{s.Custody(s.Phone)}, Change: s.Tell("place", "elsewhere")}
	}),
	pair("correction.of-correction", "a correction corrected", func(s *scene) (attempt, attempt) {
		a := correct(s, s.Officer, "place")
		e, _, err := s.Do(a)
		if err != nil {
			panic(err)
		}
		return correct(s, s.Officer, "place"), attempt{By: s.Officer, Body: &custody.Correction{Case: s.Case, Corrects: e.Leaf}, Basis: []id{e.Leaf}, Change: s.Tell("place", "elsewhere")}
	}),
	pair("basis.required", "a correction that does not name the event", func(s *scene) (attempt, attempt) {
		b := correct(s, s.Officer, "place")
		b.Basis = nil
		return correct(s, s.Officer, "place"), b
	}),
}

// correct corrects the place of the phone's seizure.
func correct(s *scene, by *rulingtest.Key, field custody.Field) attempt {
	leaf := s.Custody(s.Phone)
	a := attempt{By: by, Body: &custody.Correction{Case: s.Case, Corrects: leaf}, Basis: []id{leaf}}
	if field != "" {
		a.Change = s.Tell(field, "Saddar, not Cantt")
	}
	return a
}

var serviceCases = []ruleCase{
	pair("received.mismatch", "other bytes than the depositor signed", func(s *scene) (attempt, attempt) {
		leaf := s.Item(s.Image).Custody
		return attempt{By: s.Service, Body: s.Reception(s.Image, s.Bytes), Basis: []id{leaf}},
			attempt{By: s.Service, Body: s.Reception(s.Image, rulingtest.Artifact("other")), Basis: []id{leaf}}
	}),
	pair("received.mismatch", "another MD5 than the depositor declared", func(s *scene) (attempt, attempt) {
		declared := func(md5 string) attempt {
			b := s.Deposit(s.Case, &s.Disk, "image with MD5 "+md5, custody.RoleMaster)
			b.Declared.MD5 = md5
			leaf := s.Act(s.Officer, b, s.Custody(s.Disk))
			return attempt{By: s.Service, Body: s.Reception(b.Item, b.Artifact), Basis: []id{leaf}}
		}
		return declared("00112233445566778899aabbccddeeff"), declared("ffeeddccbbaa99887766554433221100")
	}),
	pair("received.mismatch", "without the SHA-1 that the depositor declared", func(s *scene) (attempt, attempt) {
		declared := func(sha1 string) attempt {
			b := s.Deposit(s.Case, &s.Disk, "image with SHA-1 "+sha1, custody.RoleMaster)
			b.Declared.SHA1 = sha1
			leaf := s.Act(s.Officer, b, s.Custody(s.Disk))
			r := s.Reception(b.Item, b.Artifact)
			r.MD5, r.SHA1 = "", ""
			return attempt{By: s.Service, Body: r, Basis: []id{leaf}}
		}
		return declared(""), declared("00112233445566778899aabbccddeeff00112233")
	}),
	pair("basis.required", "a reception without its deposit", func(s *scene) (attempt, attempt) {
		leaf := s.Item(s.Image).Custody
		return attempt{By: s.Service, Body: s.Reception(s.Image, s.Bytes), Basis: []id{leaf}}, attempt{By: s.Service, Body: s.Reception(s.Image, s.Bytes), Basis: []id{s.GrantLeaf}}
	}),
	pair("case.unknown", "a refused deposit of no case", func(s *scene) (attempt, attempt) {
		b := custody.DepositRefused{About: s.Case, Case: s.Case, Reason: custody.RefuseMismatch, Declared: custody.Measured{SHA256: s.Bytes.SHA256, Size: 1}, Received: custody.Measured{SHA256: s.Bytes.BlockRoot, Size: 1}}
		c := b
		c.Case = s.Found(custody.DocCase, "never opened")
		return attempt{By: s.Service, Body: &b}, attempt{By: s.Service, Body: &c}
	}),
	pair("item.other-case", "a refused deposit from another case's item", func(s *scene) (attempt, attempt) {
		b := custody.DepositRefused{About: s.Phone, Case: s.Case, Reason: custody.RefuseMismatch, Declared: custody.Measured{SHA256: s.Bytes.SHA256, Size: 1}, Received: custody.Measured{SHA256: s.Bytes.BlockRoot, Size: 1}}
		c := b
		c.Case = s.OtherCase
		return attempt{By: s.Service, Body: &b}, attempt{By: s.Service, Body: &c}
	}),
	pair("basis.required", "served without a request", func(s *scene) (attempt, attempt) {
		request := s.Act(s.Analyst, s.Ask(), s.GrantLeaf)
		b := &custody.Served{Artifact: s.Bytes.SHA256, Bytes: 1, Item: s.Image, Outcome: custody.OutcomePart, Request: request}
		return attempt{By: s.Service, Body: b, Basis: []id{request}}, attempt{By: s.Service, Body: b}
	}),
	pair("basis.required", "served another artifact than requested", func(s *scene) (attempt, attempt) {
		request := s.Act(s.Analyst, s.Ask(), s.GrantLeaf)
		b := custody.Served{Artifact: s.Bytes.SHA256, Bytes: 1, Item: s.Image, Outcome: custody.OutcomePart, Request: request}
		c := b
		c.Artifact = rulingtest.Artifact("other").SHA256
		return attempt{By: s.Service, Body: &b, Basis: []id{request}}, attempt{By: s.Service, Body: &c, Basis: []id{request}}
	}),
	pair("image.other-artifact", "another artifact decoded", func(s *scene) (attempt, attempt) {
		good, b := decoded(s)
		b.Artifact[0] ^= 1
		return good, attempt{By: s.Service, Body: b, Basis: good.Basis}
	}),
	pair("basis.required", "an image decoded that was never received", func(s *scene) (attempt, attempt) {
		good, b := decoded(s)
		return good, attempt{By: s.Service, Body: b}
	}),
	pair("basis.required", "an image decoded, received for another item", func(s *scene) (attempt, attempt) {
		good, b := decoded(s)
		b.Item = s.Phone
		return good, attempt{By: s.Service, Body: b, Basis: good.Basis}
	}),
	pair("fixity.other-artifact", "a check of another artifact", func(s *scene) (attempt, attempt) {
		b := custody.FixityUnchecked{Artifact: s.Bytes.SHA256, Item: s.Image, Reason: custody.UncheckedLeaves}
		c := b
		c.Artifact = rulingtest.Artifact("other").SHA256
		return attempt{By: s.Service, Body: &b}, attempt{By: s.Service, Body: &c}
	}),
	pair("fixity.other-artifact", "a check of an exhibit without bytes", func(s *scene) (attempt, attempt) {
		b := custody.FixityPassed{Artifact: s.Bytes.SHA256, Bytes: s.Bytes.Size, Item: s.Image}
		c := b
		c.Item = s.Phone
		return attempt{By: s.Service, Body: &b}, attempt{By: s.Service, Body: &c}
	}),
	pair("item.unknown", "a check of what was never deposited", func(s *scene) (attempt, attempt) {
		b := custody.FixityPassed{Artifact: s.Bytes.SHA256, Bytes: s.Bytes.Size, Item: s.Image}
		c := b
		c.Item = s.Found(custody.DocItem, "never deposited")
		return attempt{By: s.Service, Body: &b}, attempt{By: s.Service, Body: &c}
	}),
	pair("fixity.extent", "passed with a byte unread", func(s *scene) (attempt, attempt) {
		b := custody.FixityPassed{Artifact: s.Bytes.SHA256, Bytes: s.Bytes.Size, Item: s.Image}
		c := b
		c.Bytes--
		return attempt{By: s.Service, Body: &b}, attempt{By: s.Service, Body: &c}
	}),
	pair("fixity.extent", "a bad block past the end", func(s *scene) (attempt, attempt) {
		b := custody.FixityFailed{Artifact: s.Bytes.SHA256, Blocks: []uint64{0}, Checked: 1, Count: 1, Item: s.Image, Reason: custody.FixityMismatch}
		c := b
		c.Blocks = []uint64{1}
		return attempt{By: s.Service, Body: &b}, attempt{By: s.Service, Body: &c}
	}),
	pair("fixity.extent", "more looked at than there is", func(s *scene) (attempt, attempt) {
		b := custody.FixityFailed{Artifact: s.Bytes.SHA256, Blocks: []uint64{}, Checked: 1, Item: s.Image, Reason: custody.FixityLong}
		c := b
		c.Checked = 2
		return attempt{By: s.Service, Body: &b}, attempt{By: s.Service, Body: &c}
	}),
	pair("fixity.extent", "missing in more blocks than there are", func(s *scene) (attempt, attempt) {
		b := custody.FixityFailed{Artifact: s.Bytes.SHA256, Blocks: []uint64{}, Checked: 1, Count: 1, Item: s.Image, Reason: custody.FixityMissing}
		c := b
		c.Checked, c.Count = 2, 2
		return attempt{By: s.Service, Body: &b}, attempt{By: s.Service, Body: &c}
	}),
	pair("report.future", "a report over a checkpoint to come", func(s *scene) (attempt, attempt) {
		b := custody.ReportIssued{Case: s.Case, For: s.Clerk.Party, Items: []id{s.Image}, Over: s.Seen(), Files: custody.ReportFiles{JSON: evidence.Sum([]byte("json")), PDF: evidence.Sum([]byte("pdf"))}}
		c := b
		c.Over.Size++
		return attempt{By: s.Service, Body: &b}, attempt{By: s.Service, Body: &c}
	}),
	pair("item.other-case", "a report over another case's item", func(s *scene) (attempt, attempt) {
		b := custody.ReportIssued{Case: s.Case, For: s.Clerk.Party, Items: []id{s.Image}, Over: s.Seen(), Files: custody.ReportFiles{JSON: evidence.Sum([]byte("json")), PDF: evidence.Sum([]byte("pdf"))}}
		c := b
		c.Items = []id{s.Foreign}
		return attempt{By: s.Service, Body: &b}, attempt{By: s.Service, Body: &c}
	}),
}

// decoded is a reading of the scene's image, and its body once more.
func decoded(s *scene) (attempt, *custody.ImageRead) {
	var received []id
	for _, e := range s.Entries {
		if b, ok := e.Statement.Predicate.Body.(*custody.Received); ok && b.Item == s.Image {
			received = []id{e.Leaf}
		}
	}
	b := custody.ImageDecoded(s.Image, s.Bytes.SHA256, rulingtest.Decoded())
	again := *b
	return attempt{By: s.Service, Body: b, Basis: received}, &again
}
