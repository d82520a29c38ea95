package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/lib/pq"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// write inserts a batch: one statement for each table, whatever its length.
func (l *Ledger) write(ctx context.Context, tx *sql.Tx, events []*sealedEvent, full []tile, f *tlog.Frontier, root evidence.Digest) error {
	w := writer{ctx: ctx, tx: tx, stmts: l.stmts}
	w.events(events, l.now())
	w.links(events)
	w.chains(events)
	w.words(events)
	w.keys(events)
	w.parts(events)
	w.tiles(full)
	frontier, err := f.MarshalBinary()
	if err != nil {
		return fmt.Errorf("couldn't encode the frontier: %w", err)
	}
	w.exec(`UPDATE custody.log_state SET size = $1, root = $2, frontier = $3 WHERE one`, int64(f.Size()), root[:], frontier)
	return w.err
}

// writer keeps the first error.
type writer struct {
	ctx   context.Context
	tx    *sql.Tx
	stmts *statements
	err   error
}

func (w *writer) exec(query string, args ...any) {
	if w.err == nil {
		w.err = w.stmts.exec(w.ctx, w.tx, query, args...)
	}
}

func (w *writer) events(events []*sealedEvent, now time.Time) {
	n := len(events)
	index, kinds := make(pq.Int64Array, n), make(pq.StringArray, n)
	ids, leaves, hashes := make(pq.ByteaArray, n), make(pq.ByteaArray, n), make(pq.ByteaArray, n)
	payloads, sigs, spkis := make(pq.ByteaArray, n), make(pq.ByteaArray, n), make(pq.ByteaArray, n)
	for i, e := range events {
		index[i], kinds[i] = int64(e.index), string(e.statement.Predicate.Kind)
		ids[i], leaves[i], hashes[i] = e.eventID[:], e.prepared.leaf, e.leafHash[:]
		payloads[i], sigs[i], spkis[i] = e.submission.Envelope.Payload, e.submission.Envelope.Signature, e.key.SPKI()
	}
	w.exec(`INSERT INTO custody.events (index, event_id, leaf, leaf_hash, payload, signature, spki, kind, appended_at)
		SELECT x.*, $9::timestamptz FROM unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bytea[], $6::bytea[], $7::bytea[], $8::text[]) AS x`,
		index, ids, leaves, hashes, payloads, sigs, spkis, kinds, now)
}

func (w *writer) links(events []*sealedEvent) {
	var chains pq.ByteaArray
	var seqs, index pq.Int64Array
	for _, e := range events {
		for i := range e.statement.Predicate.Chains {
			link := &e.statement.Predicate.Chains[i]
			chains, seqs, index = append(chains, link.ID[:]), append(seqs, int64(link.Seq)), append(index, int64(e.index))
		}
	}
	w.exec(`INSERT INTO custody.links (chain, seq, index) SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bigint[])`, chains, seqs, index)
}

// chains writes the last state of every chain that the batch advanced.
func (w *writer) chains(events []*sealedEvent) {
	last, order := map[custody.ID]*docket.Chain{}, []custody.ID{}
	for _, e := range events {
		for _, c := range e.chains {
			if last[c.ID] == nil {
				order = append(order, c.ID)
			}
			last[c.ID] = c
		}
	}
	n := len(order)
	ids, heads := make(pq.ByteaArray, n), make(pq.ByteaArray, n)
	cases, abouts, orgs := make(pq.ByteaArray, n), make(pq.ByteaArray, n), make(pq.ByteaArray, n)
	types, states := make(pq.StringArray, n), make(pq.StringArray, n)
	seqs, index, foundeds := make(pq.Int64Array, n), make(pq.Int64Array, n), make(pq.Int64Array, n)
	for i, id := range order {
		c := last[id]
		b, err := json.Marshal(c.State)
		if err != nil && w.err == nil {
			w.err = fmt.Errorf("couldn't encode the state of chain %s: %w", id.Short(), err)
		}
		ids[i], heads[i], types[i], states[i] = c.ID[:], c.Head[:], string(c.Type), string(b)
		seqs[i], index[i], foundeds[i] = int64(c.Seq), int64(c.Index), int64(c.Founded)
		cases[i], abouts[i], orgs[i] = bytesOf(c.Case), bytesOf(c.About), bytesOf(c.Org)
	}
	w.exec(`INSERT INTO custody.chains (id, type, seq, head, index, founded, state, case_id, about, org)
		SELECT id, type, seq, head, index, founded, state::jsonb, nullif(case_id, ''::bytea), nullif(about, ''::bytea), nullif(org, ''::bytea)
		FROM unnest($1::bytea[], $2::text[], $3::bigint[], $4::bytea[], $5::bigint[], $6::bigint[], $7::text[], $8::bytea[], $9::bytea[], $10::bytea[])
			AS x (id, type, seq, head, index, founded, state, case_id, about, org)
		ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, head = excluded.head, index = excluded.index, state = excluded.state,
			case_id = excluded.case_id, about = excluded.about, org = excluded.org`,
		ids, types, seqs, heads, index, foundeds, states, cases, abouts, orgs)
}

