package report

import (
	"fmt"
	"slices"
)

// Refusal says which rule a document breaks and where. A document that is
// refused is a fault of whoever composed it, not of the evidence.
type Refusal struct {
	// Rule is one of the names in this file.
	Rule string
	// Path is the member of report.json, such as acts[3].items.
	Path string
}

func (r *Refusal) Error() string {
	return fmt.Sprintf("couldn't make the report: %s at %s", r.Rule, r.Path)
}

// Check refuses a document that claims more than it shows or refers to what is
// not in it. [JSON] and the PDF renderer call it.
func (d Document) Check() error {
	c := checker{d: d}
	c.cover()
	c.verdict()
	c.people()
	c.things()
	c.acts()
	c.rest()
	if c.refusal != nil {
		return c.refusal
	}
	return nil
}

// checker keeps the first refusal.
type checker struct {
	d       Document
	refusal *Refusal
}

func (c *checker) must(ok bool, rule, format string, args ...any) {
	if !ok && c.refusal == nil {
		c.refusal = &Refusal{Rule: rule, Path: fmt.Sprintf(format, args...)}
	}
}

func (c *checker) cover() {
	d := c.d
	c.must(d.Schema == Schema, "schema", "schema")
	c.must(d.Number != "", "number-missing", "number")
	c.must(!d.GeneratedAt.IsZero(), "time-missing", "generatedAt")
	c.must(d.Zone.OffsetMinutes > -24*60 && d.Zone.OffsetMinutes < 24*60, "zone", "zone.offsetMinutes")
	// A bad dossier may have no log that could be read.
	c.must(d.Log.Origin != "" || d.Result.Verdict == Bad, "origin-missing", "log.origin")
	c.organisation(d.Case.Agency, "case.agency")
	c.person(d.Case.Officer, "case.officer")
	c.party(d.For, "for")
	for _, t := range []struct {
		name string
		text Text
	}{{"reference", d.Case.Reference}, {"title", d.Case.Title}, {"fir", d.Case.FIR}, {"court", d.Case.Court}, {"sections", d.Case.Sections}, {"officerNamed", d.Case.OfficerNamed}} {
		c.text(t.text, "case.%s", t.name)
	}
	for i, p := range d.Scope.Completeness {
		c.item(p.Item, true, "scope.completeness[%d].item", i)
		c.must(p.AccordingTo != "", "completeness-without-source", "scope.completeness[%d].accordingTo", i)
	}
}

// verdict holds the verdict to the checks and findings beside it.
func (c *checker) verdict() {
	d, r := c.d, c.d.Result
	for i, k := range d.Checks {
		c.outcome(k.Outcome, "checks[%d].outcome", i)
	}
	for i, f := range d.Findings {
		c.must(slices.Contains([]Severity{SeverityBad, SeverityUnchecked, SeverityNotice}, f.Severity),
			"severity", "findings[%d].severity", i)
		c.item(f.Item, false, "findings[%d].item", i)
		c.act(f.Act, false, "findings[%d].act", i)
	}
	c.outcome(r.ChainUnbroken, "result.chainUnbroken")
	c.outcome(r.Seals, "result.seals")
	c.outcome(r.Hashes, "result.hashes")
	failed := c.anyCheck(failedCheck) || d.findings(SeverityBad) > 0
	c.must(r.ChainUnbroken != Fail || failed, "broken-without-fault", "result.chainUnbroken")
	switch r.Verdict {
	case Whole:
		c.must(!failed, "whole-despite-fault", "result.verdict")
		c.must(d.Policy.Given, "whole-without-policy", "result.verdict")
		c.must(!c.anyCheck(Check.missing) && d.findings(SeverityUnchecked) == 0, "whole-though-unchecked", "result.verdict")
		for i, p := range d.Annex.Proofs {
			c.must(p.Outcome == Pass, "whole-without-proof", "annex.proofs[%d].outcome", i)
		}
		c.must(len(d.Checks) > 0 && r.ChainUnbroken == Pass, "whole-without-checks", "result.verdict")
		c.must(uint64(len(d.Policy.Witnesses)) >= d.Policy.Quorum, "whole-without-quorum", "policy.witnesses")
		c.must(d.Policy.Quorum > 0 || slices.Contains(d.Policy.Limitations, "unwitnessed"), "unwitnessed-unsaid", "policy.limitations")
	case Bad:
		c.must(failed, "bad-without-fault", "result.verdict")
	case Unchecked:
		c.must(!failed, "unchecked-despite-fault", "result.verdict")
	default:
		c.must(false, "verdict", "result.verdict")
	}
	c.must(r.Sentence == d.Sentence(), "sentence", "result.sentence")
}

func (c *checker) anyCheck(is func(Check) bool) bool { return c.d.checks(is) > 0 }

func failedCheck(k Check) bool { return k.Outcome == Fail }

// missing reports a check that was needed and not made.
func (k Check) missing() bool { return k.Needed && k.Outcome == NotChecked }

func (c *checker) outcome(o Outcome, format string, args ...any) {
	c.must(o == Pass || o == Fail || o == NotChecked, "outcome", format, args...)
}

func (c *checker) text(t Text, format string, args ...any) {
	c.must(t.State == Given || t.Value == "", "text-without-state", format, args...)
	c.must(t.State == "" || t.State == Given || t.State == Withheld, "text-state", format, args...)
}

func (c *checker) facts(facts []Fact, format string, args ...any) {
	for i, f := range facts {
		c.text(f.Value, "%s[%d].value", fmt.Sprintf(format, args...), i)
	}
}

func (c *checker) span(s Span, format string, args ...any) {
	c.must(s == SpanOf(s.From, s.To), "span-seconds", format, args...)
}

func (c *checker) number(n, of int, needed bool, format string, args ...any) {
	c.must(n >= 0 && n <= of && (n > 0 || !needed), "reference", format, args...)
}

func (c *checker) item(n int, needed bool, format string, args ...any) {
	c.number(n, len(c.d.Items), needed, format, args...)
}

func (c *checker) items(ns []int, format string, args ...any) {
	for _, n := range ns {
		c.item(n, true, format, args...)
	}
}

func (c *checker) act(n int, needed bool, format string, args ...any) {
	c.number(n, len(c.d.Acts), needed, format, args...)
}

func (c *checker) person(n int, format string, args ...any) {
	c.number(n, len(c.d.People), false, format, args...)
}

func (c *checker) organisation(n int, format string, args ...any) {
	c.number(n, len(c.d.Organisations), false, format, args...)
}

func (c *checker) party(p Party, format string, args ...any) {
	c.organisation(p.Organisation, format, args...)
	c.person(p.Person, format, args...)
}
