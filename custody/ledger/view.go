package ledger

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/ruling"
)

// view is the source that the appender judges by: what it remembers, over the
// tables, and over both what batches under way will have changed. What it remembers of chains is their states at its head, which it
// keeps right itself: a batch of its own replaces the states that it changed,
// and catchUp forgets those that another replica's events changed. What it
// reads may be newer than its head; such a batch is never written, because
// log_state has then moved on.
type view struct {
	database
	chains  *cache[custody.ID, *docket.Chain] // only those that exist
	entries *cache[custody.ID, *ruling.Entry] // events never change
	ahead   []*layer                          // of batches under way, the newest first
}

func (v view) chain(id custody.ID) (*docket.Chain, error) {
	if c, ok := v.chainAt(id); ok {
		return c, nil
	}
	return v.database.chain(id)
}

// chainAt is the chain as it is remembered.
func (v view) chainAt(id custody.ID) (*docket.Chain, bool) {
	for _, y := range v.ahead {
		if c, ok := y.chains[id]; ok {
			return c, true
		}
	}
	return v.chains.at(id)
}

// entryAt is the entry as it is remembered.
func (v view) entryAt(leaf custody.ID) (*ruling.Entry, bool) {
	for _, y := range v.ahead {
		if e, ok := y.entries[leaf]; ok {
			return e, true
		}
	}
	return v.entries.at(leaf)
}

func (v view) document(id custody.ID) ([]byte, error) {
	for _, y := range v.ahead {
		if b, ok := y.docs[id]; ok {
			return b, nil
		}
	}
	return v.database.document(id)
}

func (v view) entry(leaf custody.ID) (*ruling.Entry, error) {
	if e, ok := v.entryAt(leaf); ok {
		return e, nil
	}
	e, err := v.database.entry(leaf)
	if e != nil {
		v.entries.put(leaf, e)
	}
	return e, err
}

// prefetch reads what a batch will ask for in two queries instead of many, or
// in none. It need not be complete: the world asks for the rest one by one.
func (v view) prefetch(y *layer, subs []*prepared) error {
	var chains, leaves []custody.ID
	want := func(id custody.ID) {
		if _, ok := y.chains[id]; ok {
			return
		}
		c, ok := v.chainAt(id)
		if y.chains[id] = c; !ok {
			chains = append(chains, id)
		}
	}
	rely := func(leaf custody.ID) {
		if _, ok := y.entries[leaf]; ok {
			return
		}
		if e, ok := v.entryAt(leaf); ok {
			y.entries[leaf] = e
			return
		}
		leaves = append(leaves, leaf)
	}
	for _, s := range subs {
		p := &s.statement.Predicate
		want(p.Signer.Key)
		for _, l := range p.Chains {
			want(l.ID)
		}
		for _, x := range s.statement.Subject {
			want(x.Digest.SHA256)
		}
		for _, leaf := range p.Basis {
			rely(leaf)
		}
		if p.Signer.Cert != nil {
			rely(*p.Signer.Cert)
		}
	}
	if len(chains) > 0 {
		rows, err := v.q.QueryContext(v.ctx, `SELECT `+chainColumns+` FROM custody.chains WHERE id = ANY($1::bytea[])`, idColumn(chains))
		got, err := collect(rows, err, func(r *sql.Rows) (*docket.Chain, error) { return scanChain(r) })
		if err != nil {
			return fmt.Errorf("couldn't read the batch's chains: %w", err)
		}
		for _, c := range got {
			y.chains[c.ID] = c
		}
	}
	if len(leaves) > 0 {
		entries, err := v.entriesWhere(`leaf_hash = ANY($1::bytea[])`, idColumn(leaves))
		if err != nil {
			return fmt.Errorf("couldn't read what the batch relies on: %w", err)
		}
		for _, e := range entries {
			y.entries[e.Leaf] = e
			v.entries.put(e.Leaf, e)
		}
	}
	return nil
}

// known returns the log's size, and which of these events are in it, and where:
// both of one moment.
func known(ctx context.Context, q querier, ids []custody.ID) (uint64, map[custody.ID]place, error) {
	type row struct {
		size        uint64
		event, leaf *custody.ID
		index       sql.NullInt64
	}
	rows, err := q.QueryContext(ctx, `SELECT s.size, e.event_id, e.index, e.leaf_hash FROM custody.log_state s
		LEFT JOIN custody.events e ON e.event_id = ANY($1::bytea[])`, idColumn(ids))
	got, err := collect(rows, err, scanInto(func(r *row) []any { return []any{&r.size, idPtr{&r.event}, &r.index, idPtr{&r.leaf}} }))
	if err != nil {
		return 0, nil, fmt.Errorf("couldn't look for the batch's events: %w", err)
	}
	if len(got) == 0 {
		return 0, nil, docket.AlteredF("log_state is empty")
	}
	out := map[custody.ID]place{}
	for _, r := range got {
		if r.event != nil {
			out[*r.event] = place{*r.event, uint64(r.index.Int64), *r.leaf}
		}
	}
	return got[0].size, out, nil
}
