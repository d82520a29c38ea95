package registrar

import (
	"context"
	"errors"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
)

// pointed is a ledger whose rows name one event, whatever the item.
type pointed struct {
	Ledger
	event custody.ID
	body  custody.Body
}

func (p *pointed) Fixity(context.Context, custody.ID) (docket.Fixity, error) {
	return docket.Fixity{Event: &p.event, Result: docket.FixityPassed}, nil
}

func (p *pointed) Image(context.Context, custody.ID) (docket.Image, error) {
	return docket.Image{Event: &p.event, State: docket.ImageState(custody.ImageWhole)}, nil
}

func (p *pointed) Event(context.Context, custody.ID) (*docket.Event, error) {
	return &docket.Event{Statement: &custody.Statement{Predicate: custody.Predicate{Body: p.body}}}, nil
}

// TestAnothersFinding: what was found in one item's bytes is never shown with
// another item, nor what is no finding, though somebody pointed its row there.
func TestAnothersFinding(t *testing.T) {
	t.Parallel()
	mine, other := custody.ID{1}, custody.ID{2}
	for _, test := range []struct {
		body        custody.Body
		copy, media bool // shown
	}{
		{&custody.FixityPassed{Item: mine}, true, false},
		{&custody.FixityPassed{Item: other}, false, false},
		{&custody.FixityFailed{Item: other}, false, false},
		{&custody.FixityUnchecked{Item: other}, false, false},
		{&custody.ImageRead{Item: mine}, false, true},
		{&custody.ImageRead{Item: other}, false, false},
		{&custody.Received{Item: mine}, false, false},
	} {
		r := New(Options{Ledger: &pointed{body: test.body}, Spool: t.TempDir()})
		f, err := r.fixity(t.Context(), mine)
		if (f != nil) != test.copy || (err == nil) != test.copy {
			t.Errorf("%T: the copy is shown as %+v, %v", test.body, f, err)
		}
		m, err := r.media(t.Context(), mine, custody.FormatEWF)
		if (m != nil) != test.media || (err == nil) != test.media {
			t.Errorf("%T: the media data is shown as %+v, %v", test.body, m, err)
		}
		if err != nil {
			if altered := new(docket.Altered); !errors.As(err, &altered) {
				t.Errorf("%T: %v", test.body, err)
			}
		}
	}
}
