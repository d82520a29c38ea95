package speed

import (
	"fmt"
	"testing"

	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/ledger/ledgertest"
	"github.com/evidence-custody/custodyd/custody/ledger/localpg"
)

// turns is how often the yardsticks and the ledger change places: what else
// happens on the machine then meets all of them.
const turns = 2

// casesPerTurn are written beforehand, so that only the service is measured.
const casesPerTurn = 2000

func BenchmarkAppend64(b *testing.B)  { benchmarkAppend(b, 64) }
func BenchmarkAppend256(b *testing.B) { benchmarkAppend(b, 256) }

// benchmarkAppend measures events signed beforehand, appended by so many who
// wait: each verified, judged, durable with all projections, in the tree, under
// a signed checkpoint, its receipt at hand.
func benchmarkAppend(b *testing.B, waiters int) {
	d, play := rehearse(b)
	l := d.Open(b)
	wear(b, d)
	rows := newBare(b, d.DSN(localpg.Superuser), waiters)
	warm(b, l, play, waiters)
	var signatures verifying
	var appended measure
	for b.Loop() {
		for turn := range turns {
			b.StopTimer()
			cases := make([]*script, casesPerTurn)
			for i := range cases {
				cases[i] = play.begin(b, fmt.Sprint(b.Name(), appended.n, turn, i))
			}
			for act := range acts {
				cp, err := l.Checkpoint(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				play.seen = cp.Seen()
				subs := make([]docket.Submission, len(cases))
				by := play.officer
				for i, c := range cases {
					subs[i] = c.next()
				}
				if act == 4 || act == 5 {
					by = play.other
				}
				rows.insert(b, waiters, subs, by.public.SPKI())
				signatures.verify(b, subs, by.public.ECDSA())
				b.StartTimer()
				appended.turn(waiters, len(subs), func(i int, step func(func())) {
					step(func() {
						if _, err := l.Append(b.Context(), subs[i]); err != nil {
							b.Error(err)
						}
					})
				})
				b.StopTimer()
			}
			b.StartTimer()
		}
	}
	report(b, &appended, "events")
	report(b, &rows.measure, "rows")
	b.ReportMetric(signatures.rate(), "p256/s")
	b.ReportMetric(appended.rate()/rows.rate(), "ratio-to-bare")
	b.ReportMetric(appended.rate()/signatures.rate(), "ratio-to-p256")
	b.ReportMetric(milliseconds(appended.quantile(0.50)), "p50-ms")
	b.ReportMetric(milliseconds(appended.quantile(0.99)), "p99-ms")
	b.ReportMetric(0, "ns/op")
	if b.Failed() {
		return
	}
	if err := l.Check(b.Context()); err != nil {
		b.Error(err)
	}
}

// wear gives the database what one has that has been in use: files of the
// write-ahead log to use again. A new database makes one after the other, and
// both the ledger and its yardstick would be measured waiting for that.
func wear(b *testing.B, d ledgertest.Database) {
	db := d.Connect(b, localpg.Superuser)
	for _, query := range []string{`SELECT count(pg_logical_emit_message(false, 'wear', repeat('x', 1 << 20))) FROM generate_series(1, 150)`, `CHECKPOINT`} {
		if _, err := db.Exec(query); err != nil {
			b.Fatal(err)
		}
	}
}

// warm has every kind of act appended once by all, as insert does for the rows:
// connections and plans are made.
func warm(b *testing.B, l *ledger.Ledger, play *stageplay, waiters int) {
	cases := make([]*script, 2*waiters)
	for i := range cases {
		cases[i] = play.begin(b, fmt.Sprint(b.Name(), "warm", i))
	}
	for range acts {
		cp, err := l.Checkpoint(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		play.seen = cp.Seen()
		new(measure).turn(waiters, len(cases), func(i int, step func(func())) {
			if _, err := l.Append(b.Context(), cases[i].next()); err != nil {
				b.Error(err)
			}
		})
	}
}
