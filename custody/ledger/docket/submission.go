package docket

import (
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/evidence"
)

// Submission is one sealed event with everything it commits to.
type Submission struct {
	Envelope  seal.Envelope
	Details   [][]byte // exact bytes, one for each of the statement's details
	Documents [][]byte // exact bytes of the founding documents the event introduces; for key.requested also the key's SPKI DER
	Effects   Effects  // rows that stand or fall with the event
}

// Effects are changes of the stores that happen in the same transaction as the
// append, or not at all. They are left undone where the event is already in
// the log.
type Effects struct {
	Artifact   *Artifact     // inserted
	Report     *Report       // inserted
	Invitation *custody.ID   // spent: must exist, be unexpired and unspent, else ErrSpent
	Upload     *custody.ID   // becomes finished
	DataKey    string        // object whose data key is destroyed: every copy that the database has; must be there
	Fixity     *FixityEffect // of a fixity event; nil: it ended a reading that nobody held
	Image      string        // of an image.read: the process that holds the image, else ErrClosed; "": nobody need
}

// None reports whether there is nothing to do beside the append.
func (e Effects) None() bool {
	return e.Artifact == nil && e.Report == nil && e.Invitation == nil && e.Upload == nil && e.DataKey == ""
}

// Act is what the service states about itself, on the one chain that its body
// advances: an observation chain, or for log.recovered the log's own. The
// ledger adds links, seen (the newest checkpoint), nonce and times and seals it
// with the service key.
type Act struct {
	Body  custody.Body
	Basis []custody.ID             // leaf hashes
	Told  map[custody.Field]string // details in words; each gets a salt of its own
	From  time.Time                // when it happened; zero for now
	To    time.Time                // zero for an instant
}

// Receipt shows that an event is in the log. For one event it is always the
// same, against the first published checkpoint that includes it, but for the
// timestamps, which come later.
type Receipt struct {
	EventID    custody.ID
	Index      uint64
	LeafHash   evidence.Digest
	Inclusion  []evidence.Digest // RFC 6962 audit path in the tree of the checkpoint's size
	Checkpoint []byte            // signed note
	Size       uint64            // the checkpoint's
	Root       evidence.Digest   // the checkpoint's
	Timestamps [][]byte          // of the event's signature (SPEC, Timestamps); none of what was just appended
	Created    bool              // this call appended it
	Witnessed  bool              // the quorum of witnesses cosigned the checkpoint
}

// Checkpoint is a published head of the log.
type Checkpoint struct {
	Size      uint64
	Root      evidence.Digest
	Note      []byte // signed
	Published time.Time
}

// Seen is the checkpoint as a statement names it.
func (c Checkpoint) Seen() custody.Seen { return custody.Seen{Size: c.Size, Root: c.Root} }
