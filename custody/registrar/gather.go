package registrar

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/evidence"
)

// gathering collects one dossier from the record: the scope's chains whole,
// and with every event what it stands on (its basis, its certificate, its
// signer's key and organisation), however far back that reaches.
type gathering struct {
	ctx    context.Context
	record Record
	events map[uint64]*docket.Event
	leaves map[custody.ID]bool // looked at
	chains map[custody.ID]bool // taken whole
	todo   []*docket.Event
}

// view says what of the scope's words a reader is shown.
type view struct {
	scope dossier.Scope
	// also are people shown though they signed nothing yet, such as who asks
	// for a report.
	also []custody.Party
	// disclose reports whether the event's details and founding documents are
	// shown; events outside the scope are shown without.
	disclose func(e *docket.Event) bool
}

// manyEvents is from how many events on a dossier does without tlog-proofs:
// each repeats the whole checkpoint.
const manyEvents = 500

// gather returns the dossier of the view at the newest checkpoint that includes
// all of it, with a quorum of witnesses where there is one.
func (r *Registrar) gather(ctx context.Context, v view) (*dossier.Dossier, error) {
	g := &gathering{ctx: ctx, record: r.ledger, events: map[uint64]*docket.Event{}, leaves: map[custody.ID]bool{}, chains: map[custody.ID]bool{}}
	if err := g.collect(v); err != nil {
		return nil, fault("ledger", err)
	}
	known, err := g.notBefore()
	if err != nil {
		return nil, fault("ledger", err)
	}
	head, _, err := r.ledger.Witnessed(ctx, g.last()+1)
	if err != nil {
		return nil, fault("ledger", err)
	}
	document, _ := r.ledger.LogDocument()
	d := &dossier.Dossier{Log: document, Checkpoint: head.Note, Scope: v.scope, Consistency: map[uint64][]evidence.Digest{},
		Documents: map[evidence.Digest][]byte{}, Details: map[evidence.Digest][]byte{}, Blocks: map[evidence.Digest][]byte{}, Attachments: map[string][]byte{}}
	for _, e := range g.inOrder() {
		if e.Index >= head.Size {
			continue // appended after the checkpoint was read: the next dossier shows it
		}
		proof, err := r.ledger.Inclusion(ctx, e.Index, head.Size)
		if err != nil {
			return nil, fault("ledger", err)
		}
		d.Events = append(d.Events, dossier.Event{Index: e.Index, Envelope: e.Envelope, Key: e.Key, Proof: proof})
		for _, seen := range custody.HeadsOf(&e.Statement.Predicate) {
			size := seen.Size
			if _, done := d.Consistency[size]; done || size == 0 || size >= head.Size {
				continue
			}
			if d.Consistency[size], err = r.ledger.Consistency(ctx, size, head.Size); err != nil {
				return nil, fault("ledger", err)
			}
		}
	}
	d.Proofs = len(d.Events) < manyEvents
	t := &timekeeper{ctx: ctx, record: r.ledger, d: d, head: head}
	if err := t.attach(known); err != nil {
		return nil, fault("ledger", err)
	}
	if err := r.disclose(ctx, d, g, v); err != nil {
		return nil, err
	}
	return d, nil
}

// last is the largest log index gathered.
func (g *gathering) last() uint64 {
	var n uint64
	for index := range g.events {
		n = max(n, index)
	}
	return n
}

// collect walks from the scope's chains to everything they stand on.
func (g *gathering) collect(v view) error {
	genesis, err := g.record.EventAt(g.ctx, 0)
	if err != nil {
		return err
	}
	g.take(genesis)
	ids, err := g.scopeChains(v.scope)
	if err != nil {
		return err
	}
	_, log := g.record.LogDocument()
	if err := g.takeChains(append(ids, log)...); err != nil {
		return err
	}
	for _, p := range v.also {
		if err := g.person(p); err != nil {
			return err
		}
	}
	for len(g.todo) > 0 {
		e := g.todo[len(g.todo)-1]
		g.todo = g.todo[:len(g.todo)-1]
		if err := g.follow(e); err != nil {
			return fmt.Errorf("couldn't follow event %d: %w", e.Index, err)
		}
	}
	return nil
}

