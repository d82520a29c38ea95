package auditor

import (
	"context"
	"errors"
	"fmt"

	"github.com/evidence-custody/custodyd/custody/tlog"
)

// parallel is how many bundles are in hand at once.
const parallel = 8

// head is a log's head with the signed note that states it.
type head struct {
	tlog.Checkpoint
	note []byte
}

// liveTree is a live log's tree at one head: what it returns hashes to it.
type liveTree struct {
	*tlog.TileReader
	ctx    context.Context
	source *Source
}

func newLiveTree(ctx context.Context, s *Source, h head) (*liveTree, error) {
	t := &liveTree{ctx: ctx, source: s}
	r, err := tlog.NewTileReader(h.Size, h.Root, t.fetch)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the log's tree: %w", err)
	}
	t.TileReader = r
	return t, nil
}

// fetch returns a tile's bytes; what has another length is told apart from what
// hashes to another root.
func (t *liveTree) fetch(tile tlog.Tile) ([]byte, error) {
	b, got, err := t.source.tile(t.ctx, tile, tlog.TileWidth*32)
	if err != nil {
		return nil, err
	}
	if _, err := tlog.DecodeTile(b, got.Width); err != nil {
		return nil, fmt.Errorf("couldn't read %s: %w: %w", got.Path(), ErrMalformed, err)
	}
	return b[:tile.Width*32], nil
}

// bundle returns the entries of bundle n as far as the head has them, not yet
// held against their leaves.
func (t *liveTree) bundle(n uint64, width int) ([][]byte, error) {
	b, got, err := t.source.tile(t.ctx, tlog.Tile{Entries: true, N: n, Width: width}, maxBundle)
	if err != nil {
		return nil, err
	}
	entries, err := tlog.DecodeEntries(b, got.Width)
	if err != nil {
		return nil, fmt.Errorf("couldn't read %s: %w: %w", got.Path(), ErrMalformed, err)
	}
	return entries[:width], nil
}

// tile fetches a tile or bundle and says which one came: a partial one that is
// gone is the start of the full one, and only a 404 makes the source look there
// (C2SP tlog-tiles, "Partial Tiles"). Bundles alone are shown the token.
func (s *Source) tile(ctx context.Context, t tlog.Tile, limit int) ([]byte, tlog.Tile, error) {
	b, err := s.get(ctx, t.Path(), limit, t.Entries)
	if errors.Is(err, errMissing) && !t.Full() {
		t.Width = tlog.TileWidth
		b, err = s.get(ctx, t.Path(), limit, t.Entries)
	}
	if errors.Is(err, errMissing) {
		err = fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return b, t, err
}
