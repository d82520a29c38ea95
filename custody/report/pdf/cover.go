package pdf

import (
	"fmt"
	"math"

	"rsc.io/qr"

	"github.com/evidence-custody/custodyd/custody/report"
)

// cover says what the report is, about what, for whom, and its one sentence.
func (s *sheet) cover() {
	d := s.doc
	s.page()
	s.y = 30
	if d.Log.Mode == "test" {
		s.banner("TEST LOG: this log was founded for tests. Nothing in it is evidence.")
	}
	s.put(marginLeft, s.y+8, "Custody report", style{bold, 26, navy})
	s.y += 13
	s.para("No. "+short(words(d.Number, "number"), 120), style{bold, 12, ink})
	s.rule(marginLeft, s.y, marginLeft+s.width(), s.y, 0.8, navy)
	s.y += 5

	facts := s.facts()
	facts("Case", textUpTo(coverLimit, d.Case.Reference, "case.reference"))
	facts("Title", textUpTo(coverLimit, d.Case.Title, "case.title"))
	facts("FIR", textUpTo(coverLimit, d.Case.FIR, "case.fir"))
	facts("Court", textUpTo(coverLimit, d.Case.Court, "case.court"))
	facts("Sections", textUpTo(coverLimit, d.Case.Sections, "case.sections"))
	facts("Agency", orDash(s.organisation(d.Case.Agency)))
	facts("Investigating officer", s.officer())
	facts("Made for", s.party(d.For))
	facts("Made at", s.time(d.GeneratedAt)+"\nby the clock of the service that made it")
	s.y += 4
	s.status()
	s.logHead()
}

// banner is a warning across the page.
func (s *sheet) banner(warning printable) {
	s.fill(red)
	s.pdf.Rect(marginLeft, s.y-4, s.width(), 8, "F")
	s.put(marginLeft+3, s.y+1.2, warning, style{bold, 9.5, white})
	s.y += 9
}

func orDash(p printable) printable {
	if p == "" {
		return dash
	}
	return p
}

// facts returns a function that adds a row of name and value.
func (s *sheet) facts() func(name, value printable, more ...passage) {
	t := s.table(column{"", 42}, column{"", s.width() - 42})
	return func(name, value printable, more ...passage) {
		t.row(in(style{sans, 8.5, grey}, name), append(in(body, value), more...))
	}
}

// look is how a verdict or outcome looks; the word and the sign say it too, so
// that a black-and-white print says the same.
func look(o report.Outcome) (c, tint colour) {
	switch o {
	case report.Pass:
		return green, colour{235, 245, 239}
	case report.Fail:
		return red, colour{251, 236, 236}
	}
	return amber, colour{252, 244, 230}
}

func verdictLook(v report.Verdict) (title printable, as report.Outcome) {
	switch v {
	case report.Whole:
		return "WHOLE UNDER THE POLICY GIVEN", report.Pass
	case report.Bad:
		return "EVIDENCE BAD: SEE THE FINDINGS", report.Fail
	}
	return "COULD NOT CHECK EVERYTHING", report.NotChecked
}

// status draws the box with the result in one sentence.
func (s *sheet) status() {
	title, as := verdictLook(s.doc.Result.Verdict)
	c, tint := look(as)
	lines := s.advances.wrap(words(s.doc.Result.Sentence, "result.sentence"), sans, body.size, s.width()-30)
	height := 13 + float64(len(lines))*body.height()
	s.need(height + 4)
	s.fill(tint)
	s.stroke(c)
	s.pdf.SetLineWidth(0.9)
	s.pdf.Rect(marginLeft, s.y, s.width(), height, "DF")
	s.sign(marginLeft+11, s.y+height/2, 5.5, as)
	s.put(marginLeft+23, s.y+7, title, style{bold, 12, c})
	y := s.y + 11
	for _, l := range lines {
		s.put(marginLeft+23, y+body.height()*0.6, l, body)
		y += body.height()
	}
	s.y += height + 5
}

