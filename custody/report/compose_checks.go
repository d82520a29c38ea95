package report

import (
	"fmt"

	"github.com/evidence-custody/custodyd/custody/verify"
)

// checkRow is one check of the verifier and the findings that speak of it.
type checkRow struct {
	name, words string
	needed      bool
	fails       []verify.Name // any of these: fail
	open        []verify.Name // any of these: not checked
}

// checkRows are all checks in the order in which they are made. Each finding
// that can change a verdict stands in exactly one row; a test holds them to it.
var checkRows = []checkRow{
	{"decoding", "Every file of the dossier is in its one strict form", true, []verify.Name{verify.DossierMalformed}, nil},
	{"log", "The log's founding document can be read, and the policy names this log", true, []verify.Name{verify.LogDocument}, []verify.Name{verify.LogUnpinned}},
	{"checkpoint", "The log head on the cover is signed by the log's own key", true, []verify.Name{verify.CheckpointInvalid}, nil},
	{"witnesses", "As many witnesses as the policy asks for signed the log head", true, nil, []verify.Name{verify.QuorumUnmet}},
	{"signatures", "Every event is in its one form and signed by the key that it names", true, []verify.Name{verify.StatementInvalid, verify.SignatureInvalid, verify.SignerKeyOther}, nil},
	{"inclusion", "Every event is in the log at its place, once, from the genesis on", true, []verify.Name{verify.InclusionInvalid, verify.EventTwice, verify.GenesisMissing}, nil},
	{"consistency", "The log continues every log head that a signer saw, and no other history was shown", true, []verify.Name{verify.SeenInconsistent, verify.LogFork}, []verify.Name{verify.SeenUnproven}},
	{"loss", "The log states no loss of events that it had signed", true, nil, []verify.Name{verify.LogRecovered}},
	{"chains", "Every event names the one before it on each chain; no place is taken twice, nor left out on a chain in scope", true, []verify.Name{verify.ChainFork, verify.ChainGap}, nil},
	{"rules", "Every signer was certified, had the right, and stood where the rules of custody ask", true, []verify.Name{verify.RuleBroken}, nil},
	{"organisations", "The policy names every organisation whose people signed on a chain in scope, and no key is disputed", true, nil, []verify.Name{verify.OrgUnidentified, verify.KeyContested}},
	{"policy", "A trust policy from outside the dossier was given", true, nil, []verify.Name{verify.NoPolicy}},
	{"scope", "The case and every item that the dossier promises are shown", true, []verify.Name{verify.ScopeMissing, verify.ScopeForeign}, nil},
	{"details", "Personal and free-text fields and founding documents match their digests", false, []verify.Name{verify.DetailMismatch, verify.DocumentMismatch}, nil},
	{"attachments", "Everything else in the dossier is what an event commits to", true, []verify.Name{verify.ContentUnreferenced, verify.AttachmentUnrecorded, verify.BlocksMismatch}, nil},
	{"bytes", "The bytes of the stored objects match their recorded digests", false, []verify.Name{verify.BytesMismatch}, nil},
	{"status", "No organisation's own list of its revoked keys is older than the policy asks for", true, nil, []verify.Name{verify.StatusTooOld}},
	{"time", "An authority that the policy names bounds the times of the acts", true, []verify.Name{verify.TimestampInvalid}, []verify.Name{verify.AlgorithmOutdated}},
}

// stage of the run that a check belongs to: nothing behind the first stage
// that failed was looked at.
func reached(name string, c *composer) bool {
	switch name {
	case "decoding", "policy":
		return true
	case "log":
		return len(c.result.Readings) > 0
	case "checkpoint":
		return len(c.result.Readings) > 0 && !c.has(verify.LogDocument)
	}
	return c.r.Replayed
}

// checks derives each outcome from the findings: fail where one says so, not
// checked where nothing was looked at, and pass for the rest.
func (c *composer) checks() {
	left := c.r.Shown - len(c.r.Events)
	for _, row := range checkRows {
		k := Check{Name: row.name, Words: row.words, Needed: row.needed, Outcome: Pass}
		switch {
		case c.has(row.fails...):
			k.Outcome, k.Note = Fail, "see the findings"
		case c.has(row.open...):
			k.Outcome, k.Note = NotChecked, "see the findings"
		case !reached(row.name, c):
			k.Outcome, k.Note = NotChecked, "an earlier check failed, so this one was not made"
		case left > 0 && row.name != "decoding" && row.name != "policy" && row.name != "log" && row.name != "checkpoint" && row.name != "witnesses":
			k.Outcome, k.Note = NotChecked, fmt.Sprintf("made only on the %d of %d events that held", len(c.r.Events), c.r.Shown)
		default:
			k.Outcome, k.Needed, k.Note = c.made(row)
		}
		c.doc.Checks = append(c.doc.Checks, k)
	}
}

