package docket

import (
	"errors"
	"fmt"

	"github.com/evidence-custody/custodyd/custody"
)

// ErrNotFound: the ledger has no such thing.
var ErrNotFound = errors.New("not in the ledger")

// ErrUnfounded: the log has no genesis yet.
var ErrUnfounded = errors.New("the log has no genesis yet")

// ErrSpent: an invitation, token or assertion is unknown, expired or used.
var ErrSpent = errors.New("unknown, expired or already used")

// ErrClosed: an upload is no longer open, or the ledger is shut.
var ErrClosed = errors.New("closed")

// Head is where a chain stands.
type Head struct {
	ID   custody.ID
	Seq  uint64
	Leaf custody.ID // of the event that set Seq: the next event's prev
}

// Stale says that a link of an event is not its chain's head. Nothing of the
// group was written.
type Stale struct {
	Submission int // which of the group
	Heads      []Head
	Why        *custody.Refusal
}

func (e *Stale) Error() string { return "couldn't append: " + e.Why.Error() }
func (e *Stale) Unwrap() error { return e.Why }

// PartlyAppended says that some events of a group are in the log and others are
// not, so the group as a whole was not appended now. Receipts has one for each
// submission; nil for those that are not in the log.
type PartlyAppended struct {
	Receipts []*Receipt
}

func (e *PartlyAppended) Error() string {
	return "couldn't append: part of the group is in the log already"
}

// Unavailable says that the database could not be reached or failed, or that
// the outcome is unknown. The same submission may be sent again: it has one
// effect.
type Unavailable struct {
	Cause error
}

func (e *Unavailable) Error() string { return fmt.Sprintf("ledger unavailable: %v", e.Cause) }
func (e *Unavailable) Unwrap() error { return e.Cause }

// Altered says that the database is not what this log signed: somebody changed
// it, or restored an old copy. The ledger serves nothing then.
type Altered struct {
	What string // in plain words
}

func (e *Altered) Error() string { return "the database is not what the log signed: " + e.What }

// AlteredF makes an Altered.
func AlteredF(format string, args ...any) *Altered { return &Altered{fmt.Sprintf(format, args...)} }
