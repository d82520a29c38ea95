package pdf_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody/report"
	"github.com/evidence-custody/custodyd/custody/report/pdf"
	"github.com/evidence-custody/custodyd/custody/report/reporttest"
	"github.com/evidence-custody/custodyd/evidence"
)

func render(t *testing.T, d report.Document) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := pdf.Render(&b, d); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// run runs a tool over the report's file and returns what it says.
func run(t *testing.T, file []byte, tool string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		if os.Getenv("CUSTODY_TEST_REQUIRE") == "all" {
			t.Fatalf("%s is needed: %v", tool, err)
		}
		t.Skipf("%s is not installed", tool)
	}
	path := filepath.Join(t.TempDir(), "report.pdf")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	for i, a := range args {
		args[i] = strings.ReplaceAll(a, "FILE", path)
	}
	out, err := exec.Command(tool, args...).Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", tool, err, out)
	}
	return string(out)
}

// letters is the text of the report, with white space squeezed to one blank,
// for a line may break anywhere.
func letters(t *testing.T, d report.Document) string {
	t.Helper()
	return strings.Join(strings.Fields(run(t, render(t, d), "pdftotext", "FILE", "-")), " ")
}

// rows is letters by the line, from left to right.
func rows(t *testing.T, d report.Document) string {
	t.Helper()
	return strings.Join(strings.Fields(run(t, render(t, d), "pdftotext", "-layout", "FILE", "-")), " ")
}

func fixtures() map[string]report.Document {
	return map[string]report.Document{
		"minimal": reporttest.Minimal(), "full": reporttest.Full(),
		"hostile": reporttest.Hostile(), "long": reporttest.Long(1000),
	}
}

func TestFullSaysTheKeyFacts(t *testing.T) {
	d := reporttest.Full()
	got := letters(t, d)
	for _, want := range []string{
		"Custody report", "CR-2026-000117", "NCCIA/KHI/2026/0481", "FIR 77/2026", "Court of Sessions, Karachi South",
		"PECA 2016 ss. 3, 4, 16", "WHOLE UNDER THE POLICY GIVEN", "limitation: unwitnessed", d.Result.Sentence,
		"Chain unbroken", "1 listed", "12 h 00 min", "custody assumed without a release",
		"complete to seq 4 according to the custodian", "Nobody has signed a promise",
		"KHI/1/1", "S-100231", "Seagate Expansion 2 TB", "Ayesha Rahman (person 1)", "Dr. Zoë Müller",
		"2026-03-03 15:15:00 +05:00", "2026-03-03 10:15:00 UTC", "Custody released", "RC 204/21",
		"person's own signature", "observed by the service", "corrected by act 14",
		"bytes not checked", "measured by the service on receipt", "recomputed by the reader",
		"2,147,483,648 bytes", "section 40 (configured reading of PECA 2016)",
		"Karachi, I. I. Chundrigar Road", "Karachi, Shahrah-e-Faisal", "custody verify --policy trust.json dossier.zip",
		"does not show what happened to an item before it was registered", "name withheld (person 4)",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the report does not say %q", want)
		}
	}
}

// TestASegmentedImageIsNoFile: nowhere does its digest stand as if a file, or
// the bytes as a whole, had it; each of its files has its own.
func TestASegmentedImageIsNoFile(t *testing.T) {
	d := reporttest.Full()
	a := &d.Artifacts[0]
	reporttest.Cut(a, "KHI_1-1.E01", "KHI_1-1.E02", "KHI_1-1.E03")
	d = reporttest.Sealed(d)
	got := letters(t, d)
	for _, want := range []string{"SHA-256 of the manifest on record " + a.SHA256.String(), "3 segments of one image, KHI_1-1.E01 to KHI_1-1.E03", "Stored object 1, segment 2", "KHI_1-1.E02",
		a.Segments[0].SHA256.String(), a.Segments[1].SHA256.String(), a.Segments[2].SHA256.String(), "SHA-256 of the manifest " + a.SHA256.String()[:12]} {
		if !strings.Contains(got, want) {
			t.Errorf("the report does not say %q", want)
		}
	}
	for _, not := range []string{"SHA-256 " + a.SHA256.String()[:12], "SHA-256 on record"} {
		if strings.Contains(got, not) {
			t.Errorf("the report says %q of a segmented image", not)
		}
	}
	for i := range a.Segments { // as where the manifest is redacted
		a.Segments[i].Name, a.Segments[i].SHA256 = report.WithheldAs(a.SHA256), evidence.Digest{}
	}
	if got := letters(t, reporttest.Sealed(d)); !strings.Contains(got, "which is withheld: names and digests of the files were not checked") || strings.Contains(got, "E02") {
		t.Error("a withheld manifest is not called withheld")
	}
}

