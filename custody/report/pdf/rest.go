package pdf

import (
	"fmt"

	"github.com/evidence-custody/custodyd/custody/report"
)

// access lists who read bytes through the service.
func (s *sheet) access() {
	s.section("Access record")
	s.para("Readings of bytes through this service. Reading outside it cannot be seen by it.", faint)
	t := s.table(column{"Item", 22}, column{"Reader and purpose", s.width() - 139}, column{"Requested", 39}, column{"Served by the service", 39}, column{"Checked by the reader", 39})
	for i, a := range s.doc.Access {
		path := fmt.Sprintf("access[%d]", i)
		item := plain(s.exhibit(a.Item))
		if a.Artifact > 0 {
			item = append(item, passage{"stored object " + number(a.Artifact), faint})
		}
		reader := plain(s.party(a.Reader))
		if !a.Purpose.IsZero() {
			reader = append(reader, passage{"purpose: " + text(a.Purpose, path+".purpose"), small})
		}
		if a.Grant > 0 {
			reader = append(reader, passage{"granted by " + s.actRef(a.Grant), faint})
		}
		served := plain("no record of serving")
		if a.Served > 0 {
			served = cell{{s.time(a.ServedAt), dated}, {bytesWords(a.Bytes) + ", " + words(a.Outcome, path+".outcome"), small}, {s.actRef(a.Served), faint}}
		}
		checked := cell{{"the reader recorded no check", style{bold, 7.5, amber}}}
		if a.Verified > 0 {
			checked = append(agreement(a.Result), passage{s.time(a.VerifiedAt), dated}, passage{s.actRef(a.Verified), faint})
		}
		t.row(item, reader, cell{{s.time(a.RequestedAt), dated}, {s.actRef(a.Requested), faint}}, served, checked)
	}
	t.end()
}

// opinions lists what laboratories concluded, each with its label.
func (s *sheet) opinions() {
	s.section("Expert opinions")
	t := s.table(column{"Act", 39}, column{"By", 40}, column{"Label", 32}, column{"Summary and file", s.width() - 111})
	for i, o := range s.doc.Opinions {
		path := fmt.Sprintf("opinions[%d]", i)
		what := plain(textUpTo(ownLimit, o.Summary, path+".summary"))
		if len(o.Items) > 0 {
			what = append(what, passage{"on " + s.exhibits(o.Items), faint})
		}
		if !o.Document.IsZero() {
			what = append(what, passage{"file SHA-256 " + brief(o.Document), faint})
		}
		t.row(cell{{s.actRef(o.Act), small}, {s.time(o.At), faint}}, plain(s.party(o.By)), in(cellBig, printable(o.Label())), what)
	}
	t.end()
	s.para("References to section 40 are the operator's configured reading of PECA 2016, not a statement of compliance.", faint)
}

// corrections show the original and the corrected words side by side.
func (s *sheet) corrections() {
	s.section("Corrections")
	s.para("Nothing is edited: a correction is a later act, and both are shown.", faint)
	t := s.table(column{"Correction", 44}, column{"Field", 26}, column{"Original", (s.width() - 70) / 2}, column{"Corrected", (s.width() - 70) / 2})
	for i, c := range s.doc.Corrections {
		path := fmt.Sprintf("corrections[%d]", i)
		about := cell{{s.actRef(c.Act), small}, {"corrects " + s.actRef(c.Corrects), small}, {"by " + s.party(c.By), faint}, {s.time(c.At), faint}}
		if !c.Reason.IsZero() {
			about = append(about, passage{"reason: " + text(c.Reason, path+".reason"), faint})
		}
		if len(c.Fields) == 0 {
			t.row(about, plain(dash), plain(dash), plain(dash))
		}
		for j, f := range c.Fields {
			p := fmt.Sprintf("%s.fields[%d]", path, j)
			t.row(about, plain(words(f.Field, p+".field")), plain(text(f.Original, p+".original")), plain(text(f.Corrected, p+".corrected")))
			about = nil
		}
	}
	t.end()
}

func (s *sheet) howToCheck() {
	s.section("How to check this yourself")
	if len(s.doc.HowToCheck) == 0 {
		s.para(noneListed, style{sans, 9, grey})
	}
	for i, step := range s.doc.HowToCheck {
		path := fmt.Sprintf("howToCheck[%d]", i)
		s.need(12)
		s.put(marginLeft, s.y+body.height()*0.78, number(i+1)+".", strong)
		s.indented(words(step.Words, path+".words"), body, 8)
		if step.Command != "" {
			s.indented(words(step.Command, path+".command"), style{mono, 8.5, navy}, 8)
		}
	}
}

