package ledger_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/ledger/ledgertest"
	"github.com/evidence-custody/custodyd/custody/ledger/localpg"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/migrations"
)

var farAway = time.Now().Add(24 * time.Hour)

// Every moment of the append path: told that the write failed, or killed, with
// the write before it persisted or not. Whatever happens, the sender who sends
// the same bytes again has them in the log exactly once, and the whole record
// holds.
func TestCrashTable(t *testing.T) {
	ctx := testContext(t)
	l, d, s := scene(t)
	l.Close()
	for i, row := range []struct {
		moment  string
		killed  bool
		in      bool // the event is in the log then
		answers bool // and its sender has the receipt before anything is mended
	}{
		{"before append", false, true, true}, // told of a failure, it tries again
		{"after append", false, true, true},  // failed but persisted: it finds itself
		{"before sign", false, true, true},
		{"before keep", false, true, true}, // the note is made again
		{"after keep", false, true, true},
		{"before append", true, false, false},
		{"after append", true, true, false},
		{"before sign", true, true, false},
		{"before keep", true, true, true},
		{"after keep", true, true, true},
	} {
		t.Run(fmt.Sprintf("%s, killed %v", row.moment, row.killed), func(t *testing.T) {
			half := d.Open(t)
			before := size(t, half)
			sub := draftCase(t, s, fmt.Sprint("crash ", i))
			killed := make(chan struct{})
			var once sync.Once
			half.CrashAt(func(moment string) (err error) {
				if moment != row.moment {
					return nil
				}
				once.Do(func() {
					err = driver.ErrBadConn
					if row.killed {
						close(killed)
					}
				})
				if row.killed {
					half.Killed() // nothing more is written by this process
				}
				return err
			})
			short, cancel := context.WithCancel(ctx)
			defer cancel()
			go func() {
				select {
				case <-killed:
					if !row.answers {
						cancel()
					}
				case <-short.Done():
				}
			}()
			r, err := half.Append(short, sub)
			if row.answers != (err == nil) {
				t.Fatalf("the answer is %v", err)
			}
			if row.answers && (!r[0].Created || r[0].Index != before) {
				t.Errorf("the answer is %+v", r[0])
			}
			if row.killed {
				select {
				case <-killed:
				case <-time.After(10 * time.Second):
					t.Fatal("it was not killed")
				}
			}
			half.Close()

			again := d.Open(t)
			defer again.Close()
			if got := size(t, again) > before; got != row.in {
				t.Errorf("in the log: %v, want %v", got, row.in)
			}
			r, err = again.Append(ctx, sub)
			if err != nil || r[0].Created == row.in || r[0].Index != before || size(t, again) != before+1 {
				t.Errorf("the sender again: %+v %v", r, err)
			}
			if err := again.Check(ctx); err != nil {
				t.Error(err)
			}
		})
	}
}

// The answer to a commit is lost: the same call finds out and succeeds.
func TestUnknownOutcome(t *testing.T) {
	ctx := testContext(t)
	l, _, s := scene(t)
	sub, _ := ledgertest.OpenCase(t, l, s.Officer, "lost answer")
	before := size(t, l)
	var once sync.Once
	l.CrashAt(func(moment string) (err error) {
		if moment == "after append" {
			once.Do(func() { err = driver.ErrBadConn })
		}
		return err
	})
	r, err := l.Append(ctx, sub)
	if err != nil || !r[0].Created || r[0].Index != before || size(t, l) != before+1 {
		t.Fatalf("%+v %v", r, err)
	}
}

