package custody

import "slices"

// Phase is where an item stands in the state machine (FORMAT, CUSTODY).
type Phase string

// Phases. The zero Phase is an item that has no founding event yet.
const (
	PhaseNone     Phase = ""
	PhaseHeld     Phase = "held"
	PhaseTransit  Phase = "in-transit"
	PhaseDisposed Phase = "disposed" // nothing follows
)

// Item is one item's state at a log position. Its JSON form is a projection
// and never signed.
type Item struct {
	Case    ID           `json:"case"`
	Class   ItemClass    `json:"class"`
	Parent  *ID          `json:"parent,omitempty"`
	Phase   Phase        `json:"phase"`
	Holder  Party        `json:"holder"`  // in transit: the releaser, who stays answerable
	Custody ID           `json:"custody"` // leaf of the event that gave the holder custody
	Since   uint64       `json:"since"`   // its log index
	Seals   []SealNumber `json:"seals"`

	Release *ID        `json:"release,omitempty"` // leaf of the open release
	To      *Recipient `json:"to,omitempty"`
	Purpose Purpose    `json:"purpose,omitempty"`

	Artifact *Artifact   `json:"artifact,omitempty"` // class digital only
	Format   ImageFormat `json:"format,omitempty"`
	Role     Role        `json:"role,omitempty"`
}

// Case is a case's state at a log position.
type Case struct {
	Agency ID    `json:"agency"`
	Opened ID    `json:"opened"` // leaf of case.opened
	By     Party `json:"by"`
}

// Grant is an access grant's state at a log position.
type Grant struct {
	Case    ID        `json:"case"`
	Items   []ID      `json:"items"`
	Scope   Scope     `json:"scope"`
	To      Recipient `json:"to"`
	By      Party     `json:"by"`
	Expires *Time     `json:"expires,omitempty"`
	Leaf    ID        `json:"leaf"`
}

// Transition is one row of the item's state machine.
type Transition struct {
	From Phase
	Kind Kind
	To   Phase  // the phase reached, where Rule is ""
	Rule string // the refusal, where the event is not possible from this phase
	Note string
}

// Transitions is the whole machine: every phase × every kind that advances an
// item's chain (SPEC.md holds the same table, and a test compares them).
func Transitions() []Transition { return slices.Clone(transitions) }

var transitions = []Transition{
	{PhaseNone, KindRegistered, PhaseHeld, "", "by the signer"},
	{PhaseNone, KindDeposited, PhaseHeld, "", "by the signer"},
	{PhaseNone, KindReleased, PhaseNone, "item.unknown", ""},
	{PhaseNone, KindAccepted, PhaseNone, "item.unknown", ""},
	{PhaseNone, KindDeclined, PhaseNone, "item.unknown", ""},
	{PhaseNone, KindRecalled, PhaseNone, "item.unknown", ""},
	{PhaseNone, KindAssumed, PhaseNone, "item.unknown", ""},
	{PhaseNone, KindConfirmed, PhaseNone, "item.unknown", ""},
	{PhaseNone, KindDisposed, PhaseNone, "item.unknown", ""},

	{PhaseHeld, KindRegistered, PhaseHeld, "item.exists", ""},
	{PhaseHeld, KindDeposited, PhaseHeld, "item.exists", ""},
	{PhaseHeld, KindReleased, PhaseTransit, "", "to the recipient; only by the holder"},
	{PhaseHeld, KindAccepted, PhaseHeld, "custody.not-released", ""},
	{PhaseHeld, KindDeclined, PhaseHeld, "custody.not-released", ""},
	{PhaseHeld, KindRecalled, PhaseHeld, "custody.not-released", ""},
	{PhaseHeld, KindAssumed, PhaseHeld, "", "by the signer, of the holder's organisation, with another's approval; always a gap"},
	{PhaseHeld, KindConfirmed, PhaseHeld, "", "unchanged; only by the holder"},
	{PhaseHeld, KindDisposed, PhaseDisposed, "", "only by the holder, with another's approval; nothing follows"},

	{PhaseTransit, KindRegistered, PhaseTransit, "item.exists", ""},
	{PhaseTransit, KindDeposited, PhaseTransit, "item.exists", ""},
	{PhaseTransit, KindReleased, PhaseTransit, "custody.in-transit", ""},
	{PhaseTransit, KindAccepted, PhaseHeld, "", "by the signer; only by the recipient"},
	{PhaseTransit, KindDeclined, PhaseHeld, "", "by the releaser; only by the recipient"},
	{PhaseTransit, KindRecalled, PhaseHeld, "", "by the releaser; only by the releaser"},
	{PhaseTransit, KindAssumed, PhaseTransit, "custody.in-transit", ""},
	{PhaseTransit, KindConfirmed, PhaseTransit, "custody.in-transit", ""},
	{PhaseTransit, KindDisposed, PhaseTransit, "custody.in-transit", ""},

	{PhaseDisposed, KindRegistered, PhaseDisposed, "item.exists", ""},
	{PhaseDisposed, KindDeposited, PhaseDisposed, "item.exists", ""},
	{PhaseDisposed, KindReleased, PhaseDisposed, "item.disposed", ""},
	{PhaseDisposed, KindAccepted, PhaseDisposed, "item.disposed", ""},
	{PhaseDisposed, KindDeclined, PhaseDisposed, "item.disposed", ""},
	{PhaseDisposed, KindRecalled, PhaseDisposed, "item.disposed", ""},
	{PhaseDisposed, KindAssumed, PhaseDisposed, "item.disposed", ""},
	{PhaseDisposed, KindConfirmed, PhaseDisposed, "item.disposed", ""},
	{PhaseDisposed, KindDisposed, PhaseDisposed, "item.disposed", ""},
}