// sign draws a tick, a cross or a bar in a circle.
func (s *sheet) sign(x, y, r float64, o report.Outcome) {
	c, _ := look(o)
	s.fill(c)
	s.pdf.Circle(x, y, r, "F")
	s.stroke(white)
	s.pdf.SetLineWidth(r * 0.24)
	s.pdf.SetLineCapStyle("round")
	switch o {
	case report.Pass:
		s.pdf.Line(x-r*0.48, y+r*0.05, x-r*0.12, y+r*0.42)
		s.pdf.Line(x-r*0.12, y+r*0.42, x+r*0.5, y-r*0.4)
	case report.Fail:
		s.pdf.Line(x-r*0.4, y-r*0.4, x+r*0.4, y+r*0.4)
		s.pdf.Line(x-r*0.4, y+r*0.4, x+r*0.4, y-r*0.4)
	default:
		s.pdf.Line(x-r*0.45, y, x+r*0.45, y)
	}
	s.pdf.SetLineCapStyle("butt")
}

// logHead shows the log head beside a QR code of it.
func (s *sheet) logHead() {
	d := s.doc
	const side = 38.0
	s.need(side + 12)
	s.put(marginLeft, s.y+4, "Log head against which this was verified", style{bold, 10.5, ink})
	s.y += 7
	top, left := s.y, s.width()-side-4
	row := func(name printable, value printable, t style) {
		s.put(marginLeft, s.y+3.2, name, style{sans, 8.5, grey})
		for _, l := range s.advances.wrap(value, t.face, t.size, left-22) {
			s.put(marginLeft+20, s.y+3.2, l, t)
			s.y += t.height() + 0.4
		}
		s.y += 0.8
	}
	row("Origin", words(d.Log.Origin, "log.origin"), style{sans, 9, ink})
	row("Log id", digest(d.Log.ID), style{mono, 7.5, ink})
	row("Size", number(d.Log.Size), style{sans, 9, ink})
	row("Root", digest(d.Log.Root), style{mono, 7.5, ink})
	row("Policy", s.policyWords(), style{sans, 9, ink})
	if s.square(marginLeft+left+4, top, side) {
		s.put(marginLeft+left+4, top+side+3.8, "report no. and log head", faint)
	}
	s.y = max(s.y, top+side+5)
}

func (s *sheet) policyWords() printable {
	p := s.doc.Policy
	if !p.Given {
		return "none given: nobody who signed is identified"
	}
	w := "given, SHA-256 " + brief(p.Digest) + printable(fmt.Sprintf(", witnesses asked for: %d", p.Quorum))
	if len(p.Witnesses) > 0 {
		w += ", verified: " + all(p.Witnesses, "policy.witnesses", "")
	}
	if len(p.Limitations) > 0 {
		w += "\nlimitation: " + all(p.Limitations, "policy.limitations", "")
	}
	return w
}

// square draws the QR code; a report without room for one has none.
func (s *sheet) square(x, y, side float64) bool {
	code, err := qr.Encode(QRText(s.doc), qr.M)
	if err != nil {
		return false
	}
	unit := side / float64(code.Size)
	s.fill(colour{0, 0, 0})
	for row := range code.Size {
		for col := 0; col < code.Size; col++ {
			run := 0
			for col+run < code.Size && code.Black(col+run, row) {
				run++
			}
			if run > 0 {
				s.pdf.Rect(x+float64(col)*unit, y+float64(row)*unit, float64(run)*unit, math.Nextafter(unit, 1), "F")
				col += run
			}
		}
	}
	return true
}

// QRText is what the QR code on the cover says: report number and log head, so
// that a reader can compare paper and file. A number too long for a code that
// can be read back from paper is left out.
func QRText(d report.Document) string {
	t := fmt.Sprintf("log %s\nsize %d\nroot %s", d.Log.Origin, d.Log.Size, d.Log.Root)
	if len(d.Number) <= 64 {
		t = "custody report " + d.Number + "\n" + t
	}
	return t
}

// officer is the person of this report, else the name in the case document.
func (s *sheet) officer() printable {
	if p := s.person(s.doc.Case.Officer); p != "" {
		return p
	}
	return textUpTo(coverLimit, s.doc.Case.OfficerNamed, "case.officerNamed")
}
