package report

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/evidence"
)

// Request is what a report needs besides the verified record.
type Request struct {
	Number      string
	GeneratedAt time.Time // the maker's clock: a claim
	Zone        Zone
	For         custody.Party // who asked; zero: not stated
	// Policy is the one under which the result was reached, nil for none, and
	// PolicyBytes its exact file, whose SHA-256 the report shows.
	Policy      *verify.Policy
	PolicyBytes []byte
	// Logs are the bytes of acquisition logs, by SHA-256, as far as they are at
	// hand and whoever asked may read them.
	Logs map[evidence.Digest][]byte
	// FromFile: the dossier was read from its bytes by verify.Read, and not
	// verified as it was gathered in memory.
	FromFile bool
}

// Compose says what verification found: reading is the record of one dossier
// of the result, nil where the dossier could not be decoded. Nothing enters the
// document but what the verifier admitted, and every fault it found is listed.
// An error is a fault of the caller, never of the evidence.
func Compose(result *verify.Result, reading *verify.Reading, req Request) (Document, error) {
	if result == nil {
		return Document{}, errors.New("couldn't compose the report: no verification result")
	}
	position := slices.Index(result.Readings, reading)
	switch {
	case reading == nil && len(result.Readings) == 0:
		reading, position = &verify.Reading{}, 0
	case position < 0 || reading == nil:
		return Document{}, errors.New("couldn't compose the report: the reading is not of this result")
	case (req.Policy == nil) != result.Has(verify.NoPolicy):
		return Document{}, errors.New("couldn't compose the report: the policy is not the one that the result was reached under")
	}
	c := &composer{result: result, r: reading, position: position, req: req,
		orgs: map[custody.ID]int{}, people: map[custody.ID]int{}, items: map[custody.ID]int{}, acts: map[custody.ID]int{}, states: map[custody.ID][]stage{}, index: indexOf(reading)}
	c.doc = Document{Schema: Schema, Number: req.Number, GeneratedAt: At(req.GeneratedAt), Zone: req.Zone,
		HowToCheck: StandardSteps(), Limits: StandardLimits()}
	c.number()
	c.cover()
	c.things()
	c.logs()
	c.custody()
	c.record()
	c.findings()
	c.checks()
	c.verdict()
	c.doc.Result.Sentence = c.doc.Sentence()
	if err := c.doc.Check(); err != nil {
		return Document{}, fmt.Errorf("couldn't compose the report: %w", err)
	}
	return c.doc, nil
}

// composer fills one document. Numbers are given before anything refers to them.
type composer struct {
	result   *verify.Result
	r        *verify.Reading
	position int
	req      Request
	doc      Document

	orgs, people, items map[custody.ID]int     // numbers from 1
	listed              bool                   // the lists are written: no new numbers
	acts                map[custody.ID]int     // by leaf hash
	states              map[custody.ID][]stage // custody of each item in scope, event by event
	index               index
}

// number gives organisations, people, items and acts their numbers: in log
// order of their first appearance, the case's agency first.
func (c *composer) number() {
	if c.r.CaseState != nil {
		c.organisation(c.r.CaseState.Agency)
	}
	for i, e := range c.r.Events {
		c.acts[e.Leaf] = i + 1
		c.party(custody.Party{Org: e.Org, Person: e.Signer.Person})
		for _, p := range named(e.Body()) {
			c.party(p)
		}
		for _, id := range custody.ItemsOf(e.Body()) {
			if c.r.Items[id] != nil && c.items[id] == 0 {
				c.items[id] = len(c.items) + 1
			}
		}
	}
	c.party(c.req.For)
	c.listed = true
	c.organisations()
	c.persons()
}

