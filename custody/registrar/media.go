package registrar

import (
	"context"
	"errors"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/evidence"
)

// MediaState is what the service found of an image's media data.
type MediaState string

// States beside the outcomes of an image.read (custody.ImageOutcome).
const MediaWaiting MediaState = "waiting" // not decoded yet

// Media is what the service found in an image when it decoded it, as the newest
// event says. Hashes are of the medium's data, in hex, "" where there are none.
type Media struct {
	State  MediaState
	Event  evidence.Digest // its id; zero for MediaWaiting
	Reason string          // of an unreadable image (custody.UnreadableReason)
	Found  *custody.ImageFound
}

// media tells what the service found in an item's image: in the words of the
// event, which is the record. nil: it is no image that is decoded, as far as
// anybody knows.
func (r *Registrar) media(ctx context.Context, item custody.ID, format custody.ImageFormat) (*Media, error) {
	i, err := r.ledger.Image(ctx, item)
	if errors.Is(err, docket.ErrNotFound) {
		return nil, nil // somebody took its row away: custodyd check says so
	}
	if err != nil {
		return nil, fault("ledger", err)
	}
	if i.Event == nil {
		if i.State != "" || format != custody.FormatEWF {
			return nil, nil
		}
		return &Media{State: MediaWaiting}, nil
	}
	e, err := r.ledger.Event(ctx, *i.Event)
	if err != nil {
		return nil, fault("ledger", err)
	}
	b, ok := e.Statement.Predicate.Body.(*custody.ImageRead)
	if !ok || b.Item != item {
		return nil, fault("ledger", docket.AlteredF("event %s is noted as an image.read of item %s, and is none", i.Event.Short(), item.Short()))
	}
	return &Media{State: MediaState(b.Outcome), Event: *i.Event, Reason: string(b.Reason), Found: b.Found}, nil
}
