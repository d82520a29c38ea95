package ledger_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/migrations"
)

const appenders = 64

// spread runs n tasks on 64 goroutines.
func spread(n int, do func(i int)) {
	var next atomic.Int64
	var work sync.WaitGroup
	for range appenders {
		work.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	work.Wait()
}

// BenchmarkAppend measures events signed beforehand: verified, judged, durable,
// in the tree, published, with receipt.
func BenchmarkAppend(b *testing.B) {
	ctx := testContext(b)
	l, _, s := scene(b)
	subs := make([]docket.Submission, b.N)
	for i := range subs {
		subs[i] = draftCaseBy(b, s, s.Second, fmt.Sprint("case ", i))
	}
	b.ResetTimer()
	spread(b.N, func(i int) {
		if _, err := l.Append(ctx, subs[i]); err != nil {
			b.Error(err)
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkBareInsert is what the database alone does: one row, one commit,
// nothing verified.
func BenchmarkBareInsert(b *testing.B) {
	ctx := testContext(b)
	_, d, s := scene(b)
	db := d.Connect(b, migrations.RoleApp)
	db.SetMaxOpenConns(40)
	db.SetMaxIdleConns(40)
	sub := draftCaseBy(b, s, s.Second, "bare")
	stmt, err := db.PrepareContext(ctx, `INSERT INTO custody.report_files (report, name, sha256, bytes) VALUES ($1, $2, sha256($3), $3)`)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := db.ExecContext(ctx, `INSERT INTO custody.reports (id, case_id, org, person, made) VALUES ($1, $1, $1, $1, now())`, s.Case[:]); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	spread(b.N, func(i int) {
		if _, err := stmt.ExecContext(ctx, s.Case[:], fmt.Sprint(i), sub.Envelope.Payload); err != nil {
			b.Error(err)
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
