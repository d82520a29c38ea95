package registrar

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
)

// sight is what a caller may see of one case.
type sight struct {
	whole bool                // agency, or a grant of the record
	items map[custody.ID]bool // otherwise these
}

func (s sight) any() bool { return s.whole || len(s.items) > 0 }

func (s sight) item(id custody.ID) bool { return s.whole || s.items[id] }

// sights returns the caller's sight of every case it has to do with. Only
// people with a certified key see cases.
func (r *Registrar) sights(ctx context.Context, c Caller) (map[custody.ID]sight, error) {
	out := map[custody.ID]sight{}
	if c.Root || c.Standing != StandingCertified {
		return out, nil
	}
	parts, err := r.ledger.Involvements(ctx, c.Org)
	if err != nil {
		return nil, fault("ledger", err)
	}
	now := r.now()
	for _, p := range parts {
		if (!p.Person.IsZero() && p.Person != c.Person) || (p.Expires != nil && !now.Before(*p.Expires)) {
			continue
		}
		s, ok := out[p.Case]
		if !ok {
			s.items = map[custody.ID]bool{}
		}
		switch p.Part {
		case docket.PartAgency, docket.PartGranteeRecord:
			s.whole = true
		case docket.PartHolder, docket.PartRecipient, docket.PartGranteeBytes:
			s.items[p.Item] = true
		}
		out[p.Case] = s
	}
	return out, nil
}

func (r *Registrar) sightOf(ctx context.Context, c Caller, id custody.ID) (sight, error) {
	all, err := r.sights(ctx, c)
	if err != nil {
		return sight{}, err
	}
	return all[id], nil
}

// seesChain: organisations and keys are for every caller; the rest is case
// material.
func (r *Registrar) seesChain(ctx context.Context, c Caller, ch *docket.Chain) (bool, error) {
	if inv := c.Invitation; inv != nil {
		return ch.ID == inv.Organisation, nil // whose chain a key.requested continues
	}
	switch ch.Type {
	case custody.ChainLog, custody.ChainOrg, custody.ChainKey:
		return !c.Nobody(), nil
	case custody.ChainCase, custody.ChainItem, custody.ChainGrant, custody.ChainObservations, custody.ChainAccess:
	}
	if ch.Case == nil {
		_, log := r.ledger.LogDocument()
		return ch.About != nil && *ch.About == log && !c.Nobody(), nil // timestamps: the log's own
	}
	s, err := r.sightOf(ctx, c, *ch.Case)
	if err != nil || s.whole {
		return s.whole, err
	}
	switch ch.Type {
	case custody.ChainCase:
		return s.any(), nil
	case custody.ChainItem:
		return s.items[ch.ID], nil
	case custody.ChainObservations, custody.ChainAccess:
		return ch.About != nil && s.items[*ch.About], nil
	case custody.ChainGrant:
		return ch.State.Grant != nil && ch.State.Grant.To.Org == c.Org, nil
	case custody.ChainLog, custody.ChainOrg, custody.ChainKey:
	}
	return false, nil
}

// seesEvent: an event is seen with any chain that it advances.
func (r *Registrar) seesEvent(ctx context.Context, c Caller, e *docket.Event) (bool, error) {
	for _, l := range e.Statement.Predicate.Chains {
		ch, err := r.ledger.Chain(ctx, l.ID)
		if err != nil {
			return false, fault("ledger", err)
		}
		if ok, err := r.seesChain(ctx, c, ch); err != nil || ok {
			return ok, err
		}
	}
	return false, nil
}

// discloses reports whether the caller may read the event's words.
func (r *Registrar) discloses(ctx context.Context, c Caller, e *docket.Event) (bool, error) {
	switch b := e.Statement.Predicate.Body.(type) {
	case *custody.Genesis, *custody.Founded:
		return true, nil
	case *custody.KeyRequested:
		return b.Org == c.Org, nil
	case *custody.KeyCertified:
		return b.Org == c.Org, nil
	case *custody.KeyRevoked:
		return b.Org == c.Org, nil
	case *custody.OrgStatus:
		return b.Org == c.Org, nil
	case *custody.Approved:
		return b.Org == c.Org, nil
	}
	for _, l := range e.Statement.Predicate.Chains {
		ch, err := r.ledger.Chain(ctx, l.ID)
		if err != nil {
			return false, fault("ledger", err)
		}
		if ch.Case == nil {
			continue
		}
		s, err := r.sightOf(ctx, c, *ch.Case)
		if err != nil {
			return false, err
		}
		return s.whole || r.partShown(c, s, e), nil
	}
	return false, nil
}

// partShown says what of a case's words is shown to somebody who sees only
// some items: those items' own words, the case's title, and what is addressed
// to or signed by their organisation. Another laboratory's opinion is not: a
// second laboratory examines without the first one's notes.
func (r *Registrar) partShown(c Caller, s sight, e *docket.Event) bool {
	p := &e.Statement.Predicate
	switch b := p.Body.(type) {
	case *custody.CaseOpened, *custody.Genesis, *custody.Founded, *custody.KeyRequested, *custody.KeyCertified, *custody.KeyRevoked:
		return true
	case *custody.Granted:
		return b.To.Org == c.Org
	case *custody.ReportIssued:
		return b.For.Org == c.Org && b.For.Person == c.Person // made of what that person may see
	case *custody.Opinion, *custody.Correction:
		return p.Signer.Key == c.Key
	}
	for _, id := range custody.ItemsOf(p.Body) {
		if s.items[id] {
			return true
		}
	}
	return false
}

func sortedFields(m map[custody.Field]custody.ID) []custody.Field {
	return slices.Sorted(maps.Keys(m))
}

// valueOf returns a detail's value as JSON, for reading.
func valueOf(b []byte) json.RawMessage {
	d, err := custody.ParseDetail(b)
	if err != nil {
		return nil
	}
	v, err := json.Marshal(d.Value)
	if err != nil {
		return nil
	}
	return v
}
