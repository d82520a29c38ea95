package registrar

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/fixity"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
)

// rotten records a bad block that came up while somebody read. The whole copy
// is read next, and says how the other blocks are. What the newest event says
// already is not said for every reader again.
func (r *Registrar) rotten(ctx context.Context, c *fixity.Copy, rot *fixity.Rot) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	r.rot.Lock()
	defer r.rot.Unlock()
	if said, err := r.saidRotten(ctx, c.Item(), rot); said || err != nil {
		return err
	}
	b := c.Failed([]uint64{rot.Block}, 1, 1, rot.Reason)
	_, err := r.ledger.Observe(ctx, docket.Act{Body: b}, docket.Effects{Fixity: &docket.FixityEffect{}})
	return err
}

func (r *Registrar) saidRotten(ctx context.Context, item custody.ID, rot *fixity.Rot) (bool, error) {
	f, err := r.ledger.Fixity(ctx, item)
	if errors.Is(err, docket.ErrNotFound) || err == nil && (f.Result != docket.FixityFailed || f.Event == nil) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	e, err := r.ledger.Event(ctx, *f.Event)
	if err != nil {
		return false, err
	}
	b, ok := e.Statement.Predicate.Body.(*custody.FixityFailed)
	return ok && (b.Reason == custody.FixityMissing || b.Reason == rot.Reason && slices.Contains(b.Blocks, rot.Block)), nil
}
