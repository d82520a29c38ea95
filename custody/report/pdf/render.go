// Package pdf prints a custody report as a PDF that a court can read: A4,
// paginated, the same bytes for the same document.
//
// It prints only letters it can print rightly. The embedded fonts show Latin,
// Greek and Cyrillic text; what needs shaping, combining or right-to-left order
// (a name in Urdu, for one) is shown as a pointer into report.json, never as
// wrong letters; see [CanBeShown].
package pdf

import (
	"fmt"
	"io"

	"codeberg.org/go-pdf/fpdf"

	"github.com/evidence-custody/custodyd/custody/report"
)

// Render writes the report as PDF 1.x. The same document gives the same bytes.
// It refuses what [report.Document.Check] refuses, and writes nothing then.
func Render(w io.Writer, doc report.Document) error {
	if err := doc.Check(); err != nil {
		return err
	}
	a, err := metrics()
	if err != nil {
		return err
	}
	s := &sheet{pdf: newPDF(doc), doc: doc, advances: a}
	s.cover()
	s.findings()
	s.items()
	s.custody()
	s.chronology()
	s.people()
	s.integrity()
	s.access()
	s.opinions()
	s.corrections()
	s.howToCheck()
	s.limits()
	s.annex()
	s.finish()
	if err := s.pdf.Output(w); err != nil {
		return fmt.Errorf("couldn't render the report: %w", err)
	}
	return nil
}

func newPDF(doc report.Document) *fpdf.Fpdf {
	p := fpdf.New("P", "mm", "A4", "")
	addFonts(p)
	p.SetAutoPageBreak(false, 0)
	p.SetMargins(marginLeft, marginTop, marginRight)
	p.SetCompression(true)
	p.SetCatalogSort(true)
	p.SetCreationDate(doc.GeneratedAt.Time())
	p.SetModificationDate(doc.GeneratedAt.Time())
	p.SetLang("en")
	p.SetProducer("custodyd", true)
	p.SetCreator("custodyd", true)
	p.SetTitle("Custody report "+oneLine(short(words(doc.Number, "number"), 60)), true)
	return p
}
