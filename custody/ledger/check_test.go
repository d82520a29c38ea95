package ledger_test

import (
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
)

// unguard takes away triggers and constraints, as only a superuser can.
func unguard(t *testing.T, d ledgertest.Database) {
	t.Helper()
	super := d.Connect(t, localpg.Superuser)
	if _, err := super.ExecContext(testContext(t), `DO $$
		DECLARE r record;
		BEGIN
			FOR r IN SELECT g.tgname, c.relname FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
				WHERE c.relnamespace = 'custody'::regnamespace AND NOT g.tgisinternal LOOP
				EXECUTE format('DROP TRIGGER %I ON custody.%I', r.tgname, r.relname);
			END LOOP;
			FOR r IN SELECT o.conname, c.relname FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid
				WHERE c.relnamespace = 'custody'::regnamespace AND o.contype IN ('c', 'f') LOOP
				EXECUTE format('ALTER TABLE custody.%I DROP CONSTRAINT %I', r.relname, r.conname);
			END LOOP;
		END $$`); err != nil {
		t.Fatal(err)
	}
}

// appendCases opens n cases, all from the story's own checkpoint, in groups.
func appendCases(t testing.TB, l *ledger.Ledger, s *rulingtest.Scene, n int) []docket.Receipt {
	t.Helper()
	var out []docket.Receipt
	for n > 0 {
		var group []docket.Submission
		for range min(n, 64) {
			group = append(group, draftCaseBy(t, s, s.Second, fmt.Sprint("case ", n, len(group))))
		}
		r, err := l.Append(testContext(t), group...)
		if err != nil {
			t.Fatal(err)
		}
		out, n = append(out, r...), n-len(group)
	}
	return out
}

// Proofs from tiles and from what is not a tile yet, read by a process that
// appended nothing itself, over every boundary.
func TestProofs(t *testing.T) {
	ctx := testContext(t)
	l, d, s := scene(t)
	appendCases(t, l, s, 620-len(s.Sealed))
	l.Close()
	l = d.Open(t)
	head, err := l.Checkpoint(ctx)
	if err != nil || head.Size != 620 {
		t.Fatalf("%d events: %v", head.Size, err)
	}
	tree := &tlog.Tree{}
	for i := range head.Size {
		e, err := l.EventAt(ctx, i)
		if err != nil {
			t.Fatal(err)
		}
		tree.Append(e.LeafHash)
		if i%7 != 0 && i < 600 {
			continue
		}
		proof, err := l.Inclusion(ctx, i, head.Size)
		if err != nil {
			t.Fatal(err)
		}
		if err := tlog.VerifyInclusion(e.LeafHash, i, head.Size, proof, head.Root); err != nil {
			t.Error(err)
		}
		r, err := l.Receipt(ctx, e.EventID)
		if err != nil || r.Size <= i {
			t.Errorf("receipt of %d: size %d, %v", i, r.Size, err)
		}
	}
	for _, from := range []uint64{1, 2, 255, 256, 257, 511, 512, 513, 619, 620} {
		root, err := tree.Root(from)
		if err != nil {
			t.Fatal(err)
		}
		proof, err := l.Consistency(ctx, from, head.Size)
		if err != nil {
			t.Fatal(err)
		}
		if err := tlog.VerifyConsistency(from, root, head.Size, head.Root, proof); err != nil {
			t.Errorf("from %d: %v", from, err)
		}
	}
	for _, ask := range [][2]uint64{{620, 620}, {0, 621}, {0, 0}} {
		if _, err := l.Inclusion(ctx, ask[0], ask[1]); !errors.Is(err, docket.ErrNotFound) {
			t.Errorf("inclusion of %d in %d: %v", ask[0], ask[1], err)
		}
	}
	for _, ask := range [][2]uint64{{3, 2}, {1, 621}} {
		if _, err := l.Consistency(ctx, ask[0], ask[1]); !errors.Is(err, docket.ErrNotFound) {
			t.Errorf("consistency of %d in %d: %v", ask[0], ask[1], err)
		}
	}
}

// 64 people append at once: on chains of their own, all are admitted; on one
// chain, one of each round is, and the others are told where it stands.
func TestConcurrentAppends(t *testing.T) {
	ctx := testContext(t)
	l, _, s := scene(t)
	var work sync.WaitGroup
	var mu sync.Mutex
	seen := map[uint64]bool{}
	for i := range 64 {
		work.Go(func() {
			for j := range 4 {
				r, err := l.Append(ctx, draftCaseBy(t, s, s.Second, fmt.Sprint("case ", i, " ", j)))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if seen[r[0].Index] {
					t.Errorf("index %d was given twice", r[0].Index)
				}
				seen[r[0].Index] = true
				mu.Unlock()
			}
		})
	}
	work.Wait()
	if len(seen) != 256 {
		t.Errorf("%d events were appended", len(seen))
	}

	body := func() custody.Body {
		return &custody.Approved{Action: custody.ActionAssume, For: s.Second.Party, Items: []custody.ID{s.Disk}, Org: s.Agency.ID}
	}
	var subs []docket.Submission
	for range 64 {
		subs = append(subs, ledgertest.Seal(t, s.Approver, ledgertest.Draft(t, l, s.Approver, body())))
	}
	won, stale := 0, 0
	for _, sub := range subs {
		work.Go(func() {
			_, err := l.Append(ctx, sub)
			mu.Lock()
			defer mu.Unlock()
			var st *docket.Stale
			switch {
			case err == nil:
				won++
			case errors.As(err, &st):
				stale++
			default:
				t.Error(err)
			}
		})
	}
	work.Wait()
	if won != 1 || stale != 63 {
		t.Errorf("%d of one link were admitted, %d were stale", won, stale)
	}
	// One envelope sent by 64 at once is one event.
	same := ledgertest.Seal(t, s.Approver, ledgertest.Draft(t, l, s.Approver, body()))
	created, index := 0, map[uint64]bool{}
	for range 64 {
		work.Go(func() {
			r, err := l.Append(ctx, same)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
				return
			}
			if r[0].Created {
				created++
			}
			index[r[0].Index] = true
		})
	}
	work.Wait()
	if created != 1 || len(index) != 1 {
		t.Errorf("one event was created %d times at %d places", created, len(index))
	}
	if err := l.Check(ctx); err != nil {
		t.Error(err)
	}
}

// The service's observations of one item, many at once.
func TestObserve(t *testing.T) {
	ctx := testContext(t)
	l, _, s := scene(t)
	var work sync.WaitGroup
	for range 32 {
		work.Go(func() {
			cp, err := l.Checkpoint(ctx)
			if err != nil {
				t.Error(err)
				return
			}
			report := []byte(fmt.Sprint("report ", time.Now()))
			_, err = l.Observe(ctx, docket.Act{Body: &custody.ReportIssued{Case: s.Case, For: s.Officer.Party, Items: []custody.ID{}, Over: cp.Seen(),
				Files: custody.ReportFiles{JSON: rulingtest.Artifact("json").SHA256, PDF: rulingtest.Artifact(string(report)).SHA256}}}, docket.Effects{})
			if err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	c, err := l.Chain(ctx, custody.Observations(s.Case))
	if err != nil || c.Seq != 31 || c.Case == nil || *c.Case != s.Case {
		t.Errorf("%+v %v", c, err)
	}
}
