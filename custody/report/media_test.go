package report_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/report"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/custody/verify/verifytest"
	"github.com/evidence-custody/custodyd/evidence"
)

// decoded is a record of an image in which the service found this; each reads on
// its own, the last one counts. said is what the imager's log says, as text.
func decoded(t *testing.T, format custody.ImageFormat, log string, found ...*custody.ImageFound) (*verify.Policy, *dossier.Dossier, map[evidence.Digest][]byte) {
	t.Helper()
	s := rulingtest.NewStoryOn(t, "log.example.org")
	agency := s.Organisation("agency", custody.OrgAgency)
	officer := s.Person(agency, "officer", custody.RightHold, custody.RightInvestigate)
	matter := s.Case(officer, "State v. unknown")
	exhibit := s.Exhibit(officer, matter, "disk")
	image := s.Deposit(matter, &exhibit, "image", custody.RoleMaster)
	image.Format = format
	received := s.Act(s.Service, s.Reception(image.Item, image.Artifact), s.ActTelling(officer, custody.FieldFileName, "disk.E01", image, s.Custody(exhibit)))
	for _, f := range found {
		read := custody.ImageDecoded(image.Item, image.Artifact.SHA256, f)
		if f == nil {
			read.Reason = custody.UnreadableTruncated
		}
		s.ActTelling(s.Service, custody.FieldExaminer, "Muhammad Rafiq", read, received)
	}
	items, given := []custody.ID{exhibit, image.Item}, map[evidence.Digest][]byte{}
	if log != "" {
		m, _, err := evidence.Measure(strings.NewReader(log))
		if err != nil {
			t.Fatal(err)
		}
		body := s.Deposit(matter, &image.Item, "log", custody.RoleLog)
		body.Artifact, body.Declared, body.Format = custody.Artifact{BlockRoot: m.BlockRoot, SHA256: m.SHA256, Size: m.Size}, custody.Declared{}, custody.FormatOther
		s.Act(officer, body, s.Custody(image.Item))
		items, given[m.SHA256] = append(items, body.Item), []byte(log)
	}
	b := verifytest.Open(t, s)
	return b.Trust(agency), b.Dossier(matter, items...), given
}

