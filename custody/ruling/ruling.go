package ruling

import (
	"slices"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/standing"
)

// Ruling is what an admitted event changes.
type Ruling struct {
	Signer custody.Party // zero for the service and for root keys
	Key    *standing.Key // the signer's key; nil for the service, root keys and requested keys
	Chains []Chain       // every chain advanced, with its new head and state, in the order of the links
}

// Judge rules on one event. The error is a *custody.Refusal where a rule is
// broken, and anything else where the world could not be read.
func Judge(w World, e Entry) (*Ruling, error) {
	c := &hearing{w: w, e: e, p: &e.Statement.Predicate}
	for _, step := range steps {
		if err := step(c); err != nil {
			return nil, err
		}
	}
	return c.ruling(), nil
}

var steps = []func(*hearing) error{(*hearing).log, (*hearing).signer, (*hearing).basis, (*hearing).links, (*hearing).seen, (*hearing).body}

// hearing is one event under judgement.
type hearing struct {
	w World
	e Entry
	p *custody.Predicate

	key    *standing.Key // signer's certified key
	org    custody.ID    // signer's organisation; zero for the service
	root   bool          // signed by a root key of org
	cert   *Entry        // what the signer's cert names; nil where there is none
	relied []*Entry      // the basis, in its order
	heads  []*Chain      // of each link, in the links' order, the chain before; nil where it has no event yet
	next   []Chain       // and after
}

func (c *hearing) ruling() *Ruling {
	r := &Ruling{Key: c.key, Chains: c.next}
	if c.key != nil {
		r.Signer = c.key.Party()
	}
	return r
}

// link returns the place of a chain among those advanced, or -1.
func (c *hearing) link(id custody.ID) int {
	return slices.IndexFunc(c.p.Chains, func(l custody.Link) bool { return l.ID == id })
}

// advanced returns a chain that the event advances as it was before; nil where
// it had no event yet, or is not advanced.
func (c *hearing) advanced(id custody.ID) *Chain {
	if i := c.link(id); i >= 0 && i < len(c.heads) {
		return c.heads[i]
	}
	return nil
}

// set records the new state of a chain that the event advances.
func (c *hearing) set(id custody.ID, s State) {
	if i := c.link(id); i >= 0 {
		c.next[i].State = s
	}
}

// log: an event belongs to this log and no other; genesis comes first.
func (c *hearing) log() error {
	doc, id := c.w.Log()
	if c.p.Kind == custody.KindGenesis {
		if doc != nil || c.e.Index != 0 {
			return custody.Refuse("log.genesis-place", "predicate.kind", "log.genesis is index 0 and nothing else")
		}
		return nil
	}
	if doc == nil {
		return custody.Refuse("log.genesis-missing", "predicate.log", "the log has no genesis")
	}
	if *c.p.Log != id {
		return custody.Refuse("log.other", "predicate.log", "the event is for log %s; this is log %s", c.p.Log.Short(), id.Short())
	}
	return nil
}

// signer: who signed, by what certificate, with what right (FORMAT, signer).
func (c *hearing) signer() error {
	rule, _ := custody.Rule(c.p.Kind)
	s := c.p.Signer
	switch {
	case c.p.Kind == custody.KindGenesis:
		return nil // judged with its document
	case s.Class == custody.ClassService:
		if doc, _ := c.w.Log(); !doc.ServiceKey(s.Key) {
			return custody.Refuse("signer.not-service", "predicate.signer.key", "key %s is not a service key of the log document", s.Key.Short())
		}
		return nil
	case rule.Uncertified:
		return nil // org.founded and key.requested: judged with their bodies
	}
	cert, err := c.w.Entry(*s.Cert)
	if err != nil {
		return err
	}
	if cert == nil {
		return custody.Refuse("signer.cert-unknown", "predicate.signer.cert", "no earlier event has the leaf hash %s", s.Cert.Short())
	}
	c.cert = cert
	switch b := cert.Statement.Predicate.Body.(type) {
	case *custody.Founded:
		return c.rootSigner(b)
	case *custody.KeyCertified:
		return c.personSigner(rule, b)
	}
	return custody.Refuse("signer.cert-kind", "predicate.signer.cert", "%s certifies nobody", cert.Statement.Predicate.Kind)
}

func (c *hearing) rootSigner(b *custody.Founded) error {
	doc, err := c.orgDocument(b.Org)
	if err != nil {
		return err
	}
	if doc == nil || !doc.RootKey(c.p.Signer.Key) {
		return custody.Refuse("signer.not-root", "predicate.signer.key", "key %s is not a root key of organisation %s", c.p.Signer.Key.Short(), b.Org.Short())
	}
	switch c.p.Kind {
	case custody.KindCertified, custody.KindRevoked, custody.KindStatus:
	default:
		return custody.Refuse("signer.root-only-certifies", "predicate.signer.key", "a root key certifies, revokes and lists what is revoked; %s is signed with a person's certified key", c.p.Kind)
	}
	c.org, c.root = b.Org, true
	return nil
}

