package journey

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/cmd/custodyd/demo"
	"github.com/evidence-custody/custodyd/custody/report"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// TestReportText reads report.pdf as a stranger's program does.
func TestReportText(t *testing.T) {
	out := demonstration(t)
	s := summary(t, out)
	b, err := exec.Command(stage.Need(t, "pdftotext"), "-layout", filepath.Join(out, demo.PDFFile), "-").CombinedOutput()
	if err != nil {
		t.Fatalf("pdftotext: %v\n%s", err, b)
	}
	text := string(b)
	var joined strings.Builder // long values are broken over lines
	for _, f := range strings.Fields(text) {
		joined.WriteString(f)
	}
	for _, want := range []string{
		"FIR 12/2026", "State v. unknown (demonstration)", "WHOLE UNDER THE POLICY GIVEN", "National Cyber Crime Investigation Agency", "Independent Forensic Laboratory",
		"Sessions Court", "Muhammad Ali", "Dr Ayesha Khan", "Imran Shah", "Sana Tariq", "MA/1/1", "NCCIA-000417", "RC 88/2026", "none recorded", "TEST LOG",
		s.Artifact.SHA256.String(), s.Case.String(), s.Log.String(), "custody verify",
	} {
		if !strings.Contains(text, want) && !strings.Contains(joined.String(), strings.ReplaceAll(want, " ", "")) {
			t.Errorf("report.pdf does not say %q", want)
		}
	}
	// A name that cannot be shaped yet is never shown as wrong letters.
	if !strings.Contains(joined.String(), "seereport.json,person") {
		t.Error("report.pdf does not point to report.json for the names in Urdu")
	}
	if at := strings.IndexFunc(text, func(r rune) bool { return r >= 0x0600 && r <= 0x06FF || r == '\uFFFD' }); at >= 0 {
		t.Errorf("report.pdf has letters that it cannot shape: %q", text[max(0, at-40):min(len(text), at+40)])
	}
}

// TestReportNames holds report.json to what the PDF points to it for.
func TestReportNames(t *testing.T) {
	b := read(t, filepath.Join(demonstration(t), demo.JSONFile))
	if !json.Valid(b) {
		t.Fatal("report.json is not JSON")
	}
	var r struct {
		Schema string           `json:"schema"`
		People []map[string]any `json:"people"`
	}
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	if r.Schema != report.Schema {
		t.Errorf("its schema is %q", r.Schema)
	}
	for _, name := range []string{"محمد علی", "ڈاکٹر عائشہ خان", "بلال احمد", "عمران شاہ", "ثنا طارق"} {
		if !strings.Contains(string(b), name) {
			t.Errorf("report.json does not have the name %s", name)
		}
	}
	if len(r.People) < 5 {
		t.Errorf("report.json has %d people", len(r.People))
	}
}