func TestUrduNameIsAPointer(t *testing.T) {
	got := letters(t, reporttest.Full())
	if !strings.Contains(got, "see report.json, person 2") {
		t.Error("no pointer to person 2")
	}
	for _, r := range reporttest.UrduName {
		if r != ' ' && strings.ContainsRune(got, r) {
			t.Errorf("%U is printed", r)
		}
	}
}

func TestAnotherScriptOfANameIsShown(t *testing.T) {
	d := reporttest.Full()
	d.People[1].Names = append(d.People[1].Names, report.Said("Muhammad Ali"))
	got := letters(t, d)
	for _, want := range []string{"Muhammad Ali (person 2)", "see report.json, person 2"} {
		if !strings.Contains(got, want) {
			t.Errorf("the report does not say %q", want)
		}
	}
}

func TestNothingUnshowableIsPrinted(t *testing.T) {
	d := reporttest.Hostile()
	got := run(t, render(t, d), "pdftotext", "FILE", "-")
	for _, r := range got {
		if r != '\f' && !pdf.CanBeShown(string(r)) {
			t.Fatalf("%U is printed", r)
		}
	}
	got = strings.Join(strings.Fields(got), "")
	for _, path := range []string{"case.court", "case.sections", "items[9].description", "acts[20].place", "acts[20].kind",
		"opinions[7].summary", "corrections[8].fields[0].original", "organisations[2].name", "limits[14]"} {
		if !strings.Contains(got, "seereport.json,"+path) {
			t.Errorf("no pointer to %s", path)
		}
	}
	if !strings.Contains(got, "10000characters,seereport.json,case.title") {
		t.Error("a cut value does not say where it goes on")
	}
	if !strings.Contains(got, `{nb}(unbalanced\parens`) {
		t.Error("plain hostile text is not shown as it is")
	}
}

func TestTheResultStaysOnTheCover(t *testing.T) {
	for name, d := range fixtures() {
		page := run(t, render(t, d), "pdftotext", "-l", "1", "FILE", "-")
		if !strings.Contains(page, "UNDER THE POLICY") && !strings.Contains(page, "COULD NOT CHECK") {
			t.Errorf("%s: no result on the first page", name)
		}
	}
}

func TestStructure(t *testing.T) {
	for name, d := range fixtures() {
		t.Run(name, func(t *testing.T) {
			out := run(t, render(t, d), "qpdf", "--check", "FILE")
			if !strings.Contains(out, "No syntax or stream encoding errors found") {
				t.Error(out)
			}
		})
	}
}

func TestPageNumbers(t *testing.T) {
	for name, d := range fixtures() {
		t.Run(name, func(t *testing.T) {
			pages := strings.Split(strings.TrimSuffix(run(t, render(t, d), "pdftotext", "FILE", "-"), "\f"), "\f")
			for i, p := range pages {
				if want := fmt.Sprintf("page %d of %d", i+1, len(pages)); !strings.Contains(p, want) {
					t.Errorf("page %d does not say %q", i+1, want)
				}
				if !strings.Contains(p, "Custody report") {
					t.Errorf("page %d has no running header", i+1)
				}
			}
			if len(pages) > 250 {
				t.Errorf("%d pages", len(pages))
			}
		})
	}
}

var word = regexp.MustCompile(`<word xMin="([-0-9.]+)" yMin="([-0-9.]+)" xMax="([-0-9.]+)" yMax="([-0-9.]+)">`)
var page = regexp.MustCompile(`<page width="([0-9.]+)" height="([0-9.]+)">`)

func TestNothingIsCutOff(t *testing.T) {
	for name, d := range fixtures() {
		t.Run(name, func(t *testing.T) {
			width, height, words := 0.0, 0.0, 0
			for l := range strings.Lines(run(t, render(t, d), "pdftotext", "-bbox", "FILE", "-")) {
				if m := page.FindStringSubmatch(l); m != nil {
					width, height = float(t, m[1]), float(t, m[2])
				}
				m := word.FindStringSubmatch(l)
				if m == nil {
					continue
				}
				words++
				// Points: margins are 18, 15 and 8 mm at the narrowest.
				if float(t, m[1]) < 50 || float(t, m[3]) > width-42 || float(t, m[2]) < 22 || float(t, m[4]) > height-22 {
					t.Errorf("outside the margins of %vx%v: %s", width, height, l)
				}
			}
			if words < 100 {
				t.Errorf("only %d words", words)
			}
		})
	}
}

