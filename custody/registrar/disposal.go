package registrar

import (
	"context"
	"errors"
	"fmt"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/fixity"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
)

// disposed carries out what an item.disposed in the log orders. A failure takes
// nothing back of the disposal: FinishDisposals does again what is left.
func (r *Registrar) disposed(ctx context.Context, st *custody.Statement) {
	b, ok := st.Predicate.Body.(*custody.Disposed)
	if !ok || b.Method != custody.DisposeKeyDestroyed {
		return
	}
	ctx = context.WithoutCancel(ctx)
	a, err := r.ledger.Artifact(ctx, b.Item)
	if err == nil {
		err = r.erase(ctx, a)
	}
	if err != nil {
		r.log.ErrorContext(ctx, "couldn't destroy the key of a disposed item's bytes yet; it is tried again", "item", b.Item.String(), "error", err)
	}
}

// erase destroys the data key of an artifact whose item was disposed of, and
// says so in the log: one transaction has both.
func (r *Registrar) erase(ctx context.Context, a docket.Artifact) error {
	if a.Encoding != custody.EncodingDARE {
		r.log.WarnContext(ctx, "a disposed item's bytes are not erased: they are stored in plain, and stay under their lock", "item", a.Item.String(), "until", a.Until)
		return nil
	}
	disposal, err := r.onChain(ctx, a.Item, custody.KindDisposed)
	if err != nil {
		return err
	}
	received, err := r.onChain(ctx, custody.Observations(a.Item), custody.KindReceived)
	if err != nil {
		return err
	}
	mode, until, err := r.vault.Locked(ctx, a.Key, a.Version)
	if err != nil {
		return err
	}
	act := docket.Act{Basis: []custody.ID{disposal, received}, Body: &custody.Erased{Artifact: a.SHA256, Disposal: disposal, Item: a.Item,
		Retention: custody.Retention{Mode: mode, Until: custody.NewTime(until.UTC())}}}
	_, err = r.ledger.Observe(ctx, act, docket.Effects{DataKey: a.Key})
	if errors.Is(err, docket.ErrClosed) {
		return nil // another replica was first: its event stands, ours was undone
	}
	if err == nil {
		r.log.InfoContext(ctx, "destroyed the key of a disposed item's bytes", "item", a.Item.String())
	}
	return err
}

// onChain finds the leaf of a chain's event of a kind.
func (r *Registrar) onChain(ctx context.Context, chain custody.ID, kind custody.Kind) (custody.ID, error) {
	events, err := r.ledger.ChainEvents(ctx, chain)
	if err != nil {
		return custody.ID{}, err
	}
	for _, e := range events {
		if e.Kind() == kind {
			return e.LeafHash, nil
		}
	}
	return custody.ID{}, fmt.Errorf("couldn't find the %s on chain %s", kind, chain.Short())
}

// FinishDisposals destroys the keys that a crash left behind a disposal, and
// says how many. Replicas may do so at once.
func (r *Registrar) FinishDisposals(ctx context.Context) (int, error) {
	left, err := r.ledger.Undestroyed(ctx)
	if err != nil {
		return 0, fault("ledger", err)
	}
	for n, a := range left {
		if err := r.erase(ctx, a); err != nil {
			return n, err
		}
	}
	return len(left), nil
}

// readable refuses what was disposed of.
func (r *Registrar) readable(ctx context.Context, item custody.ID) error {
	ch, err := r.ledger.Chain(ctx, item)
	if err != nil {
		return found("item", err)
	}
	if it := ch.State.Item; it != nil && it.Phase == custody.PhaseDisposed {
		return &Erased{Item: item}
	}
	return nil
}

// gone says of a key that isn't there whether that is as the record says.
func (r *Registrar) gone(ctx context.Context, item custody.ID, err error) error {
	if !errors.Is(err, fixity.ErrNoKey) {
		return nil
	}
	var erased *Erased
	if why := r.readable(context.WithoutCancel(ctx), item); errors.As(why, &erased) {
		return erased
	}
	r.log.ErrorContext(ctx, "the data key of an artifact is gone, and its item was not disposed of", "item", item.String())
	return nil
}
