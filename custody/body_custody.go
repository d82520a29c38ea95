package custody

// SealState says what was found at a handover.
type SealState string

// Seal states.
const (
	SealIntact SealState = "intact"
	SealBroken SealState = "broken"
	SealNone   SealState = "none" // the item carries no seal
)

// HandedItem is one item of a handover, with its seals as they were found.
// Seals are sorted; [] where State is none.
type HandedItem struct {
	Item  ID           `json:"item"`
	Seals []SealNumber `json:"seals"`
	State SealState    `json:"state"`
}

func checkHanded(items []HandedItem) error {
	if len(items) == 0 || len(items) > MaxChains {
		return Refuse("body.count", "predicate.body.items", "a handover has between 1 and %d items", MaxChains)
	}
	for i, it := range items {
		if i > 0 && items[i-1].Item.Compare(it.Item) >= 0 {
			return Refuse("body.order", "predicate.body.items", "must be sorted by item and unique")
		}
		if err := first(nonZero("items", it.Item), sealList("items.seals", it.Seals), oneOf("items.state", it.State, SealIntact, SealBroken, SealNone)); err != nil {
			return err
		}
		if (it.State == SealNone) != (len(it.Seals) == 0) {
			return Refuse("body.seal", "predicate.body.items", "the state is none exactly where no seal is listed")
		}
	}
	return nil
}

func handedIDs(items []HandedItem) []ID {
	ids := make([]ID, len(items))
	for i, it := range items {
		ids[i] = it.Item
	}
	return ids
}

func handedChains(items []HandedItem) []Advance {
	out := make([]Advance, len(items))
	for i, it := range items {
		out[i] = Advance{ID: it.Item, Type: ChainItem}
	}
	return out
}

func itemChains(ids []ID) []Advance {
	out := make([]Advance, len(ids))
	for i, id := range ids {
		out[i] = Advance{ID: id, Type: ChainItem}
	}
	return out
}

// Purpose says why an item changes hands or is read.
type Purpose string

// Purposes.
const (
	PurposeStorage     Purpose = "storage"
	PurposeExamination Purpose = "examination"
	PurposeCourt       Purpose = "court"
	PurposeTransport   Purpose = "transport"
	PurposeReturn      Purpose = "return"
	PurposeAudit       Purpose = "audit"
	PurposeDisclosure  Purpose = "disclosure"
)

var purposes = []Purpose{PurposeStorage, PurposeExamination, PurposeCourt, PurposeTransport, PurposeReturn, PurposeAudit, PurposeDisclosure}

// Purposes returns the closed list.
func Purposes() []Purpose { return append([]Purpose(nil), purposes...) }

// Released is the holder's half of a transfer. The releaser stays answerable
// until the acceptance and may recall.
type Released struct {
	Items   []HandedItem `json:"items"`
	Purpose Purpose      `json:"purpose"`
	To      Recipient    `json:"to"`
}

func (*Released) Kind() Kind { return KindReleased }
func (b *Released) check() error {
	return first(checkHanded(b.Items), oneOf("purpose", b.Purpose, purposes...), checkRecipient(b.To))
}
func (b *Released) subjects() []ID      { return handedIDs(b.Items) }
func (b *Released) chains(ID) []Advance { return handedChains(b.Items) }

func checkRecipient(r Recipient) error {
	if r.Person != nil {
		return nonZero("to", r.Org, *r.Person)
	}
	return nonZero("to", r.Org)
}

// Accepted is the recipient's half. Items of the release that it does not
// list stay in transit.
type Accepted struct {
	Items []HandedItem `json:"items"`
}

func (*Accepted) Kind() Kind            { return KindAccepted }
func (b *Accepted) check() error        { return checkHanded(b.Items) }
func (b *Accepted) subjects() []ID      { return handedIDs(b.Items) }
func (b *Accepted) chains(ID) []Advance { return handedChains(b.Items) }

// DeclineReason says why a recipient does not take an item.
type DeclineReason string

// Decline reasons.
const (
	DeclineSeal      DeclineReason = "seal"      // broken, missing or other seal
	DeclineMismatch  DeclineReason = "mismatch"  // not what the papers or hashes say
	DeclineAuthority DeclineReason = "authority" // not permitted to take it
	DeclineOther     DeclineReason = "other"
)

