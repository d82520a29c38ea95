package verify

import (
	"maps"
	"slices"
	"strings"

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
// The policy's owner may know of it and accept it.
func (r *reader) recovered(e *Event, b *custody.LogRecovered) {
	name := LogRecovered
	if r.policy != nil && slices.ContainsFunc(r.policy.Logs, func(l PolicyLog) bool { return l.ID == r.logID && slices.Contains(l.Recoveries, e.ID) }) {
		name = RecoveryAccepted
	}
	r.find(name, at(e.Index), "the log says that it lost events (%s): it had signed a head of %d leaves and continues from %d", b.Cause, b.Signed.Size, e.Index)
}

// checkStatus says of whose keys' events no org.status of the organisation
// shows that they were not revoked. What a dossier shows of a key may lack its
// revocation; the organisation's own list, which nobody else can sign, shows
// that there was none up to the head that its signer saw.
func (r *reader) checkStatus() {
	late := map[custody.ID]*counted{}
	total := map[custody.ID]int{}
	for _, e := range r.out.Events {
		k := r.out.Keys[e.Statement.Predicate.Signer.Key]
		if k == nil || k.Cert == nil {
			continue
		}
		total[k.Org]++
		if o := r.out.Orgs[k.Org]; o == nil || o.Status == nil || e.Index >= o.Status.Size {
			if late[k.Org] == nil {
				late[k.Org] = &counted{}
			}
			late[k.Org].add(e.Index)
		}
	}
	for _, id := range slices.SortedFunc(maps.Keys(r.out.Orgs), custody.ID.Compare) {
		if r.tooOld(id) {
			continue // which says that its list is not enough
		}
		if n := late[id]; n != nil {
			r.find(StatusUnchecked, about(id), "of %d of %d events signed by keys of %q, from log index %d on, no list of revoked keys shows that the key was good", n.n, total[id], strings.TrimSpace(r.out.Orgs[id].Name), n.first)
		}
	}
}

// tooOld holds the newest org.status of an organisation whose keys signed to
// the age that the policy asks for.
func (r *reader) tooOld(id custody.ID) bool {
	if r.policy == nil {
		return false
	}
	i := slices.IndexFunc(r.policy.Organisations, func(o PolicyOrg) bool { return o.ID == id && o.OldestStatus != nil })
	if i < 0 || !slices.ContainsFunc(r.out.Events, func(e *Event) bool { return e.Org == id }) {
		return false
	}
	oldest := r.policy.Organisations[i].OldestStatus
	s := r.out.Orgs[id].Status
	switch {
	case s == nil:
		r.find(StatusTooOld, about(id), "the policy asks for a list of revoked keys not older than %s, and there is none", oldest)
		return true
	case s.Event.Statement.Predicate.Times.Signed.Std().Before(oldest.Std()):
		r.find(StatusTooOld, about(id), "the newest list of revoked keys is of %s; the policy asks for one not older than %s", s.Event.Statement.Predicate.Times.Signed, oldest)
		return true
	}
	return false
}
