package metrics

import (
	"github.com/evidence-custody/custodyd/custody/gallery"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
)

// TileServed counts one tile or bundle; it is a gallery.Options' Served.
func (s *Set) TileServed(from gallery.Source) { s.tileReads.WithLabelValues(string(from)).Inc() }

// TileKept counts one that was moved to the object store.
func (s *Set) TileKept(level int) {
	what := "tile"
	if level == docket.BundleLevel {
		what = "bundle"
	}
	s.tilesKept.WithLabelValues(what).Inc()
}

// TileRefused counts one whose copy in the object store was not believed.
func (s *Set) TileRefused() { s.tilesRefused.WithLabelValues().Inc() }
