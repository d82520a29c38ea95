package ledger

import "context"

// CrashAfterCommit lets the next transaction commit and then fails it, as a
// process that dies there would.
func (l *Ledger) CrashAfterCommit(fail func() error) { l.afterCommit = fail }

// OpenHalf opens a ledger whose publisher never runs: a process that dies
// between commit and publication.
func OpenHalf(ctx context.Context, cfg Config) (*Ledger, error) {
	l, err := open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	l.done.Add(1)
	go l.appender()
	return l, nil
}
