package desk

import (
	"context"
	"fmt"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
)

// standingAge is how long what a deposit stands on is taken for verified while
// its exhibit's chain has not moved. Each deposit makes the case's dossier longer,
// so that a folder of many files would spend its time on verifying all those
// before, again and again.
const standingAge = time.Minute

// ground is what the deposits of one kind from one exhibit, or to one case
// without one, stand on.
type ground struct {
	parent, ofCase evidence.Digest
	role           custody.Role
}

// footing is a ground that was verified.
type footing struct {
	verified *Dossier
	basis    []evidence.Digest
	at       time.Time
}

// vet fails before the bytes travel, not after.
func (d *Desk) vet(ctx context.Context, in Depositing) error {
	if in.Parent == nil {
		return nil
	}
	d.acting.Lock()
	defer d.acting.Unlock()
	_, err := d.footing(ctx, in)
	return err
}

// footing verifies what a deposit stands on, or finds that it did a moment ago
// and that nothing happened to the exhibit since. The caller holds acting.
func (d *Desk) footing(ctx context.Context, in Depositing) (footing, error) {
	g := ground{ofCase: in.Case, role: in.Role}
	if in.Parent != nil {
		g.parent = *in.Parent
	}
	if s, ok := d.stood[g]; ok && d.Clock().Sub(s.at).Abs() < standingAge {
		if still, err := d.unmoved(ctx, s.verified, in.Parent); err != nil || still {
			return s, err
		}
	}
	s := footing{at: d.Clock()}
	var err error
	if in.Parent == nil {
		s.verified, err = d.VerifyCase(ctx, in.Case)
	} else {
		s.basis = make([]evidence.Digest, 1)
		s.verified, s.basis[0], err = d.parentStanding(ctx, in)
	}
	if err != nil {
		return s, err
	}
	if d.stood == nil {
		d.stood = map[ground]footing{}
	}
	d.stood[g] = s
	return s, nil
}

// unmoved asks whether the exhibit's chain still ends where the verified dossier
// has it.
func (d *Desk) unmoved(ctx context.Context, verified *Dossier, item *evidence.Digest) (bool, error) {
	if item == nil {
		return true, nil
	}
	head, ok, err := d.Service.Chain(ctx, *item)
	if err != nil {
		return false, fmt.Errorf("couldn't get the head of item chain %s: %w", item.Short(), err)
	}
	known := verified.Readings[0].Heads[*item]
	return ok && head.Seq == known.Seq && head.Leaf == known.Leaf, nil
}

// parentStanding verifies the exhibit and finds what the deposit rests on:
// custody of it, or a grant of it.
func (d *Desk) parentStanding(ctx context.Context, in Depositing) (*Dossier, evidence.Digest, error) {
	verified, err := d.VerifyItems(ctx, *in.Parent)
	if err != nil {
		return nil, evidence.Digest{}, err
	}
	it, err := verified.item(*in.Parent)
	if err != nil {
		return nil, evidence.Digest{}, err
	}
	if it.Case != in.Case {
		return nil, evidence.Digest{}, fmt.Errorf("couldn't deposit: item %s belongs to case %s", in.Parent.Short(), it.Case.Short())
	}
	if it.Phase == custody.PhaseHeld && it.Holder == d.Identity() {
		return verified, it.Custody, nil
	}
	leaf, grant := d.grant(verified, *in.Parent)
	if grant == nil || in.Role == custody.RoleMaster || in.Role == custody.RoleLog {
		return nil, leaf, fmt.Errorf("couldn't deposit what was made from item %s: %w", in.Parent.Short(), ErrNotHolder)
	}
	return verified, leaf, nil
}
