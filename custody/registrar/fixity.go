package registrar

import (
	"context"
	"errors"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
)

// fixity tells how the stored copy of an item's artifact was last found: in the
// words of the event, which is the record; what the service keeps beside it says
// when its turn comes.
func (r *Registrar) fixity(ctx context.Context, item custody.ID) (*Fixity, error) {
	f, err := r.ledger.Fixity(ctx, item)
	if errors.Is(err, docket.ErrNotFound) {
		return nil, nil // somebody took its row away: custodyd check and doctor say so
	}
	if err != nil {
		return nil, fault("ledger", err)
	}
	out := &Fixity{State: CopyUnread, Whole: f.Whole, Due: r.copyDue(f)}
	switch {
	case f.Erased:
		return r.erasedCopy(ctx, item, f)
	case f.Event == nil:
		return out, nil
	}
	out.Event, out.Checked = *f.Event, f.Told
	e, err := r.ledger.Event(ctx, *f.Event)
	if err != nil {
		return nil, fault("ledger", err)
	}
	var of custody.ID
	switch b := e.Statement.Predicate.Body.(type) {
	case *custody.FixityPassed:
		of, out.State = b.Item, CopyPassed
	case *custody.FixityFailed:
		of = b.Item
		out.State, out.Reason, out.Blocks, out.Bad, out.Looked = CopyFailed, string(b.Reason), b.Blocks, b.Count, b.Checked
	case *custody.FixityUnchecked:
		of, out.State, out.Reason = b.Item, CopyUnchecked, string(b.Reason)
	}
	if of != item { // a row may be pointed at another item's event
		return nil, fault("ledger", docket.AlteredF("event %s is noted as a reading of item %s, and is none", f.Event.Short(), item.Short()))
	}
	return out, nil
}

// copyDue is when a copy's turn to be read back comes.
func (r *Registrar) copyDue(f docket.Fixity) *time.Time {
	at := f.Since.Add(r.o.FixityEvery)
	switch {
	case f.Asked: // next, whenever it was asked for
		at = f.Since
	case f.Result == docket.FixityUnchecked: // tried again by itself
		if at = f.After; at.IsZero() {
			at = f.Told
		}
	case r.o.FixityEvery == 0:
		return nil
	}
	return &at
}

// erasedCopy names the event that says what was done to it.
func (r *Registrar) erasedCopy(ctx context.Context, item custody.ID, f docket.Fixity) (*Fixity, error) {
	events, err := r.ledger.ChainEvents(ctx, custody.Observations(item))
	if err != nil {
		return nil, fault("ledger", err)
	}
	out := &Fixity{State: CopyErased, Whole: f.Whole}
	for _, e := range events {
		if e.Kind() == custody.KindErased {
			out.Event, out.Checked = e.EventID, e.Appended
		}
	}
	return out, nil
}
