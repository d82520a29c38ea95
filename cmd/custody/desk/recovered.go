package desk

import (
	"context"
	"fmt"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/keyring"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// recovered goes on from a head that does not continue what this person saw,
// where the log says so itself (log.recovered) and the person's trust policy
// lists that event: they know of the loss, and have said so under a fingerprint
// that they compared. Anything else stays a split view.
func (d *Desk) recovered(ctx context.Context, l *logIdentity, split *keyring.SplitViewError, head keyring.Head) (keyring.Head, error) {
	if d.Policy == nil {
		return keyring.Head{}, split
	}
	for _, p := range d.Policy.Logs {
		if p.ID != l.id {
			continue
		}
		for _, event := range p.Recoveries {
			if why := d.covers(ctx, l, event, split.Seen, head); why != nil {
				continue // of another loss, or not what it was said to be
			}
			if _, err := d.Seen.Restart(l.id, split.Seen, head); err != nil {
				return keyring.Head{}, err
			}
			return head, nil
		}
	}
	return keyring.Head{}, fmt.Errorf("%w; if the log lost events and says so (log.recovered), list that event among the recoveries of your trust policy", split)
}

// covers checks that an event is this log's own record, under the head at hand,
// of a loss of which the head seen before is a part. It returns why not.
func (d *Desk) covers(ctx context.Context, l *logIdentity, event custody.ID, seen, head keyring.Head) error {
	e, err := d.Service.Event(ctx, event)
	if err != nil {
		return err
	}
	env, err := seal.ParseEnvelope(e.Envelope)
	if err != nil {
		return err
	}
	key, err := seal.ParseSPKI(e.PublicKey)
	if err != nil {
		return err
	}
	if err := key.Verify(env); err != nil {
		return err
	}
	s, err := custody.Decode(env.Payload)
	if err != nil {
		return err
	}
	b, ok := s.Predicate.Body.(*custody.LogRecovered)
	r := e.Receipt
	leaf := tlog.LeafHash(tlog.Leaf(env, key))
	if !ok || env.EventID() != event || b.Log != l.id || !l.document.ServiceKey(key.ID()) || r.LeafHash != leaf {
		return fmt.Errorf("event %s is not this log's record of a loss", event.Short())
	}
	// The loss begins at the record's own place and ends at what was signed.
	if r.Index >= seen.Size || b.Signed.Size < seen.Size {
		return fmt.Errorf("event %s is of the loss of events %d to %d, the head seen has %d", event.Short(), r.Index, b.Signed.Size, seen.Size)
	}
	cp, err := d.openCheckpoint(ctx, []byte(r.Checkpoint))
	if err != nil {
		return err
	}
	if err := tlog.VerifyInclusion(leaf, r.Index, cp.Size, r.Inclusion, cp.Root); err != nil {
		return err
	}
	return d.sameHistory(ctx, cp, head)
}

// sameHistory checks that two heads are of one history, whichever is older.
func (d *Desk) sameHistory(ctx context.Context, cp tlog.Checkpoint, head keyring.Head) error {
	sizes, roots := [2]uint64{cp.Size, head.Size}, [2]evidence.Digest{cp.Root, head.Root}
	if sizes[0] > sizes[1] {
		sizes[0], sizes[1], roots[0], roots[1] = sizes[1], sizes[0], roots[1], roots[0]
	}
	var proof []evidence.Digest
	if sizes[0] < sizes[1] {
		var err error
		if proof, err = d.Service.Consistency(ctx, sizes[0], sizes[1]); err != nil {
			return err
		}
	}
	return tlog.VerifyConsistency(sizes[0], roots[0], sizes[1], roots[1], proof)
}
