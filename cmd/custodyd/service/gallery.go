package service

import (
	"context"
	"time"

	"github.com/evidence-custody/custodyd/custody/gallery"
	"github.com/evidence-custody/custodyd/evidence/vault"
)

// shelveEvery is how often a replica looks for tiles that became complete.
const shelveEvery = time.Second

// gallery makes what serves the log to whoever watches it.
func (s *Service) gallery() *gallery.Gallery {
	_, id := s.ledger.LogDocument()
	o := gallery.Options{Log: s.ledger, Store: keeper{s.shelf.store}, ID: id, Logger: s.o.Log}
	if s.metrics != nil {
		o.Served, o.Kept, o.Refused = s.metrics.TileServed, s.metrics.TileKept, s.metrics.TileRefused
	}
	return gallery.New(o)
}

// keeper is the vault as the gallery knows it.
type keeper struct{ store *vault.Store }

func (k keeper) Keep(ctx context.Context, name string, b []byte) error {
	_, err := k.store.Keep(ctx, name, b)
	return err
}

func (k keeper) Kept(ctx context.Context, name string, limit int) ([]byte, error) {
	return k.store.Kept(ctx, name, limit)
}
