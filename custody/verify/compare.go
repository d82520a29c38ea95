package verify

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
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
			out = append(out, compareHeads(i, j, a, readings[j], dossiers)...)
		}
	}
	return out
}

// compareHeads compares the checkpoints of dossiers i and j of one log.
func compareHeads(i, j int, a, b *Reading, dossiers []*dossier.Dossier) []Finding {
	if a.LogID != b.LogID || a.Checkpoint.Size == 0 || b.Checkpoint.Size == 0 {
		return nil
	}
	older, newer, d := a.Checkpoint, b.Checkpoint, dossiers[j]
	if older.Size > newer.Size {
		older, newer, d = newer, older, dossiers[i]
	}
	if older.Size == newer.Size {
		if older.Root != newer.Root {
			return []Finding{{Name: LogFork, Severity: Bad, Dossier: i, Detail: fmt.Sprintf("the log signed two roots for %d leaves: this one and that of dossier %d", older.Size, j+1)}}
		}
		return nil
	}
	proof, ok := d.Consistency[older.Size]
	if !ok {
		return nil // nothing in either dossier relates the two; their events still do
	}
	if err := tlog.VerifyConsistency(older.Size, older.Root, newer.Size, newer.Root, proof); err != nil {
		return []Finding{{Name: LogFork, Severity: Bad, Dossier: i, Detail: fmt.Sprintf("the checkpoint is not consistent with that of dossier %d: %v", j+1, err)}}
	}
	return nil
}

// checkFiles measures each file and compares it with the artifacts on record.
func checkFiles(ctx context.Context, dossiers []*dossier.Dossier, readings []*Reading, files []File) ([]Finding, error) {
	var out []Finding
	find := func(n Name, subject *custody.ID, format string, args ...any) {
		out = append(out, Finding{Name: n, Severity: severities[n], Subject: subject, Detail: fmt.Sprintf(format, args...)})
	}
	for _, f := range files {
		m, leaves, err := evidence.Measure(contextReader{ctx, f.Reader})
		if err != nil {
			return nil, fmt.Errorf("couldn't read %s: %w", f.Name, err)
		}
		got := custody.Artifact{BlockRoot: m.BlockRoot, SHA256: m.SHA256, Size: m.Size}
		matched := false
		for _, r := range readings {
			for _, it := range r.Items {
				if it.State.Artifact != nil && *it.State.Artifact == got {
					it.Bytes, matched = Match, true
				}
			}
		}
		if matched {
			find(BytesMatch, &m.SHA256, "%s is artifact %s: SHA-256, size and block tree recomputed", f.Name, m.SHA256)
			continue
		}
		blocks := badBlocks(dossiers, readings, got, leaves)
		find(BytesMismatch, &m.SHA256, "%s has SHA-256 %s (%d bytes), which is no artifact of the dossier%s", f.Name, m.SHA256, m.Size, blocks)
	}
	for _, r := range readings {
		for id, it := range r.Items {
			if it.State.Artifact != nil && it.Bytes == NotChecked {
				find(BytesUnchecked, &id, "the bytes of artifact %s were not checked in this run", it.State.Artifact.SHA256)
			}
		}
	}
	return out, nil
}

// badBlocks names the differing blocks where exactly one artifact of the
// file's size is on record and its block tree is at hand.
func badBlocks(dossiers []*dossier.Dossier, readings []*Reading, got custody.Artifact, leaves []evidence.Digest) string {
	for i, r := range readings {
		for _, it := range r.Items {
			a := it.State.Artifact
			if a == nil || a.Size != got.Size {
				continue
			}
			want, err := evidence.SplitLeaves(dossiers[i].Blocks[a.SHA256])
			if err != nil || len(want) != len(leaves) || evidence.BlockRoot(want) != a.BlockRoot {
				continue
			}
			var bad []int
			for n := range want {
				if want[n] != leaves[n] {
					bad = append(bad, n)
				}
			}
			const shown = 8
			text := fmt.Sprintf("; against artifact %s, %d of %d blocks of 8 MiB differ, from byte %d:", a.SHA256.Short(), len(bad), len(want), bad[0]*evidence.BlockSize)
			for _, n := range bad[:min(shown, len(bad))] {
				text += fmt.Sprintf(" %d", n)
			}
			if len(bad) > shown {
				text += " …"
			}
			return text
		}
	}
	return ""
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
			cmp.Compare(event(a), event(b)), cmp.Compare(a.Name, b.Name), bytes.Compare(subject(a), subject(b)), cmp.Compare(a.Detail, b.Detail))
	})
}

// contextReader ends reading when the context does.
type contextReader struct {
	ctx context.Context
	r   interface{ Read([]byte) (int, error) }
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
