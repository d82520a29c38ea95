package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/gallery"
	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/custody/tlog"
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
	b, err := k.store.Kept(ctx, name, limit)
	if errors.Is(err, vault.ErrNotFound) || errors.Is(err, vault.ErrSize) {
		err = fmt.Errorf("%w: %w", gallery.ErrNotKept, err)
	}
	return b, err
}

// checkShelf holds the log's complete tiles and bundles in the store to the
// tree.
func checkShelf(ctx context.Context, l *ledger.Ledger, id custody.ID, sh shelf, result *CheckResult) (err error) {
	g := gallery.New(gallery.Options{Log: l, Store: keeper{sh.store}, ID: id})
	result.Tiles, err = g.CheckShelf(ctx, func(t tlog.Tile, why error) {
		result.problem(gallery.Name(id, t), "its copy in the store is not what the log has: %v", why)
	})
	return err
}
