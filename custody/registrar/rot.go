package registrar

import (
	"context"
	"time"

	"github.com/evidence-custody/custodyd/custody/fixity"
)

// rotten records a bad block that came up while somebody read, once for all of
// them.
func (r *Registrar) rotten(ctx context.Context, c *fixity.Copy, rot *fixity.Rot) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	r.rot.Lock()
	defer r.rot.Unlock()
	return fixity.Tell(ctx, r.ledger, c, rot)
}
