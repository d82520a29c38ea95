package report_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody/report"
	"github.com/evidence-custody/custodyd/custody/report/reporttest"
	"github.com/evidence-custody/custodyd/evidence"
)

func TestJSONIsCanonical(t *testing.T) {
	for name, d := range map[string]report.Document{
		"minimal": reporttest.Minimal(), "full": reporttest.Full(), "hostile": reporttest.HostileUTF8(), "long": reporttest.Long(300),
	} {
		t.Run(name, func(t *testing.T) {
			one, err := report.JSON(d)
			if err != nil {
				t.Fatal(err)
			}
			back, err := report.Parse(one)
			if err != nil {
				t.Fatal(err)
			}
			two, err := report.JSON(back)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(one, two) {
				t.Error("a report read back is written otherwise")
			}
			if bytes.Contains(one, []byte("null")) {
				t.Error("an empty list is written as null")
			}
			for _, r := range "\u202e\u200b\u0007" {
				if bytes.ContainsRune(one, r) {
					t.Errorf("%U stands raw in report.json", r)
				}
			}
		})
	}
}

func TestJSONLeavesTheDocumentAlone(t *testing.T) {
	d := reporttest.Full()
	d.Items[1].Seals = nil
	if _, err := report.JSON(d); err != nil {
		t.Fatal(err)
	}
	if d.Items[1].Seals != nil {
		t.Error("encoding changed the caller's document")
	}
}

func TestJSONRefusesBrokenUTF8(t *testing.T) {
	_, err := report.JSON(reporttest.Hostile())
	var refusal *report.Refusal
	if !errors.As(err, &refusal) || refusal.Rule != "text-not-utf8" {
		t.Fatalf("got %v", err)
	}
}

func TestParseRefuses(t *testing.T) {
	good, err := report.JSON(reporttest.Full())
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(string) string{
		"trailing bytes": func(s string) string { return s + "{}" },
		"trailing space": func(s string) string { return s + " " },
		"unknown member": func(s string) string { return strings.Replace(s, `"number":`, `"extra": 1, "number":`, 1) },
		"case variant":   func(s string) string { return strings.Replace(s, `"number":`, `"Number":`, 1) },
		"twice":          func(s string) string { return strings.Replace(s, `"number":`, `"number": "x", "number":`, 1) },
		"null list":      func(s string) string { return strings.Replace(s, `"witnesses": []`, `"witnesses": null`, 1) },
		"offset time": func(s string) string {
			return strings.Replace(s, `"2026-03-02T04:15:00Z"`, `"2026-03-02T09:15:00+05:00"`, 1)
		},
		"another verdict": func(s string) string { return strings.Replace(s, `"verdict": "whole"`, `"verdict": "fine"`, 1) },
		"empty":           func(string) string { return "" },
	} {
		t.Run(name, func(t *testing.T) {
			bad := change(string(good))
			if bad == string(good) {
				t.Fatal("the change changed nothing")
			}
			if _, err := report.Parse([]byte(bad)); err == nil {
				t.Error("taken")
			}
		})
	}
}

