package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
)

// maxStale bounds how often an observation is sealed anew because another
// replica was faster.
const maxStale = 16

// Observe seals what the service saw and appends it with its effects. An act
// over something that has moved on meanwhile is refused by its own rule: a
// log.recovered (recovery.seen) where another event came first.
func (l *Ledger) Observe(ctx context.Context, act docket.Act, effects docket.Effects) (docket.Receipt, error) {
	r, err := l.observe(ctx, nil, act, effects)
	if err != nil {
		return docket.Receipt{}, err
	}
	return r[0], nil
}

// Deposit appends a person's artifact.deposited together with the service's
// artifact.received, which relies on it: both or neither. A deposit that is in
// the log already answers with both receipts.
func (l *Ledger) Deposit(ctx context.Context, s docket.Submission, received docket.Act) ([]docket.Receipt, error) {
	p, err := l.prepare(ctx, &s)
	if p == nil || (err != nil && p.leafHash.IsZero() && !l.has(ctx, p.eventID)) {
		return nil, err
	}
	if err == nil {
		received.Basis = append(append([]custody.ID(nil), received.Basis...), p.leafHash)
		var out []docket.Receipt
		if out, err = l.observe(ctx, &s, received, docket.Effects{}); err == nil {
			return out, nil
		}
		var partly *docket.PartlyAppended
		if !errors.As(err, &partly) {
			return nil, err
		}
	}
	return l.deposited(ctx, p.eventID)
}

func (l *Ledger) has(ctx context.Context, event custody.ID) bool {
	_, err := l.Receipt(ctx, event)
	return err == nil
}

// deposited finds the receipts of a deposit that was made before.
func (l *Ledger) deposited(ctx context.Context, event custody.ID) ([]docket.Receipt, error) {
	e, err := l.Event(ctx, event)
	if err != nil {
		return nil, err
	}
	b, ok := e.Statement.Predicate.Body.(*custody.Deposited)
	if !ok {
		return nil, custody.Refuse("statement.kind", "predicate.kind", "%s is not a deposit", e.Kind())
	}
	observed, err := l.ChainEvents(ctx, custody.Observations(b.Item))
	if err != nil {
		return nil, err
	}
	for _, o := range observed {
		if o.Kind() == custody.KindReceived {
			first, err := l.Receipt(ctx, event)
			if err != nil {
				return nil, err
			}
			second, err := l.Receipt(ctx, o.EventID)
			return []docket.Receipt{first, second}, err
		}
	}
	return nil, docket.AlteredF("deposit %s stands without its artifact.received", event.Short())
}

// observe appends the act, after the leading submission if there is one.
func (l *Ledger) observe(ctx context.Context, lead *docket.Submission, act docket.Act, effects docket.Effects) ([]docket.Receipt, error) {
	if l.log.Load() == nil {
		return nil, docket.ErrUnfounded
	}
	advances := (&custody.Predicate{Body: act.Body, Signer: custody.Signer{Key: l.cfg.Service.Public().ID()}}).Advances()
	if len(advances) != 1 {
		return nil, fmt.Errorf("couldn't observe: %s is not an act of the service on one chain", act.Body.Kind())
	}
	id := advances[0].ID
	turn := &l.observing[id[0]]
	turn.Lock()
	defer turn.Unlock()
	for attempt := 0; ; attempt++ {
		sub, err := l.sealObservation(ctx, id, act)
		if err != nil {
			return nil, err
		}
		sub.Effects = effects
		group := []docket.Submission{sub}
		if lead != nil {
			group = []docket.Submission{*lead, sub}
		}
		receipts, err := l.Append(ctx, group...)
		var stale *docket.Stale
		if errors.As(err, &stale) && stale.Submission == len(group)-1 && attempt < maxStale {
			continue
		}
		return receipts, err
	}
}

// sealObservation links the act to its chain's present head.
func (l *Ledger) sealObservation(ctx context.Context, id custody.ID, act docket.Act) (docket.Submission, error) {
	link := custody.Link{ID: id}
	chain, err := l.Chain(ctx, id)
	switch {
	case err == nil:
		head := chain.Head
		link.Seq, link.Prev = chain.Seq+1, &head
	case !errors.Is(err, docket.ErrNotFound):
		return docket.Submission{}, err
	}
	cp, err := l.Checkpoint(ctx)
	if err != nil {
		return docket.Submission{}, err
	}
	log := l.log.Load().id
	return l.sealAct(act, &log, cp.Seen(), []custody.Link{link})
}

// sealAct makes and signs the service's statement.
func (l *Ledger) sealAct(act docket.Act, log *custody.ID, seen custody.Seen, links []custody.Link) (docket.Submission, error) {
	now := l.now()
	p := custody.Predicate{Basis: custody.SortedIDs(act.Basis...), Body: act.Body, Chains: links, Details: map[custody.Field]custody.ID{},
		Kind: act.Body.Kind(), Log: log, Seen: seen, Signer: custody.Signer{Class: custody.ClassService, Key: l.cfg.Service.Public().ID()},
		Times: custody.Times{Act: actTimes(act, now), Signed: custody.NewTime(now)}}
	if _, err := io.ReadFull(l.cfg.Rand, p.Nonce[:]); err != nil {
		return docket.Submission{}, fmt.Errorf("couldn't draw a nonce: %w", err)
	}
	details, err := l.tell(act.Told, p.Details)
	if err != nil {
		return docket.Submission{}, err
	}
	payload, err := custody.Encode(&custody.Statement{Type: custody.StatementType, Predicate: p, PredicateType: custody.PredicateType, Subject: custody.SubjectsOf(p.Body)})
	if err != nil {
		return docket.Submission{}, err
	}
	e, err := l.cfg.Service.Sign(payload)
	if err != nil {
		return docket.Submission{}, fmt.Errorf("couldn't seal %s: %w", p.Kind, err)
	}
	return docket.Submission{Envelope: e, Details: details}, nil
}

// tell makes the details' files, and names them in the statement's.
func (l *Ledger) tell(told map[custody.Field]string, named map[custody.Field]custody.ID) ([][]byte, error) {
	var files [][]byte
	for _, field := range slices.Sorted(maps.Keys(told)) {
		var salt custody.Salt
		if _, err := io.ReadFull(l.cfg.Rand, salt[:]); err != nil {
			return nil, fmt.Errorf("couldn't draw a salt: %w", err)
		}
		d, err := custody.NewDetail(field, salt, told[field])
		if err != nil {
			return nil, err
		}
		b, id, err := d.Encode()
		if err != nil {
			return nil, err
		}
		files, named[field] = append(files, b), id
	}
	return files, nil
}

// actTimes are when an act was, in the order that a statement needs: where the
// clock was set back in the middle of it, it is said to have been at once, by the
// clock that signs, rather than not to have been.
func actTimes(act docket.Act, now time.Time) custody.Act {
	from, to := act.From, act.To
	if from.IsZero() || from.After(now) {
		from = now
	}
	if to.IsZero() {
		return custody.Act{From: custody.NewTime(from)}
	}
	if to.After(now) {
		to = now
	}
	if to.Before(from) {
		from = to
	}
	end := custody.NewTime(to)
	return custody.Act{From: custody.NewTime(from), To: &end}
}

// LeafOf returns the leaf hash that a submission will have, if its signer's
// key is known: what a companion in the same group may rely on.
func (l *Ledger) LeafOf(ctx context.Context, s docket.Submission) (custody.ID, error) {
	p, err := l.prepare(ctx, &s)
	if err != nil {
		return custody.ID{}, err
	}
	return p.leafHash, nil
}
