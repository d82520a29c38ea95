package ledger

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/ruling"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// checkStep is how many events are read at once.
const checkStep = 512

// Check reads the whole record again and believes nothing but the exact bytes:
// every signature, leaf, link, detail and document; every tile and published
// checkpoint; and every projection, made anew by the judge in an empty world.
// What differs is a *docket.Altered. It reads one snapshot and holds up nobody.
func (l *Ledger) Check(ctx context.Context) error {
	tx, err := l.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return unavailable(err)
	}
	defer tx.Rollback()
	c := &checking{ctx: ctx, tx: tx, l: l, all: newLayer(), links: map[linkID]bool{}}
	for _, step := range []func() error{c.events, c.state, c.heads, c.kindRows, c.linkRows, c.parts, c.tiles, c.checkpoints, c.notes, c.keyRows, c.words, c.artifacts, c.fixity, c.images, c.reports, c.timestamps, c.cosignatures} {
		if err := step(); err != nil {
			return fmt.Errorf("couldn't confirm the record: %w", unavailable(err))
		}
	}
	return nil
}

type linkID struct {
	chain custody.ID
	seq   uint64
	index uint64
}

// checking is one Check on its way. It keeps the states of all chains and
// every statement in memory, about 4 KiB for an event.
type checking struct {
	ctx context.Context
	tx  *sql.Tx
	l   *Ledger

	id       *identity
	all      *layer
	links    map[linkID]bool
	partRows []docket.Involvement
	spkis    map[custody.ID]uint64 // keys: event that introduced them
	docs     map[custody.ID]string // documents of the events so far: type
	told     map[custody.ID]bool   // details that events commit to
	shown    map[custody.ID]bool   // documents that events introduce
	frontier tlog.Frontier
	edge     edge
	full     []tile
	kinds    []custody.Kind                       // by index
	issued   map[custody.ID]*custody.ReportIssued // by event id
	received map[custody.ID]*custody.Received     // by item: what the service measured
	copies   map[custody.ID]*copyEvents           // by item: how its copy was found
	decoded  map[custody.ID]decodedImage          // by item: what was found in its image
	roots    map[uint64]evidence.Digest           // root at each published size
	sizes    []uint64                             // published, ascending
}

// nothing is the source below an empty world.
type nothing struct{}

func (nothing) chain(custody.ID) (*docket.Chain, error) { return nil, nil }
func (nothing) entry(custody.ID) (*ruling.Entry, error) { return nil, nil }
func (nothing) document(custody.ID) ([]byte, error)     { return nil, nil }

func (c *checking) events() error {
	rows, err := c.tx.QueryContext(c.ctx, `SELECT size FROM custody.checkpoints ORDER BY size`)
	if c.sizes, err = collect(rows, err, scanInto(func(n *uint64) []any { return []any{n} })); err != nil {
		return err
	}
	c.received, c.issued = map[custody.ID]*custody.Received{}, map[custody.ID]*custody.ReportIssued{}
	c.copies, c.decoded = map[custody.ID]*copyEvents{}, map[custody.ID]decodedImage{}
	c.told, c.shown = map[custody.ID]bool{}, map[custody.ID]bool{}
	c.roots, c.spkis, c.docs = map[uint64]evidence.Digest{}, map[custody.ID]uint64{}, map[custody.ID]string{}
	for next := uint64(0); ; {
		rows, err := c.tx.QueryContext(c.ctx, `SELECT `+eventColumns+` FROM custody.events WHERE index >= $1 ORDER BY index LIMIT $2`, int64(next), checkStep)
		events, err := collect(rows, err, scanEvent)
		if err != nil || len(events) == 0 {
			return err
		}
		words, err := c.wordsOf(events)
		if err != nil {
			return err
		}
		for _, e := range events {
			if e.Index != next {
				return docket.AlteredF("event %d is missing", next)
			}
			if err := c.event(e, words); err != nil {
				return fmt.Errorf("event %d: %w", next, err)
			}
			next++
		}
	}
}

