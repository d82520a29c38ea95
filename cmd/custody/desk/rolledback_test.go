package desk

import (
	"context"
	"errors"
	"testing"

	"github.com/evidence-custody/custodyd/custody/keyring"
	"github.com/evidence-custody/custodyd/evidence"
)

// TestRolledBack: the log denies a head that it signed before.
func TestRolledBack(t *testing.T) {
	c := newCast(t)
	old := &fakeService{story: c.f.story.Apart(t), origin: c.f.origin}
	_, err := c.officer.OpenCase(context.Background(), Opening{Fields: map[string]string{"title": "x"}})
	must(t, err)
	c.officer.Service = rolledBack{forked{c.f, old}}
	_, err = c.officer.OpenCase(context.Background(), Opening{Fields: map[string]string{"title": "y"}})
	var split *keyring.SplitViewError
	if !errors.As(err, &split) || !errors.Is(err, keyring.ErrShorter) {
		t.Fatalf("got %v, want a SplitViewError that says the log is shorter", err)
	}
}

// rolledBack answers as the service does for a size it does not have.
type rolledBack struct{ forked }

func (r rolledBack) Consistency(ctx context.Context, from, to uint64) ([]evidence.Digest, error) {
	if to > r.twin.story.Leaves.Size() {
		return nil, &Answer{Status: 400, Code: "malformed", Rule: ruleRange}
	}
	return r.twin.Consistency(ctx, from, to)
}
