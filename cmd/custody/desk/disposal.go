package desk

import (
	"context"
	"fmt"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
)

// Disposal ends the custody of one item for good.
type Disposal struct {
	Item      evidence.Digest
	Approval  evidence.Digest // leaf of the other person's act.approved
	Authority custody.DisposalAuthority
	Method    custody.DisposalMethod // "": key-destroyed where the item has stored bytes; otherwise it must be said
	Telling   Telling
}

// Dispose signs the disposal, after verifying the item's dossier. Nothing can be
// done to the item afterwards; of stored bytes the service destroys the key.
func (d *Desk) Dispose(ctx context.Context, in Disposal) (Recorded, error) {
	return d.perform(ctx, func() (act, error) {
		verified, err := d.VerifyItems(ctx, in.Item)
		if err != nil {
			return act{}, err
		}
		it, err := verified.item(in.Item)
		if err != nil {
			return act{}, err
		}
		if it.Phase != custody.PhaseHeld || it.Holder != d.Identity() {
			return act{}, fmt.Errorf("couldn't dispose of item %s: %w", in.Item.Short(), ErrNotHolder)
		}
		method := in.Method
		if method == "" && it.Artifact != nil {
			method = custody.DisposeKeyDestroyed
		}
		if (method == custody.DisposeKeyDestroyed) != (it.Artifact != nil) {
			return act{}, fmt.Errorf("couldn't dispose of item %s, which is of class %s, by %q: stored bytes are disposed of by key-destroyed, other items by returned or destroyed", in.Item.Short(), it.Class, method)
		}
		return act{body: &custody.Disposed{Authority: in.Authority, Case: it.Case, Item: in.Item, Method: method},
			basis: []evidence.Digest{in.Approval}, telling: in.Telling, verified: verified}, nil
	})
}
