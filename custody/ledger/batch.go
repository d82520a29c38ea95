package ledger

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/ruling"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// head is the tree as the appender knows it. Only the appender touches it.
type head struct {
	frontier tlog.Frontier
	edge     edge
}

// state is the row of log_state.
type state struct {
	size     uint64
	root     evidence.Digest
	frontier []byte
}

func readState(ctx context.Context, q querier, query string) (s state, err error) {
	err = q.QueryRowContext(ctx, query).Scan(&s.size, idValue{&s.root}, &s.frontier)
	return s, err
}

// transact appends the groups in one transaction. Refusals are left in each
// group's err, and are final only because the transaction they were made in
// committed. An error means that nothing is known of any group; running the
// same groups again is safe, since events in the log are found by their id.
func (l *Ledger) transact(ctx context.Context, groups []*group) (*batch, error) {
	tx, err := l.appendDB.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	stmt, err := l.stmts.in(ctx, tx, `SELECT size, root, frontier FROM custody.log_state WHERE one FOR UPDATE`)
	if err != nil {
		return nil, err
	}
	var s state
	if err := stmt.QueryRowContext(ctx).Scan(&s.size, idValue{&s.root}, &s.frontier); err != nil {
		return nil, err
	}
	if err := l.catchUp(ctx, tx, s); err != nil {
		return nil, err
	}
	b := &batch{groups: groups}
	events, err := l.hear(ctx, tx, groups, s.size)
	if err != nil || len(events) == 0 {
		return b, err
	}
	next := head{frontier: *l.head.frontier.Clone(), edge: l.head.edge.clone()}
	var full []tile
	for _, e := range events {
		next.frontier.Append(e.leaf())
		full = append(full, next.edge.append(e.leaf())...)
	}
	root := next.frontier.Root()
	if err := l.write(ctx, tx, events, full, &next.frontier, root); err != nil {
		return nil, err
	}
	for _, g := range groups {
		g.tried = g.tried || len(g.admit) > 0
	}
	// A crash or a lost connection here leaves the outcome unknown: the groups
	// are run again, and find themselves in the log or not.
	if err := tx.Commit(); err != nil {
		return nil, err
	}
	l.head = &next
	l.forest.advance(next.edge, full)
	for _, e := range events {
		l.entries.put(e.place.leaf, &ruling.Entry{Index: e.index, Leaf: e.place.leaf, EventID: e.event, Statement: e.statement})
		for _, k := range e.keys {
			l.keys.put(k.ID(), k)
		}
	}
	b.cp = docket.Checkpoint{Size: next.frontier.Size(), Root: root}
	if l.afterCommit != nil {
		return b, l.afterCommit()
	}
	return b, nil
}

func (e *sealedEvent) leaf() custody.ID { return e.place.leaf }

// catchUp brings the appender's tree to the database's: other replicas append
// too. What they appended is hashed again here, so that this process never
// signs a root it did not compute from the tree it signed before.
func (l *Ledger) catchUp(ctx context.Context, q querier, s state) error {
	have := l.head.frontier.Size()
	if s.size < have {
		return docket.AlteredF("the log had %d events and has %d now", have, s.size)
	}
	next := head{frontier: *l.head.frontier.Clone(), edge: l.head.edge}
	var full []tile
	if s.size > have {
		next.edge = l.head.edge.clone()
		rows, err := q.QueryContext(ctx, `SELECT leaf_hash FROM custody.events WHERE index >= $1 AND index < $2 ORDER BY index`, int64(have), int64(s.size))
		leaves, err := collect(rows, err, scanID)
		if err != nil {
			return err
		}
		for _, h := range leaves {
			next.frontier.Append(h)
			full = append(full, next.edge.append(h)...)
		}
	}
	mine, err := next.frontier.MarshalBinary()
	if err != nil {
		return fmt.Errorf("couldn't encode the frontier: %w", err)
	}
	if next.frontier.Root() != s.root || !bytes.Equal(mine, s.frontier) {
		return docket.AlteredF("the tree of %d leaves has root %s, log_state says %s", next.frontier.Size(), next.frontier.Root().Short(), s.root.Short())
	}
	if s.size > have {
		l.head = &next
		l.forest.advance(next.edge, full)
	}
	return nil
}

