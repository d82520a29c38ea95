package pdf

import (
	"fmt"

	"github.com/evidence-custody/custodyd/custody/report"
)

// chronology is the custody table: every act in log order, on wide pages.
func (s *sheet) chronology() {
	s.turn(true)
	s.section("Chronology")
	s.para("In the order of the log. Times of acts and of signing are the signers' claims; \"trusted\" times are bounded by others. "+
		"Keys and event ids are cut here and whole in the annex.", faint)
	t := s.table(column{"Act / log index", 16}, column{"Event", 39}, column{"Time of act / of signing", 47},
		column{"From / to", 50}, column{"Place, purpose, condition", s.width() - 215}, column{"Seals before / after", 25}, column{"Signature", 38})
	for i, a := range s.doc.Acts {
		path := fmt.Sprintf("acts[%d]", i)
		t.row(
			cell{{number(a.No), cellBig}, {"index " + number(a.Index), faint}},
			s.eventCell(a, path),
			s.timeCell(a),
			s.fromTo(a),
			s.circumstances(a, path),
			s.sealCell(a, path),
			s.signatureCell(a),
		)
	}
	t.end()
	s.landscape = false
}

func (s *sheet) eventCell(a report.Act, path string) cell {
	c := cell{{words(a.Words, path+".words"), cellBig}, {words(a.Kind, path+".kind"), faint}}
	if len(a.Items) > 0 {
		c = append(c, passage{s.exhibits(a.Items), small})
	}
	if a.Contested {
		c = append(c, passage{"CONTESTED: the key's revocation disputes this time", alarm})
	}
	for _, n := range a.CorrectedBy {
		c = append(c, passage{"corrected by " + s.actRef(n), alarm})
	}
	return c
}

func (s *sheet) timeCell(a report.Act) cell {
	var c cell
	if !a.Claimed.From.IsZero() {
		c = append(c, passage{s.time(a.Claimed.From), dated})
		if !a.Claimed.To.IsZero() {
			c = append(c, passage{"to " + s.local(a.Claimed.To), dated})
		}
	}
	if !a.Signed.IsZero() {
		c = append(c, passage{"signed " + s.local(a.Signed), faint})
	}
	if !a.NotBefore.IsZero() {
		c = append(c, passage{"trusted: not before " + s.local(a.NotBefore), faint})
	}
	if !a.NotAfter.IsZero() {
		c = append(c, passage{"trusted: not after " + s.local(a.NotAfter), faint})
	}
	return c
}

func (s *sheet) fromTo(a report.Act) cell {
	var c cell
	if a.From != (report.Party{}) {
		c = append(c, passage{"from: " + s.party(a.From), small})
	}
	if a.To != (report.Party{}) {
		c = append(c, passage{"to: " + s.party(a.To), small})
	}
	return c
}

func (s *sheet) circumstances(a report.Act, path string) cell {
	var c cell
	for _, f := range []struct {
		name, member string
		text         report.Text
	}{{"place", "place", a.Place}, {"purpose", "purpose", a.Purpose}, {"condition", "condition", a.Condition}} {
		if !f.text.IsZero() {
			c = append(c, passage{printable(f.name) + ": " + text(f.text, path+"."+f.member), small})
		}
	}
	for i, n := range a.Notes {
		p := fmt.Sprintf("%s.notes[%d]", path, i)
		c = append(c, passage{words(n.Name, p+".name") + ": " + text(n.Value, p+".value"), small})
	}
	return c
}

func (s *sheet) sealCell(a report.Act, path string) cell {
	var c cell
	if len(a.SealsBefore) > 0 {
		c = append(c, passage{"before: " + all(a.SealsBefore, path+".sealsBefore", ""), small})
	}
	if len(a.SealsAfter) > 0 {
		c = append(c, passage{"after: " + all(a.SealsAfter, path+".sealsAfter", ""), small})
	}
	return c
}

func (s *sheet) signatureCell(a report.Act) cell {
	c := cell{{printable(a.SignatureWords()), cellBig}}
	if a.Class == report.ClassPerson {
		c = append(c, passage{orDash(s.person(a.Signer.Person)), small})
	}
	return append(c, passage{"key " + brief(a.Key), faint}, passage{"event " + brief(a.Event), faint})
}
