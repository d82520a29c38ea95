package ledger_test

import (
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/evidence"
)

// TestActsAcrossAJump: an act in the middle of which the clock was set back, or
// that a clock that was ahead has noted, is recorded all the same, in an order
// that a statement can have, and never later than it was signed.
func TestActsAcrossAJump(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	l, _, s := scene(t)
	a := deposited(t, l, s, "image", time.Now())
	now := time.Now()
	at := func(d time.Duration) time.Time { return now.Add(d) }
	for name, act := range map[string]docket.Act{
		"as it should be":         {From: at(-time.Hour), To: at(-time.Minute)},
		"set back in the middle":  {From: at(-time.Minute), To: at(-time.Hour)},
		"begun ahead":             {From: at(24 * time.Hour), To: now},
		"begun and ended ahead":   {From: at(24 * time.Hour), To: at(25 * time.Hour)},
		"an instant that's ahead": {From: at(24 * time.Hour)},
		"ended ahead":             {From: at(-time.Minute), To: at(24 * time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			act.Body = &custody.FixityPassed{Artifact: a.SHA256, Bytes: a.Size, Item: a.Item}
			r, err := l.Observe(ctx, act, docket.Effects{})
			if err != nil {
				t.Fatal(err)
			}
			e, err := l.Event(ctx, r.EventID)
			if err != nil {
				t.Fatal(err)
			}
			times := e.Statement.Predicate.Times
			from, signed := times.Act.From.Std(), times.Signed.Std()
			if from.After(signed) || (times.Act.To == nil) != act.To.IsZero() {
				t.Fatalf("recorded as %+v", times)
			}
			if times.Act.To != nil && (times.Act.To.Std().Before(from) || times.Act.To.Std().After(signed)) {
				t.Errorf("recorded as %+v", times)
			}
			if name == "as it should be" && (!from.Equal(custody.NewTime(act.From).Std()) || !times.Act.To.Std().Equal(custody.NewTime(act.To).Std())) {
				t.Errorf("the clock was right, and it is recorded as %+v", times)
			}
		})
	}
	if err := l.Check(ctx); err != nil {
		t.Error(err)
	}
}

// TestUploadsAcrossAJump: a clock that jumped ahead discards nobody's upload, and
// one that was set back brings no upload's end forward.
func TestUploadsAcrossAJump(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	l, _, s := scene(t)
	u := newUpload(evidence.Sum([]byte("u")), s)
	u.Expires = time.Now().Add(time.Hour).Truncate(time.Microsecond)
	if err := l.BeginUpload(ctx, u); err != nil {
		t.Fatal(err)
	}
	ended := func(at time.Time) int {
		t.Helper()
		some, err := l.ExpiredUploads(ctx, at)
		if err != nil {
			t.Fatal(err)
		}
		return len(some)
	}
	if n := ended(time.Now().Add(14 * 24 * time.Hour)); n != 0 {
		t.Error("it is discarded, since one clock is ahead")
	}
	sum := evidence.Sum([]byte("part"))
	part := docket.UploadPart{N: 1, ETag: "e", CRC64: make([]byte, 8), Size: 8 << 20, Leaves: sum[:]}
	if err := l.AddPart(ctx, u.ID, part, []byte("state 1"), time.Now().Add(-24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if now, err := l.Upload(ctx, u.ID); err != nil || !now.Expires.Equal(u.Expires) || now.Frontier != 1 {
		t.Errorf("after a part by a clock that was set back it ends at %s: %v", now.Expires, err)
	}
	second := part
	second.N = 2
	if err := l.AddPart(ctx, u.ID, second, []byte("state 2"), u.Expires.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if now, err := l.Upload(ctx, u.ID); err != nil || !now.Expires.Equal(u.Expires.Add(time.Hour)) {
		t.Errorf("after another part it ends at %s: %v", now.Expires, err)
	}
	// And by both it is over.
	v := newUpload(evidence.Sum([]byte("v")), s)
	v.ObjectKey, v.S3Upload, v.Expires = "other", "other", time.Now().Add(-time.Second)
	if err := l.BeginUpload(ctx, v); err != nil {
		t.Fatal(err)
	}
	if n := ended(time.Now()); n != 1 {
		t.Errorf("%d uploads are over, and one is", n)
	}
}