func (s *sheet) limits() {
	s.section("Limits of this report")
	if len(s.doc.Limits) == 0 {
		s.para(noneListed, style{sans, 9, grey})
	}
	for i, l := range s.doc.Limits {
		s.need(8)
		s.put(marginLeft+2, s.y+body.height()*0.78, "•", body)
		s.indented(words(l, fmt.Sprintf("limits[%d]", i)), body, 8)
	}
}

// annex has every digest whole.
func (s *sheet) annex() {
	s.turn(false)
	s.section("Annex: full digests and log proofs")
	d := s.doc
	t := s.table(column{"What", 44}, column{"Which", 30}, column{"SHA-256", s.width() - 74})
	add := func(what, which, value printable) { t.row(plain(what), plain(which), in(hash, value)) }
	add("Log", "log id", digest(d.Log.ID))
	add("Log head", "root at size "+number(d.Log.Size), digest(d.Log.Root))
	if d.Policy.Given {
		add("Trust policy", "file", digest(d.Policy.Digest))
	}
	add("Case", "founding document", digest(d.Case.ID))
	for _, o := range d.Organisations {
		add("Organisation "+number(o.Number), "founding document", digest(o.ID))
	}
	for _, p := range d.People {
		add("Person "+number(p.Number), "founding document", digest(p.ID))
		for _, k := range p.Keys {
			add("Person "+number(p.Number), "key", digest(k.ID))
		}
	}
	for _, it := range d.Items {
		add("Item "+number(it.Number), "founding document", digest(it.ID))
	}
	for _, a := range d.Artifacts {
		s.artifactDigests(t, a)
	}
	for i, o := range d.Opinions {
		if !o.Document.IsZero() {
			add("Opinion "+number(i+1), "file", digest(o.Document))
		}
	}
	t.end()
	s.proofs()
	s.checkpoint()
}

func (s *sheet) artifactDigests(t *table, a report.Artifact) {
	name := "Stored object " + number(a.Number)
	t.row(plain(name), plain(printable(a.DigestName())+" on record"), in(hash, digest(a.SHA256)))
	t.row(plain(name), plain("block tree root"), in(hash, digest(a.BlockRoot)))
	for i, f := range a.Segments {
		p := fmt.Sprintf("artifacts[%d].segments[%d]", a.Number-1, i)
		value := digest(f.SHA256)
		if f.Name.State != report.Given {
			value = withheld
		}
		t.row(append(plain(printable(fmt.Sprintf("%s, segment %d", name, i+1))), passage{text(f.Name, p+".name"), faint}),
			plain("SHA-256 of the file", bytesWords(f.Size)), in(hash, value))
	}
	for j, m := range a.Measurements {
		p := fmt.Sprintf("artifacts[%d].measurements[%d]", a.Number-1, j)
		for _, v := range []struct {
			kind  printable
			value string
		}{{printable(a.DigestName()), m.SHA256}, {"SHA-1", m.SHA1}, {"MD5", m.MD5}} {
			if v.value != "" {
				t.row(plain(name+", "+printable(m.Kind.Words())), plain(v.kind), in(hash, words(v.value, p)))
			}
		}
	}
}

// proofs lists, act by act, event id, leaf and key whole, and whether the
// leaf's inclusion in the log was proved.
func (s *sheet) proofs() {
	s.heading("Acts: event, leaf and key, and the proof that the leaf is in the log")
	proof := map[int]report.Proof{}
	for _, p := range s.doc.Annex.Proofs {
		proof[p.Act] = p
	}
	t := s.table(column{"Act", 44}, column{"Which", 30}, column{"SHA-256", s.width() - 74})
	for _, a := range s.doc.Acts {
		c := cell{{s.actRef(a.No), small}}
		p, ok := proof[a.No]
		which, values := plain("event", "key"), in(hash, digest(a.Event), digest(a.Key))
		if ok {
			col, _ := look(p.Outcome)
			c = append(c, passage{printable(fmt.Sprintf("inclusion (%d hashes): ", p.Hashes)) + outcome(p.Outcome), style{sans, 7, col}})
			which, values = plain("event", "leaf", "key"), in(hash, digest(a.Event), digest(p.Leaf), digest(a.Key))
		} else {
			c = append(c, passage{"inclusion: " + notChecked, style{sans, 7, amber}})
		}
		for i := range which {
			// The same line height as the digests beside it.
			which[i].style.size = hash.size
		}
		t.row(c, which, values)
	}
	t.end()
}

func (s *sheet) checkpoint() {
	if s.doc.Log.Checkpoint == "" {
		return
	}
	s.heading("Checkpoint: the signed log head")
	s.para(wordsUpTo(ownLimit, s.doc.Log.Checkpoint, "log.checkpoint"), style{mono, 7.5, ink})
}
