package ledger

import (
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/ruling"
)

// place is where an event stands in the log.
type place struct {
	event custody.ID
	index uint64
	leaf  custody.ID
}

// sealedEvent is an admitted event with what it changes.
type sealedEvent struct {
	*prepared
	place
	chains []*docket.Chain
	parts  []docket.Involvement
}

// admit asks the judge and records in the group's layer what the event changes.
// Check replays the log through the same function.
func admit(w *world, p *prepared, index uint64) (*sealedEvent, error) {
	for id, d := range p.documents {
		if d.Type == string(custody.DocLog) || d.Type == string(custody.DocOrganisation) {
			w.group.docs[id] = d.Bytes
		}
	}
	entry := ruling.Entry{Index: index, Leaf: p.leafHash, EventID: p.eventID, Statement: p.statement}
	r, err := ruling.Judge(w, entry)
	if err != nil {
		return nil, err
	}
	s := &sealedEvent{prepared: p, place: place{p.eventID, index, p.leafHash}}
	for _, c := range r.Chains {
		chain, err := project(w, c)
		if err != nil {
			return nil, err
		}
		s.chains = append(s.chains, chain)
	}
	for _, c := range s.chains {
		w.group.chains[c.ID] = c
	}
	w.group.entries[entry.Leaf] = &entry
	w.group.events[p.eventID] = s
	s.parts = involve(&p.statement.Predicate, s, r.Signer)
	return s, nil
}

// project adds what a chain belongs to.
func project(w *world, c ruling.Chain) (*docket.Chain, error) {
	old, err := w.chain(c.ID)
	if err != nil {
		return nil, err
	}
	next := &docket.Chain{Chain: c, Founded: c.Index}
	if old != nil {
		next.Founded = old.Founded
	}
	id := c.ID
	switch s := c.State; {
	case s.Case != nil:
		next.Case, next.Org = &id, &s.Case.Agency
	case s.Item != nil:
		next.Case, next.Org = &s.Item.Case, &s.Item.Holder.Org
	case s.Key != nil:
		next.Org = &s.Key.Org
	case s.Grant != nil:
		next.Case, next.Org = &s.Grant.Case, &s.Grant.To.Org
	case s.About != nil:
		next.About = s.About
		about, err := w.chain(*s.About)
		if err != nil {
			return nil, err
		}
		if about != nil {
			next.Case = about.Case
		}
	}
	return next, nil
}

// involve says who has a part in a case by this event.
func involve(p *custody.Predicate, s *sealedEvent, signer custody.Party) []docket.Involvement {
	var out []docket.Involvement
	holders := func() {
		for _, c := range s.chains {
			if c.State.Item != nil {
				out = append(out, docket.Involvement{Case: c.State.Item.Case, Item: c.ID, Org: signer.Org, Part: docket.PartHolder, Index: s.index})
			}
		}
	}
	to := func(r custody.Recipient, i docket.Involvement) {
		i.Org, i.Index = r.Org, s.index
		if r.Person != nil {
			i.Person = *r.Person
		}
		out = append(out, i)
	}
	switch b := p.Body.(type) {
	case *custody.CaseOpened:
		out = append(out, docket.Involvement{Case: b.Case, Org: signer.Org, Part: docket.PartAgency, Index: s.index})
	case *custody.ItemRegistered, *custody.Deposited, *custody.Accepted, *custody.Assumed:
		holders()
	case *custody.Released:
		for _, c := range s.chains {
			to(b.To, docket.Involvement{Case: c.State.Item.Case, Item: c.ID, Part: docket.PartRecipient})
		}
	case *custody.Granted:
		i := docket.Involvement{Case: b.Case, Part: docket.PartGranteeRecord}
		if b.Expires != nil {
			at := b.Expires.Std()
			i.Expires = &at
		}
		if b.Scope == custody.ScopeRecord {
			to(b.To, i)
			break
		}
		for _, item := range b.Items {
			i.Item, i.Part = item, docket.PartGranteeBytes
			to(b.To, i)
		}
	}
	return out
}
