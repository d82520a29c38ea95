package registrar

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"slices"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/evidence"
)

// Cases implements Matters.
func (r *Registrar) Cases(ctx context.Context, c Caller, p Page) ([]Case, Next, error) {
	sights, err := r.sights(ctx, c)
	if err != nil {
		return nil, "", err
	}
	var chains []*docket.Chain
	for id := range sights {
		ch, err := r.ledger.Chain(ctx, id)
		if err != nil {
			return nil, "", fault("ledger", err)
		}
		chains = append(chains, ch)
	}
	slices.SortFunc(chains, func(a, b *docket.Chain) int { return cmp.Compare(a.Founded, b.Founded) })
	chains, next, err := paged(chains, func(ch *docket.Chain) uint64 { return ch.Founded }, p)
	if err != nil {
		return nil, "", err
	}
	var out []Case
	for _, ch := range chains {
		one, err := r.caseView(ctx, c, ch, sights[ch.ID])
		if err != nil {
			return nil, "", err
		}
		out = append(out, one)
	}
	return out, next, nil
}

// Case implements Matters.
func (r *Registrar) Case(ctx context.Context, c Caller, id evidence.Digest) (Case, error) {
	s, err := r.sightOf(ctx, c, id)
	if err != nil {
		return Case{}, err
	}
	if !s.any() {
		return Case{}, &NotFound{What: "case"}
	}
	ch, err := r.ledger.Chain(ctx, id)
	if err != nil {
		return Case{}, found("case", err)
	}
	return r.caseView(ctx, c, ch, s)
}

func (r *Registrar) caseView(ctx context.Context, c Caller, ch *docket.Chain, s sight) (Case, error) {
	e, err := r.ledger.EventByLeaf(ctx, ch.State.Case.Opened)
	if err != nil {
		return Case{}, fault("ledger", err)
	}
	opened, err := r.event(ctx, c, e)
	if err != nil {
		return Case{}, err
	}
	items, err := r.itemChains(ctx, ch.ID, s)
	if err != nil {
		return Case{}, err
	}
	blobs, err := r.ledger.Blobs(ctx, ch.ID)
	if err != nil {
		return Case{}, fault("ledger", err)
	}
	return Case{ID: ch.ID, Document: blobs[ch.ID], Agency: ch.State.Case.Agency, Opened: opened, Head: headOf(ch), Details: opened.Details, Items: len(items)}, nil
}

// itemChains returns the case's items that the sight shows, oldest first.
func (r *Registrar) itemChains(ctx context.Context, id custody.ID, s sight) ([]*docket.Chain, error) {
	all, err := r.ledger.CaseChains(ctx, id)
	if err != nil {
		return nil, fault("ledger", err)
	}
	var out []*docket.Chain
	for _, ch := range all {
		if ch.Type == custody.ChainItem && s.item(ch.ID) {
			out = append(out, ch)
		}
	}
	slices.SortFunc(out, func(a, b *docket.Chain) int { return cmp.Or(cmp.Compare(a.Founded, b.Founded), a.ID.Compare(b.ID)) })
	return out, nil
}

// Items implements Matters.
func (r *Registrar) Items(ctx context.Context, c Caller, ofCase evidence.Digest, p Page) ([]Item, Next, error) {
	sights, err := r.sights(ctx, c)
	if err != nil {
		return nil, "", err
	}
	if !ofCase.IsZero() {
		if !sights[ofCase].any() {
			return nil, "", &NotFound{What: "case"}
		}
		sights = map[custody.ID]sight{ofCase: sights[ofCase]}
	}
	var chains []*docket.Chain
	for id, s := range sights {
		some, err := r.itemChains(ctx, id, s)
		if err != nil {
			return nil, "", err
		}
		chains = append(chains, some...)
	}
	slices.SortFunc(chains, func(a, b *docket.Chain) int { return cmp.Compare(a.Founded, b.Founded) })
	chains, next, err := paged(chains, func(ch *docket.Chain) uint64 { return ch.Founded }, p)
	if err != nil {
		return nil, "", err
	}
	var out []Item
	for _, ch := range chains {
		it, err := r.itemView(ctx, c, ch)
		if err != nil {
			return nil, "", err
		}
		out = append(out, it)
	}
	return out, next, nil
}

// itemFor finds an item that the caller may see.
func (r *Registrar) itemFor(ctx context.Context, c Caller, id custody.ID) (*docket.Chain, sight, error) {
	ch, err := r.ledger.Chain(ctx, id)
	if err != nil {
		return nil, sight{}, found("item", err)
	}
	if ch.State.Item == nil {
		return nil, sight{}, &NotFound{What: "item"}
	}
	s, err := r.sightOf(ctx, c, ch.State.Item.Case)
	if err != nil {
		return nil, sight{}, err
	}
	if !s.item(id) {
		return nil, sight{}, &NotFound{What: "item"}
	}
	return ch, s, nil
}

// Item implements Matters.
func (r *Registrar) Item(ctx context.Context, c Caller, id evidence.Digest) (Item, error) {
	ch, _, err := r.itemFor(ctx, c, id)
	if err != nil {
		return Item{}, err
	}
	it, err := r.itemView(ctx, c, ch)
	if err != nil {
		return Item{}, err
	}
	events, err := r.ledger.ChainEvents(ctx, id)
	if err != nil {
		return Item{}, fault("ledger", err)
	}
	for _, e := range events {
		signer, err := r.signer(ctx, e)
		if err != nil {
			return Item{}, err
		}
		it.Events = append(it.Events, EventSummary{ID: e.EventID, Index: e.Index, Kind: string(e.Kind()), LeafHash: e.LeafHash, Signer: signer, Appended: e.Appended})
	}
	return it, nil
}

