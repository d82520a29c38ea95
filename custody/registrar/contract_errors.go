package registrar

import (
	"fmt"
	"time"

	"github.com/evidence-custody/custodyd/evidence"
)

// NotFound: there is no such thing, or the caller may not know of it.
type NotFound struct {
	What string // "case", "item", "event", "upload", …
}

func (e *NotFound) Error() string { return "no such " + e.What }

// Malformed: the request cannot be read, whoever sent it. Rules that judge an
// event on its bytes alone end here; see Refused for the others.
type Malformed struct {
	Rule    string // e.g. "statement.not-canonical"
	Field   string // JSON path in what was sent, or ""
	Message string
}

func (e *Malformed) Error() string { return ruleText(e.Rule, e.Field, e.Message) }

// Refused: the request can be read, and a rule of custody forbids it.
type Refused struct {
	Rule    string // e.g. "custody.not-holder"
	Field   string
	Message string
}

func (e *Refused) Error() string { return ruleText(e.Rule, e.Field, e.Message) }

func ruleText(rule, field, message string) string {
	if field == "" {
		return rule + ": " + message
	}
	return rule + " (" + field + "): " + message
}

// Head is where a chain stands.
type Head struct {
	ID   evidence.Digest // chain
	Seq  uint64
	Leaf evidence.Digest // RFC 6962 leaf hash of the event that set Seq: the next event's prev
}

// Stale: some link of the event is not the head of its chain any more. Heads
// holds the current heads of all chains the event advances that exist, sorted
// by id. Verify again, sign again.
type Stale struct {
	Heads []Head
}

func (e *Stale) Error() string {
	return fmt.Sprintf("a link is stale; %d current heads enclosed", len(e.Heads))
}

// Codes of Conflict.
const (
	CodeConflict            = "conflict"
	CodeArtifactExists      = "artifact-exists"
	CodePartConflict        = "part-conflict"
	CodeUploadIncomplete    = "upload-incomplete"
	CodeUploadClosed        = "upload-closed" // finished, aborted or expired
	CodeIdempotencyMismatch = "idempotency-mismatch"
	CodeInFlight            = "request-in-flight"
)

// Conflict: the request is good and does not fit the present state.
type Conflict struct {
	Code     string
	Message  string
	Existing evidence.Digest // CodeArtifactExists: the item that has it; else zero
}

func (e *Conflict) Error() string { return e.Code + ": " + e.Message }

// TooLarge: more than Limit bytes.
type TooLarge struct {
	Limit   int64
	Message string
}

func (e *TooLarge) Error() string { return fmt.Sprintf("more than %d bytes: %s", e.Limit, e.Message) }

// Reasons of Unauthenticated. They are logged; of them only ReasonReplayed,
// ReasonExpired and ReasonRevoked are told.
const (
	ReasonUnknown  = "unknown"
	ReasonExpired  = "expired"
	ReasonReplayed = "replayed"
	ReasonRevoked  = "revoked"
	ReasonSpent    = "spent"
)

// Unauthenticated: it isn't known who asks.
type Unauthenticated struct {
	Reason string
}

func (e *Unauthenticated) Error() string { return "not authenticated: " + e.Reason }

// Forbidden: the caller may see the thing and may not do this to it.
type Forbidden struct {
	Rule    string // e.g. "right.certify"
	Message string
}

func (e *Forbidden) Error() string { return ruleText(e.Rule, "", e.Message) }

// OutOfWindow: a part too far ahead; Next is the lowest part still missing.
type OutOfWindow struct {
	Next int
}

func (e *OutOfWindow) Error() string { return fmt.Sprintf("part %d is to come first", e.Next) }

// Difference is one value that was declared otherwise than received, in the
// spelling of the event: hex digests, decimal sizes.
type Difference struct {
	Name     string // "sha256", "size", "blockRoot", "sha1", "md5"; of a part "sha256", "blocks"
	Declared string
	Received string
}

// DigestMismatch: the bytes received are not those declared.
type DigestMismatch struct {
	Differences []Difference     // at least one
	Recorded    *evidence.Digest // id of the deposit.refused that records it; nil for a part
}

func (e *DigestMismatch) Error() string {
	if len(e.Differences) == 0 {
		return "bytes received are not those declared"
	}
	d := e.Differences[0]
	return fmt.Sprintf("%s declared %s, received %s", d.Name, d.Declared, d.Received)
}

// Truncated: content ended early, before the size it had announced.
// Nothing of it was kept.
type Truncated struct {
	Expected, Received int64 // bytes
}

func (e *Truncated) Error() string {
	return fmt.Sprintf("content ended after %d of %d bytes", e.Received, e.Expected)
}

// Full: the store has no room. Nothing acknowledged is lost.
type Full struct {
	Message string
}

func (e *Full) Error() string { return "no room: " + e.Message }

// Unavailable: a part of the service cannot be reached, or the outcome of a
// commit is unknown. The same request may be sent again.
type Unavailable struct {
	What  string        // "ledger", "vault"
	After time.Duration // when it may be worth trying again
	Cause error         // for the log, never for the caller
}

func (e *Unavailable) Error() string { return e.What + " unavailable: " + fmt.Sprint(e.Cause) }
func (e *Unavailable) Unwrap() error { return e.Cause }

// Damaged: a block of the store's copy is not what was deposited, and nothing
// of it is served.
type Damaged struct {
	Item   evidence.Digest
	Block  uint64 // of 8 MiB, from 0
	Offset uint64 // of its first byte
	Length int    // bytes it should have
	Reason string // in the words of fixity.failed
}

func (e *Damaged) Error() string {
	return fmt.Sprintf("the store's copy of item %s is damaged in block %d, bytes %d to %d: %s", e.Item.Short(), e.Block, e.Offset, e.Offset+uint64(e.Length)-1, e.Reason)
}

// Erased: the item was disposed of. The key of its stored bytes is destroyed or
// about to be, or they were stored in plain: nobody is served them any more.
type Erased struct {
	Item evidence.Digest
}

func (e *Erased) Error() string {
	return fmt.Sprintf("item %s was disposed of: its stored bytes are not served any more", e.Item.Short())
}
