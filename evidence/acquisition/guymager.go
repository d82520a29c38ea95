package acquisition

import (
	"strings"
)

// Guymager writes IMAGE.info in the language it runs in. What says what a line is
// are its labels (guymager_words.go); which algorithm a hash is of is told by its
// length alone: one translation labels SHA-1 as SHA-256. Text of the device
// (smartctl, hdparm) stands indented between, and is nobody's word but the device's.

func isGuymager(t *text) bool {
	for line := range t.head(6) {
		up := strings.ToUpper(line)
		if strings.Contains(up, "GUYMAGER") && (strings.Contains(up, "INFO") || strings.Contains(up, "信息")) ||
			strings.Contains(up, "GUYMANAGER INFO") { // so in the Dutch translation
			return true
		}
	}
	return false
}

func readGuymager(t *text, _ string) *Log {
	g := guymager{text: t, log: &Log{Tool: ToolGuymager, State: CutShort}}
	for line := range t.lines() {
		g.line(line)
	}
	l := g.log
	if l.Copy.Done == Yes && l.State == Aborted && l.Copy.Same == NotSaid {
		l.Copy.Done = NotSaid // it was asked for, and may not have been done
	}
	if l.Again.Done == Yes && l.State == Aborted && l.Again.Same == NotSaid {
		l.Again.Done = NotSaid
	}
	if l.State == CutShort { // asked for, when it began
		l.Copy.Done, l.Again.Done = NotSaid, NotSaid
	}
	return l
}

type guymager struct {
	text  *text
	log   *Log
	began bool // past the device's own text
	list  *Damage
	files bool // in the list of the image's files
}

func (g *guymager) line(line string) {
	l, t := g.log, g.text
	trimmed := strings.TrimSpace(line)
	if g.files {
		g.file(trimmed)
		return
	}
	if g.list != nil && guymagerSectors(g.list, trimmed) {
		return
	}
	g.list = nil
	if trimmed == "" {
		return
	}
	indented := strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t")
	name, value, ok := t.label(line)
	what := guymagerLabels[name]
	if !g.began {
		switch {
		case what == gDevice && !indented:
			g.began = true
			l.Source.Device = value
		case what == gVersion && !indented:
			keep(&l.Version, value)
		case indented && (name == "device model" || name == "product" || name == "model number"):
			keep(&l.Source.Model, value)
		case indented && name == "serial number":
			keep(&l.Source.Serial, value)
		}
		return
	}
	if indented && what != gCase && what != gEvidence && what != gExaminer && what != gDescription && what != gNotes {
		return
	}
	if !ok {
		g.sentence(trimmed)
		return
	}
	g.field(what, value, trimmed)
}

func (g *guymager) field(what guymagerLabel, value, line string) {
	l, t := g.log, g.text
	switch what {
	case gSize:
		if n, ok := leading(value); ok {
			l.Source.Bytes = n
		}
	case gFormat:
		keep(&l.Format, value)
	case gCase:
		keep(&l.Case, value)
	case gEvidence:
		keep(&l.Evidence, value)
	case gExaminer:
		keep(&l.Examiner, value)
	case gDescription:
		keep(&l.Description, value)
	case gNotes:
		keep(&l.Notes, value)
	case gSource:
		l.Again.Done = guymagerSwitch[strings.ToLower(value)]
	case gImage:
		l.Copy.Done = guymagerSwitch[strings.ToLower(value)]
	case gStarted:
		time, _, _ := strings.Cut(value, " (")
		l.Started = t.when(time)
	case gVerify:
		l.VerifyStarted = t.when(value)
	case gEnded:
		time, _, _ := strings.Cut(value, " (")
		l.Ended = t.when(time)
	case gState:
		l.Said = value
		l.State = Aborted
		for _, done := range guymagerFinished {
			if strings.HasPrefix(strings.ToLower(value), done) {
				l.State = Finished
			}
		}
	case gHash, gHashSource, gHashImage:
		algorithm, hex, ok := hexHash(value)
		if !ok {
			return
		}
		over := map[guymagerLabel]Over{gHash: OverMedia, gHashSource: OverSourceAgain, gHashImage: OverCopy}[what]
		l.addHash(Hash{Algorithm: algorithm, Value: hex, Over: over})
	default:
		g.sentence(line)
	}
}

// sentence reads what stands without a label: bad sectors, verdicts, and the title
// of the list of files.
func (g *guymager) sentence(line string) {
	l, low := g.log, strings.ToLower(line)
	if strings.HasPrefix(low, "md5 ") && len(strings.Fields(low)) >= 3 && strings.Contains(line, "  ") {
		g.files = true // "MD5                               Image file", in every language
		return
	}
	for _, s := range guymagerSentences {
		if !strings.HasPrefix(low, s.begins) || !strings.Contains(low, s.holds) {
			continue
		}
		switch s.means {
		case gNone:
			l.NoErrors = true
		case gBad, gBadZero, gBadAgain:
			n, ok := leading(low[strings.IndexFunc(low, func(r rune) bool { return digit(r) >= 0 }):])
			if !ok {
				return
			}
			kind := Unreadable
			if s.means == gBadAgain {
				kind = Unread2
			}
			d := Damage{Kind: kind, Sectors: n}
			if s.means == gBadZero {
				d.Fill = FillZero
			}
			l.Damage = append(l.Damage, d)
			g.list = &l.Damage[len(l.Damage)-1]
		case gCopyBad:
			l.Copy.Same = No
		case gSourceBad:
			l.Again.Same = No
		}
		return
	}
}

// file reads a line of the list of the image's files: their MD5, or n/a.
func (g *guymager) file(line string) {
	hash, name, ok := strings.Cut(line, " ")
	if name = base(g.text.clean(name)); !ok || name == "" {
		return
	}
	if algorithm, hex, ok := hexHash(hash); ok {
		g.log.addHash(Hash{Algorithm: algorithm, Value: hex, Over: OverFile, File: name})
	} else if hash != "n/a" {
		return
	}
	g.log.addImage(name)
}

// guymagerSectors reads "17, 19-24, 3000" lines below the number of bad sectors.
func guymagerSectors(d *Damage, line string) bool {
	if strings.Trim(line, "0123456789-, ") != "" {
		return false
	}
	for _, part := range strings.Split(line, ",") {
		from, to, ranged := strings.Cut(strings.TrimSpace(part), "-")
		first, ok := digits(from)
		last := first
		if ok && ranged {
			last, ok = digits(to)
		}
		if ok && last >= first {
			d.add(first, last)
		}
	}
	return true
}
