package ledger_test

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/ledger/ledgertest"
	"github.com/evidence-custody/custodyd/custody/ruling"
	"github.com/evidence-custody/custodyd/evidence"
)

// Two batches are in the database's hands at once, the second judged upon the
// first. Whichever of them fails, with the write persisted or not, each event is
// in the log exactly once, sent twice at the same moment or not; what has no
// place there is refused; and the whole record holds.
func TestFilingsUnderWay(t *testing.T) {
	ctx := testContext(t)
	l, _, s := scene(t)
	const cases = 400
	subs, rivals := make([]docket.Submission, cases), make([]docket.Submission, cases)
	for i := range subs {
		subs[i] = draftCaseBy(t, s, s.Second, fmt.Sprint("under way ", i))
		// Another event that would found the same case.
		b := subs[i].Documents[0]
		id := evidence.Sum(b)
		st := s.Draft(s.Second, &custody.CaseOpened{Case: id})
		st.Predicate.Nonce = custody.ID{1, byte(i), byte(i >> 8)}
		rivals[i] = ledgertest.Seal(t, s.Second, st)
		rivals[i].Documents = [][]byte{b}
	}
	before := size(t, l)
	for _, row := range []struct {
		name   string
		moment string // at which every third write fails; never where it is empty
	}{{"nothing fails", ""}, {"failed", "before append"}, {"failed but persisted", "after append"}} {
		t.Run(row.name, func(t *testing.T) {
			var writes, created, refused atomic.Int64
			l.CrashAt(func(moment string) error {
				if moment == row.moment && writes.Add(1)%3 == 0 {
					return driver.ErrBadConn
				}
				return nil
			})
			third := cases / 3
			from := map[string]int{"": 0, "before append": third, "after append": 2 * third}[row.moment]
			send := func(sub docket.Submission) {
				for {
					r, err := l.Append(ctx, sub)
					var down *docket.Unavailable
					var stale *docket.Stale
					switch {
					case errors.As(err, &down):
						continue // the outcome is not known: the same again
					case errors.As(err, &stale) && (stale.Why.Rule == ruling.RuleFork || stale.Why.Rule == ruling.RuleStale):
						refused.Add(1)
					case err != nil:
						t.Error(err)
					case r[0].Created:
						created.Add(1)
					}
					return
				}
			}
			// Each event twice, and once its rival.
			spread(3*third, func(i int) {
				at := from + i/3
				if i%3 == 1 {
					send(rivals[at])
					return
				}
				send(subs[at])
			})
			l.CrashAt(func(string) error { return nil })
			grown := size(t, l) - before
			before += grown
			if grown != uint64(third) {
				t.Errorf("%d cases were opened, and %d of %d have their events", third, grown, 2*third)
			}
			// Of each case one event has its place; the other one's senders are refused.
			if n := refused.Load(); n < int64(third) || n > 2*int64(third) {
				t.Errorf("%d of %d events were refused", n, 3*third)
			}
			if n := created.Load(); row.moment == "" && n != int64(third) || n < int64(third) {
				t.Errorf("%d receipts say that they are of a new event, of %d", n, third)
			}
			if row.moment != "" && writes.Load() < 3 {
				t.Error("nothing failed")
			}
		})
	}
	if err := l.Check(ctx); err != nil {
		t.Error(err)
	}
}
