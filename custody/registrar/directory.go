package registrar

import (
	"context"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/standing"
	"github.com/evidence-custody/custodyd/evidence"
)

// Organisations implements Directory.
func (r *Registrar) Organisations(ctx context.Context, _ Caller, p Page) ([]Organisation, Next, error) {
	from, err := cursor(p)
	if err != nil {
		return nil, "", err
	}
	from.Limit++ // one more tells whether there is another page
	chains, err := r.ledger.Organisations(ctx, from)
	if err != nil {
		return nil, "", fault("ledger", err)
	}
	var next Next
	if len(chains) > p.Limit {
		chains = chains[:p.Limit]
		next = nextCursor(chains[p.Limit-1].Founded)
	}
	var out []Organisation
	for _, ch := range chains {
		o, err := organisation(ch)
		if err != nil {
			return nil, "", err
		}
		out = append(out, o)
	}
	return out, next, nil
}

func organisation(ch *docket.Chain) (Organisation, error) {
	p, err := published(ch)
	return Organisation{PublishedOrganisation: p, Founded: ch.Founded, FoundLeaf: ch.State.Org.Founded, Head: headOf(ch)}, err
}

func headOf(ch *docket.Chain) Head { return Head{ID: ch.ID, Seq: ch.Seq, Leaf: ch.Head} }

// Organisation implements Directory.
func (r *Registrar) Organisation(ctx context.Context, c Caller, id evidence.Digest) (Organisation, error) {
	ch, err := r.ledger.Chain(ctx, id)
	if err != nil {
		return Organisation{}, found("organisation", err)
	}
	if ch.State.Org == nil {
		return Organisation{}, &NotFound{What: "organisation"}
	}
	o, err := organisation(ch)
	if err != nil {
		return Organisation{}, err
	}
	keys, err := r.ledger.OrgKeys(ctx, id)
	if err != nil {
		return Organisation{}, fault("ledger", err)
	}
	for _, k := range keys {
		if k.Standing != nil && k.Standing.Status == standing.Requested && c.Org != id {
			continue // pending keys are the organisation's own business
		}
		view, err := r.key(ctx, c, k)
		if err != nil {
			return Organisation{}, err
		}
		o.Keys = append(o.Keys, view)
	}
	return o, nil
}

// Key implements Directory.
func (r *Registrar) Key(ctx context.Context, c Caller, id evidence.Digest) (Key, error) {
	k, err := r.ledger.Key(ctx, id)
	if err != nil {
		return Key{}, found("key", err)
	}
	if k.Standing == nil && len(k.RootOf) == 0 {
		return Key{}, &NotFound{What: "key"}
	}
	if k.Standing != nil && k.Standing.Status == standing.Requested && c.Org != k.Standing.Org {
		return Key{}, &NotFound{What: "key"}
	}
	return r.key(ctx, c, k)
}

func (r *Registrar) key(ctx context.Context, c Caller, k *docket.Key) (Key, error) {
	out := Key{ID: k.Public.ID(), SPKI: k.Public.SPKI()}
	s := k.Standing
	if s == nil {
		out.Org, out.Standing = k.RootOf[0], StandingRoot
		ch, err := r.ledger.Chain(ctx, out.Org)
		if err != nil {
			return Key{}, fault("ledger", err)
		}
		leaf := ch.State.Org.Founded
		out.CertLeaf = &leaf
		return out, nil
	}
	out.Org, out.Person, out.Standing = s.Org, s.Person, Standing(s.Status)
	request := s.Request
	out.RequestedLeaf, out.CertLeaf = &request, s.Cert
	for _, right := range s.Rights {
		out.Rights = append(out.Rights, Right(right))
	}
	if s.Revocation != nil {
		index := s.Revocation.Index
		out.RevokedIndex = &index
	}
	if k.Chain != nil {
		out.Head = headOf(k.Chain)
	}
	if c.Org == s.Org {
		blobs, err := r.ledger.Blobs(ctx, s.Person)
		if err != nil {
			return Key{}, fault("ledger", err)
		}
		out.PersonDocument = blobs[s.Person]
	}
	return out, nil
}

// partyOf is a recipient as a party; Person is zero for the whole organisation.
func partyOf(to custody.Recipient) Party {
	p := Party{Org: to.Org}
	if to.Person != nil {
		p.Person = *to.Person
	}
	return p
}