// Deed is one event as the state machine sees it.
type Deed struct {
	Kind   Kind
	Body   Body
	Signer Party // who signed
	Leaf   ID    // leaf hash of the event
	Index  uint64
}

// Next returns the state after the act, or the refusal. A nil item is one
// without a founding event. The receiver is not changed.
func (it *Item) Next(id ID, act Deed) (*Item, error) {
	phase := PhaseNone
	if it != nil {
		phase = it.Phase
	}
	row := slices.IndexFunc(transitions, func(t Transition) bool { return t.From == phase && t.Kind == act.Kind })
	if row < 0 {
		return nil, Refuse("item.kind", "predicate.kind", "%s does not advance an item", act.Kind)
	}
	if t := transitions[row]; t.Rule != "" {
		return nil, Refuse(t.Rule, "predicate.chains", "item %s is %s, so %s is not possible", id.Short(), phaseWords(phase), act.Kind)
	}
	next := &Item{}
	if it != nil {
		*next = *it
	}
	next.Phase = transitions[row].To
	switch b := act.Body.(type) {
	case *ItemRegistered:
		next.Case, next.Class, next.Parent = b.Case, b.Class, b.Parent
		next.give(act, b.Seals)
	case *Deposited:
		a := b.Artifact
		next.Case, next.Class, next.Parent, next.Artifact = b.Case, ItemDigital, b.Parent, &a
		next.Format, next.Role = b.Format, b.Role
		next.give(act, []SealNumber{})
	case *Released:
		if act.Signer != it.Holder {
			return nil, Refuse("custody.not-holder", "predicate.signer", "item %s is held by person %s, who alone can release it", id.Short(), it.Holder.Person.Short())
		}
		leaf, to := act.Leaf, b.To
		next.Release, next.To, next.Purpose = &leaf, &to, b.Purpose
		next.Seals = handedSeals(b.Items, id)
	case *Accepted:
		if !it.To.Admits(act.Signer) {
			return nil, Refuse("custody.not-recipient", "predicate.signer", "item %s was released to %s", id.Short(), it.To.words())
		}
		next.give(act, handedSeals(b.Items, id))
	case *Declined:
		if !it.To.Admits(act.Signer) {
			return nil, Refuse("custody.not-recipient", "predicate.signer", "item %s was released to %s", id.Short(), it.To.words())
		}
		next.settle()
	case *Recalled:
		if act.Signer != it.Holder {
			return nil, Refuse("custody.not-releaser", "predicate.signer", "item %s was released by person %s, who alone can recall it", id.Short(), it.Holder.Person.Short())
		}
		next.settle()
	case *Assumed:
		if act.Signer.Org != it.Holder.Org {
			return nil, Refuse("custody.not-holder-org", "predicate.signer", "item %s is held by organisation %s; only its officers can assume custody", id.Short(), it.Holder.Org.Short())
		}
		if b.From != it.Holder {
			return nil, Refuse("custody.wrong-from", "predicate.body.from", "item %s is held by person %s", id.Short(), it.Holder.Person.Short())
		}
		next.give(act, handedSeals(b.Items, id))
	case *Confirmed:
		if act.Signer != it.Holder {
			return nil, Refuse("custody.not-holder", "predicate.signer", "item %s is held by person %s, who alone can confirm its record", id.Short(), it.Holder.Person.Short())
		}
	case *Disposed:
		if act.Signer != it.Holder {
			return nil, Refuse("custody.not-holder", "predicate.signer", "item %s is held by person %s, who alone can dispose of it", id.Short(), it.Holder.Person.Short())
		}
	}
	return next, nil
}

// give makes the act's signer the holder.
func (it *Item) give(act Deed, seals []SealNumber) {
	it.Holder, it.Custody, it.Since, it.Seals = act.Signer, act.Leaf, act.Index, seals
	it.settle()
}

// settle ends an open release.
func (it *Item) settle() { it.Release, it.To, it.Purpose = nil, nil, "" }

func handedSeals(items []HandedItem, id ID) []SealNumber {
	for _, it := range items {
		if it.Item == id {
			return it.Seals
		}
	}
	return []SealNumber{}
}

func (r Recipient) words() string {
	if r.Person == nil {
		return "organisation " + r.Org.Short()
	}
	return "person " + r.Person.Short() + " of organisation " + r.Org.Short()
}

func phaseWords(p Phase) string {
	switch p {
	case PhaseNone:
		return "not registered"
	case PhaseTransit:
		return "in transit"
	case PhaseDisposed:
		return "disposed of"
	}
	return "held"
}