func (r *Registrar) itemView(ctx context.Context, c Caller, ch *docket.Chain) (Item, error) {
	st := ch.State.Item
	founding, err := r.ledger.EventAt(ctx, ch.Founded)
	if err != nil {
		return Item{}, fault("ledger", err)
	}
	blobs, err := r.ledger.Blobs(ctx, ch.ID)
	if err != nil {
		return Item{}, fault("ledger", err)
	}
	out := Item{ID: ch.ID, Case: st.Case, Class: string(st.Class), Parent: st.Parent, Document: blobs[ch.ID], Founding: founding.EventID,
		State: string(st.Phase), Holder: Party(st.Holder), CustodyLeaf: st.Custody, Head: headOf(ch)}
	if st.To != nil {
		out.Transit = &Transit{From: Party(st.Holder), To: partyOf(*st.To), Released: *st.Release}
	}
	if a := st.Artifact; a != nil {
		out.Artifact = &ArtifactSummary{SHA256: a.SHA256, Size: int64(a.Size), BlockRoot: a.BlockRoot, Format: string(st.Format), Received: true}
		if out.Fixity, err = r.fixity(ctx, ch.ID); err != nil {
			return Item{}, err
		}
		if out.Media, err = r.media(ctx, ch.ID, st.Format); err != nil {
			return Item{}, err
		}
		if b, ok := founding.Statement.Predicate.Body.(*custody.Deposited); ok {
			out.Artifact.Segments = len(b.Segments)
		}
	}
	show, err := r.discloses(ctx, c, founding)
	if err != nil {
		return Item{}, err
	}
	if out.Details, err = r.details(ctx, founding, show); err != nil {
		return Item{}, err
	}
	out.Grants, err = r.grants(ctx, c, ch)
	return out, err
}

// grants lists the grants of an item that concern the caller: all of them for
// the holder's organisation, else those to its own.
func (r *Registrar) grants(ctx context.Context, c Caller, item *docket.Chain) ([]Grant, error) {
	all, err := r.ledger.CaseChains(ctx, item.State.Item.Case)
	if err != nil {
		return nil, fault("ledger", err)
	}
	var out []Grant
	for _, ch := range all {
		g := ch.State.Grant
		if g == nil || !slices.Contains(g.Items, item.ID) || (g.To.Org != c.Org && item.State.Item.Holder.Org != c.Org) {
			continue
		}
		one := Grant{ID: ch.ID, Leaf: g.Leaf, To: partyOf(g.To), Scope: string(g.Scope)}
		if g.Expires != nil {
			t := g.Expires.Std()
			one.Expires = &t
		}
		out = append(out, one)
	}
	return out, nil
}

// CaseDossier implements Matters. Who sees only some items of the case gets
// those.
func (r *Registrar) CaseDossier(ctx context.Context, c Caller, id evidence.Digest) (File, error) {
	s, err := r.sightOf(ctx, c, id)
	if err != nil {
		return File{}, err
	}
	if !s.any() {
		return File{}, &NotFound{What: "case"}
	}
	chains, err := r.itemChains(ctx, id, s)
	if err != nil {
		return File{}, err
	}
	return r.dossierFile(ctx, c, s, id, chains)
}

// ItemDossier implements Matters.
func (r *Registrar) ItemDossier(ctx context.Context, c Caller, id evidence.Digest) (File, error) {
	ch, s, err := r.itemFor(ctx, c, id)
	if err != nil {
		return File{}, err
	}
	return r.dossierFile(ctx, c, s, ch.State.Item.Case, []*docket.Chain{ch})
}

func (r *Registrar) dossierFile(ctx context.Context, c Caller, s sight, id custody.ID, items []*docket.Chain) (File, error) {
	d, err := r.gather(ctx, r.viewFor(c, s, id, items))
	if err != nil {
		return File{}, err
	}
	b, err := d.Encode()
	if err != nil {
		return File{}, err
	}
	return fileOf("dossier.zip", "application/zip", b), nil
}

// viewFor is what the caller is shown of these items of a case.
func (r *Registrar) viewFor(c Caller, s sight, id custody.ID, items []*docket.Chain) view {
	scope := dossier.Scope{Case: id, Items: []evidence.Digest{}}
	for _, ch := range items {
		scope.Items = append(scope.Items, ch.ID)
	}
	slices.SortFunc(scope.Items, evidence.Digest.Compare)
	return view{scope: scope, disclose: func(e *docket.Event) bool {
		if !s.whole {
			return r.partShown(c, s, e)
		}
		ids := custody.ItemsOf(e.Statement.Predicate.Body)
		return len(ids) == 0 || slices.ContainsFunc(ids, func(id custody.ID) bool { return slices.Contains(scope.Items, id) || id == scope.Case })
	}}
}

func fileOf(name, mediaType string, b []byte) File {
	return File{Name: name, MediaType: mediaType, Size: int64(len(b)), SHA256: evidence.Sum(b), Content: nopCloser{bytes.NewReader(b)}}
}

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }
