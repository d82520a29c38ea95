// Package standing says who stands where: organisations, their root keys, the
// keys they certified for their people, and what a key could do at a given
// position of the log (FORMAT, TRUST).
package standing

import (
	"slices"

	"github.com/evidence-custody/custodyd/custody"
)

// Org is an organisation as the log shows it. That it stands in a log gives it
// no trust: trust is the verifier's policy.
type Org struct {
	Founded  custody.ID          `json:"founded"` // leaf of org.founded
	Document custody.OrgDocument `json:"document"`
	Revoked  []custody.ID        `json:"revoked,omitempty"` // its keys revoked so far, sorted
	Stated   *Stated             `json:"stated,omitempty"`  // its newest org.status
}

// Stated is where an organisation's newest org.status stands: its own word of
// which of its keys were revoked, as of the checkpoint that its signer saw.
type Stated struct {
	Index uint64     `json:"index"` // the org.status's log index
	Leaf  custody.ID `json:"leaf"`
	Seen  uint64     `json:"seen"` // its seen.size: what came later it does not speak of
}

// State returns the organisation after one more org.status.
func (o *Org) State(s Stated) *Org {
	next := *o
	next.Stated = &s
	return &next
}

// Revoke returns the organisation after one more of its keys was revoked.
func (o *Org) Revoke(key custody.ID) *Org {
	next := *o
	next.Revoked = custody.SortedIDs(append([]custody.ID{key}, o.Revoked...)...)
	return &next
}

// Status is what has happened to a key so far.
type Status string

// Key statuses.
const (
	Requested Status = "requested"
	Certified Status = "certified"
	Revoked   Status = "revoked"
)

// Key is one person's key at a log position.
type Key struct {
	ID     custody.ID      `json:"id"`
	Org    custody.ID      `json:"org"`
	Person custody.ID      `json:"person"`
	Status Status          `json:"status"`
	Rights []custody.Right `json:"rights,omitempty"`

	Request   custody.ID  `json:"request"`        // leaf of key.requested
	Cert      *custody.ID `json:"cert,omitempty"` // leaf of key.certified
	CertIndex uint64      `json:"certIndex,omitempty"`

	Revocation *Revocation `json:"revocation,omitempty"`
}

// Revocation is the end of a key.
type Revocation struct {
	Index     uint64                   `json:"index"`     // the revocation's own log index
	Contested uint64                   `json:"contested"` // first log index that is contested
	Reason    custody.RevocationReason `json:"reason"`
	Leaf      custody.ID               `json:"leaf"`
}

// Has reports whether the key was certified with the right r.
func (k *Key) Has(r custody.Right) bool { return slices.Contains(k.Rights, r) }

// Party is the person in the organisation for whom the key acts.
func (k *Key) Party() custody.Party { return custody.Party{Org: k.Org, Person: k.Person} }

// Worth is what an event at one log index, signed by a key, is worth.
type Worth int

// Worths.
const (
	Good      Worth = iota
	Contested       // signed before the revocation, but in its contested interval: always shown
	Invalid         // at or after the revocation
)

// At judges an event of the given log index by what is known of the key now.
func (k *Key) At(index uint64) Worth {
	switch r := k.Revocation; {
	case r == nil:
		return Good
	case index >= r.Index:
		return Invalid
	case index >= r.Contested:
		return Contested
	}
	return Good
}

// Request returns the key that a key.requested founds.
func Request(b *custody.KeyRequested, leaf custody.ID) *Key {
	return &Key{ID: b.Key, Org: b.Org, Person: b.Person, Status: Requested, Request: leaf}
}

// Certify returns the key after b. A key is certified once; other rights need
// another key, so that a certificate's meaning never changes under an event
// that names it.
func (k *Key) Certify(b *custody.KeyCertified, leaf custody.ID, index uint64) (*Key, error) {
	switch {
	case k.Status != Requested:
		return nil, custody.Refuse("key.certified-already", "predicate.body.key", "key %s is already %s", k.ID.Short(), k.Status)
	case k.Org != b.Org || k.Person != b.Person:
		return nil, custody.Refuse("key.not-as-requested", "predicate.body", "key %s was requested for another person or organisation", k.ID.Short())
	}
	next := *k
	next.Status, next.Rights, next.Cert, next.CertIndex = Certified, b.Rights, &leaf, index
	return &next, nil
}

// Revoke returns the key after b; seen is the revocation's seen.size.
func (k *Key) Revoke(b *custody.KeyRevoked, leaf custody.ID, index, seen uint64) (*Key, error) {
	switch {
	case k.Status != Certified:
		return nil, custody.Refuse("key.not-certified", "predicate.body.key", "key %s is %s, so there is nothing to revoke", k.ID.Short(), k.Status)
	case k.Org != b.Org:
		return nil, custody.Refuse("key.other-org", "predicate.body.org", "key %s belongs to another organisation", k.ID.Short())
	}
	contested := seen
	if b.CompromisedSince != nil {
		contested = min(contested, *b.CompromisedSince)
	}
	next := *k
	next.Status = Revoked
	next.Revocation = &Revocation{Index: index, Contested: min(contested, index), Reason: b.Reason, Leaf: leaf}
	return &next, nil
}

// Documents finds public organisation documents by id; nil where unknown.
type Documents func(org custody.ID) (*custody.OrgDocument, error)

// maxControl bounds the walk up a chain of ownership.
const maxControl = 64

// Controlled reports whether org is the agency itself, or is owned or
// controlled by it at any depth, by what the organisations' documents say. An
// owner whose document cannot be had counts as control: independence must be
// shown, not assumed.
func Controlled(org, agency custody.ID, documents Documents) (bool, error) {
	todo, done := []custody.ID{org}, map[custody.ID]bool{}
	for len(todo) > 0 {
		id := todo[0]
		todo = todo[1:]
		if id == agency {
			return true, nil
		}
		if done[id] {
			continue
		}
		done[id] = true
		if len(done) > maxControl {
			return true, nil
		}
		doc, err := documents(id)
		if err != nil {
			return false, err
		}
		if doc == nil {
			return true, nil
		}
		todo = append(todo, doc.ControlledBy...)
	}
	return false, nil
}