func float(t *testing.T, s string) float64 {
	t.Helper()
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestSameBytesAgain(t *testing.T) {
	for name, d := range fixtures() {
		t.Run(name, func(t *testing.T) {
			// These runes share glyphs in the fonts.
			d.Limits = append(d.Limits, "\u00b5\u03bc \u2126\u03a9 \u0110\u00d0 \u00a0 ;\u037e")
			want := render(t, d)
			var all sync.WaitGroup
			for range 6 {
				all.Go(func() {
					var b bytes.Buffer
					if err := pdf.Render(&b, d); err != nil || !bytes.Equal(b.Bytes(), want) {
						t.Errorf("another rendering differs (%v)", err)
					}
				})
			}
			all.Wait()
		})
	}
}

func TestEmptyListsSaySo(t *testing.T) {
	if n := strings.Count(letters(t, reporttest.Minimal()), "none recorded"); n < 12 {
		t.Errorf("only %d empty lists say so", n)
	}
}

func TestAnnexHasDigestsWhole(t *testing.T) {
	d := reporttest.Full()
	got := letters(t, d)
	want := []string{d.Log.ID.String(), d.Log.Root.String(), d.Policy.Digest.String(), d.Case.ID.String(),
		d.Artifacts[0].SHA256.String(), d.Artifacts[0].BlockRoot.String(), d.Artifacts[0].Measurements[1].SHA1,
		d.Artifacts[0].Measurements[1].MD5, d.Opinions[0].Document.String()}
	for i, a := range d.Acts {
		want = append(want, a.Event.String(), a.Key.String(), d.Annex.Proofs[i].Leaf.String())
	}
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("%s is not whole in the annex", w)
		}
	}
}

func TestLongRecord(t *testing.T) {
	d := reporttest.Long(1000)
	start := time.Now()
	file := render(t, d)
	if took := time.Since(start); took > 15*time.Second {
		t.Errorf("took %v", took)
	}
	headed := 0
	for p := range strings.SplitSeq(run(t, file, "pdftotext", "-layout", "FILE", "-"), "\f") {
		if strings.Contains(p, "person's own signature") {
			headed++
			if !strings.Contains(p, "Place, purpose, condition") {
				t.Error("a page of the chronology has no header row")
			}
		}
	}
	if headed < 50 {
		t.Errorf("only %d pages of chronology", headed)
	}
	if got := letters(t, d); !strings.Contains(got, "act 1000 (log index 1011)") {
		t.Error("the last act is missing")
	}
}

func TestQRCodeReadsBack(t *testing.T) {
	for name, d := range fixtures() {
		file := render(t, d)
		picture := filepath.Join(t.TempDir(), "cover")
		run(t, file, "pdftoppm", "-r", "150", "-l", "1", "-singlefile", "-png", "FILE", picture)
		if got := run(t, nil, "zbarimg", "-q", "--raw", picture+".png"); strings.TrimSpace(got) != pdf.QRText(d) {
			t.Errorf("%s: read back %q", name, got)
		}
	}
}

func TestRefusesOverstatementAndWritesNothing(t *testing.T) {
	d := reporttest.Full()
	d.Artifacts[0].Bytes = report.Pass
	var b bytes.Buffer
	err := pdf.Render(&b, reporttest.Sealed(d))
	var refusal *report.Refusal
	if !errors.As(err, &refusal) || refusal.Rule != "bytes-not-read" || b.Len() > 0 {
		t.Errorf("got %v and %d bytes", err, b.Len())
	}
}

func TestBadRecordLooksBad(t *testing.T) {
	d := reporttest.Full()
	d.Log.Mode = "test"
	d.Result.Verdict, d.Result.ChainUnbroken = report.Bad, report.Fail
	d.Findings = append(d.Findings, report.Finding{Name: "chain-fork", Severity: report.SeverityBad, Item: 1, Words: "Two events claim the same place."})
	d.Gaps, d.Periods = nil, d.Periods[:1]
	got := letters(t, reporttest.Sealed(d))
	for _, want := range []string{"TEST LOG", "EVIDENCE BAD: SEE THE FINDINGS", "must not be relied on", "chain-fork"} {
		if !strings.Contains(got, want) {
			t.Errorf("the report does not say %q", want)
		}
	}
	if strings.Contains(got, "WHOLE") {
		t.Error("a bad record is called whole")
	}
}
