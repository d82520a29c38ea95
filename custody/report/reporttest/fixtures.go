// Package reporttest builds reports for tests: a minimal one, a full one as a
// court would get it, a hostile one, and long ones.
package reporttest

import (
	"fmt"
	"time"

	"github.com/evidence-custody/custodyd/custody/report"
	"github.com/evidence-custody/custodyd/evidence"
)

// Digest is a digest made from a name.
func Digest(name string) evidence.Digest { return evidence.Sum([]byte(name)) }

// Start is the claimed time of the first act of every fixture.
var Start = time.Date(2026, 3, 2, 9, 15, 0, 0, time.FixedZone("", 5*3600))

// On is the instant so many hours after Start.
func On(hours float64) report.Instant {
	return report.At(Start.Add(time.Duration(hours * float64(time.Hour))))
}

// Sealed sets the sentence that belongs to the document as it is now.
func Sealed(d report.Document) report.Document {
	d.Result.Sentence = d.Sentence()
	return d
}

// Minimal is the least a report can say: nothing was checked, nothing is listed.
func Minimal() report.Document {
	return Sealed(report.Document{
		Schema:      report.Schema,
		Number:      "CR-2026-000001",
		GeneratedAt: On(0),
		Log:         report.Log{Origin: "log.custody.invalid"},
		Result: report.Result{
			Verdict: report.Unchecked, ChainUnbroken: report.NotChecked,
			Seals: report.NotChecked, Hashes: report.NotChecked,
		},
		HowToCheck: report.StandardSteps(),
		Limits:     report.StandardLimits(),
	})
}

// The people of Full, by number.
const (
	Investigator = 1
	StoreKeeper  = 2
	Analyst      = 3
	Clerk        = 4
)

// UrduName is the store keeper's name as given in Urdu in [Full].
const UrduName = "محمد علی"

// Full is a whole record of one seized disk and its image: deposited, handed
// over, assumed by a second officer, read by an independent laboratory.
func Full() report.Document {
	d := Minimal()
	d.Number = "CR-2026-000117"
	d.GeneratedAt = On(24 * 31)
	d.Zone = report.Zone{OffsetMinutes: 5 * 60}
	d.Case = report.Case{
		ID: Digest("case"), Reference: report.Said("NCCIA/KHI/2026/0481"),
		Title: report.Said("The State v. A. B."), FIR: report.Said("FIR 77/2026, PS Cyber Crime Karachi"),
		Court: report.Said("Court of Sessions, Karachi South"), Sections: report.Said("PECA 2016 ss. 3, 4, 16; PPC s. 420"),
		Agency: 1, Officer: Investigator,
	}
	d.For = report.Party{Organisation: 3, Person: Clerk}
	d.Log = report.Log{
		ID: Digest("log"), Origin: "log.custody.example", Mode: "production", Size: 29, Root: Digest("root"),
		Checkpoint: "log.custody.example\n29\n" + "QRIlbBLKGsu1RqyRXLkEgZkHlVzuKPyM9vyh7qbPjDk=\n\n— log.custody.example Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n",
	}
	d.Policy = report.Policy{Given: true, Digest: Digest("policy"), Quorum: 0, Limitations: []string{"unwitnessed"}}
	d.Scope = report.Scope{
		Words: "The case and its items 1 and 2, as far as the log reaches at its head.",
		Completeness: []report.Completeness{{Item: 1, Seq: 4, Head: Digest("head1"),
			AccordingTo: "the custodian, National Forensic Laboratory, person 3"}},
	}
	d.Organisations = []report.Organisation{
		{Number: 1, ID: Digest("agency"), Name: report.Said("National Cyber Crime Investigation Agency"), NamedBy: "policy", Class: "agency"},
		{Number: 2, ID: Digest("lab"), Name: report.Said("National Forensic Laboratory"), NamedBy: "policy", Class: "laboratory"},
		{Number: 3, ID: Digest("court"), Name: report.Said("Court of Sessions, Karachi South"), NamedBy: "policy", Class: "court"},
	}
	d.People = people()
	d.Items = items()
	d.Artifacts = artifacts()
	d.Acts = acts()
	for i, a := range d.Acts {
		d.Annex.Proofs = append(d.Annex.Proofs, report.Proof{Act: i + 1, Leaf: Digest("leaf" + a.Kind + fmt.Sprint(i)), Hashes: 5, Outcome: report.Pass})
	}
	d.Periods, d.Gaps = periods(), gaps()
	d.Checks = checks()
	d.Findings = []report.Finding{
		{Name: "custody-assumed", Severity: report.SeverityNotice, Item: 1, Act: 9,
			Words: "Custody of item 1 was assumed under an order, without a release by the previous custodian."},
		{Name: "corrected", Severity: report.SeverityNotice, Act: 5, Words: "The place of release was corrected later. Both are shown."},
	}
	d.Result = report.Result{Verdict: report.Whole, ChainUnbroken: report.Pass, Seals: report.Pass, Hashes: report.Pass}
	d.Access = []report.Access{{
		Item: 2, Artifact: 1, Reader: report.Party{Organisation: 2, Person: Analyst}, Purpose: report.Said("Examination as ordered on 5 March 2026"),
		Grant: 8, Requested: 10, Served: 11, Verified: 12, RequestedAt: On(98), ServedAt: On(98.2), VerifiedAt: On(98.5),
		Bytes: 2147483648, Outcome: "complete", Result: report.Pass,
	}}
	d.Opinions = []report.Opinion{{
		Act: 13, By: report.Party{Organisation: 2, Person: Analyst}, Items: []int{1, 2}, Capacity: report.CapacitySection40,
		At: On(24 * 20), Document: Digest("opinion"),
		Summary: report.Said("The image carries an ext4 file system. The files listed in the annex of the opinion were present at the time of acquisition."),
	}}
	d.Corrections = []report.Correction{{
		Act: 14, Corrects: 5, By: report.Party{Organisation: 1, Person: Investigator}, At: On(24 * 21), Reason: report.Said("Slip of the pen"),
		Fields: []report.CorrectedField{{Field: "place", Original: report.Said("Karachi, I. I. Chundrigar Road"), Corrected: report.Said("Karachi, Shahrah-e-Faisal")}},
	}}
	return Sealed(d)
}

// Long is a full report with so many acts, as of a case of years.
func Long(acts int) report.Document {
	d := Full()
	for i := len(d.Acts); i < acts; i++ {
		a := d.Acts[i%10]
		a.No, a.Index = i+1, d.Acts[i-1].Index+1
		a.Event, a.Signed = Digest(fmt.Sprint("event", i)), On(float64(24*32+i))
		a.Claimed = report.SpanOf(On(float64(24*32+i)), report.Instant{})
		a.CorrectedBy = nil
		d.Acts = append(d.Acts, a)
		d.Annex.Proofs = append(d.Annex.Proofs, report.Proof{Act: i + 1, Leaf: Digest(fmt.Sprint("leaf", i)), Hashes: 10, Outcome: report.Pass})
	}
	d.Log.Size = d.Acts[len(d.Acts)-1].Index + 1
	return Sealed(d)
}
