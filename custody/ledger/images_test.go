package ledger_test

import (
	"errors"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/ledger/localpg"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
)

// TestImageTurns: the artifact that waits the longest is next, one process has it
// at a time, and what couldn't be read waits for its turn behind the others.
func TestImageTurns(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	l, d, s := scene(t)
	day := time.Now().Add(-24 * time.Hour).Truncate(time.Second)
	newer, older := deposited(t, l, s, "newer", day.Add(time.Hour)), deposited(t, l, s, "older", day)
	claim := func(who string, want docket.Artifact, tries int) {
		t.Helper()
		i, err := l.ClaimImage(ctx, who, lease)
		if err != nil || i.Item != want.Item || i.Tries != tries {
			t.Fatalf("%s gets %s after %d tries, %v; want %s", who, i.Item.Short(), i.Tries, err, want.Item.Short())
		}
	}
	none := func(who string) {
		t.Helper()
		if i, err := l.ClaimImage(ctx, who, lease); !errors.Is(err, docket.ErrNotFound) {
			t.Fatalf("%s gets %s: %v", who, i.Item.Short(), err)
		}
	}
	claim("a", older, 0)
	claim("b", newer, 0)
	none("c")
	if err := l.HoldImage(ctx, "b", older.Item, lease); !errors.Is(err, docket.ErrClosed) {
		t.Fatalf("b holds what a has: %v", err)
	}
	// a hangs for too long, and c takes over.
	if err := l.HoldImage(ctx, "a", older.Item, -time.Second); err != nil {
		t.Fatal(err)
	}
	claim("c", older, 1) // which counts
	for _, err := range []error{l.HoldImage(ctx, "a", older.Item, lease), l.LetGoImage(ctx, "a", older.Item, 0, true), l.PassImage(ctx, "a", older.Item, docket.ImageOther)} {
		if !errors.Is(err, docket.ErrClosed) {
			t.Fatalf("a has lost it: %v", err)
		}
	}
	if err := l.LetGoImage(ctx, "c", older.Item, time.Hour, true); err != nil {
		t.Fatal(err)
	}
	none("c")
	if n, err := l.Images(ctx); err != nil || n != (docket.ImageCount{Waiting: 2, Failing: 1}) {
		t.Fatalf("%+v, %v", n, err)
	}
	// b stops before it came to anything.
	if err := l.LetGoImage(ctx, "b", newer.Item, 0, false); err != nil {
		t.Fatal(err)
	}
	claim("d", newer, 0)
	if err := l.PassImage(ctx, "d", newer.Item, docket.ImageOther); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Connect(t, localpg.Superuser).ExecContext(ctx, `UPDATE custody.images SET not_before = now()`); err != nil {
		t.Fatal(err)
	}
	claim("d", older, 2)
	// d is brought down by it: it rests, and longer the next time.
	if err := l.HoldImage(ctx, "d", older.Item, -time.Second); err != nil {
		t.Fatal(err)
	}
	none("e")
	for _, ago := range []time.Duration{2 * time.Minute, 4 * time.Minute} { // after two tries: 3
		if err := l.HoldImage(ctx, "d", older.Item, -ago); err != nil {
			t.Fatal(err)
		}
		if ago < 3*time.Minute {
			none("e")
		}
	}
	claim("d", older, 3)
	if err := l.Check(ctx); err != nil {
		t.Fatal(err)
	}
	// What was never disposed of is not passed over as erased.
	if err := l.PassImage(ctx, "d", older.Item, docket.ImageErased); err != nil {
		t.Fatal(err)
	}
	var altered *docket.Altered
	if err := l.Check(ctx); !errors.As(err, &altered) {
		t.Errorf("an image that nobody disposed of is noted as erased: %v", err)
	}
}

// TestImageEvents: what was found is said once, by who holds the image; Check
// compares the rows with the events.
func TestImageEvents(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	l, d, s := scene(t)
	a := deposited(t, l, s, "image in E01", time.Now().Add(-time.Hour).Truncate(time.Second))
	observed, err := l.ChainEvents(ctx, custody.Observations(a.Item))
	if err != nil || len(observed) != 1 {
		t.Fatalf("%d observations, %v", len(observed), err)
	}
	said := func(holder string, f *custody.ImageFound) (docket.Receipt, error) {
		return l.Observe(ctx, docket.Act{Body: custody.ImageDecoded(a.Item, a.SHA256, f), Basis: []custody.ID{observed[0].LeafHash},
			Told: map[custody.Field]string{custody.FieldExaminer: "Muhammad Rafiq", custody.FieldCaseNumber: "FIR 12/26"}}, docket.Effects{Image: holder})
	}
	size := func() uint64 {
		cp, err := l.Checkpoint(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return cp.Size
	}
	refused := func(who string) {
		t.Helper()
		before := size()
		if _, err := said(who, rulingtest.Decoded()); !errors.Is(err, docket.ErrClosed) {
			t.Fatalf("%s says what it doesn't hold: %v", who, err)
		}
		if now := size(); now != before {
			t.Fatalf("the log grew from %d to %d", before, now)
		}
	}
	refused("me")
	if _, err := l.ClaimImage(ctx, "me", lease); err != nil {
		t.Fatal(err)
	}
	refused("another")
	r, err := said("me", rulingtest.Decoded())
	if err != nil {
		t.Fatal(err)
	}
	refused("me") // once is enough
	if i, err := l.Image(ctx, a.Item); err != nil || i.State != docket.ImageState(custody.ImageWhole) || i.Event == nil || *i.Event != r.EventID {
		t.Fatalf("%+v, %v", i, err)
	}
	if n, err := l.Images(ctx); err != nil || n != (docket.ImageCount{Whole: 1}) {
		t.Fatalf("%+v, %v", n, err)
	}
	e, err := l.Event(ctx, r.EventID)
	if err != nil || len(e.Statement.Predicate.Details) != 2 {
		t.Fatalf("%v; details %v", err, e.Statement.Predicate.Details)
	}
	if err := l.Check(ctx); err != nil {
		t.Fatal(err)
	}
	super := d.Connect(t, localpg.Superuser)
	for _, spoil := range []string{
		`SET outcome = 'damaged'`, `SET outcome = 'other', event = NULL`, `SET outcome = NULL, event = NULL`, `SET event = sha256('another')`, `SET item = sha256('another')`,
	} {
		tx, err := super.BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.ExecContext(ctx, `CREATE TABLE kept AS TABLE custody.images; UPDATE custody.images `+spoil); err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		var altered *docket.Altered
		if err := l.Check(ctx); !errors.As(err, &altered) {
			t.Errorf("%s: %v", spoil, err)
		}
		if _, err := super.ExecContext(ctx, `DELETE FROM custody.images; INSERT INTO custody.images TABLE kept; DROP TABLE kept`); err != nil {
			t.Fatal(err)
		}
	}
	// A later reading, by whomever, is the newest word.
	if _, err := said("", rulingtest.Broken(1)); err != nil {
		t.Fatal(err)
	}
	if i, err := l.Image(ctx, a.Item); err != nil || i.State != docket.ImageState(custody.ImageDamaged) {
		t.Fatalf("%+v, %v", i, err)
	}
	if err := l.Check(ctx); err != nil {
		t.Fatal(err)
	}
}
