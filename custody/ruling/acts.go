package ruling

import (
	"slices"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/standing"
)

func (c *hearing) approved(b *custody.Approved) error {
	if b.Org != c.org {
		return custody.Refuse("approve.other-org", "predicate.body.org", "the signer belongs to organisation %s", c.org.Short())
	}
	if b.For == c.party() {
		return custody.Refuse("approve.self", "predicate.body.for", "nobody approves their own act")
	}
	return nil
}

// assumed: another person of the organisation approved this act, for these
// items, after the holder's custody began.
func (c *hearing) assumed(b *custody.Assumed) error {
	ids := make([]custody.ID, len(b.Items))
	for i, it := range b.Items {
		ids[i] = it.Item
	}
	if err := c.approvedFor(custody.ActionAssume, ids); err != nil {
		return err
	}
	return c.moveItems()
}

// approvedFor: the basis has another person's approval that the signer does
// this to exactly these items, and it holds.
func (c *hearing) approvedFor(action custody.ApprovedAction, ids []custody.ID) error {
	var err error = custody.Refuse("basis.required", "predicate.basis", "must name another person's act.approved for %s by this person of exactly these items", action)
	for _, e := range c.relied {
		a, ok := e.Statement.Predicate.Body.(*custody.Approved)
		if !ok || a.Action != action || a.Org != c.org || a.For != c.party() || !slices.Equal(a.Items, ids) || e.Statement.Predicate.Signer.Key == c.p.Signer.Key {
			continue
		}
		if err = c.approvalHolds(e, ids); err == nil {
			return nil // one that holds is enough, whatever others stand beside it
		}
	}
	return err
}

// approvalHolds: by another person, whose key is good, and newer than the
// present custody of each item.
func (c *hearing) approvalHolds(approval *Entry, ids []custody.ID) error {
	if err := c.approverIsAnother(approval); err != nil {
		return err
	}
	for _, id := range ids {
		it, partial, err := c.itemState(id)
		if err != nil {
			return err
		}
		if !partial && approval.Index <= it.Since {
			return custody.Refuse("approve.stale", "predicate.basis", "the approval is older than the present custody of item %s", id.Short())
		}
	}
	return nil
}

// approverIsAnother: two keys of one person are not two persons.
func (c *hearing) approverIsAnother(approval *Entry) error {
	chain, err := c.w.Chain(approval.Statement.Predicate.Signer.Key)
	if err != nil {
		return err
	}
	if chain == nil || chain.State.Key == nil || chain.State.Key.Person == c.key.Person {
		return custody.Refuse("approve.self", "predicate.basis", "the approval is by the same person")
	}
	if chain.State.Key.At(c.e.Index) == standing.Invalid {
		return custody.Refuse("approve.revoked", "predicate.basis", "the approver's key has been revoked")
	}
	return nil
}

func (c *hearing) granted(b *custody.Granted) error {
	cs, elsewhere, err := c.caseState(b.Case)
	if err != nil {
		return err
	}
	if b.Scope == custody.ScopeRecord && (!elsewhere && cs.Agency != c.org || !c.key.Has(custody.RightInvestigate)) {
		return custody.Refuse("grant.no-standing", "predicate.signer", "the record is opened by an investigator of the case's agency")
	}
	for _, id := range b.Items {
		it, partial, err := c.itemState(id)
		switch {
		case err != nil:
			return err
		case partial:
			continue
		case it.Case != b.Case:
			return custody.Refuse("item.other-case", "predicate.body.items", "item %s belongs to another case", id.Short())
		case it.Artifact == nil:
			return custody.Refuse("grant.not-digital", "predicate.body.items", "item %s has no stored bytes; a physical item is handed over", id.Short())
		case it.Phase == custody.PhaseDisposed:
			return custody.Refuse("item.disposed", "predicate.body.items", "item %s was disposed of", id.Short())
		case it.Phase == custody.PhaseTransit:
			return custody.Refuse("custody.in-transit", "predicate.body.items", "item %s is in transit", id.Short())
		case it.Holder != c.party():
			return custody.Refuse("custody.not-holder", "predicate.signer", "item %s is held by person %s", id.Short(), it.Holder.Person.Short())
		case !c.relies(it.Custody):
			return custody.Refuse("basis.required", "predicate.basis", "must name the event that gave you custody of item %s, %s", id.Short(), it.Custody.Short())
		}
	}
	c.set(b.Grant, State{Grant: &custody.Grant{Case: b.Case, Items: b.Items, Scope: b.Scope, To: b.To, By: c.party(), Expires: b.Expires, Leaf: c.e.Leaf}})
	return nil
}

