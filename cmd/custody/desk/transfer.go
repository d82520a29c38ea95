package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
)

// Refusals of a handover that the verified dossier already shows.
var (
	ErrNotHolder    = errors.New("not held by this person")
	ErrNotInTransit = errors.New("not in transit")
	ErrNotRecipient = errors.New("not released to this person")
	ErrSeal         = errors.New("the seals listed are not those on record")
)

// Handing is one item as it is handed over or received.
type Handing struct {
	Item evidence.Digest
	// Seals found on it; nil means: those on record, intact (State is then
	// taken as intact, or none for an item without seals).
	Seals []custody.SealNumber
	State custody.SealState
}

// Release gives items to an organisation, or one person of it.
type Release struct {
	Items   []Handing
	To      custody.Recipient
	Purpose custody.Purpose
	Telling Telling
}

// Release signs the giver's half of a transfer. The desk's person stays
// answerable until the acceptance.
func (d *Desk) Release(ctx context.Context, in Release) (Recorded, error) {
	return d.perform(ctx, func() (act, error) {
		verified, err := d.VerifyItems(ctx, handed(in.Items)...)
		if err != nil {
			return act{}, err
		}
		for _, h := range in.Items {
			it, err := verified.item(h.Item)
			if err != nil {
				return act{}, err
			}
			if it.Phase != custody.PhaseHeld || it.Holder != d.Identity() {
				return act{}, fmt.Errorf("couldn't release item %s: %w", h.Item.Short(), ErrNotHolder)
			}
		}
		items, err := verified.handing(in.Items)
		if err != nil {
			return act{}, err
		}
		return act{body: &custody.Released{Items: items, Purpose: in.Purpose, To: in.To}, telling: in.Telling, verified: verified}, nil
	})
}

// Acceptance takes released items. Items of the release that are not listed
// stay in transit.
type Acceptance struct {
	Items   []Handing
	Telling Telling
}

// Accept signs the taker's half of a transfer, after verifying the items'
// dossiers and that they were released to the desk's person.
func (d *Desk) Accept(ctx context.Context, in Acceptance) (Recorded, error) {
	return d.perform(ctx, func() (act, error) {
		verified, basis, err := d.released(ctx, handed(in.Items), d.recipient)
		if err != nil {
			return act{}, err
		}
		items, err := verified.handing(in.Items)
		if err != nil {
			return act{}, err
		}
		return act{body: &custody.Accepted{Items: items}, basis: basis, telling: in.Telling, verified: verified}, nil
	})
}

// Declination gives released items back.
type Declination struct {
	Items   []evidence.Digest
	Reason  custody.DeclineReason
	Telling Telling
}

// Decline signs that the desk's person does not take the items.
func (d *Desk) Decline(ctx context.Context, in Declination) (Recorded, error) {
	return d.perform(ctx, func() (act, error) {
		verified, basis, err := d.released(ctx, in.Items, d.recipient)
		if err != nil {
			return act{}, err
		}
		return act{body: &custody.Declined{Items: custody.SortedIDs(in.Items...), Reason: in.Reason},
			basis: basis, telling: in.Telling, verified: verified}, nil
	})
}

// Recalling takes released items back before they are accepted.
type Recalling struct {
	Items   []evidence.Digest
	Telling Telling
}

// Recall signs that the desk's person takes back what it released.
func (d *Desk) Recall(ctx context.Context, in Recalling) (Recorded, error) {
	return d.perform(ctx, func() (act, error) {
		verified, basis, err := d.released(ctx, in.Items, func(it *custody.Item) error {
			if it.Holder != d.Identity() {
				return ErrNotHolder
			}
			return nil
		})
		if err != nil {
			return act{}, err
		}
		return act{body: &custody.Recalled{Items: custody.SortedIDs(in.Items...)},
			basis: basis, telling: in.Telling, verified: verified}, nil
	})
}

func (d *Desk) recipient(it *custody.Item) error {
	if it.To == nil || !it.To.Admits(d.Identity()) {
		return ErrNotRecipient
	}
	return nil
}

// released verifies the items and returns the releases they are in transit by.
func (d *Desk) released(ctx context.Context, items []evidence.Digest, mine func(*custody.Item) error) (*Dossier, []evidence.Digest, error) {
	verified, err := d.VerifyItems(ctx, items...)
	if err != nil {
		return nil, nil, err
	}
	var basis []evidence.Digest
	for _, id := range items {
		it, err := verified.item(id)
		if err != nil {
			return nil, nil, err
		}
		if it.Phase != custody.PhaseTransit || it.Release == nil {
			return nil, nil, fmt.Errorf("couldn't answer a release of item %s: %w", id.Short(), ErrNotInTransit)
		}
		if err := mine(it); err != nil {
			return nil, nil, fmt.Errorf("couldn't answer the release of item %s: %w", id.Short(), err)
		}
		basis = append(basis, *it.Release)
	}
	return verified, basis, nil
}

