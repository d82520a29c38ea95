package ledger

import (
	"context"

	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// CrashAt calls fail at each moment of the append path; an error is that of the
// write which just happened or is about to.
func (l *Ledger) CrashAt(fail func(moment string) error) {
	at := func(m moment) error { return fail(string(m)) }
	l.crashAt.Store(&at)
}

// Killed stops the goroutine that calls it, one of the ledger's own, as the end
// of the process would; Close ends the wait.
func (l *Ledger) Killed() { <-l.life.Done() }

// EdgeAt reads the edge of the log's first size leaves, fewer than a tile: how
// many there are, and their root.
func (l *Ledger) EdgeAt(ctx context.Context, size uint64) (int, evidence.Digest, error) {
	e, err := readEdge(ctx, l.db, newCache[tileID, *twigs](8), size)
	if err != nil {
		return 0, evidence.Digest{}, err
	}
	var f tlog.Frontier
	for _, h := range e.tails[0][0] {
		f.Append(h)
	}
	return len(e.tails[0][0]), f.Root(), nil
}
