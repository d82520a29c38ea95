package ledger

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

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
	if errors.Is(err, sql.ErrNoRows) {
		err = docket.AlteredF("log_state is empty")
	}
	return s, err
}

// transact appends the groups in one commit. Refusals are left in each group's
// err; they are final, because they were made at a head that the log still had
// when the outcome was known. An error means that nothing is known of any
// group; running the same groups again is safe, since what is in the log is
// found there by its id.
//
// There are two ways. Alone, which is the usual case, nothing is locked: the
// batch is judged by what is remembered and read, and written by one statement
// that does nothing where the log's head is another one by then. In company,
// when another replica was faster, and where a group has effects, the row of
// log_state is locked first, so that nobody has to begin again for ever.
func (l *Ledger) transact(ctx context.Context, groups []*group) (*batch, error) {
	if l.company > 0 {
		l.company--
	} else if !slices.ContainsFunc(groups, (*group).effective) {
		b, err := l.attempt(ctx, ground{db: l.appendDB, stmts: l.stmts}, groups)
		if b != nil || err != nil {
			return b, err
		}
		l.company = companyLasts
	}
	tx, err := l.appendDB.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	g := ground{db: l.appendDB, tx: tx, stmts: l.stmts}
	if err := l.catchUp(ctx, g, stateQuery+` FOR UPDATE`); err != nil {
		return nil, err
	}
	b, err := l.attempt(ctx, g, groups)
	if err != nil {
		return nil, err
	}
	if b == nil {
		return nil, errors.New("couldn't append: log_state changed while it was locked")
	}
	return b, nil
}

// companyLasts is for how many batches the lock is taken after another replica
// was seen to append.
const companyLasts = 64

// effective reports whether something beside the append stands or falls with
// the group.
func (g *group) effective() bool {
	return slices.ContainsFunc(g.subs, func(p *prepared) bool {
		return !p.submission.Effects.None() || p.statement != nil && noted(p.statement.Predicate.Kind)
	})
}

// attempt judges and writes the groups from the head that the appender knows.
// It returns nil where the log's head is another one; nothing was written then.
func (l *Ledger) attempt(ctx context.Context, g ground, groups []*group) (*batch, error) {
	f := newFiling(l.head)
	if err := l.hear(ctx, g, f, nil, groups); err != nil {
		return nil, err
	}
	f.grow(l.now())
	// Without a transaction this is the commit.
	written, err := l.lodge(ctx, g, f)
	if !written || err != nil {
		return nil, err
	}
	if g.tx != nil && len(f.events) > 0 {
		if err := g.tx.Commit(); err != nil {
			return nil, err
		}
		if err := l.crash(afterAppend); err != nil {
			return nil, err
		}
	}
	l.adopt(f)
	return f.batch(), nil
}

const stateQuery = `SELECT size, root, frontier FROM custody.log_state WHERE one`

// catchUp brings the appender's tree to the database's: other replicas append
// too. What they appended is hashed again here, so that this process never
// signs a root it did not compute from the tree it signed before.
func (l *Ledger) catchUp(ctx context.Context, q querier, query string) error {
	s, err := readState(ctx, q, query)
	if err != nil {
		return err
	}
	have := l.head.frontier.Size()
	if s.size < have {
		return docket.AlteredF("the log had %d events and has %d now", have, s.size)
	}
	next := &head{frontier: *l.head.frontier.Clone(), edge: l.head.edge}
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
		if err := l.forget(ctx, q, have, s.size); err != nil {
			return err
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
		l.head = next
		l.forest.advance(next.edge, full)
	}
	return nil
}

// forget drops the chains that the events from..to-1 advanced, which another
// replica appended.
func (l *Ledger) forget(ctx context.Context, q querier, from, to uint64) error {
	rows, err := q.QueryContext(ctx, `SELECT DISTINCT chain FROM custody.links WHERE index >= $1 AND index < $2`, int64(from), int64(to))
	chains, err := collect(rows, err, scanID)
	for _, id := range chains {
		l.chains.drop(id)
	}
	return err
}

// hear judges group after group, each seeing what those before it would change,
// and adds to the filing what is to be appended. ahead is what filings that are
// under way will have changed by then, the newest first.
func (l *Ledger) hear(ctx context.Context, g ground, f *filing, ahead []*layer, groups []*group) error {
	below := view{database{ctx, g}, l.chains, l.entries, ahead}
	var all []*prepared
	for _, g := range groups {
		g.err, g.admit, g.places, g.created = nil, nil, nil, nil
		all = append(all, g.subs...)
	}
	f.groups, f.n = append(f.groups, groups...), f.n+len(all)
	if err := below.prefetch(f.shared, all); err != nil {
		return err
	}
	for _, group := range groups {
		w := &world{id: l.log.Load(), group: newLayer(), batch: f.shared, below: below}
		next := f.was.frontier.Size() + uint64(len(f.events))
		if err := l.hearGroup(ctx, g, w, group, next); err != nil {
			return err
		}
		f.refused = f.refused || group.err != nil
		if len(group.admit) > 0 {
			f.events = append(f.events, group.admit...)
			f.shared.merge(w.group)
		}
	}
	return nil
}

