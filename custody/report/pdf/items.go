package pdf

import (
	"fmt"

	"github.com/evidence-custody/custodyd/custody/report"
)

// items shows each item: what it is, its seals, its parent and what came of it.
func (s *sheet) items() {
	s.turn(false)
	s.section("Items and exhibits")
	if len(s.doc.Items) == 0 {
		s.para(noneListed, style{sans, 9, grey})
	}
	for i, it := range s.doc.Items {
		s.item(it, fmt.Sprintf("items[%d]", i))
	}
}

func (s *sheet) item(it report.Item, path string) {
	s.heading("Item " + s.exhibit(it.Number)[len("item "):])
	fact := s.facts()
	fact("Exhibit no.", text(it.Exhibit, path+".exhibit"))
	fact("Description", text(it.Description, path+".description"))
	fact("Class", words(it.Class, path+".class"))
	for i, m := range it.Marks {
		p := fmt.Sprintf("%s.marks[%d]", path, i)
		fact(words(m.Name, p+".name"), text(m.Value, p+".value"))
	}
	fact("Seals at registration", all(it.Seals, path+".seals", noneListed))
	if it.Parent > 0 {
		fact("Derived from", s.exhibit(it.Parent))
	}
	if len(it.Derived) > 0 {
		fact("Derived items", s.exhibits(it.Derived))
	}
	if it.SeizedBy != (report.Party{}) || !it.SeizedAt.IsZero() || !it.Place.IsZero() {
		fact("Seized by", s.party(it.SeizedBy))
		fact("Seized at", s.time(it.SeizedAt))
		fact("Place", text(it.Place, path+".place"))
	}
	if len(it.Witnesses) > 0 {
		var names []printable
		for _, w := range it.Witnesses {
			names = append(names, orDash(s.person(w)))
		}
		fact("Witnesses", joined(names, "\n", noneListed))
	}
	for _, n := range it.Artifacts {
		a := s.doc.Artifacts[n-1]
		p := fmt.Sprintf("artifacts[%d]", n-1)
		fact(printable(fmt.Sprintf("Stored object %d", n)), text(a.FileName, p+".fileName")+"\n"+
			words(a.Format, p+".format")+", "+words(a.Role, p+".role")+", "+bytesWords(a.Size),
			passage{printable(a.DigestName()) + " " + digest(a.SHA256), hash})
	}
	s.y += 5
}
