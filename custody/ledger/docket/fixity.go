package docket

import (
	"time"

	"github.com/evidence-custody/custodyd/custody"
)

// FixityResult is what the newest fixity event of an item says.
type FixityResult string

// Results; "" where there was none yet.
const (
	FixityPassed    FixityResult = "passed"
	FixityFailed    FixityResult = "failed"
	FixityUnchecked FixityResult = "unchecked"
)

// Fixity is how the store's copy of an item's artifact was last found, and the
// reading back that is in hand.
type Fixity struct {
	Item   custody.ID
	Since  time.Time // when it was last told apart, by a whole reading or the deposit
	Whole  time.Time // when it was last found as deposited
	Result FixityResult
	Event  *custody.ID // its id
	Told   time.Time   // its time; zero without one

	Erased bool // its item was disposed of and its data key destroyed: there is nothing to read

	Asked bool      // somebody wants it read next
	After time.Time // not read before, since a try came to nothing; zero for any time
	Began time.Time // of the reading in hand; zero for none
	Next  uint64    // blocks before it were read and compared
	Count uint64    // bad ones among them
	Bad   []uint64  // the first of them, at most custody.MaxBadBlocks
	Short bool      // some are past the copy's end
}

// FixityEffect is what a fixity event does to its item's row, beside saying
// what it says.
type FixityEffect struct {
	Ended bool          // it ends the reading in hand; else a failure has the item read whole next
	Again time.Duration // an item that couldn't be checked is not tried again before
}

// FixityState is how it stands with all artifacts.
type FixityState struct {
	Artifacts uint64
	Due       uint64    // of those not erased, told apart before the time asked about, or asked for
	Failed    uint64    // of those not erased, whose newest event says so
	Unchecked uint64    // of those not erased, whose newest event says so
	Erased    uint64    // whose item was disposed of and whose data key is destroyed: nothing to read
	Unread    uint64    // not read back since their deposit, and not erased
	Oldest    time.Time // of those not erased, when the one was last told apart that waits the longest; zero without artifacts
}