// made says the outcome of a check that found no fault, and how much it is.
func (c *composer) made(row checkRow) (o Outcome, needed bool, note string) {
	given := c.doc.Policy.Given
	switch row.name {
	case "decoding":
		if !c.req.FromFile {
			return NotChecked, false, "the dossier was verified as it was gathered, before it became a file"
		}
	case "rules":
		if n := c.doc.findingsNamed(verify.OutsideScope); n > 0 {
			return Pass, true, count(n, "note", "notes") + " on what lies outside this report, for which the rules of custody were not applied"
		}
	case "log":
		if !given {
			return NotChecked, true, "the document was read; without a policy nothing says which log is the right one"
		}
	case "organisations":
		if !given {
			return NotChecked, true, "without a policy nobody is identified"
		}
	case "policy":
		if !c.doc.Policy.Given {
			return NotChecked, true, "none was given"
		}
	case "witnesses":
		switch {
		case !given:
			return NotChecked, true, "without a policy no witness is known"
		case c.r.Quorum == 0:
			return NotChecked, false, "the policy asks for none"
		}
		return Pass, true, fmt.Sprintf("%d of %d asked for", len(c.r.Witnesses), c.r.Quorum)
	case "signatures", "inclusion":
		return Pass, true, fmt.Sprintf("%d of %d events", len(c.r.Events), c.r.Shown)
	case "details":
		return c.detailsMade()
	case "bytes":
		return c.bytesMade()
	case "status":
		if n := c.doc.findingsNamed(verify.StatusUnchecked); n > 0 {
			return NotChecked, false, "not every event is covered by its organisation's list; see the findings"
		}
	case "time":
		return c.timeMade()
	}
	return Pass, row.needed, ""
}

// timeMade says how many of the events checked timestamps bound.
func (c *composer) timeMade() (Outcome, bool, string) {
	bounded, both := 0, 0
	for _, e := range c.r.Events {
		if !e.Window.NotAfter.IsZero() {
			bounded++
			if !e.Window.NotBefore.IsZero() {
				both++
			}
		}
	}
	note := fmt.Sprintf("%d of %d events were made by a time that is shown, %d of them not before another", bounded, len(c.r.Events), both)
	switch {
	case bounded == 0:
		return NotChecked, false, "no timestamp was checked; the order of the log stands, times are claims"
	case c.doc.findingsNamed(verify.TimeOutsideWindow) > 0:
		return Pass, false, note + "; some claim to be of another time: see the findings"
	case bounded < len(c.r.Events):
		return NotChecked, false, note
	}
	return Pass, false, note
}

func (d Document) findingsNamed(name verify.Name) int {
	n := 0
	for _, f := range d.Findings {
		if f.Name == string(name) {
			n++
		}
	}
	return n
}

func (c *composer) detailsMade() (Outcome, bool, string) {
	disclosed, withheld := len(c.r.Documents), 0
	for _, e := range c.r.Events {
		disclosed += len(e.Details)
		withheld += len(e.Withheld)
	}
	note := ""
	if withheld > 0 {
		note = fmt.Sprintf("%s withheld, not checked", count(withheld, "detail", "details"))
	}
	if disclosed == 0 {
		return NotChecked, false, "nothing is disclosed"
	}
	return Pass, false, note
}

func (c *composer) bytesMade() (Outcome, bool, string) {
	read := 0
	for _, a := range c.doc.Artifacts {
		if a.Bytes == Pass {
			read++
		}
	}
	switch {
	case len(c.doc.Artifacts) == 0:
		return NotChecked, false, "no stored object belongs to the record"
	case read < len(c.doc.Artifacts):
		return NotChecked, false, fmt.Sprintf("%d of %d stored objects were given to the verifier", read, len(c.doc.Artifacts))
	}
	return Pass, false, fmt.Sprintf("%d of %d stored objects", read, read)
}
