package verify

import (
	"maps"
	"slices"

	"github.com/evidence-custody/custodyd/custody"
)

// Confirmation is a custodian's newest signed statement of an item's head.
type Confirmation struct {
	Event *Event
	Seq   uint64     // complete to this place of the item's chain
	Head  custody.ID // leaf hash of the event there
}

// confirmations says how far each item in scope is complete according to its
// custodian: the link of a custody.confirmed names the head it confirms.
func (r *reader) confirmations() {
	for _, e := range r.out.Events {
		if e.Kind() != custody.KindConfirmed {
			continue
		}
		for _, l := range e.Statement.Predicate.Chains {
			if it := r.out.Items[l.ID]; it != nil && l.Prev != nil {
				it.Confirmed = &Confirmation{Event: e, Seq: l.Seq - 1, Head: *l.Prev}
			}
		}
	}
	for _, id := range slices.SortedFunc(maps.Keys(r.out.Items), custody.ID.Compare) {
		c := r.out.Items[id].Confirmed
		if c == nil {
			continue
		}
		f := at(c.Event.Index)
		f.Subject = &id
		r.find(ConfirmedTo, f, "item %s is complete to seq %d according to its custodian then, %s", id.Short(), c.Seq, r.signerWords(c.Event))
	}
}

// signerWords names an event's signer as far as policy and documents do.
func (r *reader) signerWords(e *Event) string {
	words := "person " + e.Signer.Person.Short()
	if f := r.out.Documents[e.Signer.Person]; f != nil && f.Fields["name"] != "" {
		words = f.Fields["name"]
	}
	if o := r.out.Orgs[e.Org]; o != nil {
		words += " of " + o.Name
	}
	return words
}

// recovered reports that the log lost events which it had signed: of what the
// lost part held, no dossier made since can show anything.
func (r *reader) recovered(e *Event, b *custody.LogRecovered) {
	r.find(LogRecovered, at(e.Index), "the log says that it lost events (%s): it had signed a head of %d leaves and continues from %d", b.Cause, b.Signed.Size, e.Index)
}
