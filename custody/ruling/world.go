// Package ruling is the one judge: given what the log held before, may this
// event be appended, and what does it change? The ledger asks before it
// appends; the verifier asks again, with the same code, when it replays a
// dossier. So the service cannot admit what a laboratory would refuse.
package ruling

import (
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/standing"
)

// Entry is an event in its place in the log. The caller has verified its
// signature by the key whose id is Statement.Predicate.Signer.Key.
type Entry struct {
	Index     uint64
	Leaf      custody.ID // RFC 6962 leaf hash
	EventID   custody.ID // SHA-256 of the pre-authentication encoding
	Statement *custody.Statement
}

// Chain is one chain's head and state at a log position.
type Chain struct {
	ID    custody.ID
	Type  custody.ChainType
	Seq   uint64     // of the head
	Head  custody.ID // leaf hash of the event that set Seq
	Index uint64     // its log index

	// Partial marks a chain of which the caller has only some events, as a
	// verifier has of chains outside a dossier's scope: a gap in it is not a
	// fault, and state that it lacks is not checked. The ledger's are whole.
	Partial bool

	State State
}

// State is what a chain stands for: at most one member is set. Observation and
// access chains have only About.
type State struct {
	Org   *standing.Org  `json:"org,omitempty"`
	Key   *standing.Key  `json:"key,omitempty"`
	Case  *custody.Case  `json:"case,omitempty"`
	Item  *custody.Item  `json:"item,omitempty"`
	Grant *custody.Grant `json:"grant,omitempty"`
	About *custody.ID    `json:"about,omitempty"` // the item or case that an observation or access chain is about
}

// World is everything before the event under judgement. An error means that
// the world could not be read, never that something is absent.
type World interface {
	// Log returns the log document and its id; nil before genesis.
	Log() (*custody.LogDocument, custody.ID)
	// Chain returns a chain, or nil where it has no event yet.
	Chain(id custody.ID) (*Chain, error)
	// Entry returns an earlier event by its leaf hash, or nil.
	Entry(leaf custody.ID) (*Entry, error)
	// Document returns a public founding document (log or organisation) by id,
	// or nil. The caller has checked that its SHA-256 is id.
	Document(id custody.ID) ([]byte, error)
}

// Link trouble, by which the ledger answers 409 and the verifier names a fork.
const (
	RuleStale   = "chain.stale"   // the chain has moved on: sign again over its current head
	RuleAhead   = "chain.ahead"   // seq is past the next: an event between is missing
	RuleFork    = "chain.fork"    // the chain's head at seq-1 is another event
	RuleUnknown = "chain.unknown" // the chain has no founding event
	RuleType    = "chain.type"    // the id belongs to a chain of another type
)
