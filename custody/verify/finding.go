package verify

import (
	"fmt"

	"github.com/evidence-custody/custodyd/custody"
)

// Severity says what a finding does to the verdict.
type Severity string

// Severities.
const (
	Bad       Severity = "bad"       // the evidence or its record is not what it claims: exit 3
	Unchecked Severity = "unchecked" // something needed could not be checked: exit 1
	Note      Severity = "note"      // always shown, changes no verdict
)

// Name names a kind of finding. The list is closed and documented in SPEC.md.
type Name string

// Findings.
const (
	DossierMalformed      Name = "dossier-malformed"
	LogDocument           Name = "log-document"
	LogUnpinned           Name = "log-not-in-policy"
	CheckpointInvalid     Name = "checkpoint-invalid"
	QuorumUnmet           Name = "quorum-unmet"
	Unwitnessed           Name = "unwitnessed"
	Untimed               Name = "untimed"
	TestLog               Name = "test-log"
	GenesisMissing        Name = "genesis-missing"
	StatementInvalid      Name = "statement-invalid"
	SignatureInvalid      Name = "signature-invalid"
	SignerKeyOther        Name = "signer-key-mismatch"
	InclusionInvalid      Name = "inclusion-invalid"
	EventTwice            Name = "event-twice"
	SeenInconsistent      Name = "seen-inconsistent"
	SeenUnproven          Name = "seen-unproven"
	ChainFork             Name = "chain-fork"
	ChainGap              Name = "chain-gap"
	RuleBroken            Name = "rule-broken"
	ScopeMissing          Name = "scope-missing"
	ScopeForeign          Name = "scope-foreign"
	DetailMismatch        Name = "detail-mismatch"
	DocumentMismatch      Name = "document-mismatch"
	ContentUnreferenced   Name = "content-unreferenced"
	AttachmentUnrecorded  Name = "attachment-unrecorded"
	BlocksMismatch        Name = "block-tree-mismatch"
	KeyContested          Name = "key-contested"
	OrgUnidentified       Name = "organisation-unidentified"
	NoPolicy              Name = "no-policy"
	Withheld              Name = "withheld"
	CustodyGap            Name = "custody-gap"
	DepositRefused        Name = "deposit-refused"
	LabMismatch           Name = "verification-mismatch"
	FixityFailed          Name = "fixity-failed"
	ImageDamaged          Name = "image-damaged"
	ImageHashDiffers      Name = "image-hash-differs"
	ImageUnreadable       Name = "image-unreadable"
	ImageContradicted     Name = "image-contradicted"
	ServeFailed           Name = "access-failed"
	BytesUnchecked        Name = "bytes-not-checked"
	BytesMatch            Name = "bytes-match"
	BytesMismatch         Name = "bytes-mismatch"
	LogFork               Name = "log-fork"
	CompleteTo            Name = "complete-to"
	SealDiffers           Name = "seal-differs"
	TimesContradict       Name = "times-contradict"
	OutsideScope          Name = "outside-scope"
	ReceptionMissing      Name = "reception-missing"
	LogRecovered          Name = "log-recovered"
	ConfirmedTo           Name = "confirmed-to"
	RecoveryAccepted      Name = "recovery-accepted"
	StatusUnchecked       Name = "status-not-checked"
	StatusTooOld          Name = "status-too-old"
	TimestampInvalid      Name = "timestamp-invalid"
	TimestampUnidentified Name = "timestamp-unidentified"
	TimeOutsideWindow     Name = "time-outside-window"
	TimeGap               Name = "time-gap"
	AlgorithmOutdated     Name = "algorithm-outdated"
	ConsistencyNotShown   Name = "consistency-not-shown"
)

// severities fixes each finding's weight in one place.
var severities = map[Name]Severity{
	DossierMalformed: Bad, LogDocument: Bad, CheckpointInvalid: Bad, GenesisMissing: Bad, StatementInvalid: Bad,
	SignatureInvalid: Bad, SignerKeyOther: Bad, InclusionInvalid: Bad, EventTwice: Bad, SeenInconsistent: Bad,
	ChainFork: Bad, ChainGap: Bad, RuleBroken: Bad, ScopeMissing: Bad, ScopeForeign: Bad, DetailMismatch: Bad,
	DocumentMismatch: Bad, ContentUnreferenced: Bad, AttachmentUnrecorded: Bad, BlocksMismatch: Bad,
	BytesMismatch: Bad, LogFork: Bad, TimestampInvalid: Bad,

	LogUnpinned: Unchecked, QuorumUnmet: Unchecked, SeenUnproven: Unchecked, KeyContested: Unchecked,
	OrgUnidentified: Unchecked, NoPolicy: Unchecked, LogRecovered: Unchecked,
	StatusTooOld: Unchecked, AlgorithmOutdated: Unchecked,

	Unwitnessed: Note, Untimed: Note, TestLog: Note, Withheld: Note, CustodyGap: Note, DepositRefused: Note,
	LabMismatch: Note, FixityFailed: Note, ImageDamaged: Note, ImageHashDiffers: Note, ImageUnreadable: Note, ImageContradicted: Note, ServeFailed: Note, BytesUnchecked: Note, BytesMatch: Note, CompleteTo: Note, SealDiffers: Note, TimesContradict: Note,
	OutsideScope: Note, ReceptionMissing: Note, ConfirmedTo: Note, RecoveryAccepted: Note,
	StatusUnchecked: Note, TimestampUnidentified: Note, TimeOutsideWindow: Note, TimeGap: Note, ConsistencyNotShown: Note,
}

// Names returns every finding's name with its severity.
func Names() map[Name]Severity {
	out := make(map[Name]Severity, len(severities))
	for n, s := range severities {
		out[n] = s
	}
	return out
}

// Finding is one thing that verification found.
type Finding struct {
	Name     Name        `json:"name"`
	Severity Severity    `json:"severity"`
	Rule     string      `json:"rule,omitempty"`    // the rule broken (custody.Refusal), where there is one
	Dossier  int         `json:"dossier"`           // position among the dossiers given, from 0
	Event    *uint64     `json:"event,omitempty"`   // log index
	Subject  *custody.ID `json:"subject,omitempty"` // key, organisation, item, artifact or chain concerned
	Detail   string      `json:"detail"`            // plain words
}

func (f Finding) String() string {
	s := string(f.Severity) + " " + string(f.Name)
	if f.Rule != "" {
		s += " (" + f.Rule + ")"
	}
	if f.Event != nil {
		s += fmt.Sprintf(" at log index %d", *f.Event)
	}
	return s + ": " + f.Detail
}

// Verdict is the answer (FORMAT, VERDICT).
type Verdict string

// Verdicts with their exit codes.
const (
	Whole    Verdict = "whole"     // 0: whole under the given policy
	NotWhole Verdict = "bad"       // 3: the evidence is bad
	Open     Verdict = "unchecked" // 1: could not be checked
)

// ExitCode returns 0, 3 or 1.
func (v Verdict) ExitCode() int {
	switch v {
	case Whole:
		return 0
	case NotWhole:
		return 3
	}
	return 1
}

// judge derives the verdict from the findings: anything bad outweighs
// anything unchecked.
func judge(findings []Finding) Verdict {
	v := Whole
	for _, f := range findings {
		switch f.Severity {
		case Bad:
			return NotWhole
		case Unchecked:
			v = Open
		case Note:
		}
	}
	return v
}
