package pdf

import (
	"fmt"

	"github.com/evidence-custody/custodyd/custody/report"
)

// media sets what the service found in an image apart from what was measured on
// its file.
func (s *sheet) media(a report.Artifact, path string) {
	m := a.Media
	if m == nil {
		return
	}
	s.y += 2
	s.para(printable(fmt.Sprintf("The data in the image (stored object %d), as the service decoded it: hashes of the medium's data, which are not those of the file", a.Number)), style{bold, 9, ink})
	fact := s.facts()
	colour, _ := look(m.Read)
	fact("Media data", "", append([]passage{{mediaRead(m.Read), style{bold, 8.5, colour}}, {wordsUpTo(ownLimit, m.Words, path+".words"), small}}, s.when(m.At, m.Act, faint)...)...)
	if m.Size > 0 {
		fact("Size of the medium", bytesWords(m.Size))
	}
	for _, v := range []struct {
		name  printable
		value string
	}{{"Media SHA-256", m.SHA256}, {"Media SHA-1", m.SHA1}, {"Media MD5", m.MD5}} {
		if v.value != "" {
			fact(v.name, "", passage{short(words(v.value, path), 64), style{mono, 8.5, ink}})
		}
	}
	for _, v := range []struct {
		name          printable
		value, sought string
	}{{"SHA-1 stored in it", m.StoredSHA1, m.SHA1}, {"MD5 stored in it", m.StoredMD5, m.MD5}} {
		if v.value == "" {
			continue
		}
		o := report.NotChecked
		switch v.sought {
		case "":
		case v.value:
			o = report.Pass
		default:
			o = report.Fail
		}
		fact(v.name, "", append([]passage{{short(words(v.value, path), 40), style{mono, 8.5, ink}}}, agreement(o)...)...)
	}
	if m.Damaged > 0 {
		fact("Damaged chunks", damagedAt(m))
	}
	for i, f := range m.Facts {
		p := fmt.Sprintf("%s.facts[%d]", path, i)
		fact(short(words(f.Name, p+".name"), 60), text(f.Value, p+".value"))
	}
	for i, f := range m.Told {
		p := fmt.Sprintf("%s.told[%d]", path, i)
		fact(short("Imager: "+words(f.Name, p+".name"), 60), text(f.Value, p+".value"))
	}
	s.y += 2
}

func mediaRead(o report.Outcome) printable {
	switch o {
	case report.Pass:
		return "decoded, every chunk"
	case report.Fail:
		return "DAMAGED"
	}
	return notChecked
}

// damagedAt says where on the medium the chunks are that couldn't be decoded:
// all that the event names, runs of them as one.
func damagedAt(m *report.Media) printable {
	out := printable(fmt.Sprint(m.Damaged)) + " in all; bytes of the medium: "
	var from, to uint64
	first := true
	flush := func() {
		if to == 0 {
			return
		}
		if !first {
			out += ", "
		}
		out, first = out+printable(fmt.Sprintf("%d to %d", from, to-1)), false
	}
	for _, c := range m.Chunks {
		if to != c.Offset || to == 0 {
			flush()
			from = c.Offset
		}
		to = c.Offset + c.Length
	}
	flush()
	if uint64(len(m.Chunks)) < m.Damaged {
		out += printable(fmt.Sprintf(" (the first %d)", len(m.Chunks)))
	}
	return out
}