// Connections that die under the appender cost nobody an event.
func TestKilledConnections(t *testing.T) {
	ctx := testContext(t)
	l, d, s := scene(t)
	super := d.Connect(t, localpg.Superuser)
	stop := make(chan struct{})
	var killer sync.WaitGroup
	killer.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(30 * time.Millisecond):
				_, _ = super.Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1 AND datname = current_database()`, migrations.RoleApp)
			}
		}
	})
	var subs []docket.Submission
	for i := range 40 {
		subs = append(subs, draftCase(t, s, fmt.Sprint("case ", i)))
	}
	var work sync.WaitGroup
	for _, sub := range subs {
		work.Go(func() {
			for {
				_, err := l.Append(ctx, sub)
				var u *docket.Unavailable
				if errors.As(err, &u) {
					continue // what a client does: the same bytes again
				}
				if err != nil {
					t.Error(err)
				}
				return
			}
		})
	}
	work.Wait()
	close(stop)
	killer.Wait()
	for _, sub := range subs {
		if _, err := receiptSoon(ctx, l, sub.Envelope.EventID()); err != nil {
			t.Error(err)
		}
	}
	if err := l.Check(ctx); err != nil {
		t.Error(err)
	}
}

func receiptSoon(ctx context.Context, l *ledger.Ledger, id custody.ID) (r docket.Receipt, err error) {
	for range 20 {
		if r, err = l.Receipt(ctx, id); err == nil {
			return r, nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return r, err
}

// draftCase opens a case without asking the ledger: on the story's own idea of
// the log, which the ledger published when it was told.
func draftCase(t testing.TB, s *rulingtest.Scene, title string) docket.Submission {
	t.Helper()
	return draftCaseBy(t, s, s.Officer, title)
}

func draftCaseBy(t testing.TB, s *rulingtest.Scene, by *rulingtest.Key, title string) docket.Submission {
	t.Helper()
	b, id := ledgertest.Document(t, custody.DocCase, "title", title)
	st := s.Draft(by, &custody.CaseOpened{Case: id})
	st.Predicate.Nonce = id
	sub := ledgertest.Seal(t, by, st)
	sub.Documents = [][]byte{b}
	return sub
}

// A restart on the same database, and on an older copy of it.
func TestRestart(t *testing.T) {
	ctx := testContext(t)
	l, d, s := scene(t)
	before, err := l.Checkpoint(ctx)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	old := d.Copy(t)
	l = d.Open(t)
	after, err := l.Checkpoint(ctx)
	if err != nil || after.Size != before.Size || string(after.Note) != string(before.Note) {
		t.Errorf("%d leaves before, %d after: %v", before.Size, after.Size, err)
	}
	sub, _ := ledgertest.OpenCase(t, l, s.Officer, "after the restart")
	if _, err := l.Append(ctx, sub); err != nil {
		t.Fatal(err)
	}
	// The copy has lost an event that was published elsewhere, and its
	// checkpoints say nothing of it; but one that kept them is refused.
	super := old.Connect(t, localpg.Superuser)
	cp, err := l.Checkpoint(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := super.ExecContext(ctx, `INSERT INTO custody.checkpoints (size, root, published_at) VALUES ($1, $2, now())`, int64(cp.Size), cp.Root[:]); err != nil {
		t.Fatal(err)
	}
	_, err = ledger.Open(ctx, old.Config())
	var altered *docket.Altered
	if !errors.As(err, &altered) {
		t.Errorf("an old copy is served: %v", err)
	}
}

// Keys that the log document does not list serve nothing.
func TestOtherKeys(t *testing.T) {
	l, d, _ := scene(t)
	l.Close()
	cfg := d.Config()
	seed := sha256.Sum256([]byte("another log's key"))
	cfg.LogKey = ed25519.NewKeyFromSeed(seed[:])
	if l, err := ledger.Open(testContext(t), cfg); err == nil {
		l.Close()
		t.Error("another log key is accepted")
	}
}

// Two replicas append to one log; each continues from the other's tree.
func TestReplicas(t *testing.T) {
	ctx := testContext(t)
	a, d, s := scene(t)
	b := d.Open(t)
	var work sync.WaitGroup
	for i := range 40 {
		l := []*ledger.Ledger{a, b}[i%2]
		work.Go(func() {
			sub, _ := ledgertest.OpenCase(t, l, s.Officer, fmt.Sprint("case ", i))
			r, err := l.Append(ctx, sub)
			if err != nil {
				t.Error(err)
				return
			}
			if err := tlog.VerifyInclusion(r[0].LeafHash, r[0].Index, r[0].Size, r[0].Inclusion, r[0].Root); err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	if err := a.Check(ctx); err != nil {
		t.Error(err)
	}
	ca, cb := size(t, a), size(t, b)
	if ca != cb || ca != uint64(len(s.Sealed)+40) {
		t.Errorf("the logs have %d and %d events", ca, cb)
	}
}
