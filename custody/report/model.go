package report

import "github.com/evidence-custody/custodyd/evidence"

// Schema names the shape of report.json; a new member or value is a new schema.
const Schema = "https://evidence-custody.github.io/custodyd/report/v1"

// Document is one custody report, whole.
type Document struct {
	// Schema is always [Schema].
	Schema string `json:"schema"`
	// Number is the report's own number, printed on every page.
	Number string `json:"number"`
	// GeneratedAt is when the caller says the report was made. It is a claim
	// of the service that made it, not a trusted time.
	GeneratedAt Instant `json:"generatedAt"`
	// Zone is the offset in which times are shown beside UTC.
	Zone Zone `json:"zone"`

	Case Case `json:"case"`
	// For is who asked for the report.
	For    Party  `json:"for"`
	Result Result `json:"result"`
	Log    Log    `json:"log"`
	Policy Policy `json:"policy"`
	Scope  Scope  `json:"scope"`

	// Checks are all the checks the verifier knows, also those it could not
	// make, in the order they are made.
	Checks   []Check   `json:"checks"`
	Findings []Finding `json:"findings"`
	// Gaps are the continuity gaps and unfinished movements of all items, in
	// order of item and time.
	Gaps []Gap `json:"gaps"`

	Organisations []Organisation `json:"organisations"`
	People        []Person       `json:"people"`
	Items         []Item         `json:"items"`
	Artifacts     []Artifact     `json:"artifacts"`
	// Periods say who held which item when, in order of item and log order.
	Periods []Period `json:"periods"`
	// Acts are the events of the record, in log order.
	Acts        []Act        `json:"acts"`
	Access      []Access     `json:"access"`
	Opinions    []Opinion    `json:"opinions"`
	Corrections []Correction `json:"corrections"`

	HowToCheck []Step `json:"howToCheck"`
	// Limits say in plain words what the report does not show.
	Limits []string `json:"limits"`
	Annex  Annex    `json:"annex"`
}

// Case is the legal matter the report is about.
type Case struct {
	// ID is the SHA-256 of the case's founding document.
	ID        evidence.Digest `json:"id,omitzero"`
	Reference Text            `json:"reference,omitzero"`
	Title     Text            `json:"title,omitzero"`
	FIR       Text            `json:"fir,omitzero"`
	Court     Text            `json:"court,omitzero"`
	// Sections are the offence sections as the case document gives them.
	Sections Text `json:"sections,omitzero"`
	// Agency is the organisation that opened the case.
	Agency int `json:"agency,omitempty"`
	// Officer is the investigating officer, as a person of this report.
	Officer int `json:"officer,omitempty"`
	// OfficerNamed is the investigating officer as the case document names
	// them, which ties the name to no key.
	OfficerNamed Text `json:"officerNamed,omitzero"`
}

// Verdict is the verifier's one word on the record, in its own spelling.
type Verdict string

// The verdicts, in the verifier's terms (FORMAT, VERDICT).
const (
	// Whole: nothing is wrong under the policy that was given.
	Whole Verdict = "whole"
	// Bad: at least one check failed.
	Bad Verdict = "bad"
	// Unchecked: nothing failed, but something needed could not be checked.
	Unchecked Verdict = "unchecked"
)

// Outcome is the outcome of one check.
type Outcome string

// The outcomes. There is no fourth: what was not looked at is not checked.
const (
	Pass       Outcome = "pass"
	Fail       Outcome = "fail"
	NotChecked Outcome = "not-checked"
)

// Result is the report in one sentence.
type Result struct {
	Verdict Verdict `json:"verdict"`
	// Sentence is [Document.Sentence], never free words.
	Sentence string `json:"sentence"`
	// ChainUnbroken: every event names the one before it on every chain it
	// advances, and no two events claim the same place.
	ChainUnbroken Outcome `json:"chainUnbroken"`
	// Seals: the seal numbers given at each hand-over match those before it.
	Seals Outcome `json:"seals"`
	// Hashes: all measured digests of each artifact agree with each other. It
	// says nothing of bytes that were not read; see Artifact.Bytes.
	Hashes Outcome `json:"hashes"`
}

