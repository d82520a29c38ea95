package dossier

import (
	"fmt"

	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// Event is one sealed event in its place in the log.
type Event struct {
	Index    uint64
	Envelope seal.Envelope
	Key      seal.PublicKey
	Proof    []evidence.Digest // inclusion in the dossier's checkpoint
	// Timestamps are RFC 3161 timestamps of the signature's bytes, in the form
	// kept (SPEC, Timestamps), in byte order.
	Timestamps [][]byte
}

// Scope is what the dossier promises to show whole, up to its checkpoint: the
// chains of the case and of these items, with their observations and accesses.
type Scope struct {
	Case  evidence.Digest   `json:"case"`
	Items []evidence.Digest `json:"items"` // sorted, unique
}

// Dossier is a bundle's content.
type Dossier struct {
	Log         []byte // log document, exact bytes
	Checkpoint  []byte // signed note
	Scope       Scope
	Events      []Event                      // ascending index
	Consistency map[uint64][]evidence.Digest // older size: its proof to Checkpoint
	Times       map[evidence.Digest][]byte   // RFC 3161 timestamps of checkpoints' three lines, by SHA-256
	Checkpoints map[uint64][]byte            // older signed notes that Times are of, by size
	Proofs      bool                         // each event also as a C2SP tlog-proof
	Documents   map[evidence.Digest][]byte   // founding documents disclosed, by id
	Details     map[evidence.Digest][]byte   // details disclosed, by digest
	Blocks      map[evidence.Digest][]byte   // artifact's SHA-256: its concatenated 32-byte block leaves
	Attachments map[string][]byte            // files of issued reports, by ReportFile
}

// Limits bound what Decode accepts.
type Limits struct {
	Bytes  int64 // of the whole file
	Events int
	Files  int
}

// DefaultLimits suit a dossier of about 100,000 events.
var DefaultLimits = Limits{Bytes: 1 << 30, Events: 200_000, Files: 1_000_000}

// MalformedError says why bytes are not a dossier.
type MalformedError struct {
	Rule string // one of the Rule constants
	Path string // file inside the bag, or ""
	Err  error
}

// Rules.
const (
	RuleZip       = "dossier-zip"           // not the one zip form
	RuleLimit     = "dossier-limit"         // larger than the reader's limits
	RuleLayout    = "dossier-layout"        // a file that has no place, or one that is missing
	RuleManifest  = "manifest-mismatch"     // a file does not hash to its manifest entry
	RuleFile      = "dossier-file"          // a file is not in its form
	RuleBundle    = "bundle-form"           // an event's bundle is not in its form
	RuleCanonical = "dossier-not-canonical" // the writer would make other bytes of this content
)

func (e *MalformedError) Error() string {
	s := e.Rule
	if e.Path != "" {
		s += " (" + e.Path + ")"
	}
	return s + ": " + e.Err.Error()
}

func (e *MalformedError) Unwrap() error { return e.Err }

func malformed(rule, path, format string, args ...any) *MalformedError {
	return &MalformedError{Rule: rule, Path: path, Err: fmt.Errorf(format, args...)}
}

// leafOf is the log entry that an event's bundle repeats.
func leafOf(e *Event) []byte { return tlog.Leaf(e.Envelope, e.Key) }
