package registrar

import (
	"slices"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/evidence"
)

// segmentsFit refuses an upload of segments that no image can have. Hashes of a
// file are not computed for an image of several.
func segmentsFit(req UploadRequest) error {
	if len(req.Segments) == 0 {
		return nil
	}
	if err := evidence.CheckSegments(req.Segments, uint64(req.Size)); err != nil {
		return &Refused{Rule: "artifact.segments", Field: "segments", Message: "an image has 2 to 14,971 segments of at least one byte, together its size"}
	}
	if req.Legacy != 0 {
		return &Refused{Rule: "artifact.segments", Field: "digests", Message: "MD5 and SHA-1 are of one file: of a segmented image they are not computed"}
	}
	return nil
}

// measuredAs is what the bytes of a session are as this deposit has them. Of a
// segmented image the SHA-256 is that of the manifest: of the digests that the
// service computed of each segment, under the names that are handed in.
func measuredAs(h *evidence.Hasher, sub docket.Submission, body *custody.Deposited) (evidence.Measured, error) {
	m := h.Measured()
	if !slices.Equal(h.Segments(), body.Segments) {
		return m, &Refused{Rule: "deposit.other-segments", Field: "predicate.body.segments", Message: "the upload was begun with other segments than the deposit has"}
	}
	if len(body.Segments) == 0 {
		return m, nil
	}
	for _, b := range sub.Documents {
		if evidence.Sum(b) != body.Artifact.SHA256 {
			continue
		}
		manifest, err := evidence.ParseManifest(b)
		if err != nil || len(manifest) != len(body.Segments) {
			return m, &Refused{Rule: "document.form", Field: "documents", Message: "the manifest is not one of these segments, in sha256sum's format"}
		}
		for i, sum := range h.SegmentSums() {
			manifest[i].SHA256 = sum
		}
		m.SHA256 = manifest.Digest()
		return m, nil
	}
	return m, &Refused{Rule: "document.missing", Field: "documents", Message: "the manifest of the segments is missing"}
}
