package speed

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"database/sql"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/seal"
)

// measure is what one kind of work did in all its turns.
type measure struct {
	n       int
	took    time.Duration
	cpu     time.Duration // of this process and its database
	waits   []time.Duration
	waiting sync.Mutex
}

func (m *measure) rate() float64 { return float64(m.n) / m.took.Seconds() }

// quantile of how long callers waited.
func (m *measure) quantile(q float64) time.Duration {
	slices.Sort(m.waits)
	if len(m.waits) == 0 {
		return 0
	}
	return m.waits[min(len(m.waits)-1, int(q*float64(len(m.waits))))]
}

// turn lets waiters goroutines take pieces of work until done says there is no
// more; each piece is a sequence whose steps follow one another.
func (m *measure) turn(waiters, pieces int, piece func(i int, step func(func()))) {
	var next atomic.Int64
	var all sync.WaitGroup
	var steps atomic.Int64
	cpu, began := processorTime(), time.Now()
	for range waiters {
		all.Go(func() {
			var mine []time.Duration
			for i := int(next.Add(1)) - 1; i < pieces; i = int(next.Add(1)) - 1 {
				piece(i, func(work func()) {
					t := time.Now()
					work()
					mine = append(mine, time.Since(t))
					steps.Add(1)
				})
			}
			m.waiting.Lock()
			m.waits = append(m.waits, mine...)
			m.waiting.Unlock()
		})
	}
	all.Wait()
	m.took += time.Since(began)
	m.cpu += processorTime() - cpu
	m.n += int(steps.Load())
}

// bare is the yardstick of the database: the rows of events, nothing verified,
// each committed by itself, through the same driver.
type bare struct {
	db   *sql.DB
	stmt *sql.Stmt
	measure
}

func newBare(t testing.TB, dsn string, waiters int) *bare {
	t.Helper()
	db, err := sql.Open("postgres", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	// Of the 60 connections that the database takes the ledger has 22.
	db.SetMaxOpenConns(32)
	db.SetMaxIdleConns(32)
	if _, err := db.Exec(`CREATE TABLE bare (n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payload bytea NOT NULL, signature bytea NOT NULL, spki bytea NOT NULL)`); err != nil {
		t.Fatal(err)
	}
	b := &bare{db: db}
	if b.stmt, err = db.Prepare(`INSERT INTO bare (payload, signature, spki) VALUES ($1, $2, $3)`); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bare) insert(t testing.TB, waiters int, subs []docket.Submission, spki []byte) {
	work := func(i int, step func(func())) {
		step(func() {
			if _, err := b.stmt.Exec(subs[i].Envelope.Payload, subs[i].Envelope.Signature, spki); err != nil {
				t.Error(err)
			}
		})
	}
	new(measure).turn(waiters, min(len(subs), 4*waiters), work) // connections and plans are made
	b.turn(waiters, len(subs), work)
}

// verifying is the yardstick of the machine: signatures alone, on all cores.
type verifying struct{ measure }

func (v *verifying) verify(t testing.TB, subs []docket.Submission, key *ecdsa.PublicKey) {
	v.turn(runtime.GOMAXPROCS(0), len(subs), func(i int, step func(func())) {
		step(func() {
			sum := sha256.Sum256(seal.PAE(subs[i].Envelope.Payload))
			if !ecdsa.VerifyASN1(key, sum[:], subs[i].Envelope.Signature) {
				t.Error("a signature does not verify")
			}
		})
	})
}

// processorTime is what this process and those below it used of the processors:
// the database is below it. It tells how much work something is where others
// use the machine too.
func processorTime() time.Duration {
	return time.Duration(ticksBelow("self")) * 10 * time.Millisecond
}

func ticksBelow(id string) (sum int64) {
	b, err := os.ReadFile("/proc/" + id + "/stat")
	if err != nil {
		return 0 // it ended
	}
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(fields) < 15 {
		return 0
	}
	for _, i := range []int{11, 12, 13, 14} { // user and system, its own and those of children that ended
		n, _ := strconv.ParseInt(fields[i], 10, 64)
		sum += n
	}
	threads, _ := filepath.Glob("/proc/" + id + "/task/*/children")
	for _, f := range threads {
		children, _ := os.ReadFile(f)
		for _, child := range strings.Fields(string(children)) {
			sum += ticksBelow(child)
		}
	}
	return sum
}

// report prints what was measured.
func report(b *testing.B, m *measure, what string) {
	b.ReportMetric(m.rate(), what+"/s")
	if m.n > 0 {
		b.ReportMetric(float64(m.cpu.Microseconds())/float64(m.n), "cpu-us/"+strings.TrimSuffix(what, "s"))
	}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