// bytesOf is the digest's bytes, empty for nil.
func bytesOf(id *custody.ID) []byte {
	if id == nil {
		return []byte{}
	}
	return id[:]
}

// words writes details and documents. The same bytes may be known already:
// persons are, and then nothing is to do.
func (w *writer) words(events []*sealedEvent) {
	var details, detailBytes, docs, docBytes pq.ByteaArray
	var fields, types pq.StringArray
	var detailIndex, docIndex pq.Int64Array
	for _, e := range events {
		for id, d := range e.details {
			details, detailBytes = append(details, bytesOf(&id)), append(detailBytes, d.bytes)
			fields, detailIndex = append(fields, string(d.field)), append(detailIndex, int64(e.index))
		}
		for id, d := range e.documents {
			docs, docBytes = append(docs, bytesOf(&id)), append(docBytes, d.Bytes)
			types, docIndex = append(types, d.Type), append(docIndex, int64(e.index))
		}
	}
	if len(details) > 0 {
		w.exec(`INSERT INTO custody.details (sha256, bytes) SELECT DISTINCT * FROM unnest($1::bytea[], $2::bytea[]) ON CONFLICT DO NOTHING`, details, detailBytes)
		w.exec(`INSERT INTO custody.event_details (index, field, sha256) SELECT * FROM unnest($1::bigint[], $2::text[], $3::bytea[])`, detailIndex, fields, details)
	}
	if len(docs) > 0 {
		w.exec(`INSERT INTO custody.documents (sha256, type, bytes) SELECT DISTINCT ON (a) * FROM unnest($1::bytea[], $2::text[], $3::bytea[]) AS x (a, b, c) ON CONFLICT DO NOTHING`, docs, types, docBytes)
		w.exec(`INSERT INTO custody.event_documents (index, sha256) SELECT * FROM unnest($1::bigint[], $2::bytea[])`, docIndex, docs)
	}
}

func (w *writer) keys(events []*sealedEvent) {
	var ids, spkis pq.ByteaArray
	var index pq.Int64Array
	for _, e := range events {
		for _, k := range e.keys {
			id := k.ID()
			ids, spkis, index = append(ids, bytesOf(&id)), append(spkis, k.SPKI()), append(index, int64(e.index))
		}
	}
	if len(ids) > 0 {
		w.exec(`INSERT INTO custody.keys (id, spki, index) SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bigint[]) ON CONFLICT DO NOTHING`, ids, spkis, index)
	}
}

func (w *writer) parts(events []*sealedEvent) {
	var cases, items, orgs, persons pq.ByteaArray
	var parts, expires pq.StringArray
	var index pq.Int64Array
	some := func(id *custody.ID) []byte {
		if id.IsZero() {
			return []byte{}
		}
		return id[:]
	}
	for _, e := range events {
		for i := range e.parts {
			p := &e.parts[i]
			cases, items = append(cases, p.Case[:]), append(items, some(&p.Item))
			orgs, persons = append(orgs, p.Org[:]), append(persons, some(&p.Person))
			parts, index = append(parts, string(p.Part)), append(index, int64(p.Index))
			until := ""
			if p.Expires != nil {
				until = p.Expires.Format(time.RFC3339)
			}
			expires = append(expires, until)
		}
	}
	if len(cases) > 0 {
		w.exec(`INSERT INTO custody.parts (case_id, item, org, person, part, index, expires)
			SELECT a, b, c, d, e, f, nullif(g, '')::timestamptz
			FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::bytea[], $5::text[], $6::bigint[], $7::text[]) AS x (a, b, c, d, e, f, g)`,
			cases, items, orgs, persons, parts, index, expires)
	}
}

func (w *writer) tiles(full []tile) {
	for _, t := range full {
		hashes := make([]byte, 0, tileWidth*len(t.root))
		for _, h := range t.hashes {
			hashes = append(hashes, h[:]...)
		}
		w.exec(`INSERT INTO custody.tiles (level, n, root, hashes) VALUES ($1, $2, $3, $4)`, t.level, int64(t.n), t.root[:], hashes)
	}
}
