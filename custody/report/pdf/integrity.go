package pdf

import (
	"fmt"

	"github.com/evidence-custody/custodyd/custody/report"
)

// integrity sets the declared digests of each stored object against those
// measured by the service and recomputed by others.
func (s *sheet) integrity() {
	s.section("Acquisition and integrity")
	if len(s.doc.Artifacts) == 0 {
		s.para(noneListed, style{sans, 9, grey})
	}
	for i, a := range s.doc.Artifacts {
		path := fmt.Sprintf("artifacts[%d]", i)
		s.heading(printable(fmt.Sprintf("Stored object %d of ", a.Number)) + s.exhibit(a.Item))
		fact := s.facts()
		fact("File name", text(a.FileName, path+".fileName"))
		fact("Size", bytesWords(a.Size))
		fact(printable(a.DigestName())+" on record", "", passage{digest(a.SHA256), style{mono, 8.5, ink}})
		if n := len(a.Segments); n > 0 {
			fact("Files", segmentsWords(a, path))
		}
		fact("Bytes", bytesRead(a.Bytes))
		copied, _ := look(a.Copy.Last)
		fact("The service's copy", "", append([]passage{{copyFound(a.Copy.Last), style{bold, 8.5, copied}}, {wordsUpTo(ownLimit, a.Copy.Words, path+".copy.words"), small}},
			s.when(a.Copy.At, a.Copy.Act, faint)...)...)
		if w := a.Whole; w.Act > 0 {
			by := s.party(w.By)
			if w.By == (report.Party{}) {
				by = "the service"
			}
			fact("Last found whole", words(w.How, path+".whole.how")+", by "+by, s.when(w.At, w.Act, faint)...)
		}
		for j, f := range a.Acquisition {
			p := fmt.Sprintf("%s.acquisition[%d]", path, j)
			fact(short(words(f.Name, p+".name"), 60), text(f.Value, p+".value"))
		}
		s.y += 3
		s.measured(a, path)
		s.media(a, path+".media")
		for j, l := range a.Logs {
			s.imagerLog(l, fmt.Sprintf("%s.logs[%d]", path, j))
		}
	}
}

// when is a time and the act that says it; nothing where there is none.
func (s *sheet) when(at report.Instant, act int, as style) []passage {
	if act == 0 {
		return nil
	}
	return []passage{{s.time(at), as}, {s.actRef(act), faint}}
}

// segmentsWords names the files of a segmented image from the first to the last.
func segmentsWords(a report.Artifact, path string) printable {
	n := len(a.Segments)
	out := printable(fmt.Sprintf("%d segments of one image", n))
	if a.Segments[0].Name.State == report.Given {
		out += ", " + short(text(a.Segments[0].Name, path+".segments[0].name"), 60) + " to " + short(text(a.Segments[n-1].Name, fmt.Sprintf("%s.segments[%d].name", path, n-1)), 60) +
			". The annex has each with its own SHA-256; the one on record is of the manifest that lists them, not of a file"
	} else {
		out += ". The SHA-256 on record is of the manifest that lists them, which is withheld: names and digests of the files were not checked"
	}
	return out
}

func copyFound(o report.Outcome) printable {
	switch o {
	case report.Pass:
		return "as deposited when last read back"
	case report.Fail:
		return "NOT AS DEPOSITED WHEN LAST READ BACK"
	}
	return notChecked
}

// imagerLog sets what an imaging program wrote beside what was received.
func (s *sheet) imagerLog(l report.ImagerLog, path string) {
	s.y += 2
	s.para(printable(fmt.Sprintf("What the acquisition log says (stored object %d): the program's word, which nothing here rests on", l.Artifact)), style{bold, 9, ink})
	fact := s.facts()
	switch l.Read {
	case report.Fail:
		fact("Log", "its form is not known, and nothing was read of it")
		return
	case report.NotChecked:
		fact("Log", "not read: its bytes were not at hand, or whoever asked may not read them")
		return
	case report.Pass:
	}
	for i, b := range l.Beside {
		p := fmt.Sprintf("%s.beside[%d]", path, i)
		fact(words(b.Kind, p+".kind"), words(b.Words, p+".words"))
	}
	for i, f := range l.Facts {
		p := fmt.Sprintf("%s.facts[%d]", path, i)
		fact(short(words(f.Name, p+".name"), 60), text(f.Value, p+".value"))
	}
	s.y += 2
}

func bytesRead(o report.Outcome) printable {
	switch o {
	case report.Pass:
		return "read for this report, and they match the record"
	case report.Fail:
		return "READ FOR THIS REPORT, AND THEY DO NOT MATCH THE RECORD"
	}
	return "bytes not checked: nobody gave the bytes to the verifier of this report"
}

func (s *sheet) measured(a report.Artifact, path string) {
	t := s.table(column{"Digest", 34}, column{"By", 44}, column{"When", 39}, column{"Values", s.width() - 138}, column{"Agrees", 21})
	for j, m := range a.Measurements {
		p := fmt.Sprintf("%s.measurements[%d]", path, j)
		kind := cell{{printable(m.Kind.Words()), cellBig}}
		if m.Method != "" {
			kind = append(kind, passage{words(m.Method, p+".method"), faint})
		}
		by := plain(s.party(m.By))
		if m.Kind == report.MeasuredByService {
			by = plain("the service")
		}
		if m.Act > 0 {
			by = append(by, passage{s.actRef(m.Act), faint})
		}
		var values cell
		for _, v := range []struct {
			name  printable
			value string
		}{{printable(a.DigestName()), m.SHA256}, {"SHA-1", m.SHA1}, {"MD5", m.MD5}} {
			if v.value != "" {
				values = append(values, passage{v.name + " " + short(words(v.value, p), 13), small})
			}
		}
		if len(values) == 0 {
			values = plain("no digest stated")
		}
		t.row(kind, by, in(dated, s.time(m.At)), values, agreement(m.Agrees))
	}
	t.end()
}

func agreement(o report.Outcome) cell {
	c, _ := look(o)
	word := notChecked
	switch o {
	case report.Pass:
		word = "agrees"
	case report.Fail:
		word = "DIFFERS"
	}
	return in(style{bold, 7.5, c}, word)
}
