package report_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/report"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/custody/verify/verifytest"
	"github.com/evidence-custody/custodyd/evidence"
)

// TestLogsStandBesideTheirImage: what an imager's log says is shown beside what
// was received, only where its very bytes are given, and changes no verdict.
func TestLogsStandBesideTheirImage(t *testing.T) {
	s := rulingtest.NewStoryOn(t, "log.example.org")
	agency := s.Organisation("agency", custody.OrgAgency)
	officer := s.Person(agency, "officer", custody.RightHold, custody.RightInvestigate)
	matter := s.Case(officer, "State v. unknown")
	exhibit := s.Exhibit(officer, matter, "phone")
	image := s.Deposit(matter, &exhibit, "image", custody.RoleMaster)
	s.Act(officer, image, s.Custody(exhibit))
	content, err := os.ReadFile(filepath.Join("..", "..", "evidence", "acquisition", "testdata", "logs", "guymager-zeroed.info"))
	if err != nil {
		t.Fatal(err)
	}
	body := s.Deposit(matter, &image.Item, "log", custody.RoleLog)
	m, _, err := evidence.Measure(strings.NewReader(string(content)))
	if err != nil {
		t.Fatal(err)
	}
	body.Artifact = custody.Artifact{BlockRoot: m.BlockRoot, SHA256: m.SHA256, Size: m.Size}
	body.Declared, body.Format = custody.Declared{}, custody.FormatOther
	s.Act(officer, body, s.Custody(image.Item))
	b := verifytest.Open(t, s)
	p := b.Trust(agency)
	d := b.Dossier(matter, exhibit, image.Item, body.Item)

	for name, try := range map[string]struct {
		given map[evidence.Digest][]byte
		read  report.Outcome
	}{
		"given":       {map[evidence.Digest][]byte{m.SHA256: content}, report.Pass},
		"not given":   {nil, report.NotChecked},
		"other bytes": {map[evidence.Digest][]byte{m.SHA256: append([]byte("x"), content...)}, report.NotChecked},
	} {
		result, plain := compose(t, p, d)
		req := report.Request{Number: "CR-1", GeneratedAt: plain.GeneratedAt.Time(), Policy: p, Logs: try.given}
		if req.PolicyBytes, err = p.Encode(); err != nil {
			t.Fatal(err)
		}
		doc, err := report.Compose(result, result.Readings[0], req)
		if err != nil {
			t.Fatal(err)
		}
		if doc.Result.Verdict != plain.Result.Verdict || doc.Result.Hashes != plain.Result.Hashes {
			t.Errorf("%s: a log changed the verdict to %s", name, doc.Result.Verdict)
		}
		logs := doc.Artifacts[0].Logs
		if len(logs) != 1 || logs[0].Read != try.read || doc.Artifacts[logs[0].Artifact-1].Role != string(custody.RoleLog) {
			t.Fatalf("%s: %+v", name, logs)
		}
		var said []string
		for _, b := range logs[0].Beside {
			said = append(said, b.Words)
		}
		all := strings.Join(said, "; ")
		if try.read == report.Pass && (!strings.Contains(all, "24,773 sectors zero-filled") || !strings.Contains(all, "the copy was read back; the source was not") || !strings.Contains(all, "SHA-256 differs")) {
			t.Errorf("%s: %s", name, all)
		}
		if try.read != report.Pass && len(said) > 0 {
			t.Errorf("%s: %s", name, all)
		}
	}
}
