package pdf_test

import (
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/custody/report"
	"github.com/evidence-custody/custodyd/custody/report/reporttest"
)

// TestMediaData: what the service found in an image is printed apart from what
// was measured on its file, with every damaged place.
func TestMediaData(t *testing.T) {
	media := func(m report.Media) report.Document {
		d := reporttest.Full()
		d.Acts[3].Kind, m.Act, m.At = "image.read", 4, d.Acts[3].Claimed.From
		m.Facts = []report.Fact{{Name: "format", Value: report.Said("EWF, e01")}}
		m.Told = []report.Fact{{Name: "examiner", Value: report.Said("A. Rahman")}, {Name: "case number", Value: report.WithheldAs(reporttest.Digest("case"))}}
		d.Artifacts[0].Media = &m
		return reporttest.Sealed(d)
	}
	sums := report.Media{Read: report.Pass, Words: "every chunk was decoded", Size: 81920, SHA256: reporttest.Digest("media").String(), SHA1: strings.Repeat("1", 40), MD5: strings.Repeat("2", 32),
		StoredMD5: strings.Repeat("2", 32), Stored: report.Pass}
	other := sums
	other.Read, other.Stored, other.StoredSHA1 = report.Fail, report.Fail, strings.Repeat("3", 40)
	damaged := report.Media{Read: report.Fail, Words: "chunks could not be decoded", Size: 1 << 30, Stored: report.NotChecked, StoredMD5: strings.Repeat("2", 32), Damaged: 120,
		Chunks: []report.DamagedChunk{{Offset: 0, Length: 32768}, {Offset: 32768, Length: 32768}, {Offset: 98304, Length: 16384}}}
	for name, test := range map[string]struct {
		doc  report.Document
		want []string
	}{
		"whole": {media(sums), []string{"hashes of the medium's data, which are not those of the file", "decoded, every chunk", "81,920 bytes", "Media SHA-256 " + sums.SHA256,
			"MD5 stored in it " + sums.MD5 + " agrees", "EWF, e01", "Imager: examiner A. Rahman", "Imager: case number withheld"}},
		"differs": {media(other), []string{"DAMAGED", "SHA-1 stored in it " + other.StoredSHA1 + " DIFFERS", "MD5 stored in it " + sums.MD5 + " agrees"}},
		"damaged": {media(damaged), []string{"DAMAGED", "120 in all; bytes of the medium: 0 to 65535, 98304 to 114687 (the first 3)", "MD5 stored in it " + sums.MD5 + " NOT CHECKED"}},
	} {
		got := rows(t, test.doc) // a verdict stands beside its hash, and pdftotext may take it for another column
		for _, words := range test.want {
			if !strings.Contains(strings.ToLower(got), strings.ToLower(words)) {
				t.Errorf("%s: the report does not say %q", name, words)
			}
		}
		if name == "damaged" && strings.Contains(got, "Media SHA") {
			t.Error("a hash is stated of a damaged medium")
		}
	}
}
