package verify

import (
	"errors"
	"slices"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ruling"
)

// replay asks the judge about every event in log order.
func (r *reader) replay() error {
	r.world = newWorld(r)
	for _, o := range r.opened {
		if !o.ok {
			continue
		}
		rule, err := ruling.Judge(r.world, o.entry)
		var refusal *custody.Refusal
		switch {
		case errors.As(err, &refusal):
			name := RuleBroken
			switch refusal.Rule {
			case ruling.RuleStale, ruling.RuleFork, ruling.RuleType:
				name = ChainFork
			case ruling.RuleAhead, ruling.RuleUnknown:
				name = ChainGap
			}
			f := at(o.entry.Index)
			f.Rule = refusal.Rule
			r.find(name, f, "%s: %s", o.entry.Statement.Predicate.Kind, refusal.Error())
			continue
		case err != nil:
			return err
		}
		r.remark(o.entry, rule)
		r.world.admit(o.entry, rule)
		r.admit(o, rule)
	}
	return nil
}

// admit adds the event to the reading.
func (r *reader) admit(o *openedEvent, rule *ruling.Ruling) {
	ev := &Event{Index: o.entry.Index, ID: o.entry.EventID, Leaf: o.entry.Leaf, Statement: o.entry.Statement, Signer: rule.Signer, Details: map[custody.Field]string{}}
	switch b := ev.Body().(type) {
	case *custody.Founded:
		ev.Org = b.Org
	case *custody.KeyRequested:
		ev.Org, ev.Signer = b.Org, custody.Party{Org: b.Org, Person: b.Person}
	case *custody.KeyCertified:
		ev.Org = b.Org
	case *custody.KeyRevoked:
		ev.Org = b.Org
	case *custody.OrgStatus:
		ev.Org = b.Org
	default:
		ev.Org = rule.Signer.Org
	}
	r.out.Events = append(r.out.Events, ev)
	r.out.Proofs[ev.Index] = o.source.Proof
	for _, c := range rule.Chains {
		if !c.Partial {
			r.out.Heads[c.ID] = Head{Type: c.Type, Seq: c.Seq, Leaf: c.Head, Index: c.Index}
		}
		if c.State.Key != nil {
			r.out.Keys[c.ID] = c.State.Key
		}
	}
	if b, ok := ev.Body().(*custody.Correction); ok {
		i := slices.IndexFunc(r.out.Events, func(e *Event) bool { return e.Leaf == b.Corrects })
		if i >= 0 {
			r.out.Events[i].Corrected = append(r.out.Events[i].Corrected, ev)
		}
	}
}
