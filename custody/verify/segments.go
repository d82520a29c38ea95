package verify

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
)

// Rules of findings about files given that are, or were to be, a segmented
// image. They are told from the SHA-256 of each file and the manifest that the
// dossier shows; SPEC.md, Files given.
const (
	SegmentsSizes   = "segments.sizes"   // of bytes-match: the files have other sizes than the deposit gives them
	SegmentsNames   = "segments.names"   // of bytes-match: the files have other names than the manifest gives them
	SegmentsMissing = "segments.missing" // every file is a segment of the image, but not all are there
	SegmentsForeign = "segments.foreign" // all segments are there, and files that are none
	SegmentsOrder   = "segments.order"   // the segments, all of them, in another order
	SegmentsDiffer  = "segments.differ"  // some are segments of the image, in place of others stand other files
)

// imageSet is a segmented image on record.
type imageSet struct {
	artifact custody.Artifact
	sizes    []uint64          // of the segments, as the deposit has them
	manifest evidence.Manifest // nil where it is withheld, or none of this image
}

// setsOnRecord lists the segmented images in scope, by artifact.
func setsOnRecord(readings []*Reading) []imageSet {
	var out []imageSet
	for _, r := range readings {
		for _, e := range r.Events {
			b, ok := e.Body().(*custody.Deposited)
			if !ok || b.Segments == nil || r.Items[b.Item] == nil {
				continue
			}
			s := imageSet{artifact: b.Artifact, sizes: b.Segments}
			if m := r.Manifests[b.Artifact.SHA256]; len(m) == len(b.Segments) {
				s.manifest = m
			}
			out = append(out, s)
		}
	}
	slices.SortStableFunc(out, func(a, b imageSet) int {
		return cmp.Or(bytes.Compare(a.artifact.SHA256[:], b.artifact.SHA256[:]), len(b.manifest)-len(a.manifest))
	})
	return out
}

// measurement is what a file given turned out to be, or the files of a
// segmented image one after the other.
type measurement struct {
	custody.Artifact // SHA256 of several files: of their manifest, by the names that were given
	leaves           []evidence.Digest
	segments         evidence.Manifest // of one file: itself alone
	sizes            []uint64          // of the segments; nil of one file
}

func (f File) measure(ctx context.Context) (out measurement, err error) {
	var m evidence.Measured
	sums := make([]evidence.Digest, 1)
	names := []FileSegment{{Name: f.Name}}
	if len(f.Segments) < 2 {
		m, out.leaves, err = evidence.Measure(contextReader{ctx, f.Reader})
		sums[0] = m.SHA256
	} else {
		names = f.Segments
		for _, s := range f.Segments {
			out.sizes = append(out.sizes, s.Size)
		}
		m, out.leaves, sums, err = evidence.MeasureSegments(contextReader{ctx, f.Reader}, out.sizes)
	}
	if err != nil {
		return out, err
	}
	if len(sums) != len(names) {
		return out, fmt.Errorf("couldn't measure %d of %d segments: the files are shorter than they were", len(names)-len(sums), len(names))
	}
	for i, sum := range sums {
		out.segments = append(out.segments, evidence.ManifestEntry{Name: names[i].Name, SHA256: sum})
	}
	if out.sizes != nil {
		m.SHA256 = out.segments.Digest()
	}
	out.Artifact = custody.Artifact{BlockRoot: m.BlockRoot, SHA256: m.SHA256, Size: m.Size}
	return out, nil
}

// recorded returns the artifact on record that the bytes are. Of a segmented
// image the rule says what differs that is no byte of it, and so no reason to
// call evidence altered: how the deposit cuts it, or what the files are called.
func (m measurement) recorded(sets []imageSet, readings []*Reading) (a custody.Artifact, rule, words string, ok bool) {
	if m.sizes == nil {
		return m.Artifact, "", "SHA-256, size and block tree recomputed", has(readings, m.Artifact)
	}
	named := func(s imageSet) bool { return s.artifact == m.Artifact }
	alike := func(s imageSet) bool {
		return s.artifact.Size == m.Size && s.artifact.BlockRoot == m.BlockRoot && slices.Equal(sumsOf(s.manifest), sumsOf(m.segments))
	}
	i := slices.IndexFunc(sets, named)
	if i < 0 {
		i, rule = slices.IndexFunc(sets, alike), SegmentsNames
	}
	if i < 0 {
		return custody.Artifact{}, "", "", false
	}
	words = fmt.Sprintf("SHA-256 of each of its %d segments, size and block tree recomputed", len(m.segments))
	if rule != "" {
		words += "; the files have other names than its manifest gives them"
	}
	if !slices.Equal(sets[i].sizes, m.sizes) {
		rule = SegmentsSizes
		words += "; the files have other sizes than the deposit gives its segments: the record contradicts itself"
	}
	return sets[i].artifact, rule, words, true
}

// fault tells which image the files were given for, the one of whose segments
// most are among them, and what is wrong. Where none is, the rule is empty.
func (m measurement) fault(sets []imageSet) (rule, words string, meant custody.Artifact) {
	var best *imageSet
	most := 0
	for i, s := range sets {
		if n := common(sumsOf(s.manifest), sumsOf(m.segments)); n > most {
			best, most = &sets[i], n
		}
	}
	if best == nil {
		return "", "", custody.Artifact{}
	}
	lacking, foreign := less(best.manifest, m.segments), less(m.segments, best.manifest)
	words = fmt.Sprintf("; against the segmented image %s, ", best.artifact.SHA256.Short())
	switch {
	case len(lacking) == 0 && len(foreign) == 0 && slices.Equal(sumsOf(best.manifest), sumsOf(m.segments)):
		return "", "", custody.Artifact{} // but their size or block tree is another: the record contradicts itself
	case len(lacking) == 0 && len(foreign) == 0:
		rule, words = SegmentsOrder, words+"all segments are there, in another order than its manifest has"
	case len(foreign) == 0:
		rule, words = SegmentsMissing, words+"these segments are missing: "+strings.Join(lacking, ", ")
		if m.sizes == nil {
			words += " (it was given alone: give the folder of all of them)"
		}
	case len(lacking) == 0:
		rule, words = SegmentsForeign, words+"these files are none of its segments: "+strings.Join(foreign, ", ")
	default:
		rule, words = SegmentsDiffer, words+"no file given is its "+strings.Join(lacking, ", ")+"; none of its segments: "+strings.Join(foreign, ", ")
	}
	return rule, words, best.artifact
}

func sumsOf(m evidence.Manifest) []evidence.Digest {
	var out []evidence.Digest
	for _, e := range m {
		out = append(out, e.SHA256)
	}
	return out
}

// common counts the digests that stand in both lists, each as often as in the
// list that has it fewer times.
func common(a, b []evidence.Digest) int {
	left, n := map[evidence.Digest]int{}, 0
	for _, d := range a {
		left[d]++
	}
	for _, d := range b {
		if left[d] > 0 {
			left[d]--
			n++
		}
	}
	return n
}

// less names the entries of m that are left when those of other are taken away,
// by digest. Beyond a few it says how many.
func less(m, other evidence.Manifest) []string {
	const shown = 8
	left := map[evidence.Digest]int{}
	for _, e := range other {
		left[e.SHA256]++
	}
	var out []string
	n := 0
	for _, e := range m {
		if left[e.SHA256] > 0 {
			left[e.SHA256]--
			continue
		}
		if n++; n <= shown {
			out = append(out, e.Name)
		}
	}
	if n > shown {
		out = append(out, fmt.Sprintf("and %d more", n-shown))
	}
	return out
}
