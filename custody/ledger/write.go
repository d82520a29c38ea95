package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
)

// A batch is one statement, and outside a transaction that is the commit as
// well: one round trip, whatever its length. Its first parts lock log_state and
// move it on from exactly the head that the batch was judged at; the others
// insert only beside the row that this returns. Where another replica was faster
// it returns none, and nothing at all is written.
//
// The row is locked before it is compared: a batch that was judged upon another
// one which is still being committed waits here for that, and finds what it left.
// Nothing below may depend on rows that this statement's snapshot would have to
// show: ON CONFLICT sees what was committed since, a join would not.
const advance = `WITH state AS MATERIALIZED (SELECT size, root FROM custody.log_state WHERE one FOR UPDATE),
	head AS (UPDATE custody.log_state s SET size = $1, root = $2, frontier = $3 FROM state
		WHERE s.one AND state.size = $4 AND state.root = $5 RETURNING s.size, s.root)`

// The last part's row is what says that the batch was written.
const publish = `
INSERT INTO custody.checkpoints (size, root, published_at) SELECT size, root, $6::timestamptz FROM head`

// write appends a filing. It reports false where the log's head is not the one
// that it was judged at by now.
func (l *Ledger) write(ctx context.Context, g ground, f *filing) (bool, error) {
	was, next, events := f.was, f.next, f.events
	frontier, err := next.frontier.MarshalBinary()
	if err != nil {
		return false, fmt.Errorf("couldn't encode the frontier: %w", err)
	}
	wasRoot, root := was.frontier.Root(), next.frontier.Root()
	w := statement{args: []any{int64(next.frontier.Size()), root[:], frontier, int64(was.frontier.Size()), wasRoot[:], f.now}}
	w.text.WriteString(advance)
	w.events(events)
	w.links(events)
	w.chains(events)
	w.words(events)
	w.keys(events)
	w.parts(events)
	w.tiles(f.full)
	w.text.WriteString(publish)
	if w.err != nil {
		return false, w.err
	}
	stmt, err := l.stmts.on(ctx, g, w.text.String())
	if err != nil {
		return false, err
	}
	res, err := stmt.ExecContext(ctx, w.args...)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// statement is a batch on its way to the database. Its text depends only on
// which tables the batch concerns, so that there are few of them to prepare.
type statement struct {
	text strings.Builder
	args []any
	err  error
}

// insert adds one table's part. In query a ? stands for each column's
// parameter.
func (w *statement) insert(name, query string, columns ...*column) {
	w.text.WriteString(",\n")
	w.text.WriteString(name)
	w.text.WriteString(" AS (")
	for _, c := range columns {
		before, after, _ := strings.Cut(query, "?")
		w.args = append(w.args, c.array())
		w.text.WriteString(before)
		w.text.WriteByte('$')
		w.text.WriteString(strconv.Itoa(len(w.args)))
		query = after
	}
	w.text.WriteString(query)
	w.text.WriteByte(')')
}

const idSize = len(custody.ID{})

func (w *statement) events(events []*sealedEvent) {
	n, bytes := len(events), 0
	for _, e := range events {
		bytes += len(e.submission.Envelope.Payload)
	}
	index, kinds, ids, hashes := int8s(n), texts(n, 20), byteas(n, idSize), byteas(n, idSize)
	payloads, sigs, spkis := byteas(n, bytes/max(1, n)+1), byteas(n, 72), byteas(n, 91)
	for _, e := range events {
		index.int(e.index)
		kinds.text(string(e.statement.Predicate.Kind))
		ids.bytes(e.eventID[:])
		hashes.bytes(e.leafHash[:])
		payloads.bytes(e.submission.Envelope.Payload)
		sigs.bytes(e.submission.Envelope.Signature)
		spkis.bytes(e.spki)
	}
	w.insert("e", `INSERT INTO custody.events (index, kind, event_id, leaf_hash, payload, signature, spki, appended_at)
		SELECT x.*, $6::timestamptz FROM head, unnest(?::bigint[], ?::text[], ?::bytea[], ?::bytea[], ?::bytea[], ?::bytea[], ?::bytea[]) AS x`,
		index, kinds, ids, hashes, payloads, sigs, spkis)
}

func (w *statement) links(events []*sealedEvent) {
	chains, seqs, index := byteas(len(events), idSize), int8s(len(events)), int8s(len(events))
	for _, e := range events {
		for i := range e.statement.Predicate.Chains {
			link := &e.statement.Predicate.Chains[i]
			chains.bytes(link.ID[:])
			seqs.int(link.Seq)
			index.int(e.index)
		}
	}
	w.insert("l", `INSERT INTO custody.links (chain, seq, index) SELECT x.* FROM head, unnest(?::bytea[], ?::bigint[], ?::bigint[]) AS x`, chains, seqs, index)
}

// chains writes the last state of every chain that the batch advanced.
func (w *statement) chains(events []*sealedEvent) {
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
	ids, types, seqs, heads, index, founded := byteas(n, idSize), texts(n, 12), int8s(n), byteas(n, idSize), int8s(n), int8s(n)
	states, cases, abouts, orgs := texts(n, 640), byteas(n, idSize), byteas(n, idSize), byteas(n, idSize)
	for _, id := range order {
		c := last[id]
		b, err := json.Marshal(c.State)
		if err != nil && w.err == nil {
			w.err = fmt.Errorf("couldn't encode the state of chain %s: %w", id.Short(), err)
		}
		ids.bytes(c.ID[:])
		types.text(string(c.Type))
		seqs.int(c.Seq)
		heads.bytes(c.Head[:])
		index.int(c.Index)
		founded.int(c.Founded)
		states.text(string(b))
		cases.id(c.Case)
		abouts.id(c.About)
		orgs.id(c.Org)
	}
	w.insert("c", `INSERT INTO custody.chains (id, type, seq, head, index, founded, state, case_id, about, org)
		SELECT x.a, x.b, x.c, x.d, x.e, x.f, x.g::json, x.h, x.i, x.j FROM head, unnest(?::bytea[], ?::text[], ?::bigint[], ?::bytea[], ?::bigint[], ?::bigint[], ?::text[], ?::bytea[], ?::bytea[], ?::bytea[])
			AS x (a, b, c, d, e, f, g, h, i, j)
		ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, head = excluded.head, index = excluded.index, state = excluded.state,
			case_id = excluded.case_id, about = excluded.about, org = excluded.org`,
		ids, types, seqs, heads, index, founded, states, cases, abouts, orgs)
}

// words writes details and documents. The same bytes may be known already:
// persons are, and then nothing is to do.
func (w *statement) words(events []*sealedEvent) {
	details, documents := map[custody.ID]bool{}, map[custody.ID]bool{}
	ids, bytes := byteas(0, 0), byteas(0, 0)
	docs, types, docBytes := byteas(0, 0), texts(0, 0), byteas(0, 0)
	for _, e := range events {
		for id, d := range e.details {
			if !details[id] {
				details[id] = true
				ids.bytes(id[:])
				bytes.bytes(d.bytes)
			}
		}
		for id, d := range e.documents {
			if !documents[id] {
				documents[id] = true
				docs.bytes(id[:])
				types.text(d.Type)
				docBytes.bytes(d.Bytes)
			}
		}
	}
	if ids.n > 0 {
		w.insert("w", `INSERT INTO custody.details (sha256, bytes) SELECT x.* FROM head, unnest(?::bytea[], ?::bytea[]) AS x ON CONFLICT DO NOTHING`, ids, bytes)
	}
	if docs.n > 0 {
		w.insert("d", `INSERT INTO custody.documents (sha256, type, bytes) SELECT x.* FROM head, unnest(?::bytea[], ?::text[], ?::bytea[]) AS x ON CONFLICT DO NOTHING`, docs, types, docBytes)
	}
}

func (w *statement) keys(events []*sealedEvent) {
	known := map[custody.ID]bool{}
	ids, spkis, index := byteas(0, 0), byteas(0, 0), int8s(0)
	for _, e := range events {
		for _, k := range e.keys {
			id := k.ID()
			if known[id] {
				continue
			}
			known[id] = true
			ids.bytes(id[:])
			spkis.bytes(k.SPKI())
			index.int(e.index)
		}
	}
	if ids.n > 0 {
		w.insert("k", `INSERT INTO custody.keys (id, spki, index) SELECT x.* FROM head, unnest(?::bytea[], ?::bytea[], ?::bigint[]) AS x ON CONFLICT DO NOTHING`, ids, spkis, index)
	}
}

func (w *statement) parts(events []*sealedEvent) {
	cases, items, orgs, persons := byteas(0, 0), byteas(0, 0), byteas(0, 0), byteas(0, 0)
	parts, index, expires := texts(0, 0), int8s(0), texts(0, 0)
	some := func(id *custody.ID) []byte {
		if id.IsZero() {
			return nil
		}
		return id[:]
	}
	for _, e := range events {
		for i := range e.parts {
			p := &e.parts[i]
			cases.bytes(p.Case[:])
			items.bytes(some(&p.Item))
			orgs.bytes(p.Org[:])
			persons.bytes(some(&p.Person))
			parts.text(string(p.Part))
			index.int(p.Index)
			if p.Expires == nil {
				expires.null()
			} else {
				expires.text(p.Expires.Format(time.RFC3339))
			}
		}
	}
	if cases.n > 0 {
		w.insert("p", `INSERT INTO custody.parts (case_id, item, org, person, part, index, expires)
			SELECT x.a, x.b, x.c, x.d, x.e, x.f, x.g::timestamptz FROM head, unnest(?::bytea[], ?::bytea[], ?::bytea[], ?::bytea[], ?::text[], ?::bigint[], ?::text[]) AS x (a, b, c, d, e, f, g)`,
			cases, items, orgs, persons, parts, index, expires)
	}
}

func (w *statement) tiles(full []tile) {
	if len(full) == 0 {
		return
	}
	levels, ns, roots, hashes := int8s(len(full)), int8s(len(full)), byteas(len(full), idSize), byteas(len(full), tileWidth*idSize)
	row := make([]byte, 0, tileWidth*idSize)
	for _, t := range full {
		levels.int(uint64(t.level))
		ns.int(t.n)
		root := t.root()
		roots.bytes(root[:])
		row = row[:0]
		for _, h := range t.twigs[0] {
			row = append(row, h[:]...)
		}
		hashes.bytes(row)
	}
	w.insert("t", `INSERT INTO custody.tiles (level, n, root, hashes) SELECT x.* FROM head, unnest(?::bigint[], ?::bigint[], ?::bytea[], ?::bytea[]) AS x`, levels, ns, roots, hashes)
}
