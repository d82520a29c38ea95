package fixity

import (
	"context"
	"errors"
	"slices"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
)

// Teller is what is needed to record rot that came up while somebody read.
type Teller interface {
	// Fixity tells how the copy of an item's artifact was last found.
	Fixity(ctx context.Context, item custody.ID) (docket.Fixity, error)
	Event(ctx context.Context, id custody.ID) (*docket.Event, error)
	Observe(ctx context.Context, act docket.Act, effects docket.Effects) (docket.Receipt, error)
}

// Tell records a bad block that came up while somebody read. The whole copy is
// read next, and says how the other blocks are. What the newest event says
// already is not said for every reader again.
func Tell(ctx context.Context, l Teller, c *Copy, rot *Rot) error {
	if said, err := told(ctx, l, c.Item(), rot); said || err != nil {
		return err
	}
	b := c.Failed([]uint64{rot.Block}, 1, 1, rot.Reason)
	_, err := l.Observe(ctx, docket.Act{Body: b}, docket.Effects{Fixity: &docket.FixityEffect{}})
	return err
}

func told(ctx context.Context, l Teller, item custody.ID, rot *Rot) (bool, error) {
	f, err := l.Fixity(ctx, item)
	if errors.Is(err, docket.ErrNotFound) || err == nil && (f.Result != docket.FixityFailed || f.Event == nil) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	e, err := l.Event(ctx, *f.Event)
	if err != nil {
		return false, err
	}
	b, ok := e.Statement.Predicate.Body.(*custody.FixityFailed)
	return ok && (b.Reason == custody.FixityMissing || b.Reason == rot.Reason && slices.Contains(b.Blocks, rot.Block)), nil
}