// Declined gives released items back to the releaser.
type Declined struct {
	Items  []ID          `json:"items"`
	Reason DeclineReason `json:"reason"`
}

func (*Declined) Kind() Kind { return KindDeclined }
func (b *Declined) check() error {
	return first(idList("items", b.Items, 1, MaxChains), oneOf("reason", b.Reason, DeclineSeal, DeclineMismatch, DeclineAuthority, DeclineOther))
}
func (b *Declined) subjects() []ID      { return b.Items }
func (b *Declined) chains(ID) []Advance { return itemChains(b.Items) }

// Recalled takes released items back before they were accepted.
type Recalled struct {
	Items []ID `json:"items"`
}

func (*Recalled) Kind() Kind            { return KindRecalled }
func (b *Recalled) check() error        { return idList("items", b.Items, 1, MaxChains) }
func (b *Recalled) subjects() []ID      { return b.Items }
func (b *Recalled) chains(ID) []Advance { return itemChains(b.Items) }

// ApprovedAction is an act that needs a second person.
type ApprovedAction string

// Acts that need a second person: the assumption of custody, and a disposal.
const (
	ActionAssume  ApprovedAction = "custody.assumed"
	ActionDispose ApprovedAction = "item.disposed"
)

// Approved is the second person's consent to an act another person will sign.
type Approved struct {
	Action ApprovedAction `json:"action"`
	For    Party          `json:"for"` // who may then sign the act
	Items  []ID           `json:"items"`
	Org    ID             `json:"org"` // the signer's organisation
}

func (*Approved) Kind() Kind { return KindApproved }
func (b *Approved) check() error {
	return first(oneOf("action", b.Action, ActionAssume, ActionDispose), nonZero("for", b.For.Org, b.For.Person, b.Org), idList("items", b.Items, 1, MaxChains))
}
func (b *Approved) subjects() []ID      { return append([]ID{b.For.Person}, b.Items...) }
func (b *Approved) chains(ID) []Advance { return []Advance{{ID: b.Org, Type: ChainOrg}} }

// AssumedAuthority says why the holder does not sign a release.
type AssumedAuthority string

// Authorities for an assumption.
const (
	AssumeAbsence AssumedAuthority = "absence"
	AssumeDeath   AssumedAuthority = "death"
	AssumeRemoval AssumedAuthority = "removal" // suspended, transferred or key revoked
	AssumeOrder   AssumedAuthority = "order"   // ordered by a court or superior
)

// Assumed moves custody where the holder cannot sign. It needs another
// person's act.approved, and is always reported as a gap.
type Assumed struct {
	Authority AssumedAuthority `json:"authority"`
	From      Party            `json:"from"`
	Items     []HandedItem     `json:"items"`
}

func (*Assumed) Kind() Kind { return KindAssumed }
func (b *Assumed) check() error {
	return first(oneOf("authority", b.Authority, AssumeAbsence, AssumeDeath, AssumeRemoval, AssumeOrder),
		nonZero("from", b.From.Org, b.From.Person), checkHanded(b.Items))
}
func (b *Assumed) subjects() []ID      { return append([]ID{b.From.Person}, handedIDs(b.Items)...) }
func (b *Assumed) chains(ID) []Advance { return handedChains(b.Items) }

// MaxConfirmed bounds the items of one confirmation.
const MaxConfirmed = 64

// Confirmed is the holder's statement that each item's record, up to the event
// its link names as prev, is what they know of it. It changes no state. An
// operator who shows somebody a shorter or another record of an item after
// that contradicts its custodian's signature.
type Confirmed struct {
	Items []ID `json:"items"`
}

func (*Confirmed) Kind() Kind { return KindConfirmed }
func (b *Confirmed) check() error {
	return first(idList("items", b.Items, 1, MaxConfirmed), nonZero("items", b.Items...))
}
func (b *Confirmed) subjects() []ID      { return b.Items }
func (b *Confirmed) chains(ID) []Advance { return itemChains(b.Items) }
