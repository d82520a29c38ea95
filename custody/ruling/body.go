package ruling

import (
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/standing"
	"github.com/evidence-custody/custodyd/evidence"
)

// body applies the rules of the event's kind.
func (c *hearing) body() error {
	switch b := c.p.Body.(type) {
	case *custody.Genesis:
		return c.genesis(b)
	case *custody.Founded:
		return c.founded(b)
	case *custody.KeyRequested:
		return c.keyRequested(b)
	case *custody.KeyCertified:
		return c.keyCertified(b)
	case *custody.KeyRevoked:
		return c.keyRevoked(b)
	case *custody.OrgStatus:
		return c.orgStatus(b)
	case *custody.LogTime:
		return c.logTime(b)
	case *custody.LogRecovered:
		return c.logRecovered(b)
	case *custody.CaseOpened:
		return c.caseOpened(b)
	case *custody.ItemRegistered:
		return c.registered(b)
	case *custody.Deposited:
		return c.deposited(b)
	case *custody.Received:
		return c.received(b)
	case *custody.DepositRefused:
		return c.depositRefused(b)
	case *custody.Released, *custody.Confirmed:
		return c.moveItems()
	case *custody.Accepted, *custody.Declined, *custody.Recalled:
		return c.handover()
	case *custody.Approved:
		return c.approved(b)
	case *custody.Assumed:
		return c.assumed(b)
	case *custody.Disposed:
		return c.disposed(b)
	case *custody.Erased:
		return c.erased(b)
	case *custody.Granted:
		return c.granted(b)
	case *custody.AccessRequested:
		return c.accessRequested(b)
	case *custody.Served:
		return c.served(b)
	case *custody.FixityPassed:
		return c.fixity(b.Item, b.Artifact, func(a custody.Artifact) bool { return b.Bytes == a.Size })
	case *custody.FixityFailed:
		return c.fixity(b.Item, b.Artifact, func(a custody.Artifact) bool { return within(b, evidence.BlockCount(a.Size)) })
	case *custody.FixityUnchecked:
		return c.fixity(b.Item, b.Artifact, func(custody.Artifact) bool { return true })
	case *custody.ImageRead:
		return c.imageRead(b)
	case *custody.Verification:
		return c.verified(b)
	case *custody.Opinion:
		return c.opinion(b)
	case *custody.Correction:
		return c.corrected(b)
	case *custody.ReportIssued:
		return c.reported(b)
	}
	return custody.Refuse("statement.kind", "predicate.kind", "%s has no rules", c.p.Kind)
}

func (c *hearing) genesis(b *custody.Genesis) error {
	raw, err := c.w.Document(b.Document)
	if err != nil {
		return err
	}
	if raw == nil {
		return custody.Refuse("log.document-missing", "predicate.body.document", "the log document is missing")
	}
	doc, err := custody.ParseLogDocument(raw)
	if err != nil {
		return err
	}
	if !doc.ServiceKey(c.p.Signer.Key) {
		return custody.Refuse("signer.not-service", "predicate.signer.key", "key %s is not a service key of the log document", c.p.Signer.Key.Short())
	}
	if c.p.Seen.Size != 0 || c.p.Seen.Root != evidence.Sum(nil) {
		return custody.Refuse("seen.genesis", "predicate.seen", "genesis has seen the empty tree: size 0, SHA-256 of nothing")
	}
	return nil
}

func (c *hearing) founded(b *custody.Founded) error {
	doc, err := c.orgDocument(b.Org)
	if err != nil {
		return err
	}
	if doc == nil {
		return custody.Refuse("org.document-missing", "predicate.body.org", "the organisation document is missing")
	}
	if !doc.RootKey(c.p.Signer.Key) {
		return custody.Refuse("signer.not-root", "predicate.signer.key", "key %s is not a root key of the organisation document", c.p.Signer.Key.Short())
	}
	c.set(b.Org, State{Org: &standing.Org{Founded: c.e.Leaf, Document: *doc}})
	return nil
}

func (c *hearing) keyRequested(b *custody.KeyRequested) error {
	if b.Key != c.p.Signer.Key {
		return custody.Refuse("key.not-possessed", "predicate.body.key", "a key is requested by itself")
	}
	c.set(b.Key, State{Key: standing.Request(b, c.e.Leaf)})
	return nil
}

