package docket

import (
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ruling"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/custody/standing"
	"github.com/evidence-custody/custodyd/evidence"
)

// Event is one entry of the log.
type Event struct {
	Index     uint64
	EventID   custody.ID
	LeafHash  custody.ID
	Envelope  seal.Envelope
	Key       seal.PublicKey
	Statement *custody.Statement
	Appended  time.Time // the service's clock: its claim
}

// Kind is the event's kind.
func (e *Event) Kind() custody.Kind { return e.Statement.Predicate.Kind }

// Entry is the event as the judge sees it.
func (e *Event) Entry() ruling.Entry {
	return ruling.Entry{Index: e.Index, Leaf: e.LeafHash, EventID: e.EventID, Statement: e.Statement}
}

// Chain is a chain's head and state, with what it belongs to.
type Chain struct {
	ruling.Chain
	Founded uint64      // index of its first event
	Case    *custody.ID // the case it belongs to (a case's own id included)
	About   *custody.ID // observation and access chains: the item or case
	Org     *custody.ID // case: agency; item: holder's; key: its own; grant: grantee
}

// Position returns the chain's head as 409 answers carry it.
func (c *Chain) Position() Head { return Head{ID: c.ID, Seq: c.Seq, Leaf: c.Head} }

// Key is a person's key; Standing is nil for a root or service key.
type Key struct {
	Public   seal.PublicKey
	Standing *standing.Key
	Chain    *Chain
	RootOf   []custody.ID // organisations that list it as root key
}

// Part is what an organisation has to do with a case.
type Part string

// Parts.
const (
	PartAgency        Part = "agency"
	PartHolder        Part = "holder"
	PartRecipient     Part = "recipient"
	PartGranteeBytes  Part = "grantee-bytes"
	PartGranteeRecord Part = "grantee-record"
)

// Involvement is one part of one organisation in a case. A zero Item is the
// whole case, a zero Person anybody of the organisation.
type Involvement struct {
	Case    custody.ID
	Item    custody.ID
	Org     custody.ID
	Person  custody.ID
	Part    Part
	Index   uint64 // the event that gave it
	Expires *time.Time
}

// Blob is a detail or founding document with its digest.
type Blob struct {
	SHA256 evidence.Digest
	Type   string // document type; "key" for an SPKI; "" for a detail
	Bytes  []byte
}

// Page asks for at most Limit entries whose chain was founded after After, a
// log index; use From(0) to start at the beginning.
type Page struct {
	After int64 // -1: from the start
	Limit int
}

// All asks for everything there is.
func All() Page { return Page{After: -1, Limit: 1 << 30} }