// hear judges group after group; each sees what those before it would change.
func (l *Ledger) hear(ctx context.Context, tx *sql.Tx, groups []*group, size uint64) ([]*sealedEvent, error) {
	db := database{ctx, tx, l.entries}
	shared := newLayer()
	var all []*prepared
	var ids []custody.ID
	for _, g := range groups {
		g.err, g.admit, g.places, g.created = nil, nil, nil, nil
		all = append(all, g.subs...)
		for _, p := range g.subs {
			ids = append(ids, p.eventID)
		}
	}
	known, err := db.known(ids)
	if err != nil {
		return nil, err
	}
	if err := db.prefetch(shared, all); err != nil {
		return nil, err
	}
	var events []*sealedEvent
	for _, g := range groups {
		w := &world{id: l.log.Load(), group: newLayer(), batch: shared, below: db}
		done, err := l.hearGroup(ctx, tx, w, g, known, size+uint64(len(events)))
		if err != nil {
			return nil, err
		}
		if done {
			events = append(events, g.admit...)
			shared.merge(w.group)
		}
	}
	return events, nil
}

// hearGroup judges one group. It reports whether the group is to be appended;
// otherwise g.err says why not, or g.places where its events are already. The
// error is the transaction's.
func (l *Ledger) hearGroup(ctx context.Context, tx *sql.Tx, w *world, g *group, known map[custody.ID]place, next uint64) (bool, error) {
	if already, err := l.alreadyIn(ctx, g, known, w.batch); already || err != nil {
		return false, err
	}
	if w.id == nil && !g.genesis {
		g.err = docket.ErrUnfounded
		return false, nil
	}
	for i, p := range g.subs {
		e, err := admit(w, p, next+uint64(i))
		if err == nil {
			g.admit = append(g.admit, e)
			g.places, g.created = append(g.places, e.place), append(g.created, true)
			continue
		}
		g.admit, g.places, g.created = nil, nil, nil
		var refused *custody.Refusal
		if !errors.As(err, &refused) {
			return false, err
		}
		g.err = refused
		switch refused.Rule {
		case ruling.RuleStale, ruling.RuleAhead, ruling.RuleFork:
			g.err, err = staleHeads(w, i, p, refused)
			return false, err
		}
		return false, nil
	}
	err := l.effects(ctx, tx, g)
	var refused *custody.Refusal
	if errors.Is(err, docket.ErrSpent) || errors.Is(err, docket.ErrClosed) || errors.As(err, &refused) {
		g.admit, g.places, g.created, g.err = nil, nil, nil, err
		return false, nil
	}
	return err == nil, err
}

// alreadyIn finds a group whose events are in the log, or before it in this
// very batch.
func (l *Ledger) alreadyIn(ctx context.Context, g *group, known map[custody.ID]place, shared *layer) (bool, error) {
	places := make([]place, len(g.subs))
	n, own := 0, map[custody.ID]bool{}
	for i, p := range g.subs {
		if own[p.eventID] {
			g.err = custody.Refuse("group.twice", "", "event %s stands twice in one group", p.eventID.Short())
			return true, nil
		}
		own[p.eventID] = true
		at, ok := known[p.eventID]
		if e := shared.events[p.eventID]; !ok && e != nil {
			at, ok = e.place, true
		}
		if ok {
			places[i], n = at, n+1
		}
	}
	switch n {
	case 0:
		return false, nil
	case len(g.subs):
		g.places, g.created = places, make([]bool, len(places))
		for i := range g.created {
			g.created[i] = g.tried // it was this call that appended it
		}
		return true, nil
	}
	partly := &docket.PartlyAppended{Receipts: make([]*docket.Receipt, len(places))}
	for i, at := range places {
		if !at.event.IsZero() {
			partly.Receipts[i] = &docket.Receipt{EventID: at.event, Index: at.index, LeafHash: at.leaf}
		}
	}
	g.err = partly
	return true, nil
}

// staleHeads tells all current heads of the event's chains, sorted by id as
// its links are.
func staleHeads(w *world, i int, p *prepared, why *custody.Refusal) (error, error) {
	s := &docket.Stale{Submission: i, Why: why}
	for _, link := range p.statement.Predicate.Chains {
		c, err := w.chain(link.ID)
		if err != nil {
			return nil, err
		}
		if c != nil {
			s.Heads = append(s.Heads, c.Position())
		}
	}
	return s, nil
}
