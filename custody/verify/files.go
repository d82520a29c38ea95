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
	for _, f := range files {
		m, leaves, err := f.measure(ctx)
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

// measure reads the file, or the segments of an image one after the other. An
// image's SHA-256 is then its manifest's, made of the names that were given.
func (f File) measure(ctx context.Context) (evidence.Measured, []evidence.Digest, error) {
	if len(f.Segments) < 2 {
		return evidence.Measure(contextReader{ctx, f.Reader})
	}
	var sizes []uint64
	for _, s := range f.Segments {
		sizes = append(sizes, s.Size)
	}
	m, leaves, sums, err := evidence.MeasureSegments(contextReader{ctx, f.Reader}, sizes)
	if err != nil {
		return m, nil, err
	}
	var manifest evidence.Manifest
	for i, sum := range sums {
		manifest = append(manifest, evidence.ManifestEntry{Name: f.Segments[i].Name, SHA256: sum})
	}
	m.SHA256 = manifest.Digest()
	return m, leaves, nil
}

// badBlocks names the differing blocks of the artifact that the file is
// nearest to, among those of its size whose block tree is at hand, and marks
// that artifact as not matching. Where no block agrees, nothing says which
// artifact the file should have been.
func badBlocks(dossiers []*dossier.Dossier, readings []*Reading, got custody.Artifact, leaves []evidence.Digest) string {
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
		return ""
	case len(best.bad) == 0:
		return fmt.Sprintf("; its blocks are those of artifact %s, but the SHA-256 on record is another: the record contradicts itself", best.artifact.SHA256.Short())
	}
	for _, r := range readings {
		for _, it := range r.Items {
			if it.State.Artifact != nil && *it.State.Artifact == best.artifact && it.Bytes == NotChecked && (len(best.bad) < len(leaves) || len(leaves) == 1) {
				it.Bytes = Mismatch
			}
		}
	}
	const shown = 8
	text := fmt.Sprintf("; against artifact %s, %d of %d blocks of 8 MiB differ, from byte %d, blocks", best.artifact.SHA256.Short(), len(best.bad), len(leaves), best.bad[0]*evidence.BlockSize)
	for _, n := range best.bad[:min(shown, len(best.bad))] {
		text += fmt.Sprintf(" %d", n)
	}
	if len(best.bad) > shown {
		text += " …"
	}
	return text
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
