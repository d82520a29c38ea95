package verify

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/tlog"
)

// compare looks for two histories among several dossiers: two events with one
// place on a chain, two leaves at one index, two roots at one size, or a
// checkpoint that another dossier's proof contradicts.
func compare(dossiers []*dossier.Dossier, readings []*Reading) []Finding {
	type place struct {
		log, chain custody.ID
		seq        uint64
	}
	type index struct {
		log custody.ID
		n   uint64
	}
	type held struct {
		leaf    custody.ID
		dossier int
	}
	if len(readings) < 2 {
		return nil // the replay has judged each by itself
	}
	places, leaves := map[place]held{}, map[index]held{}
	var out []Finding
	find := func(n Name, i int, event *uint64, format string, args ...any) {
		out = append(out, Finding{Name: n, Severity: severities[n], Dossier: i, Event: event, Detail: fmt.Sprintf(format, args...)})
	}
	for i, r := range readings {
		for _, e := range r.Events {
			at := index{r.LogID, e.Index}
			if was, ok := leaves[at]; !ok {
				leaves[at] = held{e.Leaf, i}
			} else if was.leaf != e.Leaf {
				find(LogFork, i, &e.Index, "dossier %d shows another event at this log index", was.dossier+1)
			}
			for _, l := range e.Statement.Predicate.Chains {
				p := place{r.LogID, l.ID, l.Seq}
				if was, ok := places[p]; !ok {
					places[p] = held{e.Leaf, i}
				} else if was.leaf != e.Leaf {
					find(ChainFork, i, &e.Index, "dossier %d shows another event at seq %d of chain %s: proof of fraud", was.dossier+1, l.Seq, l.ID)
				}
			}
		}
	}
	for i, a := range readings {
		for j := range i {
			out = append(out, compareRoots(i, j, a, readings[j])...)
			out = append(out, compareHeads(i, j, a, readings[j], dossiers)...)
		}
	}
	return out
}

// compareRoots compares the roots that two dossiers of one log prove for the
// same size: each is what some signer was shown, or a checkpoint.
func compareRoots(i, j int, a, b *Reading) []Finding {
	if a.LogID != b.LogID {
		return nil
	}
	var sizes []uint64
	for size, root := range a.roots {
		if other, ok := b.roots[size]; ok && other != root {
			sizes = append(sizes, size)
		}
	}
	if len(sizes) == 0 {
		return nil
	}
	return []Finding{{Name: LogFork, Severity: Bad, Dossier: i,
		Detail: fmt.Sprintf("two roots are proven for the log's first %d leaves: this dossier's and that of dossier %d", slices.Min(sizes), j+1)}}
}

// compareHeads compares the checkpoints of dossiers i and j of one log.
func compareHeads(i, j int, a, b *Reading, dossiers []*dossier.Dossier) []Finding {
	if a.LogID != b.LogID || a.Checkpoint.Size == 0 || b.Checkpoint.Size == 0 {
		return nil
	}
	older, newer, d, roots := a.Checkpoint, b.Checkpoint, dossiers[j], b.roots
	if older.Size > newer.Size {
		older, newer, d, roots = newer, older, dossiers[i], a.roots
	}
	if _, known := roots[older.Size]; known {
		return nil // compared as roots
	}
	proof, ok := d.Consistency[older.Size]
	if !ok {
		return []Finding{{Name: ConsistencyNotShown, Severity: severities[ConsistencyNotShown], Dossier: i,
			Detail: fmt.Sprintf("nothing given relates this dossier's head of %d leaves to that of dossier %d, of %d: that both show one history is only known of the events that both show", a.Checkpoint.Size, j+1, b.Checkpoint.Size)}}
	}
	if err := tlog.VerifyConsistency(older.Size, older.Root, newer.Size, newer.Root, proof); err != nil {
		return []Finding{{Name: LogFork, Severity: Bad, Dossier: i, Detail: fmt.Sprintf("the checkpoint is not consistent with that of dossier %d: %v", j+1, err)}}
	}
	return nil
}

// order puts findings into one order, whatever the order of the checks: bad
// first, then by dossier, log index, name and subject.
func order(findings []Finding) {
	weight := map[Severity]int{Bad: 0, Unchecked: 1, Note: 2}
	slices.SortStableFunc(findings, func(a, b Finding) int {
		event := func(f Finding) uint64 {
			if f.Event == nil {
				return 0
			}
			return *f.Event + 1
		}
		subject := func(f Finding) []byte {
			if f.Subject == nil {
				return nil
			}
			return f.Subject[:]
		}
		return cmp.Or(cmp.Compare(weight[a.Severity], weight[b.Severity]), cmp.Compare(a.Dossier, b.Dossier),
			cmp.Compare(event(a), event(b)), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Rule, b.Rule), bytes.Compare(subject(a), subject(b)), cmp.Compare(a.Detail, b.Detail))
	})
}
