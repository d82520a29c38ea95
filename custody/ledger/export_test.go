package ledger

// CrashAt calls fail at each moment of the append path; an error is that of the
// write which just happened or is about to.
func (l *Ledger) CrashAt(fail func(moment string) error) {
	at := func(m moment) error { return fail(string(m)) }
	l.crashAt.Store(&at)
}

// Killed stops the goroutine that calls it, one of the ledger's own, as the end
// of the process would; Close ends the wait.
func (l *Ledger) Killed() { <-l.life.Done() }