// wordsOf reads the details and documents that these events commit to, as far
// as they are there.
func (c *checking) wordsOf(events []*docket.Event) (map[custody.ID][]byte, error) {
	var details, documents []custody.ID
	for _, e := range events {
		for _, id := range e.Statement.Predicate.Details {
			details, c.told[id] = append(details, id), true
		}
		for id := range introduces(e.Statement.Predicate.Body) {
			documents, c.shown[id] = append(documents, id), true
		}
	}
	rows, err := c.tx.QueryContext(c.ctx, `SELECT sha256, bytes FROM custody.details WHERE sha256 = ANY($1)
		UNION ALL SELECT sha256, bytes FROM custody.documents WHERE sha256 = ANY($2)`, idArray(details), idArray(documents))
	got, err := collect(rows, err, scanInto(func(b *docket.Blob) []any { return []any{idValue{&b.SHA256}, &b.Bytes} }))
	words := make(map[custody.ID][]byte, len(got))
	for _, b := range got {
		words[b.SHA256] = b.Bytes
	}
	return words, err
}

// event runs one event through what Append does, from its bytes.
func (c *checking) event(e *docket.Event, words map[custody.ID][]byte) error {
	leaf := tlog.Leaf(e.Envelope, e.Key)
	p := &prepared{submission: &docket.Submission{Envelope: e.Envelope}, statement: e.Statement, eventID: e.Envelope.EventID(),
		key: e.Key, leafHash: tlog.LeafHash(leaf)}
	if p.eventID != e.EventID || p.leafHash != e.LeafHash {
		return docket.AlteredF("its leaf or id is not that of its bytes")
	}
	var details, documents [][]byte
	for _, id := range e.Statement.Predicate.Details {
		if b, ok := words[id]; ok {
			details = append(details, b)
		}
	}
	for id := range introduces(e.Statement.Predicate.Body) {
		if b, ok := words[id]; ok {
			documents = append(documents, b)
		}
	}
	if e.Key.ID() != e.Statement.Predicate.Signer.Key {
		return docket.AlteredF("it is kept with another key than it names")
	}
	if err := e.Key.Verify(e.Envelope); err != nil {
		return docket.AlteredF("its signature does not verify: %v", err)
	}
	if err := p.readDetails(details); err != nil {
		return altered(err)
	}
	if err := c.readAgain(p, documents); err != nil {
		return altered(err)
	}
	for _, k := range p.keys {
		if _, known := c.spkis[k.ID()]; !known {
			c.spkis[k.ID()] = e.Index
		}
	}
	if err := c.seen(e.Statement); err != nil {
		return err
	}
	w := &world{id: c.id, group: newLayer(), batch: c.all, below: nothing{}}
	s, err := admit(w, p, e.Index)
	if err != nil {
		return altered(err)
	}
	c.all.merge(w.group)
	c.partRows = append(c.partRows, s.parts...)
	c.kinds = append(c.kinds, e.Kind())
	c.noteCopy(e.EventID, e.Statement.Predicate)
	c.noteImage(e.EventID, e.Statement.Predicate)
	if b, ok := e.Statement.Predicate.Body.(*custody.Received); ok {
		c.received[b.Item] = b
	}
	if b, ok := e.Statement.Predicate.Body.(*custody.ReportIssued); ok {
		c.issued[e.EventID] = b
	}
	for _, link := range e.Statement.Predicate.Chains {
		c.links[linkID{link.ID, link.Seq, e.Index}] = true
	}
	if e.Index == 0 {
		if err := c.identify(e.Statement, p.documents); err != nil {
			return err
		}
	}
	c.frontier.Append(p.leafHash)
	c.full = append(c.full, c.edge.append(p.leafHash)...)
	if _, published := slices.BinarySearch(c.sizes, c.frontier.Size()); published {
		c.roots[c.frontier.Size()] = c.frontier.Root()
	}
	return nil
}

// readAgain reads the documents that an event brought; those it may leave out
// an earlier event brought.
func (c *checking) readAgain(p *prepared, given [][]byte) error {
	known := func(id custody.ID) (string, error) { return c.docs[id], nil }
	if err := p.readDocuments(given, known); err != nil {
		return err
	}
	for id, d := range p.documents {
		c.docs[id] = d.Type
	}
	return nil
}

