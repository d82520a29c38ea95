package desk

import (
	"context"
	"fmt"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// Stating asks for a list of the revoked keys of the desk's organisation.
type Stating struct {
	Telling Telling
}

// Stated is a recorded list.
type Stated struct {
	Recorded
	Organisation evidence.Digest   `json:"organisation"`
	Revoked      []evidence.Digest `json:"revoked"` // sorted; empty for none
	Seq          uint64            `json:"seq"`     // how far the organisation's chain was read
}

// StateKeys signs the list of all keys that the desk's organisation has revoked
// so far, with a root key or one that has the right certify. The list is made
// from the organisation's own events, not from what the service says of keys:
// its chain is read back to its founding, each event checked against the leaf
// hash that the next one names. A revocation that the service keeps back would
// then be a second event at one place of the chain: proof of its fraud.
func (d *Desk) StateKeys(ctx context.Context, in Stating) (Stated, error) {
	out := Stated{Organisation: d.Key.Organisation}
	if out.Organisation.IsZero() {
		return out, ErrNotCertified
	}
	r, err := d.perform(ctx, func() (act, error) {
		head, ok, err := d.Service.Chain(ctx, out.Organisation)
		if err != nil {
			return act{}, fmt.Errorf("couldn't get the head of the organisation's chain: %w", err)
		}
		if !ok {
			return act{}, fmt.Errorf("couldn't find organisation %s: %w", out.Organisation.Short(), ErrUnknown)
		}
		if out.Revoked, err = d.revoked(ctx, out.Organisation, head); err != nil {
			return act{}, fmt.Errorf("couldn't read the organisation's chain: %w", err)
		}
		out.Seq = head.Seq
		return act{body: &custody.OrgStatus{Org: out.Organisation, Revoked: out.Revoked}, telling: in.Telling,
			verified: &Dossier{walked: map[evidence.Digest]Head{out.Organisation: head}}}, nil
	})
	out.Recorded = r
	return out, err
}

// revoked reads an organisation's chain from head back to its founding, or to
// a list that this very key signed, and returns every key revoked on it.
func (d *Desk) revoked(ctx context.Context, org evidence.Digest, head Head) ([]evidence.Digest, error) {
	var keys []evidence.Digest
	for seq, leaf := head.Seq, head.Leaf; ; seq-- {
		st, err := d.eventAt(ctx, org, seq, leaf)
		if err != nil {
			return nil, err
		}
		switch b := st.Predicate.Body.(type) {
		case *custody.KeyRevoked:
			keys = append(keys, b.Key)
		case *custody.OrgStatus:
			if st.Predicate.Signer.Key == d.Key.KeyID() {
				return custody.SortedIDs(append(keys, b.Revoked...)...), nil
			}
		}
		if seq == 0 {
			if b, ok := st.Predicate.Body.(*custody.Founded); !ok || b.Org != org {
				return nil, fmt.Errorf("it begins with %s: %w", st.Predicate.Kind, ErrFork)
			}
			return custody.SortedIDs(keys...), nil
		}
		leaf = *link(st, org).Prev
	}
}

// eventAt fetches the event of that leaf hash and holds it to its place.
func (d *Desk) eventAt(ctx context.Context, chain evidence.Digest, seq uint64, leaf evidence.Digest) (*custody.Statement, error) {
	e, err := d.Service.Event(ctx, leaf)
	if err != nil {
		return nil, fmt.Errorf("couldn't get event %s at seq %d: %w", leaf.Short(), seq, err)
	}
	env, err := seal.ParseEnvelope(e.Envelope)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the event at seq %d: %w", seq, err)
	}
	key, err := seal.ParseSPKI(e.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the key of the event at seq %d: %w", seq, err)
	}
	if got := tlog.LeafHash(tlog.Leaf(env, key)); got != leaf {
		return nil, fmt.Errorf("the event shown at seq %d is %s, not %s: %w", seq, got.Short(), leaf.Short(), ErrEvidence)
	}
	if err := key.Verify(env); err != nil {
		return nil, fmt.Errorf("the event at seq %d is not signed by its key: %w: %w", seq, ErrEvidence, err)
	}
	st, err := custody.Decode(env.Payload)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the event at seq %d: %w: %w", seq, ErrEvidence, err)
	}
	if l := link(st, chain); l == nil || l.Seq != seq || st.Predicate.Signer.Key != key.ID() {
		return nil, fmt.Errorf("the event shown at seq %d says that it stands elsewhere: %w", seq, ErrEvidence)
	}
	return st, nil
}

// link returns the statement's link on a chain, or nil.
func link(st *custody.Statement, chain evidence.Digest) *custody.Link {
	for i := range st.Predicate.Chains {
		if l := &st.Predicate.Chains[i]; l.ID == chain {
			return l
		}
	}
	return nil
}