// hasGrant reports whether the basis has an unexpired grant of the item's
// bytes to the signer. Expiry is held against the signer's own claimed time;
// the service also holds it against its clock before it serves.
func (c *hearing) hasGrant(item custody.ID) bool {
	return slices.ContainsFunc(c.relied, func(e *Entry) bool { return c.admits(e, item) })
}

// admits reports whether e is an unexpired grant of the item's bytes to the signer.
func (c *hearing) admits(e *Entry, item custody.ID) bool {
	g, ok := e.Statement.Predicate.Body.(*custody.Granted)
	return ok && g.Scope == custody.ScopeBytes && g.To.Admits(c.party()) && slices.Contains(g.Items, item) &&
		(g.Expires == nil || !c.p.Times.Signed.Std().After(g.Expires.Std()))
}

// mayRead: the signer's organisation holds the item and the basis says since
// when, or the basis has a grant.
func (c *hearing) mayRead(item custody.ID) (*custody.Item, error) {
	it, partial, err := c.itemState(item)
	if err != nil {
		return nil, err
	}
	if partial || c.hasGrant(item) {
		return it, nil
	}
	if it.Holder.Org == c.org && c.relies(it.Custody) {
		return it, nil
	}
	return nil, custody.Refuse("access.not-granted", "predicate.basis", "names neither an unexpired grant of item %s to the signer nor the event that gave the signer's organisation custody of it", item.Short())
}

func (c *hearing) accessRequested(b *custody.AccessRequested) error {
	it, err := c.mayRead(b.Item)
	if err != nil {
		return err
	}
	if it != nil && it.Phase == custody.PhaseDisposed {
		return custody.Refuse("item.disposed", "predicate.body.item", "item %s was disposed of", b.Item.Short())
	}
	if it != nil && (it.Artifact == nil || it.Artifact.SHA256 != b.Artifact) {
		return custody.Refuse("access.other-artifact", "predicate.body.artifact", "is not the artifact of item %s", b.Item.Short())
	}
	if b.Grant != nil {
		i := slices.IndexFunc(c.relied, func(e *Entry) bool {
			g, ok := e.Statement.Predicate.Body.(*custody.Granted)
			return ok && g.Grant == *b.Grant
		})
		if i < 0 {
			return custody.Refuse("basis.required", "predicate.basis", "must name the access.granted of grant %s", b.Grant.Short())
		}
		// The grant that the body names is the one that opens the read: another
		// one in the basis must not lend it its weight.
		if it != nil && !c.admits(c.relied[i], b.Item) {
			return custody.Refuse("access.not-granted", "predicate.body.grant", "grant %s does not open item %s to the signer, or has expired", b.Grant.Short(), b.Item.Short())
		}
	}
	item := b.Item
	c.set(custody.AccessChain(b.Item, c.p.Signer.Key), State{About: &item})
	return nil
}

// request returns the access.requested in the basis, by this test.
func (c *hearing) request(match func(*Entry, *custody.AccessRequested) bool) (*custody.AccessRequested, error) {
	for _, e := range c.relied {
		if r, ok := e.Statement.Predicate.Body.(*custody.AccessRequested); ok && match(e, r) {
			return r, nil
		}
	}
	return nil, custody.Refuse("basis.required", "predicate.basis", "must name the access.requested for this item and artifact")
}

func (c *hearing) verified(b *custody.Verification) error {
	if _, err := c.request(func(e *Entry, r *custody.AccessRequested) bool {
		return r.Item == b.Item && r.Artifact == b.Artifact && e.Statement.Predicate.Signer.Key == c.p.Signer.Key
	}); err != nil {
		return err
	}
	it, partial, err := c.itemState(b.Item)
	if err != nil {
		return err
	}
	if !partial && it.Artifact != nil {
		if same := b.Computed == *it.Artifact; same != (b.Result == custody.ResultMatch) {
			return custody.Refuse("verification.result", "predicate.body.result", "says %s, but the computed digests and size say otherwise", b.Result)
		}
	}
	item := b.Item
	c.set(custody.AccessChain(b.Item, c.p.Signer.Key), State{About: &item})
	return nil
}

