package report

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/verify"
)

// stage is an item's custody after one event that moved it.
type stage struct {
	event *verify.Event
	state custody.Item
}

// custody replays each item's events and says who held it when.
func (c *composer) custody() {
	for _, e := range c.r.Events {
		for _, a := range e.Statement.Predicate.Advances() {
			if a.Type == custody.ChainItem && c.items[a.ID] > 0 {
				c.move(a.ID, e)
			}
		}
	}
	for _, id := range sortedByNumber(c.items) {
		c.periods(id)
	}
}

// move takes the item to its next state. The verifier has admitted the event
// by the same state machine; what it would not admit moves nothing here.
func (c *composer) move(id custody.ID, e *verify.Event) {
	if e.Kind() == custody.KindConfirmed {
		return // a statement of what is: it begins no period
	}
	var now *custody.Item
	if was := c.states[id]; len(was) > 0 {
		now = &was[len(was)-1].state
	}
	next, err := now.Next(id, custody.Deed{Kind: e.Kind(), Body: e.Body(), Signer: e.Signer, Leaf: e.Leaf, Index: e.Index})
	if err == nil {
		c.states[id] = append(c.states[id], stage{e, *next})
	}
}

// before returns the item's state before the event, or nil.
func (c *composer) before(id custody.ID, e *verify.Event) *custody.Item {
	stages := c.states[id]
	i, moved := slices.BinarySearchFunc(stages, e.Index, func(s stage, at uint64) int { return cmp.Compare(s.event.Index, at) })
	if !moved || i == 0 {
		return nil
	}
	return &stages[i-1].state
}

func claimed(e *verify.Event) Instant { return At(e.Statement.Predicate.Times.Act.From.Std()) }

// periods turns the stages of one item into periods and gaps.
func (c *composer) periods(id custody.ID) {
	stages, n := c.states[id], c.items[id]
	for i, s := range stages {
		p := Period{Item: n, State: Held, Holder: c.party(s.state.Holder), FromAct: c.acts[s.event.Leaf]}
		var end Instant
		if i+1 < len(stages) {
			end, p.ToAct = claimed(stages[i+1].event), c.acts[stages[i+1].event.Leaf]
		}
		p.Span = SpanOf(claimed(s.event), end)
		if s.state.Phase == custody.PhaseTransit {
			p.State, p.To = InTransit, c.recipient(*s.state.To)
			if p.ToAct == 0 {
				p.Gap = true
				c.gap(p, GapInTransit, fmt.Sprintf("Released in act %d and neither accepted, declined nor recalled by the log head. The releaser stays answerable.", p.FromAct))
			}
		}
		if s.state.Phase == custody.PhaseDisposed {
			p.State = EndOfCustody
		}
		if i+1 < len(stages) {
			if b, ok := stages[i+1].event.Body().(*custody.Assumed); ok {
				p.Gap = true
				c.gap(p, GapAssumed, fmt.Sprintf("In act %d custody was assumed without a release by the holder (%s). The record does not show when within this period the holder ceased to hold it.", p.ToAct, b.Authority))
			}
		}
		c.doc.Periods = append(c.doc.Periods, p)
	}
}

func (c *composer) gap(p Period, kind GapKind, words string) {
	c.doc.Gaps = append(c.doc.Gaps, Gap{Item: p.Item, Kind: kind, Span: p.Span, Words: words})
}

// handed lists the items of a hand-over with their seals, or nil.
func handed(b custody.Body) []custody.HandedItem {
	switch b := b.(type) {
	case *custody.Released:
		return b.Items
	case *custody.Accepted:
		return b.Items
	case *custody.Assumed:
		return b.Items
	}
	return nil
}

// seals compares the seals given at each hand-over with those before it.
func (c *composer) seals() Outcome {
	if c.has(verify.SealDiffers) {
		return Fail
	}
	for _, e := range c.r.Events {
		for _, h := range handed(e.Body()) {
			if was := c.before(h.Item, e); was != nil && (len(h.Seals) > 0 || len(was.Seals) > 0) {
				return Pass
			}
		}
	}
	return NotChecked // nothing sealed was handed over
}