// cover fills what stands before the record itself.
func (c *composer) cover() {
	d, r := &c.doc, c.r
	d.For = c.party(c.req.For)
	d.Case = Case{ID: r.Case}
	if f := c.document(r.Case, custody.DocCase); f != nil {
		d.Case.Reference, d.Case.Title, d.Case.FIR = said(f, "number"), said(f, "title"), said(f, "fir")
		d.Case.Court, d.Case.Sections, d.Case.OfficerNamed = said(f, "court"), said(f, "sections"), said(f, "officer")
	} else if !r.Case.IsZero() {
		d.Case.Title = WithheldAs(r.Case)
	}
	if r.CaseState != nil {
		d.Case.Agency = c.organisation(r.CaseState.Agency)
	}
	d.Log = Log{ID: r.LogID, Origin: r.Log.Origin, Mode: string(r.Log.Mode), Size: r.Checkpoint.Size, Root: r.Checkpoint.Root, Checkpoint: string(r.Note)}
	d.Policy = Policy{Quorum: uint64(max(0, r.Quorum)), Witnesses: r.Witnesses}
	if d.Policy.Given = c.req.Policy != nil; d.Policy.Given {
		d.Policy.Digest = evidence.Sum(c.req.PolicyBytes)
	}
	for _, n := range []verify.Name{verify.Unwitnessed, verify.Untimed, verify.TestLog, verify.Withheld, verify.BytesUnchecked} {
		if c.result.Has(n) {
			d.Policy.Limitations = append(d.Policy.Limitations, string(n))
		}
	}
	d.Scope.Words = fmt.Sprintf("The case and %s of it, as far as the log reaches at its head (%s).",
		count(len(c.items), "item", "items"), count(int(min(r.Checkpoint.Size, 1<<31)), "leaf", "leaves"))
	if n := r.Shown - len(r.Events); n > 0 {
		d.Limits = append(d.Limits, fmt.Sprintf("%s of the dossier did not hold and %s left out of the acts; the findings name each. What follows from an act that was left out, such as who held an item afterwards, is not shown either.",
			count(n, "event", "events"), plural(n, "is", "are")))
	}
	d.Limits = append(d.Limits,
		"A key is shown as valid where the dossier has no revocation of it. That no later revocation was left out is the word of the service that made the dossier, but as far as the organisation's own list reaches.",
		"Custody is counted from the times that the signers of release and acceptance claim. Where custody was assumed without a release, the whole period before is marked as a gap, because the record does not show when it ended.")
	for _, id := range sortedByNumber(c.orgs) {
		if o := r.Orgs[id]; o != nil && o.Status != nil {
			d.Limits = append(d.Limits, fmt.Sprintf("%s itself listed its revoked keys as of log size %d (act %d). Which of its keys were revoked later is not checked.",
				c.orgWords(c.orgs[id]), o.Status.Size, c.acts[o.Status.Event.Leaf]))
		}
	}
	for _, id := range sortedByNumber(c.items) {
		h, ok := r.Heads[id]
		if !ok || c.result.Verdict == verify.NotWhole {
			continue // a record with faults is promised by nobody to be complete
		}
		d.Scope.Completeness = append(d.Scope.Completeness, Completeness{Item: c.items[id], Seq: h.Seq, Head: h.Leaf,
			AccordingTo: fmt.Sprintf("the service that made the dossier, at the head of %s with %s", r.Log.Origin, count(int(r.Checkpoint.Size), "leaf", "leaves"))})
		if k := r.Items[id].Confirmed; k != nil {
			d.Scope.Completeness = append(d.Scope.Completeness, Completeness{Item: c.items[id], Seq: k.Seq, Head: k.Head,
				AccordingTo: fmt.Sprintf("the custodian who signed act %d, %s", c.acts[k.Event.Leaf], c.partyWords(k.Event.Signer))})
		}
	}
}

// findings passes on what the verifier found, in its order.
func (c *composer) findings() {
	indexes := map[uint64]int{}
	for i, e := range c.r.Events {
		indexes[e.Index] = i + 1
	}
	for _, f := range c.result.Findings {
		words := strings.ToValidUTF8(f.Detail, "�")
		if f.Rule != "" && !strings.Contains(words, f.Rule) {
			words = f.Rule + ": " + words
		}
		out := Finding{Name: string(f.Name), Severity: Severity(f.Severity), Words: words}
		if f.Dossier == c.position {
			if f.Event != nil {
				out.Act = indexes[*f.Event]
			}
			if f.Subject != nil {
				out.Item = c.items[*f.Subject]
			}
		} else {
			out.Words = fmt.Sprintf("(dossier %d of this run) %s", f.Dossier+1, out.Words)
		}
		if f.Event != nil && out.Act == 0 {
			out.Words = fmt.Sprintf("log index %d: %s", *f.Event, out.Words)
		}
		c.doc.Findings = append(c.doc.Findings, out)
	}
}

// verdict takes the verifier's word, and judges seals and digests by what is
// listed.
func (c *composer) verdict() {
	r := &c.doc.Result
	r.Verdict = Verdict(c.result.Verdict)
	r.ChainUnbroken = NotChecked
	if c.r.Replayed {
		r.ChainUnbroken = Pass
		if c.has(verify.ChainFork, verify.ChainGap, verify.LogFork, verify.GenesisMissing, verify.EventTwice, verify.ScopeMissing, verify.InclusionInvalid, verify.RuleBroken) {
			r.ChainUnbroken = Fail
		} else if c.result.Verdict == verify.NotWhole && len(c.r.Events) < c.r.Shown {
			r.ChainUnbroken = NotChecked // events that did not hold were never laid on a chain
		}
	}
	r.Hashes = NotChecked
	compared := 0
	for _, a := range c.doc.Artifacts {
		if a.Bytes == Fail {
			r.Hashes = Fail
		}
		for _, m := range a.Measurements {
			switch {
			case m.Agrees == Fail:
				r.Hashes = Fail
			case m.Agrees == Pass && m.Kind != Declared:
				compared++
			}
		}
	}
	if r.Hashes == NotChecked && compared > 0 {
		r.Hashes = Pass
	}
	r.Seals = c.seals()
}

func (c *composer) has(names ...verify.Name) bool {
	return slices.ContainsFunc(names, c.result.Has)
}