// scopeChains lists the chains that the scope promises whole.
func (g *gathering) scopeChains(scope dossier.Scope) ([]custody.ID, error) {
	all, err := g.record.CaseChains(g.ctx, scope.Case)
	if err != nil {
		return nil, err
	}
	var ids []custody.ID
	for _, c := range all {
		switch c.Type {
		case custody.ChainCase, custody.ChainGrant:
			ids = append(ids, c.ID)
		case custody.ChainItem:
			if slices.Contains(scope.Items, c.ID) {
				ids = append(ids, c.ID)
			}
		case custody.ChainObservations, custody.ChainAccess:
			if c.About != nil && (*c.About == scope.Case || slices.Contains(scope.Items, *c.About)) {
				ids = append(ids, c.ID)
			}
		case custody.ChainLog, custody.ChainOrg, custody.ChainKey:
			// reached from the events that stand on them
		}
	}
	return ids, nil
}

func (g *gathering) take(e *docket.Event) {
	if _, done := g.events[e.Index]; done {
		return
	}
	g.events[e.Index] = e
	g.leaves[e.LeafHash] = true
	g.todo = append(g.todo, e)
}

func (g *gathering) takeChains(ids ...custody.ID) error {
	var fresh []custody.ID
	for _, id := range ids {
		if !g.chains[id] {
			g.chains[id] = true
			fresh = append(fresh, id)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	events, err := g.record.ChainEvents(g.ctx, fresh...)
	if err != nil {
		return err
	}
	for _, e := range events {
		g.take(e)
	}
	return nil
}

// follow takes what one event stands on.
func (g *gathering) follow(e *docket.Event) error {
	p := &e.Statement.Predicate
	need := slices.Clone(p.Basis)
	if p.Signer.Cert != nil {
		need = append(need, *p.Signer.Cert)
	}
	for _, leaf := range need {
		if g.leaves[leaf] {
			continue
		}
		on, err := g.record.EventByLeaf(g.ctx, leaf)
		if err != nil {
			return err
		}
		g.take(on)
	}
	if p.Signer.Class == custody.ClassPerson && p.Kind != custody.KindFounded {
		if err := g.keyChain(p.Signer.Key); err != nil {
			return err
		}
	}
	for _, who := range named(p.Body) {
		if err := g.person(who); err != nil {
			return err
		}
	}
	return nil
}

// person takes the founding of a party's organisation and, where a person is
// named, the chains of that person's keys: so a reader learns who is meant.
func (g *gathering) person(p custody.Party) error {
	if p.Org.IsZero() {
		return nil
	}
	if err := g.founding(p.Org); err != nil || p.Person.IsZero() {
		return err
	}
	keys, err := g.record.OrgKeys(g.ctx, p.Org)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if k.Standing != nil && k.Standing.Person == p.Person {
			if err := g.takeChains(k.Standing.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// keyChain takes a key's whole chain; a root key has none.
func (g *gathering) keyChain(key custody.ID) error {
	_, err := g.record.Chain(g.ctx, key)
	if errors.Is(err, docket.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return g.takeChains(key)
}

// named lists the parties that a body speaks of; Person is zero where only the
// organisation is meant.
func named(b custody.Body) []custody.Party {
	to := func(r custody.Recipient) []custody.Party { return []custody.Party{custody.Party(partyOf(r))} }
	switch b := b.(type) {
	case *custody.KeyRequested:
		return []custody.Party{{Org: b.Org}}
	case *custody.Released:
		return to(b.To)
	case *custody.Granted:
		return to(b.To)
	case *custody.ItemRegistered:
		return []custody.Party{b.SeizedBy}
	case *custody.Approved:
		return []custody.Party{b.For}
	case *custody.Assumed:
		return []custody.Party{b.From}
	case *custody.ReportIssued:
		return []custody.Party{b.For}
	}
	return nil
}

// founding takes an organisation's org.founded, the first event of its chain,
// and its newest org.status: what it says itself of its keys.
func (g *gathering) founding(org custody.ID) error {
	c, err := g.record.Chain(g.ctx, org)
	if errors.Is(err, docket.ErrNotFound) {
		return nil // named, but not of this log
	}
	if err != nil {
		return err
	}
	if c.State.Org == nil {
		return nil
	}
	leaves := []custody.ID{c.State.Org.Founded}
	if s := c.State.Org.Stated; s != nil {
		leaves = append(leaves, s.Leaf)
	}
	for _, leaf := range leaves {
		if g.leaves[leaf] {
			continue
		}
		e, err := g.record.EventByLeaf(g.ctx, leaf)
		if err != nil {
			return err
		}
		g.take(e)
	}
	return nil
}

func (g *gathering) inOrder() []*docket.Event {
	out := make([]*docket.Event, 0, len(g.events))
	for _, e := range g.events {
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b *docket.Event) int {
		if a.Index < b.Index {
			return -1
		}
		return 1
	})
	return out
}

// disclose adds the words, block trees and issued files that the view shows.
// Organisation documents are public and always shown: the rules need them.
func (r *Registrar) disclose(ctx context.Context, d *dossier.Dossier, g *gathering, v view) error {
	var documents, details []evidence.Digest
	for _, e := range g.inOrder() {
		p := &e.Statement.Predicate
		if b, ok := p.Body.(*custody.Founded); ok {
			documents = append(documents, b.Org)
		}
		if !v.disclose(e) {
			continue
		}
		for _, id := range p.Details {
			details = append(details, id)
		}
		for id := range custody.FoundingOf(p.Body) {
			documents = append(documents, id)
		}
		switch b := p.Body.(type) {
		case *custody.Deposited:
			a, err := r.ledger.Artifact(ctx, b.Item)
			if err != nil {
				return fault("ledger", err)
			}
			d.Blocks[a.SHA256] = a.Leaves
		case *custody.ReportIssued:
			if err := r.attach(ctx, d, e, b); err != nil {
				return err
			}
		}
	}
	owners, err := r.owners(ctx, documents)
	if err != nil {
		return err
	}
	if d.Documents, err = r.ledger.Blobs(ctx, append(documents, owners...)...); err != nil {
		return fault("ledger", err)
	}
	if d.Details, err = r.ledger.Blobs(ctx, details...); err != nil {
		return fault("ledger", err)
	}
	return nil
}

// owners returns the organisations that own or control those given, at any
// depth: an opinion's independence is judged by their documents.
func (r *Registrar) owners(ctx context.Context, ids []custody.ID) ([]custody.ID, error) {
	var out []custody.ID
	seen := map[custody.ID]bool{}
	todo := slices.Clone(ids)
	for len(todo) > 0 {
		blobs, err := r.ledger.Blobs(ctx, todo...)
		if err != nil {
			return nil, fault("ledger", err)
		}
		todo = nil
		for _, b := range blobs {
			doc, err := custody.ParseOrgDocument(b)
			if err != nil {
				continue // not an organisation's
			}
			for _, owner := range doc.ControlledBy {
				if !seen[owner] {
					seen[owner] = true
					out, todo = append(out, owner), append(todo, owner)
				}
			}
		}
	}
	return out, nil
}

// attach adds a report's files under the names that are their event's.
func (r *Registrar) attach(ctx context.Context, d *dossier.Dossier, e *docket.Event, b *custody.ReportIssued) error {
	for form, want := range map[string]evidence.Digest{"json": b.Files.JSON, "pdf": b.Files.PDF} {
		file, err := r.ledger.ReportFile(ctx, e.EventID, "report."+form)
		if err != nil {
			return fault("ledger", err)
		}
		if evidence.Sum(file.Bytes) != want {
			return fmt.Errorf("couldn't attach the %s of report %s: it is not the file that was recorded", form, e.EventID.Short())
		}
		d.Attachments[dossier.ReportFile(e.Index, form)] = file.Bytes
	}
	return nil
}
