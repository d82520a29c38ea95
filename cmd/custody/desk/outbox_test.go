package desk

import (
	"context"
	"errors"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
)

var errLine = errors.New("the line went dead")

func TestLostAnswerIsSentAgain(t *testing.T) {
	c := newCast(t)
	ctx := context.Background()
	lost := true
	c.f.afterAppend = func() error {
		if lost {
			return errLine
		}
		return nil
	}
	if _, err := c.officer.Release(ctx, c.release()); !errors.Is(err, ErrPending) || !errors.Is(err, errLine) {
		t.Fatalf("got %v, want ErrPending", err)
	}
	count := len(c.f.story.Entries)
	waiting, err := c.officer.Outbox.Pending()
	if err != nil || len(waiting) != 1 {
		t.Fatalf("%d waiting, %v", len(waiting), err)
	}
	lost = false
	results, err := c.officer.Resend(ctx)
	if err != nil || len(results) != 1 || results[0].Err != nil || results[0].Recorded.Index != uint64(count-1) {
		t.Fatalf("resent %+v, %v", results, err)
	}
	if len(c.f.story.Entries) != count {
		t.Error("the event was recorded twice")
	}
	if _, err := c.officer.Outbox.Receipt(waiting[0].EventID); err != nil {
		t.Error(err)
	}
}

// TestLostFoundingIsRemembered: the key learns its organisation from the event
// that was sent again.
func TestLostFoundingIsRemembered(t *testing.T) {
	f := newFake(t)
	d := sit(t, f, "root")
	f.afterAppend = func() error { return errLine }
	if _, err := d.FoundOrganisation(context.Background(), Founding{Name: "A", Class: custody.OrgAgency}); !errors.Is(err, ErrPending) {
		t.Fatal(err)
	}
	f.afterAppend = nil
	if results, err := d.Resend(context.Background()); err != nil || results[0].Err != nil {
		t.Fatalf("%+v, %v", results, err)
	}
	if meta, err := d.Ring.Meta("root"); err != nil || !meta.Root || meta.Cert.IsZero() || meta.Organisation.IsZero() {
		t.Errorf("remembered %+v, %v", meta, err)
	}
}
