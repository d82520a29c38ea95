package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/ruling"
)

// layer is what is known above the database: what a batch has read, or what a
// group of it would change. A nil chain or entry is known not to exist.
type layer struct {
	chains  map[custody.ID]*docket.Chain
	entries map[custody.ID]*ruling.Entry
	docs    map[custody.ID][]byte
	events  map[custody.ID]*sealedEvent // by event id: placed in this batch
}

func newLayer() *layer {
	return &layer{chains: map[custody.ID]*docket.Chain{}, entries: map[custody.ID]*ruling.Entry{},
		docs: map[custody.ID][]byte{}, events: map[custody.ID]*sealedEvent{}}
}

// merge takes over what an admitted group changed.
func (y *layer) merge(from *layer) {
	for k, v := range from.chains {
		y.chains[k] = v
	}
	for k, v := range from.entries {
		y.entries[k] = v
	}
	for k, v := range from.docs {
		y.docs[k] = v
	}
	for k, v := range from.events {
		y.events[k] = v
	}
}

// source is where a world reads what no layer holds.
type source interface {
	chain(id custody.ID) (*docket.Chain, error)
	entry(leaf custody.ID) (*ruling.Entry, error)
	document(id custody.ID) ([]byte, error)
}

// world is the ruling.World of one group: its own changes over the batch's,
// over the source.
type world struct {
	id    *identity // nil before genesis
	group *layer
	batch *layer
	below source
}

func (w *world) Log() (*custody.LogDocument, custody.ID) {
	if w.id == nil {
		return nil, custody.ID{}
	}
	return w.id.doc, w.id.id
}

func (w *world) Chain(id custody.ID) (*ruling.Chain, error) {
	c, err := w.chain(id)
	if c == nil || err != nil {
		return nil, err
	}
	return &c.Chain, nil
}

func (w *world) chain(id custody.ID) (*docket.Chain, error) {
	if c, ok := w.group.chains[id]; ok {
		return c, nil
	}
	if c, ok := w.batch.chains[id]; ok {
		return c, nil
	}
	c, err := w.below.chain(id)
	if err == nil {
		w.batch.chains[id] = c
	}
	return c, err
}

func (w *world) Entry(leaf custody.ID) (*ruling.Entry, error) {
	if e, ok := w.group.entries[leaf]; ok {
		return e, nil
	}
	if e, ok := w.batch.entries[leaf]; ok {
		return e, nil
	}
	e, err := w.below.entry(leaf)
	if err == nil {
		w.batch.entries[leaf] = e
	}
	return e, err
}

func (w *world) Document(id custody.ID) ([]byte, error) {
	if b, ok := w.group.docs[id]; ok {
		return b, nil
	}
	if b, ok := w.batch.docs[id]; ok {
		return b, nil
	}
	b, err := w.below.document(id)
	if err == nil {
		w.batch.docs[id] = b
	}
	return b, err
}

// database is the source that reads the tables.
type database struct {
	ctx context.Context
	q   querier
}

const chainColumns = `id, type, seq, head, index, founded, state, case_id, about, org`

func scanChain(r interface{ Scan(...any) error }) (*docket.Chain, error) {
	var c docket.Chain
	var state []byte
	if err := r.Scan(idValue{&c.ID}, &c.Type, &c.Seq, idValue{&c.Head}, &c.Index, &c.Founded, &state,
		idPtr{&c.Case}, idPtr{&c.About}, idPtr{&c.Org}); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(state, &c.State); err != nil {
		return nil, docket.AlteredF("the state of chain %s cannot be read: %v", c.ID.Short(), err)
	}
	return &c, nil
}

func (d database) chain(id custody.ID) (*docket.Chain, error) {
	c, err := scanChain(d.q.QueryRowContext(d.ctx, `SELECT `+chainColumns+` FROM custody.chains WHERE id = $1`, id[:]))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read chain %s: %w", id.Short(), err)
	}
	return c, nil
}

func (d database) entry(leaf custody.ID) (*ruling.Entry, error) {
	got, err := d.entriesWhere(`leaf_hash = $1`, leaf[:])
	if err != nil || len(got) == 0 {
		return nil, err
	}
	return got[0], nil
}

func (d database) entriesWhere(where string, arg []byte) ([]*ruling.Entry, error) {
	rows, err := d.q.QueryContext(d.ctx, `SELECT index, event_id, leaf_hash, payload FROM custody.events WHERE `+where, arg)
	return collect(rows, err, func(r *sql.Rows) (*ruling.Entry, error) {
		var e ruling.Entry
		var payload []byte
		if err := r.Scan(&e.Index, idValue{&e.EventID}, idValue{&e.Leaf}, &payload); err != nil {
			return nil, err
		}
		var err error
		if e.Statement, err = custody.Decode(payload); err != nil {
			return nil, docket.AlteredF("event %d cannot be read: %v", e.Index, err)
		}
		return &e, nil
	})
}

func (d database) document(id custody.ID) ([]byte, error) {
	var b []byte
	err := d.q.QueryRowContext(d.ctx, `SELECT bytes FROM custody.documents WHERE sha256 = $1 AND type IN ('log', 'organisation')`, id[:]).Scan(&b)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read document %s: %w", id.Short(), err)
	}
	return b, nil
}
