package pdf

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/evidence-custody/custodyd/custody/report"
	"github.com/evidence-custody/custodyd/evidence"
)

// printable is text that [CanBeShown]: our own constants, and what the
// functions of this file let through. Only printable text can be drawn, so that
// a value from the record cannot reach the page unseen by them.
type printable string

const (
	withheld    printable = "withheld"
	notRecorded printable = "not recorded"
	noneListed  printable = "none recorded"
	notChecked  printable = "not checked"
	dash        printable = "–"
)

// How many characters of one value are shown: on the cover, in a table, and in
// a text of its own. What is longer goes on in report.json; a signer must not be
// able to bury the result, or the report, under pages of one field.
const (
	coverLimit = 240
	cellLimit  = 1500
	ownLimit   = 20000
)

// words shows a value from the record, or points to it.
func words(v, path string) printable { return wordsUpTo(cellLimit, v, path) }

func wordsUpTo(limit int, v, path string) printable {
	if v == "" {
		return dash
	}
	if !CanBeShown(v) {
		return pointer(path)
	}
	if n := utf8.RuneCountInString(v); n > limit {
		return printable(string([]rune(v)[:limit])) + " … (" + number(n) + " characters, " + pointer(path) + ")"
	}
	return printable(v)
}

func pointer(path string) printable { return printable("see report.json, " + path) }

// text shows a personal or free-text field.
func text(t report.Text, path string) printable { return textUpTo(cellLimit, t, path) }

func textUpTo(limit int, t report.Text, path string) printable {
	switch t.State {
	case report.Given:
		if t.Value == "" {
			return "empty"
		}
		return wordsUpTo(limit, t.Value, path)
	case report.Withheld:
		return withheld
	}
	return notRecorded
}

// short cuts text for places that have room for one line.
func short(p printable, limit int) printable {
	if utf8.RuneCountInString(string(p)) <= limit {
		return p
	}
	return printable(string([]rune(string(p))[:limit-1])) + "…"
}

// person names a person of the report. A name that cannot be shown, not even
// in another script, is a pointer to its person in report.json.
func (s *sheet) person(n int) printable {
	if n == 0 {
		return ""
	}
	number := printable(fmt.Sprintf("person %d", n))
	state := printable("")
	for _, name := range s.doc.People[n-1].Names {
		switch {
		case name.State == report.Withheld:
			state = "name withheld"
		case name.State == report.Given && name.Value != "" && CanBeShown(name.Value):
			return short(printable(name.Value), 80) + " (" + number + ")"
		case name.State == report.Given && name.Value != "":
			state = "see report.json, " + number
		}
	}
	switch state {
	case "":
		return number
	case "name withheld":
		return state + " (" + number + ")"
	}
	return state
}

// organisation names an organisation, and says so when only it itself does.
func (s *sheet) organisation(n int) printable {
	if n == 0 {
		return ""
	}
	o := s.doc.Organisations[n-1]
	name := printable(fmt.Sprintf("organisation %d", n))
	switch {
	case o.Name.State == report.Withheld:
		return name + ", name withheld"
	case o.Name.State != report.Given || o.Name.Value == "":
		return name
	case !CanBeShown(o.Name.Value):
		return name + ", " + pointer(fmt.Sprintf("organisations[%d].name", n-1))
	}
	name = short(printable(o.Name.Value), 100)
	if o.NamedBy != "policy" {
		name += " (so it calls itself)"
	}
	return name
}

// party names who stands behind something, person first.
func (s *sheet) party(p report.Party) printable {
	who, org := s.person(p.Person), s.organisation(p.Organisation)
	switch {
	case who == "" && org == "":
		return dash
	case who == "":
		return org
	case org == "":
		return who
	}
	return who + ", " + org
}

// exhibit names an item by its number here and its exhibit number.
func (s *sheet) exhibit(n int) printable {
	if n == 0 {
		return dash
	}
	name := printable(fmt.Sprintf("item %d", n))
	if e := s.doc.Items[n-1].Exhibit; e.State == report.Given && e.Value != "" && CanBeShown(e.Value) {
		name += " (" + short(printable(e.Value), 40) + ")"
	}
	return name
}

func (s *sheet) exhibits(ns []int) printable {
	var names []printable
	for _, n := range ns {
		names = append(names, s.exhibit(n))
	}
	return joined(names, ", ", "")
}

// actRef names an act of this report.
func (s *sheet) actRef(n int) printable {
	if n == 0 {
		return dash
	}
	return printable(fmt.Sprintf("act %d (log index %d)", n, s.doc.Acts[n-1].Index))
}

// joined joins with sep, or returns none for an empty list.
func joined(ps []printable, sep, none printable) printable {
	if len(ps) == 0 {
		return none
	}
	parts := make([]string, len(ps))
	for i, p := range ps {
		parts[i] = string(p)
	}
	return printable(strings.Join(parts, string(sep)))
}

// all shows a list of plain values.
func all(vs []string, path string, none printable) printable {
	var ps []printable
	for i, v := range vs {
		ps = append(ps, words(v, fmt.Sprintf("%s[%d]", path, i)))
	}
	return joined(ps, ", ", none)
}

func (s *sheet) time(i report.Instant) printable {
	if i.IsZero() {
		return dash
	}
	utc := printable(i.Time().Format("2006-01-02 15:04:05")) + " UTC"
	if s.doc.Zone.OffsetMinutes == 0 {
		return utc
	}
	return printable(i.In(s.doc.Zone).Format("2006-01-02 15:04:05 ")+s.doc.Zone.Label()) + "\n" + utc
}

// local is the time in the report's zone alone, for places with little room.
func (s *sheet) local(i report.Instant) printable {
	if i.IsZero() {
		return dash
	}
	return printable(i.In(s.doc.Zone).Format("2006-01-02 15:04:05 ") + s.doc.Zone.Label())
}

func digest(d evidence.Digest) printable {
	if d.IsZero() {
		return notRecorded
	}
	return printable(d.String())
}

func brief(d evidence.Digest) printable { return printable(d.Short()) + "…" }

func outcome(o report.Outcome) printable {
	switch o {
	case report.Pass:
		return "pass"
	case report.Fail:
		return "FAIL"
	}
	return notChecked
}

func number[T int | int64 | uint64](n T) printable { return printable(fmt.Sprint(n)) }

// bytesWords says a size so that a person can read it.
func bytesWords(n uint64) printable {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return printable(digits) + " bytes"
}
