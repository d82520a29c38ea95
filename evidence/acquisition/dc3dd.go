package acquisition

import (
	"strings"
)

// dc3dd appends one block to its log (log=, hlog=) for each run: "dc3dd VERSION
// started at …", the command, errors, "input results for …", "output results
// for …", and "completed", "failed" or "aborted at …". Its times have a zone.
// With hof= the copy was read back: [ok] or [!!] stands before those hashes.

func isDC3DD(t *text) bool {
	for line := range t.head(5) {
		if strings.HasPrefix(line, "dc3dd ") && strings.Contains(line, " started at ") {
			return true
		}
	}
	return false
}

func readDC3DD(t *text, _ string) *Log {
	var d dc3dd
	d.text = t
	for line := range t.lines() {
		d.line(line)
	}
	if len(d.runs) == 0 {
		return nil
	}
	return last(d.runs, d.omitted)
}

type dc3dd struct {
	text    *text
	runs    []*Log
	omitted int
	output  bool // after "output results for"
}

// last hands back the newest run, which keeps the others.
func last(runs []*Log, omitted int) *Log {
	l := runs[len(runs)-1]
	l.Earlier, l.EarlierOmitted = runs[:len(runs)-1], omitted
	return l
}

func (d *dc3dd) line(line string) {
	t := d.text
	trimmed := strings.TrimSpace(line)
	if v, rest, ok := strings.Cut(strings.TrimPrefix(line, "dc3dd "), " started at "); ok && strings.HasPrefix(line, "dc3dd ") {
		if len(d.runs) == maxRuns {
			d.runs = append(d.runs[:0], d.runs[1:]...)
			d.omitted++
		}
		d.runs = append(d.runs, &Log{Tool: ToolDC3DD, Version: t.clean(v), Started: t.when(rest), State: CutShort})
		d.output = false
		return
	}
	if len(d.runs) == 0 || trimmed == "" {
		return
	}
	l := d.runs[len(d.runs)-1]
	if strings.HasPrefix(line, "dc3dd ") {
		for _, end := range []struct {
			words string
			state State
		}{{"completed at ", Finished}, {"failed at ", Aborted}, {"aborted at ", Aborted}} {
			if rest, ok := strings.CutPrefix(line, "dc3dd "+end.words); ok {
				l.State, l.Said, l.Ended = end.state, strings.TrimSuffix(end.words, " at "), t.when(rest)
				if end.state == Finished { // what it did is all in its log
					l.Again.Done, l.Copy.Done = No, No
				}
			}
		}
		return
	}
	if strings.HasPrefix(trimmed, "[!!] ") && !d.output {
		d.unread(l, trimmed)
		return
	}
	if name, value, ok := t.label(line); ok && d.field(l, name, value) {
		return
	}
	d.result(l, trimmed)
}

func (d *dc3dd) field(l *Log, name, value string) bool {
	switch {
	case name == "command line":
		l.Command = value
		for _, arg := range strings.Fields(value) {
			key, path, _ := strings.Cut(arg, "=")
			if key == "if" {
				l.Source.Device = path
			}
		}
	case name == "sector size":
		l.Source.SectorSize, _ = leading(value)
		l.Source.Assumed = strings.Contains(value, "(assumed)")
	case name == "device size":
		l.Source.Sectors, _ = leading(value)
		if _, bytes, ok := strings.Cut(value, "),"); ok {
			l.Source.Bytes, _ = leading(bytes)
		}
	case strings.HasPrefix(name, "output results for"):
		d.output = true
		_, quoted, _ := strings.Cut(name, "`")
		if quoted = strings.TrimSuffix(quoted, "'"); quoted != "" {
			l.addImage(d.named(l, quoted))
		}
	case strings.HasPrefix(name, "input results for"):
		d.output = false
	default:
		return false
	}
	return true
}

// named finds the name in the command line's own spelling: labels are lower case.
func (d *dc3dd) named(l *Log, low string) string {
	for _, arg := range strings.Fields(l.Command) {
		if _, path, ok := strings.Cut(arg, "="); ok && strings.EqualFold(path, low) {
			return path
		}
	}
	return low
}

// unread reads "[!!] reading `x' at sector 1000 : …", "… in sector range 2048-2111"
// and "[!!] 4 occurences while reading `x' from sector 2001 to sector 2004".
func (d *dc3dd) unread(l *Log, line string) {
	var first, end uint64
	var ok bool
	switch {
	case strings.Contains(line, "' at sector "):
		_, s, _ := strings.Cut(line, "' at sector ")
		first, ok = leading(s)
		end = first
	case strings.Contains(line, "' in sector range "):
		_, s, _ := strings.Cut(line, "' in sector range ")
		from, to, _ := strings.Cut(s, "-")
		first, ok = digits(from)
		end, _ = leading(to)
	case strings.Contains(line, "' from sector "):
		_, s, _ := strings.Cut(line, "' from sector ")
		from, to, _ := strings.Cut(s, " to sector ")
		first, ok = digits(from)
		end, _ = leading(to)
	}
	if !ok || end < first || !strings.Contains(line, "reading `") {
		return
	}
	bad := d.bad(l)
	bad.add(first, end)
	if bad.Fill == "" && bad.Sectors+(end-first) < 1<<62 {
		bad.Sectors += end - first + 1
	}
}

func (d *dc3dd) bad(l *Log) *Damage {
	if len(l.Damage) == 0 {
		l.Damage = []Damage{{Kind: Unreadable}}
	}
	return &l.Damage[0]
}

// result reads the lines below "input results" and "output results".
func (d *dc3dd) result(l *Log, line string) {
	if n, rest, ok := strings.Cut(line, " "); ok {
		switch count, isNumber := digits(n); {
		case !isNumber:
		case strings.HasPrefix(rest, "bad sectors replaced by zeros"):
			bad := d.bad(l)
			bad.Sectors, bad.Fill = count, FillZero // its own count, of every one
			return
		case strings.HasPrefix(rest, "bytes (") && strings.Contains(rest, " copied"):
			if l.Source.Bytes == 0 {
				l.Source.Bytes = count
			}
			return
		case rest == "sectors in":
			if l.Source.Sectors == 0 {
				l.Source.Sectors = count
			}
			return
		case strings.HasPrefix(rest, "sectors out to `"):
			l.addImage(strings.TrimSuffix(strings.TrimPrefix(rest, "sectors out to `"), "'"))
			return
		}
	}
	over := OverMedia
	if d.output {
		over = OverCopy
	}
	mark, rest, _ := strings.Cut(line, "] ")
	if mark == "[ok" || mark == "[!!" {
		line = rest
	}
	hash, name, ok := strings.Cut(line, " ")
	algorithm, hex, isHash := hexHash(hash)
	if !ok || !isHash {
		if isHash || strings.Contains(line, ", sectors ") {
			l.Pieces++
		}
		return
	}
	if !strings.HasPrefix(name, "(") {
		l.Pieces++
		return
	}
	l.addHash(Hash{Algorithm: algorithm, Value: hex, Over: over})
	if d.output && mark == "[!!" {
		l.Copy.Same = No
	}
}
