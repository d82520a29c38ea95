package verify

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/evidence"
)

// checkFiles measures each file and compares it with the artifacts on record.
// Where no dossier could be replayed there is no record to compare with, which
// is a finding already.
func checkFiles(ctx context.Context, dossiers []*dossier.Dossier, readings []*Reading, files []File) ([]Finding, error) {
	var out []Finding
	if !slices.ContainsFunc(readings, func(r *Reading) bool { return r.Replayed }) {
		return nil, nil
	}
	find := func(n Name, subject *custody.ID, format string, args ...any) {
		out = append(out, Finding{Name: n, Severity: severities[n], Subject: subject, Detail: fmt.Sprintf(format, args...)})
	}
	sets := setsOnRecord(readings)
	for _, f := range files {
		got, err := f.measure(ctx)
		if err != nil {
			return nil, fmt.Errorf("couldn't read %s: %w", f.Name, err)
		}
		if a, rule, words, ok := got.recorded(sets, readings); ok {
			find(BytesMatch, &a.SHA256, "%s is artifact %s: %s", f.Name, a.SHA256, words)
			out[len(out)-1].Rule = rule
			mark(readings, a, Match)
			continue
		}
		rule, words, meant := got.fault(sets)
		if rule == "" {
			words, meant = badBlocks(dossiers, readings, got.Artifact, got.leaves)
		}
		find(BytesMismatch, &got.SHA256, "%s has SHA-256 %s (%d bytes), which is no artifact of the dossier%s", f.Name, got.SHA256, got.Size, words)
		out[len(out)-1].Rule = rule
		mark(readings, meant, Mismatch)
	}
	for i, r := range readings {
		for id, it := range r.Items {
			if it.State.Artifact != nil && it.Bytes == NotChecked {
				find(BytesUnchecked, &id, "the bytes of artifact %s were not checked in this run", it.State.Artifact.SHA256)
				out[len(out)-1].Dossier = i
			}
		}
	}
	return out, nil
}

// has reports whether the artifact is an item's in scope.
func has(readings []*Reading, a custody.Artifact) bool {
	for _, r := range readings {
		for _, it := range r.Items {
			if it.State.Artifact != nil && *it.State.Artifact == a {
				return true
			}
		}
	}
	return false
}

// mark says of each item whose artifact it is how the bytes compared. A file
// that matched outweighs one that did not.
func mark(readings []*Reading, a custody.Artifact, how BytesCheck) {
	for _, r := range readings {
		for _, it := range r.Items {
			if it.State.Artifact != nil && *it.State.Artifact == a && it.Bytes != Match {
				it.Bytes = how
			}
		}
	}
}

// badBlocks names the differing blocks of the artifact that the file is
// nearest to, among those of its size whose block tree is at hand, and returns
// the artifact that it was given for. Where no block agrees, nothing says which
// that is.
func badBlocks(dossiers []*dossier.Dossier, readings []*Reading, got custody.Artifact, leaves []evidence.Digest) (words string, meant custody.Artifact) {
	type near struct {
		artifact custody.Artifact
		bad      []int
	}
	var best *near
	for i, r := range readings {
		for _, id := range slices.SortedFunc(maps.Keys(r.Items), custody.ID.Compare) {
			a := r.Items[id].State.Artifact
			if a == nil || a.Size != got.Size {
				continue
			}
			want, err := evidence.SplitLeaves(dossiers[i].Blocks[a.SHA256])
			if err != nil || len(want) != len(leaves) || evidence.BlockRoot(want) != a.BlockRoot {
				continue
			}
			n := near{artifact: *a}
			for k := range want {
				if want[k] != leaves[k] {
					n.bad = append(n.bad, k)
				}
			}
			if best == nil || len(n.bad) < len(best.bad) {
				best = &n
			}
		}
	}
	switch {
	case best == nil:
		return "", meant
	case len(best.bad) == 0:
		return fmt.Sprintf("; its blocks are those of artifact %s, but not the SHA-256 on record: either the record contradicts itself, or the bytes are a segmented image's, given as other files than it has", best.artifact.SHA256.Short()), meant
	}
	if len(best.bad) < len(leaves) || len(leaves) == 1 {
		meant = best.artifact
	}
	const shown = 8
	words = fmt.Sprintf("; against artifact %s, %d of %d blocks of 8 MiB differ, from byte %d, blocks", best.artifact.SHA256.Short(), len(best.bad), len(leaves), best.bad[0]*evidence.BlockSize)
	for _, n := range best.bad[:min(shown, len(best.bad))] {
		words += fmt.Sprintf(" %d", n)
	}
	if len(best.bad) > shown {
		words += " …"
	}
	return words, meant
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
