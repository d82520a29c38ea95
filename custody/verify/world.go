package verify

import (
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ruling"
)

// world is the log as one dossier shows it, up to the event under judgement.
// Chains in the dossier's scope are whole: a gap in one is a fault. Chains
// outside it are partial.
type world struct {
	r       *reader
	begun   bool // genesis admitted
	whole   map[custody.ID]bool
	chains  map[custody.ID]*ruling.Chain
	entries map[custody.ID]*ruling.Entry
}

func newWorld(r *reader) *world {
	// Where genesis is missing, that is a finding already; the log document,
	// which the checkpoint and the policy name, says what genesis would.
	w := &world{r: r, begun: !r.genesis, whole: map[custody.ID]bool{}, chains: map[custody.ID]*ruling.Chain{}, entries: make(map[custody.ID]*ruling.Entry, len(r.opened))}
	scope, inScope := r.d.Scope, map[custody.ID]bool{}
	for _, id := range scope.Items {
		inScope[id] = true
	}
	for _, id := range append([]custody.ID{scope.Case}, scope.Items...) {
		w.whole[id] = true
		w.whole[custody.Observations(id)] = true
	}
	for i := range r.opened {
		o := &r.opened[i]
		if !o.ok {
			continue
		}
		p := &o.entry.Statement.Predicate
		for _, a := range p.Advances() {
			switch a.Type {
			case custody.ChainLog, custody.ChainKey, custody.ChainGrant:
				w.whole[a.ID] = true
			case custody.ChainAccess:
				if item, ok := accessItem(p.Body); ok && inScope[item] {
					w.whole[a.ID] = true
				}
			case custody.ChainOrg, custody.ChainCase, custody.ChainItem, custody.ChainObservations:
				// whole exactly where the scope says so
			}
		}
	}
	return w
}

func accessItem(b custody.Body) (custody.ID, bool) {
	switch b := b.(type) {
	case *custody.AccessRequested:
		return b.Item, true
	case *custody.Verification:
		return b.Item, true
	}
	return custody.ID{}, false
}

func (w *world) Log() (*custody.LogDocument, custody.ID) {
	if !w.begun {
		return nil, custody.ID{}
	}
	return &w.r.log, w.r.logID
}

func (w *world) Chain(id custody.ID) (*ruling.Chain, error) {
	if c := w.chains[id]; c != nil {
		return c, nil
	}
	if w.whole[id] {
		return nil, nil
	}
	return &ruling.Chain{ID: id, Partial: true}, nil
}

func (w *world) Entry(leaf custody.ID) (*ruling.Entry, error) { return w.entries[leaf], nil }

func (w *world) Document(id custody.ID) ([]byte, error) {
	if id == w.r.logID {
		return w.r.d.Log, nil
	}
	return w.r.documents[id], nil
}

// admit makes the event part of the world.
func (w *world) admit(e *ruling.Entry, r *ruling.Ruling) {
	w.entries[e.Leaf] = e
	if e.Statement.Predicate.Kind == custody.KindGenesis {
		w.begun = true
	}
	for _, c := range r.Chains {
		at := w.chains[c.ID]
		if at == nil {
			at = new(ruling.Chain)
			w.chains[c.ID] = at
		}
		*at = c
		at.Partial = !w.whole[c.ID]
	}
}
