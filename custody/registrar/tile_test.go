package registrar

import (
	"context"
	"errors"
	"testing"

	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// wall is a gallery on which some things hang.
type wall map[string]error

func (w wall) Tile(_ context.Context, t tlog.Tile) ([]byte, error) {
	err, ok := w[t.Path()]
	if !ok {
		err = docket.ErrNotFound
	}
	return []byte(t.Path()), err
}

// TestWhoReadsWhat: tiles are everybody's, entries members' and auditors'.
func TestWhoReadsWhat(t *testing.T) {
	hung := wall{"tile/0/000": nil, "tile/entries/000.p/7": nil, "tile/0/001": &docket.Unavailable{Cause: errors.New("away")}}
	callers := map[string]Caller{"nobody": {}, "requested": {Key: evidence.Digest{1}, Standing: StandingRequested}, "revoked": {Key: evidence.Digest{1}, Standing: StandingRevoked},
		"invited": {Invitation: &Invitation{}}, "certified": {Key: evidence.Digest{1}, Standing: StandingCertified}, "root": {Key: evidence.Digest{1}, Standing: StandingRoot, Root: true},
		"auditor": {Auditor: evidence.Digest{1}}}
	may := map[string]bool{"certified": true, "root": true, "auditor": true}
	for _, open := range []bool{false, true} {
		r := New(Options{Gallery: hung, OpenEntries: open})
		for who, c := range callers {
			if b, err := r.Tile(t.Context(), c, "tile/0/000"); err != nil || string(b) != "tile/0/000" {
				t.Errorf("%s reads a tile: %q, %v", who, b, err)
			}
			b, err := r.Tile(t.Context(), c, "tile/entries/000.p/7")
			var forbidden *Forbidden
			switch {
			case (open || may[who]) && (err != nil || string(b) != "tile/entries/000.p/7"):
				t.Errorf("open %t: %s reads entries: %q, %v", open, who, b, err)
			case !open && !may[who] && (!errors.As(err, &forbidden) || forbidden.Rule != "log.entries" || b != nil):
				t.Errorf("%s reads entries: %q, %v", who, b, err)
			}
			var missing *NotFound
			for _, path := range []string{"tile/0/002", "tile/1/000", "tile/0/0", "tile/0/x000/000", "checkpoint", "", "../tile/0/000"} {
				if _, err := r.Tile(t.Context(), c, path); !errors.As(err, &missing) {
					t.Errorf("%s reads %q: %v", who, path, err)
				}
			}
			var unavailable *Unavailable
			if _, err := r.Tile(t.Context(), c, "tile/0/001"); !errors.As(err, &unavailable) {
				t.Errorf("%s reads what is away: %v", who, err)
			}
		}
	}
}