func (c *checking) identify(st *custody.Statement, documents map[custody.ID]docket.Blob) error {
	b, ok := st.Predicate.Body.(*custody.Genesis)
	if !ok {
		return docket.AlteredF("it is %s, not genesis", st.Predicate.Kind)
	}
	var err error
	if c.id, err = c.l.identify(documents[b.Document].Bytes); err != nil {
		return altered(err)
	}
	if mine := c.l.log.Load(); mine != nil && mine.id != c.id.id {
		return docket.AlteredF("it founds log %s, not %s", c.id.id.Short(), mine.id.Short())
	}
	return nil
}

func (c *checking) seen(st *custody.Statement) error {
	seen := st.Predicate.Seen
	if st.Predicate.Kind == custody.KindGenesis {
		return nil
	}
	if root, ok := c.roots[seen.Size]; !ok || root != seen.Root {
		return docket.AlteredF("it has seen a checkpoint of %d leaves that was never published", seen.Size)
	}
	if b, ok := st.Predicate.Body.(*custody.LogTime); ok {
		if root, ok := c.roots[b.Size]; !ok || root != b.Root {
			return docket.AlteredF("it is about a checkpoint of %d leaves that was never published", b.Size)
		}
	}
	return nil
}

// altered turns a refusal of what was once admitted into what it means here.
func altered(err error) error {
	var refused *custody.Refusal
	var sealed *seal.Error
	if errors.As(err, &refused) || errors.As(err, &sealed) {
		return docket.AlteredF("%v", err)
	}
	return err
}

// state: log_state is that of the events.
func (c *checking) state() error {
	s, err := readState(c.ctx, c.tx, `SELECT size, root, frontier FROM custody.log_state WHERE one`)
	if err != nil {
		return err
	}
	mine, err := c.frontier.MarshalBinary()
	if err != nil {
		return err
	}
	rows := 0
	if err := c.tx.QueryRowContext(c.ctx, `SELECT count(*) FROM custody.log_state`).Scan(&rows); err != nil {
		return err
	}
	if rows != 1 {
		return docket.AlteredF("log_state has %d rows", rows)
	}
	if s.size != c.frontier.Size() || s.root != c.frontier.Root() || !bytes.Equal(s.frontier, mine) {
		return docket.AlteredF("log_state says %d events with root %s; they are %d with root %s", s.size, s.root.Short(), c.frontier.Size(), c.frontier.Root().Short())
	}
	return nil
}

// heads: every chain's row is what the judge makes of the events.
func (c *checking) heads() error {
	rows, err := c.tx.QueryContext(c.ctx, `SELECT `+chainColumns+` FROM custody.chains`)
	chains, err := collect(rows, err, func(r *sql.Rows) (*docket.Chain, error) { return scanChain(r) })
	if err != nil {
		return err
	}
	n := 0
	for _, want := range c.all.chains {
		if want != nil {
			n++
		}
	}
	if len(chains) != n {
		return docket.AlteredF("there are %d chains, the events make %d", len(chains), n)
	}
	for _, got := range chains {
		want := c.all.chains[got.ID]
		if want == nil {
			return docket.AlteredF("no event advances chain %s", got.ID.Short())
		}
		a, err := json.Marshal(got)
		if err != nil {
			return err
		}
		b, err := json.Marshal(want)
		if err != nil {
			return err
		}
		if !bytes.Equal(a, b) {
			return docket.AlteredF("%s chain %s is not in the state that its events make", want.Type, got.ID.Short())
		}
	}
	return nil
}

// parts: who has a part in which case is what the events say.
func (c *checking) parts() error {
	rows, err := c.tx.QueryContext(c.ctx, `SELECT case_id, item, org, person, part, index, expires FROM custody.parts`)
	got, err := collect(rows, err, scanPart)
	if err != nil {
		return err
	}
	words := func(in []docket.Involvement) []string {
		out := make([]string, len(in))
		for i, p := range in {
			expires := int64(0)
			if p.Expires != nil {
				expires = p.Expires.Unix()
			}
			out[i] = fmt.Sprint(p.Case, p.Item, p.Org, p.Person, p.Part, p.Index, expires)
		}
		slices.Sort(out)
		return out
	}
	if !reflect.DeepEqual(words(got), words(c.partRows)) {
		return docket.AlteredF("the parts that organisations have in cases are not those that the events give")
	}
	return nil
}
