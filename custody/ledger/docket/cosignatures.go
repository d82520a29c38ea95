package docket

import (
	"time"

	"github.com/evidence-custody/custodyd/custody/tlog"
)

// Cosignature is a witness's line under a checkpoint, as it is kept.
type Cosignature struct {
	Size uint64 // of the checkpoint
	Line tlog.Signature
	Kept time.Time // the service's clock
}