func (c *hearing) personSigner(rule *custody.KindRule, b *custody.KeyCertified) error {
	s := c.p.Signer
	if b.Key != s.Key {
		return custody.Refuse("signer.cert-other-key", "predicate.signer.cert", "the certificate is for key %s", b.Key.Short())
	}
	chain, err := c.w.Chain(s.Key)
	if err != nil {
		return err
	}
	if chain == nil || chain.State.Key == nil || chain.State.Key.Cert == nil || *chain.State.Key.Cert != *s.Cert {
		return custody.Refuse("signer.cert-unknown", "predicate.signer.cert", "key %s was not certified by that event", s.Key.Short())
	}
	k := chain.State.Key
	if k.At(c.e.Index) == standing.Invalid {
		return custody.Refuse("signer.revoked", "predicate.signer.key", "key %s was revoked at log index %d (%s)", s.Key.Short(), k.Revocation.Index, k.Revocation.Reason)
	}
	if rule.Right != "" && !k.Has(rule.Right) {
		return custody.Refuse("signer.right", "predicate.signer.key", "%s needs the right %s, which key %s does not have", rule.Kind, rule.Right, s.Key.Short())
	}
	c.key, c.org = k, k.Org
	return nil
}

func (c *hearing) orgDocument(id custody.ID) (*custody.OrgDocument, error) {
	b, err := c.w.Document(id)
	if err != nil || b == nil {
		return nil, err
	}
	doc, err := custody.ParseOrgDocument(b)
	if err != nil {
		return nil, err
	}
	return &doc, nil
}

// basis: everything relied on is an earlier event.
func (c *hearing) basis() error {
	for _, leaf := range c.p.Basis {
		e, err := c.w.Entry(leaf)
		if err != nil {
			return err
		}
		if e == nil || e.Index >= c.e.Index {
			return custody.Refuse("basis.unknown", "predicate.basis", "no earlier event has the leaf hash %s", leaf.Short())
		}
		c.relied = append(c.relied, e)
	}
	return nil
}

// links: every chain continues from its head.
func (c *hearing) links() error {
	types := c.types()
	c.heads, c.next = make([]*Chain, 0, len(c.p.Chains)), make([]Chain, 0, len(c.p.Chains))
	for i, l := range c.p.Chains {
		chain, err := c.w.Chain(l.ID)
		if err != nil {
			return err
		}
		if err := checkLink(l, chain, types(i)); err != nil {
			return err
		}
		next := Chain{ID: l.ID, Type: types(i), Seq: l.Seq, Head: c.e.Leaf, Index: c.e.Index}
		if chain != nil {
			next.State, next.Partial = chain.State, chain.Partial
		}
		c.heads, c.next = append(c.heads, chain), append(c.next, next)
	}
	return nil
}

// types returns what says of each link what its chain is of. Most bodies name
// their chains in the order of the links.
func (c *hearing) types() func(i int) custody.ChainType {
	advances := c.p.Advances()
	if slices.EqualFunc(advances, c.p.Chains, func(a custody.Advance, l custody.Link) bool { return a.ID == l.ID }) {
		return func(i int) custody.ChainType { return advances[i].Type }
	}
	types := map[custody.ID]custody.ChainType{}
	for _, a := range advances {
		types[a.ID] = a.Type
	}
	return func(i int) custody.ChainType { return types[c.p.Chains[i].ID] }
}

func checkLink(l custody.Link, chain *Chain, want custody.ChainType) error {
	switch {
	case chain == nil && l.Seq == 0:
		return nil
	case chain == nil:
		return custody.Refuse(RuleUnknown, "predicate.chains", "%s chain %s has no event yet", want, l.ID.Short())
	case chain.Type != "" && chain.Type != want:
		return custody.Refuse(RuleType, "predicate.chains", "chain %s is of type %s, not %s", l.ID.Short(), chain.Type, want)
	case chain.Partial && chain.Head.IsZero():
		return nil // nothing of it is known yet
	case l.Seq <= chain.Seq:
		return custody.Refuse(RuleStale, "predicate.chains", "%s chain %s is already at seq %d: verify again, sign again", want, l.ID.Short(), chain.Seq)
	case l.Seq > chain.Seq+1:
		if chain.Partial {
			return nil
		}
		return custody.Refuse(RuleAhead, "predicate.chains", "%s chain %s is at seq %d, so seq %d leaves a gap", want, l.ID.Short(), chain.Seq, l.Seq)
	case *l.Prev != chain.Head:
		return custody.Refuse(RuleFork, "predicate.chains", "%s chain %s at seq %d is event %s, not %s", want, l.ID.Short(), chain.Seq, chain.Head.Short(), l.Prev.Short())
	}
	return nil
}

// seen: a person's checkpoint includes all that the event stands on.
func (c *hearing) seen() error {
	size := c.p.Seen.Size
	if size > c.e.Index {
		return custody.Refuse("seen.future", "predicate.seen.size", "the event has log index %d, so a checkpoint of %d leaves cannot have been seen", c.e.Index, size)
	}
	if c.p.Signer.Class != custody.ClassPerson {
		return nil
	}
	for i, l := range c.p.Chains {
		if chain := c.heads[i]; chain != nil && !chain.Head.IsZero() && l.Seq == chain.Seq+1 && size <= chain.Index {
			return custody.Refuse("seen.before-prev", "predicate.seen.size", "a checkpoint of %d leaves does not include the previous event (index %d)", size, chain.Index)
		}
	}
	for _, e := range c.relied {
		if size <= e.Index {
			return custody.Refuse("seen.before-basis", "predicate.seen.size", "a checkpoint of %d leaves does not include the basis (index %d)", size, e.Index)
		}
	}
	if c.cert != nil && size <= c.cert.Index {
		return custody.Refuse("seen.before-cert", "predicate.seen.size", "a checkpoint of %d leaves does not include the certificate (index %d)", size, c.cert.Index)
	}
	return nil
}

// relies reports whether the basis has the leaf.
func (c *hearing) relies(leaf custody.ID) bool { return slices.Contains(c.p.Basis, leaf) }

func (c *hearing) party() custody.Party {
	if c.key == nil {
		return custody.Party{}
	}
	return c.key.Party()
}
