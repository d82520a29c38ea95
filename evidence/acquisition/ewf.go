package acquisition

import (
	"strings"
)

// ewfacquire (-l) writes hashes and errors to its log, and the rest to standard
// output, which people keep beside it; ewfverify the same. Both are read, alone
// or one after the other. "Written" counts bytes of the container.

func isEWF(t *text) bool {
	for line := range t.head(60) {
		low := strings.ToLower(line)
		if strings.HasPrefix(low, "ewfacquire") || strings.HasPrefix(low, "ewfverify") {
			return true
		}
		if strings.Contains(low, " hash calculated over data:") || strings.Contains(low, " hash stored in file:") {
			return true
		}
	}
	return false
}

func readEWF(t *text, _ string) *Log {
	e := ewf{text: t}
	e.begin()
	for line := range t.lines() {
		e.line(strings.TrimSpace(line))
	}
	e.end()
	return last(e.runs, e.omitted)
}

type ewf struct {
	text    *text
	runs    []*Log
	omitted int
	log     *Log
	section string
	empty   bool // nothing read for e.log yet
}

// begin starts another run.
func (e *ewf) begin() {
	e.log, e.section, e.empty = &Log{Tool: ToolEWFAcquire}, "", true
}

// end closes the run: whether the log has its end is told by what is in it, as
// the file written by -l has no last line of its own.
func (e *ewf) end() {
	l := e.log
	if e.empty && len(e.runs) > 0 {
		return
	}
	if l.Tool == ToolEWFVerify {
		// The image was read; nothing else is ewfverify's to say.
		l.Copy.Done = Yes
	}
	if l.State == "" && len(l.Hashes) == 0 {
		l.State = CutShort
	}
	if len(e.runs) == maxRuns {
		e.runs = append(e.runs[:0], e.runs[1:]...)
		e.omitted++
	}
	e.runs = append(e.runs, l)
}

func (e *ewf) line(line string) {
	if line == "" {
		return
	}
	t, low := e.text, strings.ToLower(line)
	for _, tool := range []Tool{ToolEWFAcquire, ToolEWFVerify} {
		if version, ok := strings.CutPrefix(low, string(tool)+" "); ok && len(version) >= 6 && strings.Trim(version, "0123456789") == "" {
			if !e.empty {
				e.end()
				e.begin()
			}
			e.log.Tool, e.log.Version, e.empty = tool, version, false
			return
		}
		if word, ok := strings.CutPrefix(low, string(tool)+": "); ok && (word == "success" || word == "failure") {
			e.log.Tool, e.empty = tool, false
			e.log.State, e.log.Said = Finished, strings.ToUpper(word)
			if word == "failure" {
				e.log.State = Aborted
			}
			return
		}
	}
	name, value, ok := t.label(line)
	if !ok {
		if strings.HasSuffix(low, " failed") {
			e.section = ""
		}
		return
	}
	if e.range_(name, value) {
		return
	}
	e.field(name, value)
}

// range_ reads the lines below "Read errors:", "Errors reading device:" and
// "Sector validation errors:": their number, and "at sector(s): 64 - 127 (number: 64)".
func (e *ewf) range_(name, value string) bool {
	switch name {
	case "read errors", "errors reading device", "sector validation errors", "checksum errors", "crc errors":
		e.section, e.empty = name, false
		kind := Invalid
		if strings.Contains(name, "read") {
			kind = Unreadable
		}
		e.log.Damage = append(e.log.Damage, Damage{Kind: kind})
		return true
	case "total number":
		return e.section != ""
	case "at sector(s)":
	default:
		return false
	}
	if e.section == "" || len(e.log.Damage) == 0 {
		return false
	}
	d := &e.log.Damage[len(e.log.Damage)-1]
	from, rest, _ := strings.Cut(value, " - ")
	first, ok := digits(from)
	_, count, has := strings.Cut(rest, "number: ")
	n, counted := leading(strings.TrimRight(count, ") "))
	if !has || !counted {
		end, ended := leading(rest)
		n, counted = end-first+1, ended && end >= first
	}
	if ok && counted && n > 0 && first < 1<<62 && n < 1<<62 && d.Sectors < 1<<62 {
		d.Sectors += n
		d.add(first, first+n-1)
	}
	return true
}

func (e *ewf) field(name, value string) {
	l, t := e.log, e.text
	switch name {
	case "acquiry started at", "verify started at":
		*pick(name == "acquiry started at", &l.Started, &l.VerifyStarted) = t.when(value)
	case "acquiry completed at", "verify completed at", "acquiry failed at", "verify failed at", "acquiry aborted at", "verify aborted at":
		*pick(strings.HasPrefix(name, "acquiry"), &l.Ended, &l.VerifyEnded) = t.when(value)
		if !strings.HasSuffix(name, " completed at") {
			l.State = Aborted
		}
	case "media size":
		if _, inner, ok := strings.Cut(value, "("); ok {
			l.Source.Bytes, _ = leading(inner)
		}
	case "bytes per sector":
		l.number(&l.Source.SectorSize, "bytes per sector", value)
	case "device type", "type":
		keep(&l.Source.Interface, value)
	case "vendor":
		keep(&l.Source.Model, value)
	case "model":
		if l.Source.Model != "" {
			value = l.Source.Model + " " + value
		}
		l.Source.Model = value
	case "serial":
		keep(&l.Source.Serial, value)
	case "case number":
		keep(&l.Case, value)
	case "evidence number":
		keep(&l.Evidence, value)
	case "examiner name":
		keep(&l.Examiner, value)
	case "description":
		keep(&l.Description, value)
	case "notes":
		keep(&l.Notes, value)
	case "file format", "ewf file format":
		keep(&l.Format, value)
	case "md5", "sha1", "sha256":
		e.hash(OverStored, value) // of "Additional hash values": the image's own
	default:
		switch {
		case strings.HasSuffix(name, " hash calculated over data"):
			e.hash(OverMedia, value)
		case strings.HasSuffix(name, " hash stored in file"):
			l.Tool = ToolEWFVerify
			e.hash(OverStored, value)
		default:
			return
		}
	}
	e.empty = false
}

// hash keeps a hash. What ewfverify computes is over what it read from the image.
func (e *ewf) hash(over Over, value string) {
	e.section = ""
	algorithm, hex, ok := hexHash(value)
	if !ok { // N/A
		return
	}
	if over == OverMedia && e.log.Tool == ToolEWFVerify {
		over = OverCopy
	}
	e.log.addHash(Hash{Algorithm: algorithm, Value: hex, Over: over})
}

func pick[T any](first bool, a, b *T) *T {
	if first {
		return a
	}
	return b
}
