package pdf

import (
	"fmt"

	"github.com/evidence-custody/custodyd/custody/report"
)

// people lists who handled evidence or acted on the record, and for whom.
func (s *sheet) people() {
	s.turn(false)
	s.section("People and organisations")
	t := s.table(column{"Person", 17}, column{"Name as given", 38}, column{"Organisation, rank, role", 45}, column{"In the record", 44}, column{"Rights and keys", s.width() - 144})
	for i, p := range s.doc.People {
		path := fmt.Sprintf("people[%d]", i)
		t.row(in(cellBig, "person "+number(p.Number)), s.nameCell(p), s.roleCell(p, path), s.activeCell(p), s.keyCell(p, path))
	}
	t.end()

	s.heading("Organisations")
	t = s.table(column{"No.", 12}, column{"Name", 66}, column{"Class", 28}, column{"Named by", 30}, column{"Id", s.width() - 136})
	for i, o := range s.doc.Organisations {
		path := fmt.Sprintf("organisations[%d]", i)
		t.row(plain(number(o.Number)), plain(text(o.Name, path+".name")), plain(words(o.Class, path+".class")),
			plain(words(o.NamedBy, path+".namedBy")), plain(brief(o.ID)))
	}
	t.end()
}

// nameCell shows every form of the name that can be shown rightly, and points
// to report.json for the others.
func (s *sheet) nameCell(p report.Person) cell {
	var c cell
	pointed := false
	for _, n := range p.Names {
		switch {
		case n.State == report.Given && n.Value != "" && !CanBeShown(n.Value):
			if !pointed {
				c = append(c, passage{printable(fmt.Sprintf("see report.json, person %d", p.Number)), small})
			}
			pointed = true
		default:
			c = append(c, passage{text(n, fmt.Sprintf("person %d", p.Number)), small})
		}
	}
	if len(c) == 0 {
		return plain(notRecorded)
	}
	return c
}

func (s *sheet) roleCell(p report.Person, path string) cell {
	c := plain(orDash(s.organisation(p.Organisation)))
	for _, f := range []struct {
		name printable
		text report.Text
		path string
	}{{"", p.Rank, "rank"}, {"", p.Role, "role"}, {"no. ", p.Badge, "badge"}} {
		if !f.text.IsZero() {
			c = append(c, passage{f.name + text(f.text, path+"."+f.path), small})
		}
	}
	return c
}

func (s *sheet) activeCell(p report.Person) cell {
	if p.Active.IsZero() {
		return plain(dash)
	}
	c := in(dated, "from "+s.local(p.Active.From))
	if !p.Active.To.IsZero() {
		c = append(c, passage{"to " + s.local(p.Active.To), dated})
	}
	return c
}

func (s *sheet) keyCell(p report.Person, path string) cell {
	var c cell
	for i, k := range p.Keys {
		kp := fmt.Sprintf("%s.keys[%d]", path, i)
		mark := small
		if k.Status == report.KeyRevoked || k.Status == report.KeyContested {
			mark = alarm
		}
		c = append(c, passage{"key " + brief(k.ID), small}, passage{keyStatus(k.Status), mark},
			passage{"rights: " + all(k.Rights, kp+".rights", "none"), faint})
	}
	if len(c) == 0 {
		return plain("no key: did not sign")
	}
	return c
}

func keyStatus(v string) printable {
	switch v {
	case report.KeyValid:
		return "valid at the log head"
	case report.KeyRevoked:
		return "REVOKED"
	case report.KeyContested:
		return "CONTESTED"
	}
	return notChecked
}
