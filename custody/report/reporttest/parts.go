package reporttest

import (
	"fmt"

	"github.com/evidence-custody/custodyd/custody/report"
)

func people() []report.Person {
	key := func(name string, rights ...string) []report.Key {
		return []report.Key{{ID: Digest("key" + name), Rights: rights, Status: report.KeyValid}}
	}
	return []report.Person{
		{Number: 1, ID: Digest("p1"), Names: []report.Text{report.Said("Ayesha Rahman")}, Organisation: 1,
			Rank: report.Said("Inspector"), Role: report.Said("Investigating officer"), Badge: report.Said("K-4471"),
			Keys: key("1", "investigate", "hold"), Active: report.SpanOf(On(0), On(24*21))},
		{Number: 2, ID: Digest("p2"), Names: []report.Text{report.Said(UrduName)}, Organisation: 1,
			Rank: report.Said("Head constable"), Role: report.Said("Store keeper (Moharrar)"),
			Keys: key("2", "hold", "approve"), Active: report.SpanOf(On(30), On(90))},
		{Number: 3, ID: Digest("p3"), Names: []report.Text{report.Said("Dr. Zoë Müller")}, Organisation: 2,
			Role: report.Said("Analyst"), Keys: key("3", "examine", "hold"), Active: report.SpanOf(On(90), On(24*20))},
		{Number: 4, ID: Digest("p4"), Names: []report.Text{report.WithheldAs(Digest("name4"))}, Organisation: 3,
			Role: report.Said("Clerk of the court"), Keys: key("4")},
		{Number: 5, ID: Digest("p5"), Names: []report.Text{report.Said("Witness One")}},
		{Number: 6, ID: Digest("p6"), Names: []report.Text{report.Said("Witness Two")}},
	}
}

func items() []report.Item {
	return []report.Item{
		{Number: 1, ID: Digest("item1"), Exhibit: report.Said("KHI/1"), Description: report.Said("External hard disk, black, in a sealed bag"),
			Marks: []report.Fact{{Name: "make and model", Value: report.Said("Seagate Expansion 2 TB")}, {Name: "serial", Value: report.Said("NA8T-1X5Q")}},
			Class: "storage-medium", Seals: []string{"S-100231"}, SeizedBy: report.Party{Organisation: 1, Person: Investigator},
			SeizedAt: On(0), Place: report.Said("Flat 4-B, Karachi"), Witnesses: []int{5, 6}, Derived: []int{2}},
		{Number: 2, ID: Digest("item2"), Exhibit: report.Said("KHI/1/1"), Description: report.Said("Forensic image of KHI/1"),
			Class: "digital", Parent: 1, Artifacts: []int{1}},
	}
}

func artifacts() []report.Artifact {
	sum := Digest("image")
	return []report.Artifact{{
		Number: 1, Item: 2, FileName: report.Said("KHI_1-1.E01"), Format: "ewf", Role: "master", SHA256: sum, Of: report.OfFile, Size: 2147483648, BlockRoot: Digest("blocks"),
		Acquisition: []report.Fact{
			{Name: "tool", Value: report.Said("ewfacquire 20140816")},
			{Name: "write-blocker", Value: report.Said("Tableau T8u, serial 01CC0D")},
			{Name: "bad sectors", Value: report.Said("0")},
		},
		Measurements: []report.Measurement{
			{Kind: report.Declared, By: report.Party{Organisation: 1, Person: Investigator}, At: On(5), Act: 3, SHA256: sum.String(), Agrees: report.Pass},
			{Kind: report.MeasuredByService, At: On(5.1), Act: 4, SHA256: sum.String(), SHA1: fmt.Sprintf("%.40s", Digest("sha1")), MD5: fmt.Sprintf("%.32s", Digest("md5")), Agrees: report.Pass},
			{Kind: report.RecomputedByReader, By: report.Party{Organisation: 2, Person: Analyst}, At: On(98.5), Act: 12, SHA256: sum.String(), Agrees: report.Pass, Method: "custody get, SHA-256 of the whole file"},
		},
		Bytes: report.NotChecked,
		Copy:  report.Copy{Last: report.NotChecked, Words: "the record has no reading back of the service's copy"},
		Whole: report.FoundWhole{By: report.Party{Organisation: 2, Person: Analyst}, At: On(98.5), Act: 12, How: "recomputed by a reader over the bytes received"},
	}}
}

// Cut makes the artifact a segmented image of files with these names.
func Cut(a *report.Artifact, names ...string) {
	a.Of, a.Segments, a.Size = report.OfManifest, nil, 0
	for i, n := range names {
		a.Segments = append(a.Segments, report.Segment{Name: report.Said(n), Size: uint64(i + 1), SHA256: Digest("segment " + n)})
		a.Size += uint64(i + 1)
	}
	a.SHA256 = a.Manifest().Digest()
	for i := range a.Measurements {
		a.Measurements[i].SHA256, a.Measurements[i].SHA1, a.Measurements[i].MD5 = a.SHA256.String(), "", ""
	}
}

