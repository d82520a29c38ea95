package report_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/report"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/custody/verify/verifytest"
	"github.com/evidence-custody/custodyd/evidence"
)

// TestASegmentedImageInAReport: its digest is said to be its manifest's in every
// act and list; its files stand there, each with its own; what its imager's log
// says is not held against the manifest's digest.
func TestASegmentedImageInAReport(t *testing.T) {
	s := rulingtest.NewStoryOn(t, "log.example.org")
	agency := s.Organisation("agency", custody.OrgAgency)
	officer := s.Person(agency, "officer", custody.RightHold, custody.RightInvestigate)
	matter := s.Case(officer, "State v. unknown")
	exhibit := s.Exhibit(officer, matter, "phone")
	content := []string{"the first segment", "the second one"}
	manifest := evidence.Manifest{{Name: "phone.001", SHA256: evidence.Sum([]byte(content[0]))}, {Name: "phone.002", SHA256: evidence.Sum([]byte(content[1]))}}
	image := s.Deposit(matter, &exhibit, "image", custody.RoleMaster)
	image.Artifact = verifytest.Artifact([]byte(content[0] + content[1]))
	image.Artifact.SHA256, image.Declared, image.Segments = manifest.Digest(), custody.Declared{}, []uint64{uint64(len(content[0])), uint64(len(content[1]))}
	s.Documents[manifest.Digest()] = manifest.Encode()
	s.Act(s.Service, s.Reception(image.Item, image.Artifact), s.Act(officer, image, s.Custody(exhibit)))
	log, err := os.ReadFile(filepath.Join("..", "..", "evidence", "acquisition", "testdata", "logs", "guymager-zeroed.info"))
	if err != nil {
		t.Fatal(err)
	}
	body := s.Deposit(matter, &image.Item, "log", custody.RoleLog)
	body.Artifact, body.Declared, body.Format = verifytest.Artifact(log), custody.Declared{}, custody.FormatOther
	s.Act(officer, body, s.Custody(image.Item))
	b := verifytest.Open(t, s)
	p := b.Trust(agency)
	d := b.Dossier(matter, exhibit, image.Item, body.Item)

	files := verify.File{Name: "phone.001", Reader: strings.NewReader(strings.Join(content, "")),
		Segments: []verify.FileSegment{{Name: "phone.001", Size: image.Segments[0]}, {Name: "phone.002", Size: image.Segments[1]}}}
	result, plain := compose(t, p, d, files)
	req := report.Request{Number: "CR-1", GeneratedAt: plain.GeneratedAt.Time(), Policy: p, Logs: map[evidence.Digest][]byte{body.Artifact.SHA256: log}}
	if req.PolicyBytes, err = p.Encode(); err != nil {
		t.Fatal(err)
	}
	doc, err := report.Compose(result, result.Readings[0], req)
	if err != nil {
		t.Fatal(err)
	}
	a := doc.Artifacts[0]
	if a.Of != report.OfManifest || len(a.Segments) != 2 || !bytes.Equal(a.Manifest().Encode(), manifest.Encode()) || a.Segments[1].Size != image.Segments[1] {
		t.Errorf("the image is told as %+v", a)
	}
	if last := a.Measurements[len(a.Measurements)-1]; a.Bytes != report.Pass || last.Kind != report.RecomputedForReport || !strings.Contains(last.Method, "each segment") {
		t.Errorf("bytes %s, and last %+v", a.Bytes, last)
	}
	if doc.Artifacts[1].Of != report.OfFile || doc.Artifacts[1].Segments != nil {
		t.Errorf("the log, one file, is told as %+v", doc.Artifacts[1])
	}
	for _, act := range doc.Acts {
		for _, n := range act.Notes {
			if n.Value.Value == a.SHA256.String() && !strings.Contains(n.Name, "of the manifest of 2 segments") {
				t.Errorf("%s calls the manifest's digest %q", act.Kind, n.Name)
			}
		}
	}
	var said []string
	for _, l := range a.Logs[0].Beside {
		said = append(said, l.Words)
	}
	if all := strings.Join(said, "; "); strings.Contains(all, "differs") || !strings.Contains(all, "24,773 sectors zero-filled") {
		t.Errorf("the log beside the image: %s", all)
	}

	delete(d.Documents, manifest.Digest()) // redacted
	if _, doc := compose(t, p, d); doc.Artifacts[0].Of != report.OfManifest || doc.Artifacts[0].Segments[1].Name.State != report.Withheld || doc.Artifacts[0].Manifest() != nil {
		t.Errorf("of a withheld manifest it says %+v", doc.Artifacts[0])
	}
}