// certifier: root keys and the right certify, of the same organisation.
func (c *hearing) certifier(org custody.ID) error {
	if c.org != org {
		return custody.Refuse("key.other-org", "predicate.body.org", "the signer belongs to organisation %s", c.org.Short())
	}
	if !c.root && !c.key.Has(custody.RightCertify) {
		return custody.Refuse("signer.right", "predicate.signer.key", "%s needs a root key or the right certify", c.p.Kind)
	}
	return nil
}

// keyState returns a key's state, which a verifier has for every key whose
// chain the dossier holds.
func (c *hearing) keyState(id custody.ID) (*standing.Key, error) {
	if chain := c.advanced(id); chain != nil && chain.State.Key != nil {
		return chain.State.Key, nil
	}
	return nil, custody.Refuse("key.unknown", "predicate.body.key", "key %s was never requested", id.Short())
}

func (c *hearing) keyCertified(b *custody.KeyCertified) error {
	if err := c.certifier(b.Org); err != nil {
		return err
	}
	k, err := c.keyState(b.Key)
	if err != nil {
		return err
	}
	if !c.relies(k.Request) {
		return custody.Refuse("basis.required", "predicate.basis", "must name the key.requested %s", k.Request.Short())
	}
	next, err := k.Certify(b, c.e.Leaf, c.e.Index)
	if err != nil {
		return err
	}
	c.set(b.Key, State{Key: next})
	return nil
}

func (c *hearing) keyRevoked(b *custody.KeyRevoked) error {
	if err := c.certifier(b.Org); err != nil {
		return err
	}
	k, err := c.keyState(b.Key)
	if err != nil {
		return err
	}
	next, err := k.Revoke(b, c.e.Leaf, c.e.Index, c.p.Seen.Size)
	if err != nil {
		return err
	}
	if !c.relies(*k.Cert) {
		return custody.Refuse("basis.required", "predicate.basis", "must name the key.certified %s", k.Cert.Short())
	}
	c.set(b.Key, State{Key: next})
	if org := c.advanced(b.Org).State.Org; org != nil { // nil only in a verifier's partial chain
		c.set(b.Org, State{Org: org.Revoke(b.Key)})
	}
	return nil
}

func (c *hearing) caseOpened(b *custody.CaseOpened) error {
	doc, err := c.orgDocument(c.org)
	if err != nil {
		return err
	}
	if doc == nil || doc.Class != custody.OrgAgency {
		return custody.Refuse("case.not-agency", "predicate.signer", "only a person of an organisation of class agency opens a case")
	}
	c.set(b.Case, State{Case: &custody.Case{Agency: c.org, Opened: c.e.Leaf, By: c.party()}})
	return nil
}

// caseState returns the case of an event that names one. partial is true where
// only the verifier lacks it: anybody may name another case's event in a basis,
// and that must not break the dossier of this one.
func (c *hearing) caseState(id custody.ID) (cs *custody.Case, partial bool, err error) {
	chain, err := c.chain(id)
	if err != nil {
		return nil, false, err
	}
	if chain != nil && chain.State.Case != nil {
		return chain.State.Case, false, nil
	}
	if chain != nil && chain.Partial {
		return nil, true, nil
	}
	return nil, false, custody.Refuse("case.unknown", "predicate.body.case", "case %s was never opened", id.Short())
}

// chain returns a chain at this log position, advanced or not.
func (c *hearing) chain(id custody.ID) (*Chain, error) {
	if chain := c.advanced(id); chain != nil {
		return chain, nil
	}
	return c.w.Chain(id)
}

// itemState returns an item's state. partial is true where only the verifier
// lacks it because the item is outside its scope.
func (c *hearing) itemState(id custody.ID) (it *custody.Item, partial bool, err error) {
	chain, err := c.chain(id)
	if err != nil {
		return nil, false, err
	}
	if chain != nil && chain.Partial {
		return nil, true, nil
	}
	if chain == nil || chain.State.Item == nil {
		return nil, false, custody.Refuse("item.unknown", "predicate.body", "item %s was never registered", id.Short())
	}
	return chain.State.Item, false, nil
}

