package verify

import (
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/ruling"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// hear checks every event by itself, on all cores, and meanwhile asks the judge
// about those that hold, in log order. Which chains are whole follows from the
// events that hold: where one does not, all are heard once more without it.
func (r *reader) hear() error {
	looked := r.opened != nil // while they were read
	switch {
	case !looked:
		r.opened = make([]openedEvent, len(r.d.Events))
	case len(r.opened) != len(r.d.Events) || r.lookedAt.Size != r.head.Size || r.lookedAt.Root != r.head.Root:
		return errors.New("the dossier changed while it was read")
	}
	inParallel(len(r.opened), func() func(int) {
		inclusions := tlog.NewInclusions(r.head.Size, r.head.Root)
		var leaf []byte
		return func(i int) {
			o := &r.opened[i]
			if !looked {
				e := &r.d.Events[i]
				id := e.Envelope.EventID()
				leaf = tlog.AppendLeaf(leaf[:0], id, e.Envelope.Signature, e.Key)
				o.look(dossier.Shown{Place: i, Event: e, ID: id, Leaf: leaf}, inclusions)
			}
			if o.entry.Statement == nil {
				return
			}
			for field, id := range o.entry.Statement.Predicate.Details {
				o.details = append(o.details, r.readDetail(field, id))
			}
		}
	})
	r.begin()
	checked := r.check()
	ids := make(map[custody.ID]uint64, len(r.opened))
	allHold := true
	var findings []Finding
	for i := range r.opened {
		o := &r.opened[i]
		if i%stride == 0 {
			<-checked[i/stride]
		}
		r.settle(o, ids, &findings)
		if i == 0 {
			r.genesis = r.showsGenesis()
			r.world.begun = !r.genesis
		}
		if allHold = allHold && o.ok; allHold {
			if err := r.judge(o); err != nil {
				return err
			}
		}
	}
	if err := r.ctx.Err(); err != nil {
		return fmt.Errorf("couldn't finish: %w", err)
	}
	if !allHold {
		r.findings = r.findings[:r.heard]
		r.begin()
		for i := range r.opened {
			if err := r.judge(&r.opened[i]); err != nil {
				return err
			}
		}
	}
	r.findings = append(r.findings, findings...)
	if !r.genesis {
		r.find(GenesisMissing, Finding{}, "the dossier does not show this log's genesis at index 0")
	}
	return nil
}

// stride is how many events are checked between two looks at what is ready.
const stride = 64

// check opens every event on all cores; a channel closes for each stride of them.
func (r *reader) check() []chan struct{} {
	checked := make([]chan struct{}, (len(r.opened)+stride-1)/stride)
	for i := range checked {
		checked[i] = make(chan struct{})
	}
	var next atomic.Int64
	for range max(1, runtime.GOMAXPROCS(0)) {
		go func() {
			for {
				n := int(next.Add(1)) - 1
				if n >= len(checked) {
					return
				}
				for i := n * stride; i < min((n+1)*stride, len(r.opened)); i++ {
					o := &r.opened[i]
					o.ok = false
					if r.ctx.Err() == nil {
						r.open(o)
					}
				}
				close(checked[n])
			}
		}()
	}
	return checked
}

// settle takes over what was found of one event by itself. An id that stood at
// a lower index is no second event.
func (r *reader) settle(o *openedEvent, ids map[custody.ID]uint64, findings *[]Finding) {
	*findings = append(*findings, o.findings...)
	r.timed = r.timed || !o.stamped.IsZero()
	if !o.ok {
		return
	}
	if first, twice := ids[o.entry.EventID]; twice {
		f := at(o.entry.Index)
		f.Name, f.Severity, f.Dossier, f.Detail = EventTwice, severities[EventTwice], r.position, fmt.Sprintf("the event is already in the log at index %d", first)
		*findings = append(*findings, f)
		o.ok = false
		return
	}
	ids[o.entry.EventID] = o.entry.Index
}

// begin starts the replay, or starts it anew.
func (r *reader) begin() {
	r.world, r.heard = newWorld(r), len(r.findings)
	r.out.Events = make([]*Event, 0, len(r.opened))
	clear(r.out.Heads)
	clear(r.out.Keys)
	r.out.Proofs = make(map[uint64][]evidence.Digest, len(r.opened))
}

// judge asks the judge about one event; one that does not hold is passed over.
func (r *reader) judge(o *openedEvent) error {
	if !o.ok {
		return nil
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
		return nil
	case err != nil:
		return err
	}
	r.remark(o.entry, rule)
	r.world.admit(&o.entry, rule)
	r.admit(o, rule)
	return nil
}

// inParallel calls one function of those that worker makes, one on each core, for
// every number from 0 to n-1, ascending on each.
func inParallel(n int, worker func() func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range max(1, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			f := worker()
			for {
				end := int(next.Add(stride))
				if end-stride >= n {
					return
				}
				for i := end - stride; i < min(end, n); i++ {
					f(i)
				}
			}
		})
	}
	wg.Wait()
}

// admit adds the event to the reading.
func (r *reader) admit(o *openedEvent, rule *ruling.Ruling) {
	ev := &Event{Index: o.entry.Index, ID: o.entry.EventID, Leaf: o.entry.Leaf, Statement: o.entry.Statement, Signer: rule.Signer, source: o}
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
		if e := r.admitted(b.Corrects); e != nil {
			e.Corrected = append(e.Corrected, ev)
		}
	}
}

// admitted returns the event of that leaf hash, or nil.
func (r *reader) admitted(leaf custody.ID) *Event {
	entry := r.world.entries[leaf]
	if entry == nil {
		return nil
	}
	i, ok := slices.BinarySearchFunc(r.out.Events, entry.Index, func(e *Event, index uint64) int { return cmp.Compare(e.Index, index) })
	if !ok {
		return nil
	}
	return r.out.Events[i]
}
