package verify

import (
	"slices"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ruling"
)

// remark notes what an admitted event shows beside the state before it: seals
// that are not those of the last hand-over, times that contradict each other,
// and rules that could not be applied because a thing is outside the scope.
// The world is still the one before the event.
func (r *reader) remark(e ruling.Entry, rule *ruling.Ruling) {
	for _, h := range handed(e.Statement.Predicate.Body) {
		r.remarkSeals(e, h)
	}
	if b, ok := e.Statement.Predicate.Body.(*custody.Declined); ok && b.Reason == custody.DeclineSeal {
		for _, id := range b.Items {
			f := at(e.Index)
			f.Subject = &id
			r.find(SealDiffers, f, "the recipient declined item %s because of its seal", id.Short())
		}
	}
	var outside []custody.ID
	for _, c := range rule.Chains {
		if c.Type != custody.ChainItem {
			continue
		}
		if c.Partial {
			outside = append(outside, c.ID)
		} else {
			r.remarkTime(e, c.ID)
		}
	}
	for _, id := range relatedItems(e.Statement.Predicate.Body) {
		if c := r.world.chains[id]; !r.world.whole[id] && (c == nil || c.Partial) {
			outside = append(outside, id)
		}
	}
	if len(outside) > 0 {
		f := at(e.Index)
		f.Subject = &outside[0]
		r.find(OutsideScope, f, "%d item(s) that the event is about are outside the dossier's scope: who held them was not checked", len(outside))
	}
}

// handed lists the items of a hand-over with the seals given.
func handed(b custody.Body) []custody.HandedItem {
	switch b := b.(type) {
	case *custody.Released:
		return b.Items
	case *custody.Accepted:
		return b.Items
	case *custody.Assumed:
		return b.Items
	}
	return nil
}

func (r *reader) remarkSeals(e ruling.Entry, h custody.HandedItem) {
	c := r.world.chains[h.Item]
	if c == nil || c.Partial || c.State.Item == nil {
		return
	}
	f := at(e.Index)
	f.Subject = &h.Item
	switch {
	case h.State == custody.SealBroken:
		r.find(SealDiffers, f, "a seal of item %s was found broken", h.Item.Short())
	case !slices.Equal(h.Seals, c.State.Item.Seals):
		r.find(SealDiffers, f, "item %s is handed over under seals %q; before it was under %q", h.Item.Short(), h.Seals, c.State.Item.Seals)
	}
}

// remarkTime: an act on an item that claims to be earlier than the act before.
func (r *reader) remarkTime(e ruling.Entry, id custody.ID) {
	c := r.world.chains[id]
	if c == nil {
		return
	}
	before := r.world.entries[c.Head]
	if before == nil {
		return
	}
	was, now := before.Statement.Predicate.Times.Act.From, e.Statement.Predicate.Times.Act.From
	if now.Std().Before(was.Std()) {
		f := at(e.Index)
		f.Subject = &id
		r.find(TimesContradict, f, "the act claims %s, but the act on item %s before it (log index %d) claims %s", now, id.Short(), before.Index, was)
	}
}

// relatedItems lists items that a body's rules look at without advancing them.
func relatedItems(b custody.Body) []custody.ID {
	parent := func(p *custody.ID) []custody.ID {
		if p == nil {
			return nil
		}
		return []custody.ID{*p}
	}
	switch b := b.(type) {
	case *custody.ItemRegistered:
		return parent(b.Parent)
	case *custody.Deposited:
		return parent(b.Parent)
	case *custody.Granted:
		return b.Items
	case *custody.AccessRequested:
		return []custody.ID{b.Item}
	case *custody.Verification:
		return []custody.ID{b.Item}
	case *custody.Opinion:
		return b.Items
	case *custody.ReportIssued:
		return b.Items
	}
	return nil
}
