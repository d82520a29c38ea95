package pdf

import (
	"errors"
	"fmt"
	"strings"

	"codeberg.org/go-pdf/fpdf"

	"github.com/evidence-custody/custodyd/custody/report"
)

// A4 and its margins, in millimetres.
const (
	short4, long4 = 210.0, 297.0
	marginLeft    = 18.0
	marginRight   = 15.0
	marginTop     = 24.0
	marginBottom  = 20.0
)

// colour is red, green, blue.
type colour [3]int

var (
	ink   = colour{28, 32, 40}
	grey  = colour{98, 104, 114}
	navy  = colour{24, 50, 92}
	hair  = colour{190, 195, 203}
	zebra = colour{246, 247, 249}
	head  = colour{228, 232, 239}
	white = colour{255, 255, 255}
	red   = colour{158, 26, 26}
	amber = colour{146, 88, 0}
	green = colour{18, 98, 58}
)

// style is how text looks: face, size in points, colour.
type style struct {
	face   face
	size   float64
	colour colour
}

var (
	body    = style{sans, 9.5, ink}
	small   = style{sans, 7.5, ink}
	faint   = style{sans, 7, grey}
	strong  = style{bold, 9.5, ink}
	cellBig = style{bold, 7.5, ink}
	dated   = style{sans, 7, ink}
	hash    = style{mono, 7, ink}
	alarm   = style{bold, 7.5, red}
)

// height of a line in millimetres.
func (t style) height() float64 { return t.size * mmPerPoint * 1.32 }

// sheet is a report being drawn. Its y is where the next thing goes.
type sheet struct {
	pdf       *fpdf.Fpdf
	doc       report.Document
	advances  *advances
	y         float64
	landscape bool
	pages     []bool // landscape, by page
	sections  int
}

func (s *sheet) width() float64 {
	if s.landscape {
		return long4 - marginLeft - marginRight
	}
	return short4 - marginLeft - marginRight
}

// bottom is the lowest y anything may reach.
func (s *sheet) bottom() float64 { return pageHeight(s.landscape) - marginBottom }

func pageHeight(landscape bool) float64 {
	if landscape {
		return short4
	}
	return long4
}

// page starts a new page of the current orientation.
func (s *sheet) page() {
	way := "P"
	if s.landscape {
		way = "L"
	}
	s.pdf.AddPageFormat(way, fpdf.SizeType{Wd: short4, Ht: long4})
	s.pages = append(s.pages, s.landscape)
	s.y = marginTop
}

// turn starts a new page of the given orientation.
func (s *sheet) turn(landscape bool) {
	s.landscape = landscape
	s.page()
}

// need starts a new page unless h millimetres are left on this one.
func (s *sheet) need(h float64) {
	if s.y+h > s.bottom() && s.y > marginTop {
		s.page()
	}
}

// put draws one line with its baseline at y.
func (s *sheet) put(x, y float64, line printable, t style) {
	if line == "" {
		return
	}
	// The types let nothing else come here; a wrong letter in court would be
	// worse than a missing line.
	if !CanBeShown(string(line)) {
		s.pdf.SetError(errUnshowable)
		return
	}
	s.font(t)
	s.pdf.Text(x, y, oneLine(line))
}

// oneLine turns line breaks and tabs, which have no glyph, into spaces.
func oneLine(p printable) string { return breaks.Replace(string(p)) }

var breaks = strings.NewReplacer("\r\n", " ", "\n", " ", "\t", " ")

var errUnshowable = errors.New("text that cannot be shown reached the page")

func (s *sheet) font(t style) {
	family, weight := t.face.names()
	s.pdf.SetFont(family, weight, t.size)
	s.pdf.SetTextColor(t.colour[0], t.colour[1], t.colour[2])
}

func (s *sheet) fill(c colour)   { s.pdf.SetFillColor(c[0], c[1], c[2]) }
func (s *sheet) stroke(c colour) { s.pdf.SetDrawColor(c[0], c[1], c[2]) }

func (s *sheet) rule(x1, y1, x2, y2, width float64, c colour) {
	s.stroke(c)
	s.pdf.SetLineWidth(width)
	s.pdf.Line(x1, y1, x2, y2)
}

// section starts a numbered section with a heading.
func (s *sheet) section(title printable) {
	s.sections++
	s.need(34)
	if s.y > marginTop {
		s.y += 6
	}
	numbered := number(s.sections) + "  " + title
	s.font(style{bold, 14, navy})
	s.pdf.Bookmark(oneLine(numbered), 0, 0)
	s.put(marginLeft, s.y+5, numbered, style{bold, 14, navy})
	s.rule(marginLeft, s.y+7.5, marginLeft+s.width(), s.y+7.5, 0.4, navy)
	s.y += 11.5
}

// heading is a smaller heading that stays with what follows it.
func (s *sheet) heading(title printable) {
	s.need(24)
	s.y += 2
	for _, line := range s.advances.wrap(title, bold, 10.5, s.width()) {
		s.need(8)
		s.put(marginLeft, s.y+4, line, style{bold, 10.5, ink})
		s.y += 5
	}
	s.y++
}

// para draws a paragraph over as many pages as it takes.
func (s *sheet) para(text printable, t style) { s.indented(text, t, 0) }

func (s *sheet) indented(text printable, t style, indent float64) {
	for _, line := range s.advances.wrap(text, t.face, t.size, s.width()-indent) {
		s.need(t.height())
		s.put(marginLeft+indent, s.y+t.height()*0.78, line, t)
		s.y += t.height()
	}
	s.y += 1.6
}

// finish writes the running header and footer on every page, now that their
// number is known.
func (s *sheet) finish() {
	s.pdf.SetDashPattern(nil, 0)
	name := "Custody report " + short(words(s.doc.Number, "number"), 60)
	log := printable(fmt.Sprintf("Log head: size %d, root %s", s.doc.Log.Size, s.doc.Log.Root.Short())) + "…"
	last := pageHeight(s.landscape)
	for i, landscape := range s.pages {
		s.pdf.SetPage(i + 1)
		// fpdf turns y around by the height of the page it added last.
		shift := last - pageHeight(landscape)
		s.landscape = landscape
		s.fill(white)
		right := marginLeft + s.width()
		if i > 0 {
			s.put(marginLeft, shift+14, name, style{bold, 8, navy})
			s.right(right, shift+14, short(caseName(s.doc), 60), faint)
			s.rule(marginLeft, shift+16.5, right, shift+16.5, 0.2, hair)
		}
		foot := shift + pageHeight(landscape) - 11
		s.rule(marginLeft, foot-4, right, foot-4, 0.2, hair)
		s.put(marginLeft, foot, log, faint)
		s.right(right, foot, printable(fmt.Sprintf("page %d of %d", i+1, len(s.pages))), style{sans, 8, ink})
	}
}

// right draws one line that ends at x.
func (s *sheet) right(x, y float64, line printable, t style) {
	s.put(x-s.advances.width(oneLine(line), t.face, t.size), y, line, t)
}

func caseName(d report.Document) printable {
	if d.Case.Reference.IsZero() {
		return ""
	}
	return "Case " + text(d.Case.Reference, "case.reference")
}
