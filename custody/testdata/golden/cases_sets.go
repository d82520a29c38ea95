package golden

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/custody/verify/verifytest"
	"github.com/evidence-custody/custodyd/evidence"
)

// segment is one file of a segmented image.
type segment struct {
	name    string
	content []byte
}

// cut is the segmented image of these stories: three files of which no two are
// of one length.
func cut() []segment {
	return []segment{{"exhibit.E01", []byte("segment: the first")}, {"exhibit.E02", []byte("segment: the second")}, {"exhibit.E03", []byte("segment: the last one")}}
}

func manifestOf(set []segment) evidence.Manifest {
	var m evidence.Manifest
	for _, f := range set {
		m = append(m, evidence.ManifestEntry{Name: f.name, SHA256: evidence.Sum(f.content)})
	}
	return m
}

// segmented is the deposit of those files as one artifact.
func (s *scene) segmented(set []segment) *custody.Deposited {
	b := s.Deposit(s.caseID, nil, "segmented image", custody.RoleMaster)
	var whole []byte
	b.Declared, b.Segments = custody.Declared{}, nil
	for _, f := range set {
		whole = append(whole, f.content...)
		b.Segments = append(b.Segments, uint64(len(f.content)))
	}
	b.Artifact = verifytest.Artifact(whole)
	b.Artifact.SHA256 = manifestOf(set).Digest()
	return b
}

// received tells the deposit of the files, and that the service received them.
func (s *scene) received(set []segment) *custody.Deposited {
	b := s.segmented(set)
	s.Documents[b.Artifact.SHA256] = manifestOf(set).Encode()
	r := s.Reception(b.Item, b.Artifact)
	r.MD5, r.SHA1 = "", ""
	s.Act(s.Service, r, s.Act(s.officer, b))
	return b
}

// given examines a dossier that shows the segmented image, with the files that
// change makes of its own.
func given(change func(set []segment) []segment) func(*scene) exam {
	return func(s *scene) exam { return s.ofSet(change, nil) }
}

// ofSet lets spoil change the dossier first.
func (s *scene) ofSet(change func([]segment) []segment, spoil func(d *dossier.Dossier, manifest custody.ID)) exam {
	b := s.received(cut())
	d := s.shown(b.Item)
	if spoil != nil {
		spoil(d, b.Artifact.SHA256)
	}
	e := s.of(d)
	e.sets = [][]segment{change(cut())}
	return e
}

// cutOtherwise examines the dossier of a deposit whose depositor signed other
// sizes than the files have, with the files.
func (s *scene) cutOtherwise(sizes ...uint64) exam {
	b := s.segmented(cut())
	b.Segments = sizes
	s.Documents[b.Artifact.SHA256] = manifestOf(cut()).Encode()
	r := s.Reception(b.Item, b.Artifact)
	r.MD5, r.SHA1 = "", ""
	s.Act(s.Service, r, s.Act(s.officer, b))
	e := s.of(s.shown(b.Item))
	e.sets = [][]segment{cut()}
	return e
}

func asItIs(set []segment) []segment { return set }

var setCases = []single{
	{verify.BytesMatch, "segmented", given(asItIs)},
	{verify.BytesMatch, "segmented-under-other-names", given(func(set []segment) []segment {
		for i := range set {
			set[i].name = strings.ToUpper(set[i].name)
		}
		return set
	})},
	{verify.Withheld, "manifest", func(s *scene) exam {
		return s.ofSet(asItIs, func(d *dossier.Dossier, manifest custody.ID) { delete(d.Documents, manifest) })
	}},
	{verify.BytesUnchecked, "segmented", told(func(s *scene) []custody.ID { return []custody.ID{s.received(cut()).Item} })},
	{verify.BytesMismatch, "segments-differ", given(func(set []segment) []segment {
		set[1].content = []byte("segment: the seconD")
		return set
	})},
	{verify.BytesMismatch, "segments-missing", given(func(set []segment) []segment { return slices.Delete(set, 1, 2) })},
	{verify.BytesMismatch, "segments-missing-but-one", func(s *scene) exam {
		e := s.ofSet(asItIs, nil)
		e.files, e.sets = append(e.files, cut()[2].content), nil
		return e
	}},
	{verify.BytesMismatch, "segments-order", given(func(set []segment) []segment {
		set[0].content, set[1].content = set[1].content, set[0].content
		return set
	})},
	{verify.BytesMismatch, "segments-foreign", given(func(set []segment) []segment {
		return append(set, segment{"exhibit.E04", []byte("segment: of another image")})
	})},
	{verify.ContentUnreferenced, "manifest", func(s *scene) exam {
		// Another manifest of the same files, under its own name, beside the artifact's.
		return s.ofSet(asItIs, func(d *dossier.Dossier, manifest custody.ID) {
			m := manifestOf(cut())
			slices.Reverse(m)
			d.Documents[m.Digest()] = m.Encode()
		})
	}},
	{verify.DocumentMismatch, "manifest-of-fewer-segments", func(s *scene) exam {
		// Two sizes, and the digest of a manifest of three files.
		return s.cutOtherwise(1, 57)
	}},
	{verify.BytesMatch, "segments-sizes", func(s *scene) exam { return s.cutOtherwise(1, 1, 56) }},
	{verify.StatementInvalid, "segments-of-another-size", written(func(s *scene, b *verifytest.Book) {
		d := s.segmented(cut())
		size := strconv.FormatUint(d.Artifact.Size, 10)
		longer := strconv.FormatUint(d.Artifact.Size+1, 10)
		payload := bytes.Replace(payloadOf(s, s.officer, d), []byte(`"size":`+size), []byte(`"size":`+longer), 1)
		b.Sealed = append(b.Sealed, signed(s, s.officer, payload))
	})},
}