func (c *hearing) agencyOnly(id custody.ID) error {
	cs, partial, err := c.caseState(id)
	if err != nil || partial {
		return err
	}
	if cs.Agency != c.org {
		return custody.Refuse("case.other-agency", "predicate.signer", "the case belongs to agency %s", cs.Agency.Short())
	}
	return nil
}

func (c *hearing) registered(b *custody.ItemRegistered) error {
	if err := c.agencyOnly(b.Case); err != nil {
		return err
	}
	if b.Parent != nil {
		parent, partial, err := c.itemState(*b.Parent)
		if err != nil {
			return err
		}
		if !partial && parent.Case != b.Case {
			return custody.Refuse("item.other-case", "predicate.body.parent", "the parent belongs to another case")
		}
	}
	return c.moveItems()
}

func (c *hearing) deposited(b *custody.Deposited) error {
	investigate, examine := c.key.Has(custody.RightInvestigate), c.key.Has(custody.RightExamine)
	if !investigate && !examine {
		return custody.Refuse("signer.right", "predicate.signer.key", "a deposit needs the right investigate or examine")
	}
	cs, partial, err := c.caseState(b.Case)
	if err != nil {
		return err
	}
	switch {
	case b.Parent == nil && !(investigate && (partial || cs.Agency == c.org)):
		return custody.Refuse("deposit.no-standing", "predicate.body.parent", "without a parent item only an investigator of the case's agency deposits")
	case b.Parent != nil:
		if err := c.depositFrom(b); err != nil {
			return err
		}
	}
	return c.moveItems()
}

// depositFrom: the parent's holder deposits anything from it; a grantee who
// examines deposits what was made from its copy, but no log of how the parent
// was made.
func (c *hearing) depositFrom(b *custody.Deposited) error {
	parent, partial, err := c.itemState(*b.Parent)
	if err != nil || partial {
		return err
	}
	if parent.Case != b.Case {
		return custody.Refuse("item.other-case", "predicate.body.parent", "the parent belongs to another case")
	}
	if parent.Phase == custody.PhaseDisposed && parent.Holder == c.party() {
		return custody.Refuse("item.disposed", "predicate.body.parent", "the parent item %s was disposed of", b.Parent.Short())
	}
	if parent.Phase == custody.PhaseHeld && parent.Holder == c.party() && c.relies(parent.Custody) {
		return nil
	}
	if b.Role != custody.RoleMaster && b.Role != custody.RoleLog && c.hasGrant(*b.Parent) {
		return nil
	}
	if parent.Phase == custody.PhaseTransit && parent.Holder == c.party() {
		return custody.Refuse("custody.in-transit", "predicate.body.parent", "the parent item %s is in transit: recall it first", b.Parent.Short())
	}
	if parent.Holder == c.party() {
		return custody.Refuse("basis.required", "predicate.basis", "must name the event that gave you custody of the parent, %s", parent.Custody.Short())
	}
	return custody.Refuse("custody.not-holder", "predicate.signer", "the parent item %s is not held by the signer, and no grant for it is in the basis", b.Parent.Short())
}

// moveItems runs the state machine of every item chain advanced.
func (c *hearing) moveItems() error {
	for _, a := range c.p.Advances() {
		if a.Type != custody.ChainItem {
			continue
		}
		chain := c.advanced(a.ID)
		var it *custody.Item
		if chain != nil {
			if chain.Partial {
				continue // outside the verifier's scope
			}
			it = chain.State.Item
		}
		next, err := it.Next(a.ID, custody.Deed{Kind: c.p.Kind, Body: c.p.Body, Signer: c.party(), Leaf: c.e.Leaf, Index: c.e.Index})
		if err != nil {
			return err
		}
		c.set(a.ID, State{Item: next})
	}
	return nil
}

// handover: acceptance, refusal and recall rely on the release they answer.
func (c *hearing) handover() error {
	for _, a := range c.p.Advances() {
		chain := c.advanced(a.ID)
		if chain == nil || chain.Partial || chain.State.Item == nil || chain.State.Item.Release == nil {
			continue // the state machine says what is wrong
		}
		if release := *chain.State.Item.Release; !c.relies(release) {
			return custody.Refuse("basis.required", "predicate.basis", "must name the custody.released %s of item %s", release.Short(), a.ID.Short())
		}
	}
	return c.moveItems()
}
