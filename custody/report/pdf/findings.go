package pdf

import (
	"fmt"

	"github.com/evidence-custody/custodyd/custody/report"
)

// findings is the page a court reads first: unbroken or not, every gap with
// its dates and hours, seals and hashes, and what was not checked.
func (s *sheet) findings() {
	d := s.doc
	s.turn(false)
	s.section("Findings")
	s.boxes()
	if d.Scope.Words != "" {
		s.para("This report covers: "+words(d.Scope.Words, "scope.words"), body)
	}

	s.heading("Gaps in custody and open movements")
	t := s.table(column{"Item", 22}, column{"From", 39}, column{"To", 39}, column{"Length", 24}, column{"What", s.width() - 124})
	for i, g := range d.Gaps {
		t.row(plain(s.exhibit(g.Item)), in(dated, s.time(g.Span.From)), in(dated, s.end(g.Span)), in(alarm, printable(g.Span.Length())),
			cell{{printable(g.Kind.Words()), cellBig}, {words(g.Words, fmt.Sprintf("gaps[%d].words", i)), small}})
	}
	t.end()
	if len(d.Gaps) > 0 {
		s.para("Lengths are by the times that the signers claim.", faint)
	}

	s.heading("What was found")
	t = s.table(column{"Finding", 38}, column{"Grade", 24}, column{"In plain words", s.width() - 100}, column{"Concerns", 38})
	for i, f := range d.Findings {
		path := fmt.Sprintf("findings[%d]", i)
		about := plain()
		if f.Item > 0 {
			about = append(about, passage{s.exhibit(f.Item), small})
		}
		if f.Act > 0 {
			about = append(about, passage{s.actRef(f.Act), small})
		}
		t.row(plain(words(f.Name, path+".name")), grade(f.Severity), plain(words(f.Words, path+".words")), about)
	}
	t.end()

	s.heading("Checks, made and not made")
	t = s.table(column{"Check", 30}, column{"What it shows", s.width() - 104}, column{"Outcome", 22}, column{"How much, or why not", 52})
	for i, c := range d.Checks {
		path := fmt.Sprintf("checks[%d]", i)
		t.row(plain(words(c.Name, path+".name")), plain(words(c.Words, path+".words")), outcomeCell(c.Outcome), plain(words(c.Note, path+".note")))
	}
	t.end()

	s.heading("How far the record is promised complete")
	t = s.table(column{"Item", 50}, column{"Promise", s.width() - 50})
	promised := map[int]bool{}
	for i, c := range d.Scope.Completeness {
		promised[c.Item] = true
		t.row(plain(s.exhibit(c.Item)), plain(words(c.Words(), fmt.Sprintf("scope.completeness[%d]", i))))
	}
	t.end()
	if len(promised) < len(d.Items) {
		s.para("Nobody has signed a promise that the record of an item not listed here has no further events.", faint)
	}
}

func (s *sheet) end(span report.Span) printable {
	if span.To.IsZero() {
		return "not ended at the log head"
	}
	return s.time(span.To)
}

func grade(v report.Severity) cell {
	switch v {
	case report.SeverityBad:
		return in(alarm, "EVIDENCE BAD")
	case report.SeverityUnchecked:
		return in(style{bold, 7.5, amber}, "could not check")
	}
	return plain("note")
}

func outcomeCell(o report.Outcome) cell {
	c, _ := look(o)
	return in(style{bold, 7.5, c}, outcome(o))
}

// boxes are the four answers side by side.
func (s *sheet) boxes() {
	r := s.doc.Result
	none := report.Pass
	gaps := printable(fmt.Sprintf("%d listed", len(s.doc.Gaps)))
	switch {
	case len(s.doc.Gaps) > 0:
		none = report.NotChecked
	case len(s.doc.Items) == 0 || len(s.doc.Periods) == 0:
		none, gaps = report.NotChecked, notChecked
	default:
		gaps = noneListed
		if r.ChainUnbroken != report.Pass {
			// A broken record cannot show that there were none.
			none = report.NotChecked
		}
	}
	answers := []struct {
		title, word printable
		as          report.Outcome
	}{
		{"Chain unbroken", yesNo(r.ChainUnbroken), r.ChainUnbroken},
		{"Gaps in custody", gaps, none},
		{"Seals agree", yesNo(r.Seals), r.Seals},
		{"Recorded digests agree", yesNo(r.Hashes), r.Hashes},
	}
	const space, height = 3.0, 19.0
	width := (s.width() - 3*space) / 4
	for i, a := range answers {
		x := marginLeft + float64(i)*(width+space)
		c, tint := look(a.as)
		s.fill(tint)
		s.stroke(c)
		s.pdf.SetLineWidth(0.5)
		s.pdf.Rect(x, s.y, width, height, "DF")
		s.sign(x+6.5, s.y+height/2+2.2, 3.2, a.as)
		s.put(x+3, s.y+5, a.title, style{sans, 8, ink})
		s.put(x+12, s.y+13.2, a.word, style{bold, 10.5, c})
	}
	s.y += height + 4
}

func yesNo(o report.Outcome) printable {
	switch o {
	case report.Pass:
		return "yes"
	case report.Fail:
		return "NO"
	}
	return notChecked
}