// TestCheckRefusesOverstatement asserts each refusal by its rule.
func TestCheckRefusesOverstatement(t *testing.T) {
	type change = func(d *report.Document)
	for _, c := range []struct {
		rule   string
		change change
	}{
		{"whole-without-policy", func(d *report.Document) { d.Policy.Given = false; unname(d) }},
		{"whole-without-quorum", func(d *report.Document) { d.Policy.Quorum = 2 }},
		{"unwitnessed-unsaid", func(d *report.Document) { d.Policy.Limitations = nil }},
		{"whole-despite-fault", func(d *report.Document) { d.Checks[1].Outcome = report.Fail }},
		{"whole-despite-fault", func(d *report.Document) { d.Findings[0].Severity = report.SeverityBad }},
		{"broken-without-fault", func(d *report.Document) { d.Result.ChainUnbroken = report.Fail }},
		{"whole-though-unchecked", func(d *report.Document) { d.Checks[1].Outcome = report.NotChecked }},
		{"whole-though-unchecked", func(d *report.Document) { d.Findings[0].Severity = report.SeverityUnchecked }},
		{"whole-without-checks", func(d *report.Document) { d.Checks = nil }},
		{"whole-without-proof", func(d *report.Document) { d.Annex.Proofs[3].Outcome = report.NotChecked }},
		{"bad-without-fault", func(d *report.Document) { d.Result.Verdict = report.Bad }},
		{"unchecked-despite-fault", func(d *report.Document) {
			d.Result.Verdict, d.Checks[1].Outcome = report.Unchecked, report.Fail
		}},
		{"named-by-absent-policy", func(d *report.Document) {
			d.Policy.Given, d.Result.Verdict = false, report.Unchecked
		}},
		{"bytes-not-read", func(d *report.Document) { d.Artifacts[0].Bytes = report.Pass }},
		{"copy-without-act", func(d *report.Document) { d.Artifacts[0].Copy.Last = report.Pass }},
		{"copy-without-act", func(d *report.Document) { d.Artifacts[0].Copy.Act = 4 }},
		{"copy-without-act", func(d *report.Document) { d.Artifacts[0].Copy.Failures = []int{4} }},
		{"copy-without-act", func(d *report.Document) { d.Artifacts[0].Whole.Act = 3 }},
		{"copy-failure-unsaid", func(d *report.Document) {
			d.Acts[3].Kind, d.Artifacts[0].Copy.Last, d.Artifacts[0].Copy.Act = "fixity.failed", report.Fail, 4
		}},
		{"media-without-act", media(func(m *report.Media) { m.Act = 0 })},
		{"media-without-act", media(func(m *report.Media) { m.Act = 3 })},
		{"hash-of-damaged-media", media(func(m *report.Media) {
			m.Read, m.Stored, m.Damaged, m.Chunks = report.Fail, report.NotChecked, 1, []report.DamagedChunk{{Length: 512}}
		})},
		{"hash-of-damaged-media", media(func(m *report.Media) { m.SHA256 = "" })},
		{"stored-hash", media(func(m *report.Media) { m.StoredMD5 = "another" })},
		{"stored-hash", media(func(m *report.Media) { m.StoredMD5 = "" })},
		{"stored-hash", media(func(m *report.Media) { m.Stored = report.NotChecked })},
		{"media-despite-damage", media(func(m *report.Media) { m.StoredMD5, m.Stored = "another", report.Fail })},
		{"damage-unsaid", media(func(m *report.Media) { m.Read = report.Fail })},
		{"damage-unsaid", media(func(m *report.Media) { m.Chunks = []report.DamagedChunk{{Length: 512}} })},
		{"agreement", func(d *report.Document) { d.Artifacts[0].Measurements[0].SHA256 = "" }},
		{"agreement", func(d *report.Document) { d.Artifacts[0].SHA256 = evidence.Sum(nil) }},
		{"hashes-despite-difference", func(d *report.Document) {
			d.Artifacts[0].Measurements[0].SHA256, d.Artifacts[0].Measurements[0].Agrees = evidence.Sum(nil).String(), report.Fail
		}},
		{"digest-of", func(d *report.Document) { d.Artifacts[0].Of = report.OfManifest }},
		{"digest-of", func(d *report.Document) { d.Artifacts[0].Segments = []report.Segment{{}, {}} }},
		{"segment-sizes", func(d *report.Document) {
			reporttest.Cut(&d.Artifacts[0], "a.001", "a.002")
			d.Artifacts[0].Size++
		}},
		{"segment-digest", func(d *report.Document) {
			reporttest.Cut(&d.Artifacts[0], "a.001", "a.002")
			d.Artifacts[0].Segments[1].Name = report.WithheldAs(d.Artifacts[0].SHA256)
		}},
		{"manifest", func(d *report.Document) {
			reporttest.Cut(&d.Artifacts[0], "a.001", "a.002")
			d.Artifacts[0].Segments[1].SHA256 = evidence.Sum(nil)
		}},
		{"result-without-verification", func(d *report.Document) { d.Access[0].Verified = 0 }},
		{"completeness-without-source", func(d *report.Document) { d.Scope.Completeness[0].AccordingTo = "" }},
		{"gap-unsaid", func(d *report.Document) { d.Periods[3].Gap = false }},
		{"span-seconds", func(d *report.Document) { d.Periods[3].Span.Seconds = 1 }},
		{"text-without-state", func(d *report.Document) { d.Items[0].Place.State = report.Withheld }},
		{"log-order", func(d *report.Document) { d.Acts[3].Index = d.Acts[2].Index }},
		{"beyond-log-head", func(d *report.Document) { d.Log.Size = 20 }},
		{"class", func(d *report.Document) { d.Acts[3].Class = "operator" }},
		{"reference", func(d *report.Document) { d.Acts[3].Items = []int{3} }},
		{"reference", func(d *report.Document) { d.Items[0].Witnesses = []int{-1} }},
		{"numbering", func(d *report.Document) { d.People[2].Number = 2 }},
		{"own-parent", func(d *report.Document) { d.Items[1].Parent = 2 }},
		{"capacity", func(d *report.Document) { d.Opinions[0].Capacity = "expert" }},
		{"schema", func(d *report.Document) { d.Schema = "" }},
		{"number-missing", func(d *report.Document) { d.Number = "" }},
		{"time-missing", func(d *report.Document) { d.GeneratedAt = report.Instant{} }},
		{"zone", func(d *report.Document) { d.Zone.OffsetMinutes = 1440 }},
	} {
		t.Run(c.rule, func(t *testing.T) {
			d := reporttest.Full()
			c.change(&d)
			err := reporttest.Sealed(d).Check()
			var refusal *report.Refusal
			if !errors.As(err, &refusal) || refusal.Rule != c.rule {
				t.Errorf("got %v, want %s", err, c.rule)
			}
		})
	}
}

