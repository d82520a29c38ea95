package ruling

import (
	"slices"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/standing"
)

// orgStatus: exactly the organisation's revoked keys. A verifier that has only
// some events of the organisation's chain knows some of its revocations, and
// of the keys whose chains it has whether they were revoked; the list must
// agree with all of it.
func (c *hearing) orgStatus(b *custody.OrgStatus) error {
	if err := c.certifier(b.Org); err != nil {
		return err
	}
	chain := c.advanced(b.Org)
	var known []custody.ID
	if chain.State.Org != nil {
		known = chain.State.Org.Revoked
	}
	for _, key := range known {
		if _, listed := slices.BinarySearchFunc(b.Revoked, key, custody.ID.Compare); !listed {
			return custody.Refuse("status.list", "predicate.body.revoked", "key %s was revoked and is not listed", key.Short())
		}
	}
	for _, key := range b.Revoked {
		if _, revoked := slices.BinarySearchFunc(known, key, custody.ID.Compare); revoked {
			continue
		}
		if chain.Partial {
			elsewhere, err := c.revokedElsewhere(b.Org, key)
			if err != nil {
				return err
			}
			if elsewhere {
				continue
			}
		}
		return custody.Refuse("status.list", "predicate.body.revoked", "key %s is listed, and no key of the organisation that was revoked", key.Short())
	}
	if org := chain.State.Org; org != nil { // nil only in a verifier's partial chain
		c.set(b.Org, State{Org: org.State(standing.Stated{Index: c.e.Index, Leaf: c.e.Leaf, Seen: c.p.Seen.Size})})
	}
	return nil
}

// revokedElsewhere reports whether a key that the shown part of its
// organisation's chain does not revoke may have been revoked in the rest.
func (c *hearing) revokedElsewhere(org, key custody.ID) (bool, error) {
	chain, err := c.chain(key)
	if err != nil {
		return false, err
	}
	if chain == nil || chain.State.Key == nil {
		return chain != nil && chain.Partial, nil
	}
	k := chain.State.Key
	return k.Org == org && (k.Status == standing.Revoked || chain.Partial), nil
}

// logTime: the checkpoint timestamped is one that the service has seen.
func (c *hearing) logTime(b *custody.LogTime) error {
	seen := c.p.Seen
	if b.Size > seen.Size || (b.Size == seen.Size && b.Root != seen.Root) {
		return custody.Refuse("time.future", "predicate.body.size", "the checkpoint timestamped is not in the history of the checkpoint seen, of %d leaves", seen.Size)
	}
	c.observe(b.Log)
	return nil
}

// logRecovered: the first event after the loss, from a head that the log had
// signed at or beyond it.
func (c *hearing) logRecovered(b *custody.LogRecovered) error {
	switch {
	case c.p.Seen.Size != c.e.Index:
		return custody.Refuse("recovery.seen", "predicate.seen.size", "a recovery is the first event after the loss: at log index %d it has seen %d leaves, not %d", c.e.Index, c.e.Index, c.p.Seen.Size)
	case b.Signed.Size < c.e.Index:
		return custody.Refuse("recovery.signed", "predicate.body.signed.size", "a head of %d leaves is shown whole by a log of %d: nothing was lost", b.Signed.Size, c.e.Index)
	}
	return nil
}
