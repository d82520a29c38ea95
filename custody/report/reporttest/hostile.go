package reporttest

import (
	"fmt"
	"strings"

	"github.com/evidence-custody/custodyd/custody/report"
)

// Values for the fields of [Hostile]. None of Unshowable may be printed.
var (
	// Unshowable are texts no page may carry as letters.
	Unshowable = []string{
		UrduName,
		"अनीता शर्मा",
		"report \u202egpj.exe",
		"bell\x07and\x1bescape",
		"e\u0301 decomposed",
		"\U0001F50D magnifier",
		"zero\u200bwidth",
		"漢字",
		"broken \xff\xfe bytes",
	}
	// LongWords and LongWord have 10,000 characters each.
	LongWords = strings.Repeat("quite long ", 909) + "x"
	LongWord  = strings.Repeat("W", 10000)
)

// Hostile is a report whose every field tries to break the page. JSON refuses
// the one text that is not UTF-8; [HostileUTF8] has it not.
func Hostile() report.Document { return hostile(Unshowable) }

// HostileUTF8 is Hostile with valid UTF-8 only.
func HostileUTF8() report.Document { return hostile(Unshowable[:len(Unshowable)-1]) }

func hostile(texts []string) report.Document {
	d := Full()
	all := append([]string{LongWords, LongWord, "{nb} (unbalanced \\ parens", "line\nline\r\nline\ttab", ""}, texts...)
	d.Number = "CR-" + strings.Repeat("9", 3000)
	d.Case.Title, d.Case.Court = report.Said(LongWords), report.Said(UrduName)
	d.Case.FIR, d.Case.Sections = report.Said(LongWord), report.Said(texts[2])
	for i, s := range all {
		t := report.Said(s)
		n := len(d.People) + 1
		d.People = append(d.People, report.Person{Number: n, ID: Digest(fmt.Sprint("hp", i)), Names: []report.Text{t, report.Said("Plain " + fmt.Sprint(i))},
			Rank: t, Role: t, Badge: t, Organisation: 1})
		d.Items = append(d.Items, report.Item{Number: len(d.Items) + 1, ID: Digest(fmt.Sprint("hi", i)), Exhibit: t, Description: t, Place: t,
			Class: s, Seals: []string{s, s}, Marks: []report.Fact{{Name: s, Value: t}}, SeizedBy: report.Party{Organisation: 1, Person: n}})
		a := d.Acts[4]
		a.No, a.Index, a.CorrectedBy = len(d.Acts)+1, d.Acts[len(d.Acts)-1].Index+1, nil
		a.Place, a.Purpose, a.Condition, a.SealsBefore, a.Signer = t, t, t, []string{s}, report.Party{Organisation: 1, Person: n}
		a.Kind, a.Words, a.Event = s, s, Digest(fmt.Sprint("he", i))
		a.Notes = []report.Fact{{Name: s, Value: t}}
		d.Acts = append(d.Acts, a)
		d.Periods = append(d.Periods, report.Period{Item: 1, State: report.Held, Holder: a.Signer, Span: report.SpanOf(On(float64(100+i)), On(float64(99+2*i)))})
		d.Findings = append(d.Findings, report.Finding{Name: s, Severity: report.SeverityNotice, Words: s})
		d.Corrections = append(d.Corrections, report.Correction{Act: 14, Corrects: 5, Reason: t,
			Fields: []report.CorrectedField{{Field: s, Original: t, Corrected: t}}})
		d.Opinions = append(d.Opinions, report.Opinion{Act: 13, Capacity: report.CapacityInHouse, Summary: t})
		d.Access = append(d.Access, report.Access{Item: 2, Purpose: t, Outcome: s, Result: report.NotChecked})
		d.Limits = append(d.Limits, s)
		d.HowToCheck = append(d.HowToCheck, report.Step{Words: s, Command: s})
	}
	d.Organisations[1].Name = report.Said(LongWord)
	d.Organisations[2].Name = report.Said(UrduName)
	d.Artifacts[0].FileName = report.Said("../../" + strings.Repeat(UrduName, 30))
	d.Artifacts[0].Acquisition = append(d.Artifacts[0].Acquisition, report.Fact{Name: LongWord, Value: report.Said(LongWord)})
	hostile := report.Artifact{Number: 2, Item: 2, FileName: report.Said(LongWord), Role: "acquisition-log", Bytes: report.NotChecked,
		Copy: report.Copy{Last: report.NotChecked, Words: LongWord}}
	Cut(&hostile, texts[2], LongWord, UrduName)
	d.Artifacts = append(d.Artifacts, hostile)
	d.Artifacts[0].Logs = []report.ImagerLog{{Artifact: 2, Read: report.Pass, Facts: []report.Fact{{Name: LongWord, Value: report.Said(UrduName)}},
		Beside: []report.LogStatement{{Kind: "damage", Words: LongWord}}}, {Artifact: 2, Read: report.NotChecked}, {Artifact: 2, Read: report.Fail}}
	m := &report.Media{Read: report.NotChecked, Stored: report.NotChecked, Words: LongWord, Facts: []report.Fact{{Name: LongWord, Value: report.Said(LongWord)}},
		Told: []report.Fact{{Name: LongWord, Value: report.Said(UrduName)}, {Name: "note", Value: report.WithheldAs(Digest("note"))}}, Size: 1 << 53, Damaged: 1 << 40}
	for i := range uint64(100) { // as many as an event names
		m.Chunks = append(m.Chunks, report.DamagedChunk{Offset: 1<<52 + i*2*32768, Length: 32768})
	}
	d.Artifacts[0].Media = m
	d.Log.Size = d.Acts[len(d.Acts)-1].Index + 1
	return Sealed(d)
}
