package desk

import (
	"context"
	"fmt"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/keyring"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/evidence"
)

// Dossier is what verified dossiers say: it exists only for dossiers that are
// whole under the person's trust policy.
type Dossier struct {
	Files    [][]byte          // the dossiers, as received
	Readings []*verify.Reading // what each says, in the same order

	// walked are chains that were read back to their first event instead, with
	// the head from which on.
	walked map[evidence.Digest]Head
}

// VerifyCase fetches a case's dossier and verifies it under the desk's policy.
func (d *Desk) VerifyCase(ctx context.Context, id evidence.Digest) (*Dossier, error) {
	b, err := d.Service.CaseDossier(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("couldn't get the dossier of case %s: %w", id.Short(), err)
	}
	v := new(Dossier)
	if err := d.examine(ctx, v, b); err != nil {
		return nil, fmt.Errorf("couldn't rely on the dossier of case %s: %w", id.Short(), err)
	}
	if v.Readings[0].Case != id {
		return nil, fmt.Errorf("couldn't rely on the dossier of case %s: it is of another case: %w", id.Short(), ErrEvidence)
	}
	return v, nil
}

// VerifyItems fetches the items' dossiers and verifies them under the desk's
// policy.
func (d *Desk) VerifyItems(ctx context.Context, ids ...evidence.Digest) (*Dossier, error) {
	v := new(Dossier)
	for _, id := range custody.SortedIDs(ids...) {
		b, err := d.Service.ItemDossier(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("couldn't get the dossier of item %s: %w", id.Short(), err)
		}
		if err := d.examine(ctx, v, b); err != nil {
			return nil, fmt.Errorf("couldn't rely on the dossier of item %s: %w", id.Short(), err)
		}
		if v.Item(id) == nil {
			return nil, fmt.Errorf("couldn't find item %s in its dossier: %w", id.Short(), ErrEvidence)
		}
	}
	return v, nil
}

// examine verifies one dossier and adds what it says to v.
func (d *Desk) examine(ctx context.Context, v *Dossier, b []byte) error {
	if d.Policy == nil {
		return ErrNoPolicy
	}
	l, err := d.identifyLog(ctx)
	if err != nil {
		return err
	}
	result, signed, err := verifyBytes(ctx, d.Policy, b)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotChecked, err)
	}
	switch result.Verdict {
	case verify.Whole:
	case verify.NotWhole:
		return &FindingsError{Result: result, cause: ErrEvidence}
	default:
		return &FindingsError{Result: result, cause: ErrNotChecked}
	}
	if len(result.Readings) != 1 {
		return fmt.Errorf("%w: %d readings of one dossier", ErrNotChecked, len(result.Readings))
	}
	r := result.Readings[0]
	if r.LogID != l.id {
		return ErrOtherLog
	}
	// The dossier's own checkpoint must continue what this person has seen.
	head := keyring.Head{Size: r.Checkpoint.Size, Root: r.Checkpoint.Root, Note: string(signed)}
	if _, err := d.advance(ctx, head); err != nil {
		return err
	}
	v.Files, v.Readings = append(v.Files, b), append(v.Readings, r)
	return nil
}

// FindingsError says why a dossier was not relied on.
type FindingsError struct {
	Result *verify.Result
	cause  error
}

func (e *FindingsError) Error() string {
	for _, f := range e.Result.Findings {
		if f.Severity != verify.Note {
			return fmt.Sprintf("%v: %s", e.cause, f)
		}
	}
	return e.cause.Error()
}

func (e *FindingsError) Unwrap() error { return e.cause }

// Item returns an item's verified state, or nil.
func (v *Dossier) Item(id evidence.Digest) *custody.Item {
	for _, r := range v.Readings {
		if it := r.Items[id]; it != nil {
			return &it.State
		}
	}
	return nil
}

func (v *Dossier) item(id evidence.Digest) (*custody.Item, error) {
	if it := v.Item(id); it != nil {
		return it, nil
	}
	return nil, fmt.Errorf("couldn't find item %s in its dossier: %w", id.Short(), ErrEvidence)
}

// Event returns a verified event by its leaf, or nil.
func (v *Dossier) Event(leaf evidence.Digest) *verify.Event {
	for _, r := range v.Readings {
		for _, e := range r.Events {
			if e.Leaf == leaf {
				return e
			}
		}
	}
	return nil
}

// agrees holds the head that the service states for a chain to what the
// verified dossiers know of it. A nil Dossier knows nothing.
func (v *Dossier) agrees(a custody.Advance, stated Head, exists bool) error {
	if v == nil {
		return nil
	}
	if known, ok := v.walked[a.ID]; ok {
		switch {
		case !exists || stated.Seq < known.Seq, stated.Seq == known.Seq && stated.Leaf != known.Leaf:
			return fmt.Errorf("%s chain %s: read at seq %d, service at seq %d: %w", a.Type, a.ID.Short(), known.Seq, stated.Seq, ErrFork)
		case stated.Seq > known.Seq:
			return ErrMoved
		}
	}
	for _, r := range v.Readings {
		known, ok := r.Heads[a.ID]
		switch {
		case !ok:
		case !exists || stated.Seq < known.Seq, stated.Seq == known.Seq && stated.Leaf != known.Leaf:
			return fmt.Errorf("%s chain %s: dossier at seq %d, service at seq %d: %w", a.Type, a.ID.Short(), known.Seq, stated.Seq, ErrFork)
		case stated.Seq > known.Seq && a.Type == custody.ChainItem && r.Items[a.ID] != nil:
			// What happened in between was not verified, so nothing is signed on it.
			return ErrMoved
		}
	}
	return nil
}