// TestMediaData: what the service found in an image stands apart from what was
// measured on its file, and says no more than was found.
func TestMediaData(t *testing.T) {
	differs := rulingtest.Decoded()
	differs.Stored.SHA1 = strings.Repeat("0", 40)
	bare := rulingtest.Decoded()
	bare.Stored, bare.Flaws, bare.Unread = custody.MediaHashes{}, []custody.ImageFlaw{}, custody.UnreadSectors{}
	unsound, half := *bare, rulingtest.Decoded()
	unsound.Flaws, half.Flaws = []custody.ImageFlaw{custody.FlawHash}, []custody.ImageFlaw{custody.FlawHash}
	for name, test := range map[string]struct {
		format custody.ImageFormat
		found  []*custody.ImageFound
		want   *report.Media // of it: outcomes, damage; nil: nothing is said
		words  string
	}{
		"raw":        {custody.FormatRaw, nil, nil, ""},
		"not read":   {custody.FormatEWF, nil, &report.Media{Read: report.NotChecked, Stored: report.NotChecked}, "its media data was not checked"},
		"unreadable": {custody.FormatEWF, []*custody.ImageFound{nil}, &report.Media{Read: report.NotChecked, Stored: report.NotChecked}, "could not decode the image (truncated)"},
		"whole":      {custody.FormatEWF, []*custody.ImageFound{rulingtest.Decoded()}, &report.Media{Read: report.Pass, Stored: report.Pass}, "the stored hashes are those"},
		"no hash":    {custody.FormatEWF, []*custody.ImageFound{bare}, &report.Media{Read: report.Pass, Stored: report.NotChecked}, "stored no hash to compare with"},
		"unsound":    {custody.FormatEWF, []*custody.ImageFound{&unsound}, &report.Media{Read: report.Pass, Stored: report.NotChecked}, "stored in the image cannot be read"},
		"half sound": {custody.FormatEWF, []*custody.ImageFound{half}, &report.Media{Read: report.Pass, Stored: report.Pass}, "others cannot be read"},
		"differs":    {custody.FormatEWF, []*custody.ImageFound{differs}, &report.Media{Read: report.Fail, Stored: report.Fail}, "is not that of the media data"},
		"damaged":    {custody.FormatEWF, []*custody.ImageFound{rulingtest.Broken(0, 2)}, &report.Media{Read: report.Fail, Stored: report.NotChecked, Damaged: 2}, "no hash of it is stated"},
		"read twice": {custody.FormatEWF, []*custody.ImageFound{rulingtest.Decoded(), rulingtest.Broken(1)}, &report.Media{Read: report.Fail, Stored: report.NotChecked, Damaged: 1}, "1 of 3 chunks"},
	} {
		t.Run(name, func(t *testing.T) {
			p, d, _ := decoded(t, test.format, "", test.found...)
			result, doc := compose(t, p, d)
			m := doc.Artifacts[0].Media
			if test.want == nil || m == nil {
				if test.want != nil || m != nil {
					t.Fatalf("said %+v", m)
				}
				return
			}
			if m.Read != test.want.Read || m.Stored != test.want.Stored || m.Damaged != test.want.Damaged || uint64(len(m.Chunks)) != m.Damaged || !strings.Contains(m.Words, test.words) {
				t.Errorf("said %+v", m)
			}
			if result.Verdict != verify.Whole || doc.Artifacts[0].Measurements[0].MD5 == m.MD5 && m.MD5 != "" {
				t.Errorf("verdict %s; measured on the file %+v", result.Verdict, doc.Artifacts[0].Measurements[0])
			}
			if len(test.found) > 0 && (len(m.Told) != 1 || m.Told[0].Value.Value != "Muhammad Rafiq" || m.Act == 0 || doc.Acts[m.Act-1].Kind != "image.read") {
				t.Errorf("the imager's words %+v, act %d", m.Told, m.Act)
			}
			for _, c := range m.Chunks {
				if c.Length == 0 || c.Offset+c.Length > m.Size {
					t.Errorf("a chunk at %+v of %d", c, m.Size)
				}
			}
		})
	}
}

// TestLogsAgainstDecodedMedia: an imager's hash over the medium is compared with
// the one that the service computed, never with the file's.
func TestLogsAgainstDecodedMedia(t *testing.T) {
	f := rulingtest.Decoded()
	log := func(md5 string) string {
		return fmt.Sprintf("Created By AccessData FTK Imager 4.7.1.2\n\n[Computed Hashes]\n MD5 checksum:    %s\n SHA1 checksum:   %s\n", md5, f.SHA1)
	}
	for name, test := range map[string]struct {
		log   string
		found []*custody.ImageFound
		kind  string
		words string
	}{
		"equal":       {log(f.MD5), []*custody.ImageFound{f}, "match", "MD5"},
		"another":     {log(strings.Repeat("0", 32)), []*custody.ImageFound{f}, "mismatch", "MD5"},
		"not decoded": {log(f.MD5), nil, "not compared", ""},
		"damaged":     {log(f.MD5), []*custody.ImageFound{rulingtest.Broken(1)}, "not compared", ""},
	} {
		p, d, given := decoded(t, custody.FormatEWF, test.log, test.found...)
		result, err := verify.Dossiers(context.Background(), p, []*dossier.Dossier{d})
		if err != nil {
			t.Fatal(err)
		}
		logs := report.ReadLogs(result.Readings[0], given)
		if len(logs) != 1 || logs[0].Said == nil {
			t.Fatalf("%s: read %+v", name, logs)
		}
		var all []string
		held := false
		for _, s := range logs[0].Comparison.Statements {
			all = append(all, string(s.Kind)+": "+s.Text)
			held = held || string(s.Kind) == test.kind && strings.Contains(s.Text, test.words)
		}
		if !held || (test.kind == "mismatch") != logs[0].Comparison.Mismatch() {
			t.Errorf("%s: %s", name, strings.Join(all, "; "))
		}
	}
}