// Confirmation states what the desk's person knows of items that they hold.
type Confirmation struct {
	Items   []evidence.Digest
	Telling Telling
}

// Confirmed is a recorded confirmation.
type Confirmed struct {
	Recorded
	Items []ConfirmedItem `json:"items"` // sorted by id
}

// ConfirmedItem is up to where an item's record was confirmed.
type ConfirmedItem struct {
	Item evidence.Digest `json:"item"`
	Seq  uint64          `json:"seq"`  // complete to this place of its chain, according to the signer
	Head evidence.Digest `json:"head"` // leaf hash of the event there
}

// Confirm signs the head of each item's record, after verifying its dossier:
// the custodian's own word of how far it goes. The links that are signed are of
// the verified heads, or nothing is signed.
func (d *Desk) Confirm(ctx context.Context, in Confirmation) (Confirmed, error) {
	var out Confirmed
	r, err := d.perform(ctx, func() (act, error) {
		verified, err := d.VerifyItems(ctx, in.Items...)
		if err != nil {
			return act{}, err
		}
		out.Items = nil
		items := custody.SortedIDs(in.Items...)
		for i, id := range items {
			it, err := verified.item(id)
			if err != nil {
				return act{}, err
			}
			if it.Phase != custody.PhaseHeld || it.Holder != d.Identity() {
				return act{}, fmt.Errorf("couldn't confirm the record of item %s: %w", id.Short(), ErrNotHolder)
			}
			h := verified.Readings[i].Heads[id] // one dossier for each item, in this order
			out.Items = append(out.Items, ConfirmedItem{Item: id, Seq: h.Seq, Head: h.Leaf})
		}
		return act{body: &custody.Confirmed{Items: items}, telling: in.Telling, verified: verified}, nil
	})
	out.Recorded = r
	return out, err
}

// Approval consents to what another person will do: assume custody, where
// Action is empty, or dispose of an item.
type Approval struct {
	Items   []evidence.Digest
	For     custody.Party
	Action  custody.ApprovedAction
	Telling Telling
}

// Approve signs the second person's consent.
func (d *Desk) Approve(ctx context.Context, in Approval) (Recorded, error) {
	if in.Action == "" {
		in.Action = custody.ActionAssume
	}
	return d.perform(ctx, func() (act, error) {
		verified, err := d.VerifyItems(ctx, in.Items...)
		if err != nil {
			return act{}, err
		}
		return act{body: &custody.Approved{Action: in.Action, For: in.For, Items: custody.SortedIDs(in.Items...),
			Org: d.Key.Organisation}, telling: in.Telling, verified: verified}, nil
	})
}

// Assumption takes custody where the holder cannot sign.
type Assumption struct {
	Items     []Handing
	Approval  evidence.Digest // leaf of the other person's act.approved
	Authority custody.AssumedAuthority
	Telling   Telling
}

// Assume signs the assumption; it is always reported as a gap.
func (d *Desk) Assume(ctx context.Context, in Assumption) (Recorded, error) {
	return d.perform(ctx, func() (act, error) {
		verified, err := d.VerifyItems(ctx, handed(in.Items)...)
		if err != nil {
			return act{}, err
		}
		items, err := verified.handing(in.Items)
		if err != nil {
			return act{}, err
		}
		first, err := verified.item(in.Items[0].Item)
		if err != nil {
			return act{}, err
		}
		return act{body: &custody.Assumed{Authority: in.Authority, From: first.Holder, Items: items},
			basis: []evidence.Digest{in.Approval}, telling: in.Telling, verified: verified}, nil
	})
}

func handed(items []Handing) []evidence.Digest {
	ids := make([]evidence.Digest, len(items))
	for i, h := range items {
		ids[i] = h.Item
	}
	return ids
}

// handing fills in the seals on record where the person named none.
func (v *Dossier) handing(in []Handing) ([]custody.HandedItem, error) {
	out := make([]custody.HandedItem, 0, len(in))
	for _, h := range in {
		it, err := v.item(h.Item)
		if err != nil {
			return nil, err
		}
		seals, state := sortedSeals(h.Seals), h.State
		if h.Seals == nil {
			seals = sortedSeals(it.Seals)
		}
		switch {
		case len(seals) == 0:
			if state != "" && state != custody.SealNone {
				return nil, fmt.Errorf("item %s has no seals: %w", h.Item.Short(), ErrSeal)
			}
			state = custody.SealNone
		case state == "":
			// "Intact" is only filled in where the seals are those on record.
			if !slices.Equal(seals, sortedSeals(it.Seals)) {
				return nil, fmt.Errorf("item %s: found %v, on record %v: say in which state: %w", h.Item.Short(), seals, it.Seals, ErrSeal)
			}
			state = custody.SealIntact
		}
		out = append(out, custody.HandedItem{Item: h.Item, Seals: seals, State: state})
	}
	slices.SortFunc(out, func(a, b custody.HandedItem) int { return a.Item.Compare(b.Item) })
	return out, nil
}
