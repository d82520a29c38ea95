package docket

import (
	"time"

	"github.com/evidence-custody/custodyd/evidence"
)

// Timestamp is what a time-stamping authority said, as it is kept. Authority
// is the name in the service's configuration and proves nothing; the token does.
type Timestamp struct {
	SHA256    evidence.Digest // of Token
	Authority string
	Token     []byte    // RFC 3161 TimeStampResp (SPEC, Timestamps)
	Said      time.Time // as the token says it
	Kept      time.Time // the service's clock
}

// Stamped is a checkpoint and the timestamp of its three lines.
type Stamped struct {
	Checkpoint Checkpoint
	Timestamp  Timestamp
}

// LogTime is a log.time event and what it commits to.
type LogTime struct {
	Event   *Event
	Stamped Stamped
}

// Unstamped is an event whose signature an authority has not stamped yet.
type Unstamped struct {
	Index     uint64
	Signature []byte // DER
}