func unname(d *report.Document) {
	for i := range d.Organisations {
		d.Organisations[i].NamedBy = "own document"
	}
}

func TestSentenceIsNotFreeWords(t *testing.T) {
	d := reporttest.Full()
	d.Result.Sentence = "The record is complete and verified."
	var refusal *report.Refusal
	if err := d.Check(); !errors.As(err, &refusal) || refusal.Rule != "sentence" {
		t.Errorf("got %v", err)
	}
}

func TestSentences(t *testing.T) {
	full := reporttest.Full()
	bad := reporttest.Full()
	bad.Result.Verdict = report.Bad
	bad.Findings[0].Severity = report.SeverityBad
	unknown := reporttest.Full()
	unknown.Policy = report.Policy{}
	unknown.Result.Verdict = report.Unchecked
	unname(&unknown)
	for _, c := range []struct {
		d          report.Document
		says, mute []string
	}{
		{full, []string{"no witness was asked", "bytes of the stored objects were not checked", "1 gap in custody is listed", "14 acts"}, []string{"verified", "complete"}},
		{bad, []string{"found 1 fault", "must not be relied on"}, []string{"whole", "no fault"}},
		{unknown, []string{"nobody who signed it is identified", "not a statement that the record is whole"}, []string{"verified"}},
	} {
		s := reporttest.Sealed(c.d).Result.Sentence
		for _, w := range c.says {
			if !strings.Contains(s, w) {
				t.Errorf("%q lacks %q", s, w)
			}
		}
		for _, w := range c.mute {
			if strings.Contains(s, w) {
				t.Errorf("%q says %q", s, w)
			}
		}
		if err := reporttest.Sealed(c.d).Check(); err != nil {
			t.Error(err)
		}
	}
}

func TestSpanLength(t *testing.T) {
	for _, c := range []struct {
		from, to float64
		want     string
	}{{0, 0.5, "30 min"}, {0, 26.5, "26 h 30 min"}, {0, 100, "100 h 00 min (4 days 4 h)"}, {1, 0, "times contradict"}, {0, 0, "0 s"}} {
		if got := report.SpanOf(reporttest.On(c.from), reporttest.On(c.to)).Length(); got != c.want {
			t.Errorf("%v to %v: %q, want %q", c.from, c.to, got, c.want)
		}
	}
	if got := report.SpanOf(reporttest.On(0), report.Instant{}).Length(); got != "not ended" {
		t.Errorf("open: %q", got)
	}
}

func TestInstantsOutsideRFC3339AreNoTime(t *testing.T) {
	for _, s := range []string{"9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00"} {
		i, err := report.ParseInstant(s)
		if err != nil || !i.IsZero() {
			t.Errorf("%s: %v, %v", s, i, err)
		}
	}
	i := report.At(time.Date(2026, 1, 1, 1, 2, 3, 999, time.FixedZone("", 3600)))
	if b, _ := i.MarshalText(); string(b) != "2026-01-01T00:02:03Z" {
		t.Errorf("%s", b)
	}
}

func FuzzParse(f *testing.F) {
	for _, d := range []report.Document{reporttest.Minimal(), reporttest.Full()} {
		b, err := report.JSON(d)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := report.Parse(b)
		if err != nil {
			return
		}
		again, err := report.JSON(d)
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("taken but not canonical: %v", err)
		}
	})
}

// media has the service find the image whole, changed.
func media(change func(*report.Media)) func(*report.Document) {
	return func(d *report.Document) {
		d.Acts[3].Kind = "image.read"
		m := &report.Media{Read: report.Pass, Act: 4, At: d.Acts[3].Claimed.From, Words: "whole", Facts: []report.Fact{}, Size: 1024,
			SHA256: evidence.Sum(nil).String(), SHA1: "sha1", MD5: "md5", StoredMD5: "md5", Stored: report.Pass}
		change(m)
		d.Artifacts[0].Media = m
	}
}
