package verifytest

import (
	"slices"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/tlog"
)

// gathering picks the events of a scope and what they stand on.
type gathering struct {
	statements []*custody.Statement // nil where the payload is no statement
	taken      []bool
	leaves     map[custody.ID]int
	chains     map[custody.ID][]int // events by chain
	orgs       map[custody.ID]int   // org.founded by organisation
	stated     map[custody.ID]int   // newest org.status by organisation
	count      int                  // events taken
}

func newGathering(b *Book, scope dossier.Scope) *gathering {
	g := &gathering{statements: make([]*custody.Statement, len(b.Sealed)), taken: make([]bool, len(b.Sealed)),
		leaves: map[custody.ID]int{}, chains: map[custody.ID][]int{}, orgs: map[custody.ID]int{}, stated: map[custody.ID]int{}}
	for i, s := range b.Sealed {
		g.leaves[tlog.LeafHash(tlog.Leaf(s.Envelope, s.Key))] = i
		st, err := custody.Decode(s.Envelope.Payload)
		if err != nil {
			continue
		}
		g.statements[i] = st
		for _, a := range st.Predicate.Advances() {
			g.chains[a.ID] = append(g.chains[a.ID], i)
		}
		if f, ok := st.Predicate.Body.(*custody.Founded); ok {
			g.orgs[f.Org] = i
		}
		if s, ok := st.Predicate.Body.(*custody.OrgStatus); ok {
			g.stated[s.Org] = i
		}
	}
	for i, st := range g.statements {
		if i == 0 || st == nil || g.concerns(st, scope) {
			g.take(i)
		}
	}
	for before := -1; before != g.count; { // a status brings its signer's organisation
		before = g.count
		for org, i := range g.orgs {
			if j, ok := g.stated[org]; ok && g.taken[i] {
				g.take(j)
			}
		}
	}
	return g
}

// concerns reports whether the event stands on a chain that the scope promises.
func (g *gathering) concerns(st *custody.Statement, scope dossier.Scope) bool {
	for _, a := range st.Predicate.Advances() {
		if a.Type == custody.ChainLog || a.ID == scope.Case || a.ID == custody.Observations(scope.Case) || slices.Contains(scope.Items, a.ID) {
			return true
		}
		for _, item := range scope.Items {
			if a.ID == custody.Observations(item) {
				return true
			}
		}
	}
	switch b := st.Predicate.Body.(type) {
	case *custody.AccessRequested:
		return slices.Contains(scope.Items, b.Item)
	case *custody.Verification:
		return slices.Contains(scope.Items, b.Item)
	}
	return false
}

func (g *gathering) take(i int) {
	if g.taken[i] {
		return
	}
	g.taken[i] = true
	g.count++
	st := g.statements[i]
	if st == nil {
		return
	}
	p := &st.Predicate
	need := slices.Clone(p.Basis)
	if p.Signer.Cert != nil {
		need = append(need, *p.Signer.Cert)
	}
	for _, leaf := range need {
		if j, ok := g.leaves[leaf]; ok {
			g.take(j)
		}
	}
	for _, j := range g.chains[p.Signer.Key] { // a person's key; a root key has no chain
		g.take(j)
	}
	for _, org := range orgsOf(p.Body) {
		if j, ok := g.orgs[org]; ok {
			g.take(j)
		}
	}
}

func orgsOf(b custody.Body) []custody.ID {
	switch b := b.(type) {
	case *custody.KeyRequested:
		return []custody.ID{b.Org}
	case *custody.Released:
		return []custody.ID{b.To.Org}
	case *custody.Granted:
		return []custody.ID{b.To.Org}
	case *custody.ItemRegistered:
		return []custody.ID{b.SeizedBy.Org}
	}
	return nil
}
