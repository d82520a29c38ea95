package ledger

// moment is one at which a process may die or be told that a write failed.
// Tests let it happen there; crash_test.go says what each has to leave behind.
type moment string

// The writes of the append path are two, each with a moment before and after.
// Signing is none: it leaves nothing behind.
const (
	beforeAppend moment = "before append" // judged, nothing written
	afterAppend  moment = "after append"  // committed, with its checkpoint; nobody told
	beforeSign   moment = "before sign"   // committed; no note made, nobody told
	beforeKeep   moment = "before keep"   // receipts are out
	afterKeep    moment = "after keep"
)

func (l *Ledger) crash(at moment) error {
	if f := l.crashAt.Load(); f != nil {
		return (*f)(at)
	}
	return nil
}