// Log is the head of the log against which everything was verified.
type Log struct {
	ID     evidence.Digest `json:"id,omitzero"`
	Origin string          `json:"origin"`
	// Mode is "production" or "test", from the log's founding document.
	Mode string          `json:"mode,omitempty"`
	Size uint64          `json:"size"`
	Root evidence.Digest `json:"root"`
	// Checkpoint is the signed note, exactly.
	Checkpoint string `json:"checkpoint,omitempty"`
}

// Policy is the trust policy from outside the dossier, if there was one.
type Policy struct {
	Given bool `json:"given"`
	// Digest is the SHA-256 of the policy's bytes.
	Digest evidence.Digest `json:"digest,omitzero"`
	// Quorum is how many witnesses the policy asks for; Witnesses are the
	// names of those whose cosignature on the checkpoint was verified.
	Quorum    uint64   `json:"quorum"`
	Witnesses []string `json:"witnesses"`
	// Limitations are those the verifier attaches to its verdict, by name,
	// such as "unwitnessed".
	Limitations []string `json:"limitations"`
}

// Scope is what the report covers.
type Scope struct {
	// Words say it plainly.
	Words string `json:"words,omitempty"`
	// Completeness says for each item up to where the record is promised
	// complete and by whom. An item that is not listed has no such promise.
	Completeness []Completeness `json:"completeness"`
}

// Completeness is one party's statement that an item's chain has no events
// beyond those shown, up to Seq. Reports say "complete to seq N according to
// X", never "complete".
type Completeness struct {
	Item        int             `json:"item"`
	Seq         uint64          `json:"seq"`
	Head        evidence.Digest `json:"head,omitzero"`
	AccordingTo string          `json:"accordingTo"`
}

// Check is one check of the verifier and its outcome.
type Check struct {
	// Name is the verifier's name for the check.
	Name    string  `json:"name"`
	Words   string  `json:"words"`
	Outcome Outcome `json:"outcome"`
	// Needed: the record is not whole unless this check was made. Reading an
	// artifact's bytes, for one, is not needed, and is not claimed either.
	Needed bool `json:"needed"`
	// Note says how much was checked, or why it was not.
	Note string `json:"note,omitempty"`
}

// Severity grades a finding.
type Severity string

// The severities.
const (
	// SeverityBad: the evidence is bad.
	SeverityBad Severity = "bad"
	// SeverityUnchecked: something needed could not be checked.
	SeverityUnchecked Severity = "unchecked"
	// SeverityNotice: worth a court's attention, and no fault of the record.
	SeverityNotice Severity = "note"
)

// Finding is one thing the verifier found.
type Finding struct {
	// Name is the verifier's name for it, such as "chain-fork".
	Name     string   `json:"name"`
	Severity Severity `json:"severity"`
	Words    string   `json:"words"`
	Item     int      `json:"item,omitempty"`
	Act      int      `json:"act,omitempty"`
}

// GapKind says why an interval is listed among the gaps.
type GapKind string

// The kinds of gaps.
const (
	// GapAssumed: custody was assumed under an authority, without a release.
	GapAssumed GapKind = "assumed"
	// GapInTransit: released and not yet accepted; the releaser answers for it.
	GapInTransit GapKind = "in-transit"
	// GapNoCustodian: no accountable custodian is known for the interval.
	GapNoCustodian GapKind = "no-custodian"
)

// Gap is an interval a court should ask about.
type Gap struct {
	Item int     `json:"item"`
	Kind GapKind `json:"kind"`
	// Span is by the times claimed in the signed acts; no end: not ended at
	// the log head.
	Span  Span   `json:"span"`
	Words string `json:"words"`
}

// Step is one step of checking the report without us.
type Step struct {
	Words string `json:"words"`
	// Command is a line to type, if there is one.
	Command string `json:"command,omitempty"`
}

// Annex holds what a reader with a calculator needs.
type Annex struct {
	// Proofs summarise the inclusion proof of each event in the log.
	Proofs []Proof `json:"proofs"`
}

// Proof is the inclusion of one event's leaf in the log.
type Proof struct {
	Act  int             `json:"act"`
	Leaf evidence.Digest `json:"leaf"`
	// Hashes is the number of hashes in the proof.
	Hashes  uint64  `json:"hashes"`
	Outcome Outcome `json:"outcome"`
}
