// Package rulingtest plays stories before the judge, for tests: a whole log in
// memory and people who sign. Keys, salts, nonces, times and signatures are
// made from names alone, so a story told twice gives the same bytes twice.
package rulingtest

import (
	"fmt"
	"maps"
	"slices"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ruling"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// World is a whole log in memory.
type World struct {
	Entries   []*ruling.Entry
	Sealed    []Sealed // beside Entries
	Chains    map[custody.ID]*ruling.Chain
	Documents map[custody.ID][]byte
	Leaves    *tlog.Tree

	log    *custody.LogDocument
	logID  custody.ID
	byLeaf map[custody.ID]*ruling.Entry
}

// Sealed is a signed event with the key that verifies it.
type Sealed struct {
	Envelope seal.Envelope
	Key      seal.PublicKey
}

// NewWorld returns an empty log.
func NewWorld() *World {
	return &World{Chains: map[custody.ID]*ruling.Chain{}, Documents: map[custody.ID][]byte{}, Leaves: &tlog.Tree{}, byLeaf: map[custody.ID]*ruling.Entry{}}
}

// Log implements ruling.World.
func (w *World) Log() (*custody.LogDocument, custody.ID) { return w.log, w.logID }

// Chain implements ruling.World.
func (w *World) Chain(id custody.ID) (*ruling.Chain, error) { return w.Chains[id], nil }

// Entry implements ruling.World.
func (w *World) Entry(leaf custody.ID) (*ruling.Entry, error) { return w.byLeaf[leaf], nil }

// Document implements ruling.World.
func (w *World) Document(id custody.ID) ([]byte, error) { return w.Documents[id], nil }

// Disclose makes a founding document known and returns its id.
func (w *World) Disclose(b []byte) custody.ID {
	id := evidence.Sum(b)
	w.Documents[id] = b
	return id
}

// Seen returns the log's head as a signer sees it now.
func (w *World) Seen() custody.Seen {
	root, err := w.Leaves.Root(w.Leaves.Size())
	if err != nil {
		panic(err) // a tree in memory has every root of its own
	}
	return custody.Seen{Root: root, Size: w.Leaves.Size()}
}

// Try judges a sealed event as the next one, and changes nothing.
func (w *World) Try(s Sealed) (*ruling.Entry, *ruling.Ruling, error) {
	if err := s.Key.Verify(s.Envelope); err != nil {
		return nil, nil, err
	}
	st, err := custody.Decode(s.Envelope.Payload)
	if err != nil {
		return nil, nil, err
	}
	if st.Predicate.Signer.Key != s.Key.ID() {
		return nil, nil, fmt.Errorf("couldn't judge: signed by key %s, not by the key named", s.Key.ID().Short())
	}
	e := &ruling.Entry{Index: uint64(len(w.Entries)), Leaf: tlog.LeafHash(tlog.Leaf(s.Envelope, s.Key)), EventID: s.Envelope.EventID(), Statement: st}
	r, err := ruling.Judge(w, *e)
	return e, r, err
}

// Append judges a sealed event and, where it is admitted, appends it.
func (w *World) Append(s Sealed) (*ruling.Entry, *ruling.Ruling, error) {
	e, r, err := w.Try(s)
	if err != nil {
		return nil, nil, err
	}
	w.Entries, w.Sealed, w.byLeaf[e.Leaf] = append(w.Entries, e), append(w.Sealed, s), e
	w.Leaves.Append(e.Leaf)
	for _, c := range r.Chains {
		w.Chains[c.ID] = &c
	}
	if b, ok := e.Statement.Predicate.Body.(*custody.Genesis); ok {
		doc, err := custody.ParseLogDocument(w.Documents[b.Document])
		if err != nil {
			return nil, nil, err
		}
		w.log, w.logID = &doc, b.Document
	}
	return e, r, nil
}

// Clone returns a log that goes its own way from here on.
func (w *World) Clone() *World {
	c := *w
	c.Entries, c.Sealed = slices.Clone(w.Entries), slices.Clone(w.Sealed)
	c.Chains, c.Documents, c.byLeaf = maps.Clone(w.Chains), maps.Clone(w.Documents), maps.Clone(w.byLeaf)
	c.Leaves = &tlog.Tree{}
	for _, e := range w.Entries {
		c.Leaves.Append(e.Leaf)
	}
	return &c
}

// Item returns an item's state, or nil.
func (w *World) Item(id custody.ID) *custody.Item {
	if c := w.Chains[id]; c != nil {
		return c.State.Item
	}
	return nil
}