// hearGroup judges one group. It is to be appended where admit is not empty
// then; otherwise its err says why not, or its places where its events stand in
// this very batch. The error is the transaction's.
//
// That an event is in the log already need not be asked first: every event
// advances a chain, so what is in the log is refused, and settle looks there.
func (l *Ledger) hearGroup(ctx context.Context, g ground, w *world, group *group, next uint64) error {
	if twice(group) {
		return nil
	}
	group.alreadyIn(func(p *prepared) (place, bool) {
		if e := w.batch.events[p.eventID]; e != nil {
			return e.place, true
		}
		return place{}, false
	})
	if group.err != nil || len(group.places) > 0 {
		return nil
	}
	if w.id == nil && !group.genesis {
		group.err = docket.ErrUnfounded
		return nil
	}
	for i, p := range group.subs {
		e, err := admit(w, p, next+uint64(i))
		if err == nil {
			group.admit = append(group.admit, e)
			group.places, group.created = append(group.places, e.place), append(group.created, true)
			continue
		}
		group.admit, group.places, group.created = nil, nil, nil
		var refused *custody.Refusal
		if !errors.As(err, &refused) {
			return err
		}
		group.err = refused
		switch refused.Rule {
		case ruling.RuleStale, ruling.RuleAhead, ruling.RuleFork:
			group.err, err = staleHeads(w, i, p, refused)
			return err
		}
		return nil
	}
	err := l.effects(ctx, g.tx, group)
	var refused *custody.Refusal
	if errors.Is(err, docket.ErrSpent) || errors.Is(err, docket.ErrClosed) || errors.As(err, &refused) {
		group.admit, group.places, group.created, group.err = nil, nil, nil, err
		return nil
	}
	return err
}

// twice refuses a group that holds one event two times.
func twice(g *group) bool {
	if len(g.subs) == 1 {
		return false
	}
	own := map[custody.ID]bool{}
	for _, p := range g.subs {
		if own[p.eventID] {
			g.err = custody.Refuse("group.twice", "", "event %s stands twice in one group", p.eventID.Short())
			return true
		}
		own[p.eventID] = true
	}
	return false
}

// settle makes outcomes final. A refused group that is in the log gets its
// places instead. It reports false where the log's head is not the one that was
// judged at: then everything was judged by a world that is gone, or that never
// was one.
func (l *Ledger) settle(ctx context.Context, g ground, f *filing) (bool, error) {
	var ids []custody.ID
	for _, group := range f.groups {
		if group.err != nil {
			for _, p := range group.subs {
				ids = append(ids, p.eventID)
			}
		}
	}
	if len(ids) == 0 && len(f.events) > 0 {
		return true, nil // write finds out
	}
	size, in, err := known(ctx, g, ids)
	if err != nil || size != f.was.frontier.Size() {
		return false, err
	}
	for _, group := range f.groups {
		if group.err == nil || twice(group) {
			continue
		}
		group.alreadyIn(func(p *prepared) (place, bool) {
			at, ok := in[p.eventID]
			return at, ok
		})
	}
	return true, nil
}

// alreadyIn finds a group's events in the log, or before it in this very batch.
// What is there as a whole has its places, and no error; of what is there in
// part the error tells. Otherwise the group is left as it is.
func (g *group) alreadyIn(in func(*prepared) (place, bool)) {
	places := make([]place, len(g.subs))
	n := 0
	for i, p := range g.subs {
		if at, ok := in(p); ok {
			places[i], n = at, n+1
		}
	}
	switch n {
	case 0:
	case len(g.subs):
		g.err, g.places, g.created = nil, places, make([]bool, len(places))
		for i := range g.created {
			g.created[i] = g.tried // it was this call that appended it
		}
	default:
		partly := &docket.PartlyAppended{Receipts: make([]*docket.Receipt, len(places))}
		for i, at := range places {
			if !at.event.IsZero() {
				partly.Receipts[i] = &docket.Receipt{EventID: at.event, Index: at.index, LeafHash: at.leaf}
			}
		}
		g.err = partly
	}
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