func acts() []report.Act {
	inv := report.Party{Organisation: 1, Person: Investigator}
	store := report.Party{Organisation: 1, Person: StoreKeeper}
	lab := report.Party{Organisation: 2, Person: Analyst}
	list := []struct {
		kind     string
		items    []int
		hours    float64
		by       report.Party
		from, to report.Party
	}{
		{"case.opened", nil, 0.5, inv, report.Party{}, report.Party{}},
		{"item.registered", []int{1}, 1, inv, report.Party{}, inv},
		{"artifact.deposited", []int{2}, 5, inv, report.Party{}, inv},
		{"artifact.received", []int{2}, 5.1, report.Party{}, report.Party{}, report.Party{}},
		{"custody.released", []int{1}, 30, inv, inv, store},
		{"custody.accepted", []int{1}, 31.5, store, inv, store},
		{"act.approved", []int{1}, 84, store, report.Party{}, report.Party{}},
		{"access.granted", []int{2}, 86, inv, report.Party{}, lab},
		{"custody.assumed", []int{1}, 90, lab, store, lab},
		{"access.requested", []int{2}, 98, lab, report.Party{}, report.Party{}},
		{"access.served", []int{2}, 98.2, report.Party{}, report.Party{}, report.Party{}},
		{"verification.recorded", []int{2}, 98.5, lab, report.Party{}, report.Party{}},
		{"opinion.filed", []int{1, 2}, 24 * 20, lab, report.Party{}, report.Party{}},
		{"correction.recorded", nil, 24 * 21, inv, report.Party{}, report.Party{}},
	}
	var out []report.Act
	for i, l := range list {
		a := report.Act{
			No: i + 1, Index: uint64(i + 12), Kind: l.kind, Words: report.KindWords(l.kind), Items: l.items,
			Claimed: report.SpanOf(On(l.hours), report.Instant{}), Signed: On(l.hours + 0.05), From: l.from, To: l.to,
			Class: report.ClassPerson, Signer: l.by, Key: Digest(fmt.Sprint("key", l.by.Person)), Event: Digest(fmt.Sprint("event", i)),
		}
		switch l.kind {
		case "item.registered":
			a.Place, a.SealsAfter = report.Said("Flat 4-B, Karachi"), []string{"S-100231"}
		case "custody.released":
			a.Place, a.Purpose = report.Said("Karachi, I. I. Chundrigar Road"), report.Said("Safe keeping in the store")
			a.SealsBefore, a.SealsAfter, a.CorrectedBy = []string{"S-100231"}, []string{"S-100231"}, []int{14}
			a.Notes = []report.Fact{{Name: "store register no.", Value: report.Said("19/26")}, {Name: "road certificate no.", Value: report.Said("RC 204/21")}}
		case "custody.accepted":
			a.SealsBefore, a.Condition = []string{"S-100231"}, report.Said("Seal whole, bag dry")
		case "custody.assumed":
			a.Purpose, a.Notes = report.Said("Examination"), []report.Fact{{Name: "authority", Value: report.Said("Order of 5 March 2026")}}
			a.SealsBefore, a.SealsAfter = []string{"S-100231"}, []string{"L-0007"}
		}
		if l.by == (report.Party{}) {
			a.Class, a.Key = report.ClassService, Digest("servicekey")
		}
		out = append(out, a)
	}
	return out
}

func periods() []report.Period {
	inv := report.Party{Organisation: 1, Person: Investigator}
	store := report.Party{Organisation: 1, Person: StoreKeeper}
	lab := report.Party{Organisation: 2, Person: Analyst}
	return []report.Period{
		{Item: 1, State: report.Held, Holder: inv, Span: report.SpanOf(On(1), On(30)), FromAct: 2, ToAct: 5},
		{Item: 1, State: report.InTransit, Holder: inv, To: store, Span: report.SpanOf(On(30), On(31.5)), FromAct: 5, ToAct: 6},
		{Item: 1, State: report.Held, Holder: store, Span: report.SpanOf(On(31.5), On(78)), FromAct: 6, ToAct: 9},
		{Item: 1, State: report.NoCustodian, Span: report.SpanOf(On(78), On(90)), Gap: true, FromAct: 6, ToAct: 9},
		{Item: 1, State: report.Held, Holder: lab, Span: report.SpanOf(On(90), report.Instant{}), FromAct: 9},
		{Item: 2, State: report.Held, Holder: inv, Span: report.SpanOf(On(5), report.Instant{}), FromAct: 3},
	}
}

func gaps() []report.Gap {
	return []report.Gap{{Item: 1, Kind: report.GapAssumed, Span: report.SpanOf(On(78), On(90)),
		Words: "Custody was assumed by person 3 under an order; person 2 signed no release."}}
}

func checks() []report.Check {
	return []report.Check{
		{Name: "decoding", Needed: true, Words: "Every file of the dossier is in its one strict form", Outcome: report.Pass, Note: "29 events"},
		{Name: "signatures", Needed: true, Words: "Every event is signed by the key it names", Outcome: report.Pass, Note: "29 of 29"},
		{Name: "certificates", Needed: true, Words: "Every person's key leads back to a root key in the policy", Outcome: report.Pass},
		{Name: "chains", Needed: true, Words: "Every event names the one before it; no place is taken twice", Outcome: report.Pass},
		{Name: "inclusion", Needed: true, Words: "Every event is in the log at the size on the cover", Outcome: report.Pass, Note: "29 of 29"},
		{Name: "details", Words: "Personal and free-text fields match their digests", Outcome: report.Pass, Note: "1 withheld, not checked"},
		{Name: "witnesses", Words: "Witnesses signed the log head", Outcome: report.NotChecked, Note: "the policy asks for none"},
		{Name: "bytes", Words: "The bytes of the stored objects match their digests", Outcome: report.NotChecked, Note: "no artifact was given to the verifier"},
	}
}