// opinion: the capacity is what the organisations' documents say it is.
func (c *hearing) opinion(b *custody.Opinion) error {
	cs, elsewhere, err := c.caseState(b.Case)
	if err != nil {
		return err
	}
	for _, id := range b.Items {
		it, err := c.examined(id)
		if err != nil {
			return err
		}
		if it != nil && it.Case != b.Case {
			return custody.Refuse("item.other-case", "predicate.body.items", "item %s belongs to another case", id.Short())
		}
	}
	if elsewhere {
		return nil // whose laboratory this is cannot be judged without the case's agency
	}
	controlled, err := standing.Controlled(c.org, cs.Agency, c.orgDocument)
	if err != nil {
		return err
	}
	doc, err := c.orgDocument(c.org)
	if err != nil {
		return err
	}
	switch {
	case b.Capacity == custody.Section40 && controlled:
		return custody.Refuse("opinion.not-independent", "predicate.body.capacity", "the laboratory is, or is controlled by, the case's agency: its opinion is in-house")
	case b.Capacity == custody.Section40 && (doc == nil || doc.Class != custody.OrgLaboratory):
		return custody.Refuse("opinion.not-laboratory", "predicate.body.capacity", "a section 40 opinion is given by an organisation of class laboratory")
	case b.Capacity == custody.InHouse && !controlled:
		return custody.Refuse("opinion.not-in-house", "predicate.body.capacity", "the organisation is not the case's agency nor controlled by it")
	}
	return nil
}

// examined: like mayRead, but custody that has ended counts too. A laboratory
// returns an exhibit before its opinion is written.
func (c *hearing) examined(item custody.ID) (*custody.Item, error) {
	for _, e := range c.relied {
		gave := false
		switch b := e.Statement.Predicate.Body.(type) {
		case *custody.Accepted:
			gave = slices.ContainsFunc(b.Items, func(h custody.HandedItem) bool { return h.Item == item })
		case *custody.Assumed:
			gave = slices.ContainsFunc(b.Items, func(h custody.HandedItem) bool { return h.Item == item })
		}
		if !gave {
			continue
		}
		signer, err := c.w.Chain(e.Statement.Predicate.Signer.Key)
		if err != nil {
			return nil, err
		}
		if signer != nil && signer.State.Key != nil && signer.State.Key.Org == c.org {
			it, _, err := c.itemState(item)
			return it, err
		}
	}
	return c.mayRead(item)
}

// corrected: words of one's own organisation's event, in the same case.
func (c *hearing) corrected(b *custody.Correction) error {
	i := slices.IndexFunc(c.relied, func(e *Entry) bool { return e.Leaf == b.Corrects })
	if i < 0 {
		return custody.Refuse("basis.required", "predicate.basis", "must name the event corrected")
	}
	original := &c.relied[i].Statement.Predicate
	if original.Kind == custody.KindCorrected {
		return custody.Refuse("correction.of-correction", "predicate.body.corrects", "correct the original event again, not its correction")
	}
	if len(c.p.Details) == 0 {
		return custody.Refuse("correction.empty", "predicate.details", "a correction tells at least one detail anew")
	}
	for f := range c.p.Details {
		if _, ok := original.Details[f]; !ok {
			return custody.Refuse("correction.field", "predicate.details", "the event corrected has no detail %s", f)
		}
	}
	chain, err := c.w.Chain(original.Signer.Key)
	if err != nil {
		return err
	}
	if chain == nil || chain.State.Key == nil || chain.State.Key.Org != c.org {
		return custody.Refuse("correction.other-org", "predicate.signer", "only the organisation that signed an event corrects its words")
	}
	for _, l := range original.Chains {
		if l.ID == b.Case {
			return nil
		}
		other, err := c.w.Chain(l.ID)
		if err != nil {
			return err
		}
		if other == nil {
			continue
		}
		if (other.Partial && outsideScope(other.Type)) || (other.State.Item != nil && other.State.Item.Case == b.Case) || (other.State.About != nil && c.aboutCase(*other.State.About, b.Case)) {
			return nil
		}
	}
	return custody.Refuse("correction.other-case", "predicate.body.case", "the event corrected does not belong to this case")
}

// outsideScope: of which partial chains a verifier cannot say what case they
// are about. Of an organisation's it can: of none.
func outsideScope(t custody.ChainType) bool {
	return t == custody.ChainItem || t == custody.ChainAccess
}

func (c *hearing) aboutCase(about, want custody.ID) bool {
	if about == want {
		return true
	}
	it, partial, err := c.itemState(about)
	return err == nil && (partial || it.Case == want)
}
