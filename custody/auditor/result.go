package auditor

import (
	"fmt"
	"slices"

	"github.com/evidence-custody/custodyd/custody/keyring/safefile"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/evidence"
)

// Name names what an audit can find. The list is closed (SPEC, "Following a
// live log").
type Name string

// Findings of an audit.
const (
	LogFork           Name = "log-fork"
	LogShrunk         Name = "log-shrunk"
	CheckpointInvalid Name = "checkpoint-invalid"
	ContentMismatch   Name = "content-mismatch"
	ContentMalformed  Name = "content-malformed"
	EntryMalformed    Name = "entry-malformed"
	SignatureInvalid  Name = "signature-invalid"
	CompareInvalid    Name = "compare-invalid"
	QuorumUnmet       Name = "quorum-unmet"
	NotRead           Name = "not-read"
	UsesOmitted       Name = "uses-omitted"
	Unwitnessed       Name = "unwitnessed"
	FirstSight        Name = "first-sight"
	TestLog           Name = "test-log"
)

// severities fixes each finding's weight: bad exits 3, unchecked 1.
var severities = map[Name]verify.Severity{
	LogFork: verify.Bad, LogShrunk: verify.Bad, CheckpointInvalid: verify.Bad, ContentMismatch: verify.Bad, ContentMalformed: verify.Bad,
	EntryMalformed: verify.Bad, SignatureInvalid: verify.Bad, CompareInvalid: verify.Unchecked,
	QuorumUnmet: verify.Unchecked, NotRead: verify.Unchecked, UsesOmitted: verify.Unchecked,
	Unwitnessed: verify.Note, FirstSight: verify.Note, TestLog: verify.Note,
}

// Names returns every finding's name with its severity.
func Names() map[Name]verify.Severity {
	out := make(map[Name]verify.Severity, len(severities))
	for n, s := range severities {
		out[n] = s
	}
	return out
}

func weight(s verify.Severity) int {
	switch s {
	case verify.Bad:
		return 0
	case verify.Unchecked:
		return 1
	case verify.Note:
		return 2
	}
	return 0
}

// Finding is one thing that an audit found.
type Finding struct {
	Name     Name            `json:"name"`
	Severity verify.Severity `json:"severity"`
	Index    *uint64         `json:"index,omitempty"` // entry concerned
	Detail   string          `json:"detail"`
}

func (f Finding) String() string {
	s := string(f.Severity) + " " + string(f.Name)
	if f.Index != nil {
		s += fmt.Sprintf(" at log index %d", *f.Index)
	}
	return s + ": " + f.Detail
}

// Head is a head as results show it.
type Head struct {
	Size uint64          `json:"size"`
	Root evidence.Digest `json:"root"`
	Note string          `json:"note"`
}

// Compared is a head from elsewhere that the live log is consistent with.
type Compared struct {
	Name string          `json:"name"`
	Size uint64          `json:"size"`
	Root evidence.Digest `json:"root"`
}

// Use is an entry that a watched key signed.
type Use struct {
	Key       evidence.Digest `json:"key"`
	Index     uint64          `json:"index"`
	Event     evidence.Digest `json:"event"`
	Signature []byte          `json:"signature"` // DER
	Holds     bool            `json:"holds"`     // the signature is that key's over that event
}

// Rehashed is what --full did.
type Rehashed struct {
	From    uint64          `json:"from"`    // 0, or where an interrupted one went on
	Entries uint64          `json:"entries"` // parsed, hashed, compared with the tiles, their signatures checked
	Root    evidence.Digest `json:"root"`    // computed from them
}

// Audit is the result of one run.
type Audit struct {
	Verdict   verify.Verdict    `json:"verdict"`
	Exit      int               `json:"exit"`
	At        string            `json:"at"` // RFC 3339, the auditor's own clock
	Log       evidence.Digest   `json:"log"`
	Origin    string            `json:"origin"`
	Since     *Head             `json:"since,omitempty"` // the head checked before
	Head      *Head             `json:"head,omitempty"`  // the head that the log shows
	Witnesses []string          `json:"witnesses"`       // of the policy, who cosigned it
	Compared  []Compared        `json:"compared"`
	Keys      []evidence.Digest `json:"keys"`
	Uses      []Use             `json:"uses"`
	Full      *Rehashed         `json:"full,omitempty"`
	Evidence  string            `json:"evidence,omitempty"` // file of the proof
	Findings  []Finding         `json:"findings"`
}

// has reports whether there is a finding of that severity, but for some.
func (a *Audit) has(s verify.Severity, but ...Name) bool {
	return slices.ContainsFunc(a.Findings, func(f Finding) bool { return f.Severity == s && !slices.Contains(but, f.Name) })
}

func (a *Audit) judge() verify.Verdict {
	switch {
	case a.has(verify.Bad):
		return verify.NotWhole
	case a.has(verify.Unchecked):
		return verify.Open
	}
	return verify.Whole
}

// refuse keeps the proof first, then the refusal, then says so: whoever forked
// the log may not show the other head again.
func (r *run) refuse(f *Fork, format string, args ...any) error {
	b, err := f.Encode()
	if err != nil {
		return err
	}
	path := r.beside("fork", evidence.Sum(b))
	if err := safefile.Replace(path, b); err != nil {
		return fmt.Errorf("couldn't keep the proof of a fork: %w", err)
	}
	r.state.Refused, r.out.Evidence = path, path
	if err := r.state.save(r.path); err != nil {
		return err
	}
	r.find(LogFork, nil, format+"; the proof is in %s", append(args, path)...)
	return nil
}

// keep writes two signed heads down, the one seen first first.
func (r *run) keep(what string, first, second head) error {
	content := append(append(append([]byte(nil), first.note...), "\n----\n\n"...), second.note...)
	path := r.beside(what, evidence.Sum(content))
	if err := safefile.Replace(path, content); err != nil {
		return fmt.Errorf("couldn't keep both heads: %w", err)
	}
	r.out.Evidence = path
	return nil
}

// beside names a file beside the state: STATE.WHAT-DIGEST.
func (r *run) beside(what string, content evidence.Digest) string {
	return r.path + "." + what + "-" + content.Short()
}
