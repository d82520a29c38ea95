package acquisition

import "strings"

// FTK Imager writes IMAGE.EXT.txt beside the image: by AccessData to 4.7, by
// Exterro since. Sections are titled in [brackets] or end in a colon; labels have
// been the same since version 2.5, but for their case. The names of makers carry
// a ® in whatever encoding the system has.

func isFTK(t *text) bool {
	marks := 0
	for line := range t.head(40) {
		low := strings.ToLower(line)
		switch {
		case strings.HasPrefix(low, "created by") && strings.Contains(low, "imager"):
			return true
		case strings.HasPrefix(low, "case information:"),
			strings.HasPrefix(low, "acquired using: adi"), strings.HasPrefix(low, "acquired using: ftk"),
			strings.HasPrefix(low, "[computed hashes]"):
			marks++
		}
	}
	return marks >= 2
}

func readFTK(t *text, _ string) *Log {
	l := &Log{Tool: ToolFTKImager}
	section, bad := "", (*Damage)(nil)
	for line := range t.lines() {
		trimmed := strings.TrimSpace(line)
		if trimmed == "" {
			if section == "segment list" || section == "attention" {
				section = ""
			}
			continue
		}
		low := strings.ToLower(trimmed)
		switch {
		case l.Version == "" && strings.HasPrefix(low, "created by"):
			words := strings.Fields(t.clean(trimmed))
			if v := words[len(words)-1]; strings.Trim(v, "0123456789.v") == "" {
				l.Version = strings.TrimPrefix(v, "v")
			}
		case strings.HasPrefix(low, "[") && strings.HasSuffix(low, "]"):
			section = strings.Trim(low, "[]")
		case low == "case information:", low == "image information:", low == "image verification results:", low == "segment list:":
			section = strings.TrimSuffix(low, ":")
			if section == "image verification results" {
				l.Copy.Done, l.State = Yes, CutShort
			}
		case strings.HasPrefix(low, "attention:"):
			section = "attention"
		case section == "attention":
			bad = ftkDamage(l, bad, low)
		case section == "segment list" && !strings.HasPrefix(low, "computed hash"):
			l.addImage(t.clean(trimmed))
		default:
			ftkField(t, l, section, line)
		}
	}
	if l.State == "" && !l.Ended.IsZero() || l.State == CutShort && !l.VerifyEnded.IsZero() {
		l.State = Finished
	} else {
		l.State = CutShort
	}
	for i := range l.Images {
		if ext := strings.ToLower(l.Images[i]); l.Format == "" && strings.HasSuffix(ext, ".ad1") {
			l.Format = "AD1 (logical)"
		}
	}
	return l
}

// ftkDamage reads the list of sectors that could not be read: "491584 through
// 491591", or single numbers; and the sentence that says what replaced them.
func ftkDamage(l *Log, bad *Damage, low string) *Damage {
	if bad == nil {
		l.Damage = append(l.Damage, Damage{Kind: Unreadable})
		bad = &l.Damage[len(l.Damage)-1]
	}
	if strings.Contains(low, "replaced with zero") {
		bad.Fill = FillZero
		return bad
	}
	from, to, ranged := strings.Cut(low, " through ")
	first, ok := digits(from)
	last := first
	if ok && ranged {
		last, ok = digits(to)
	}
	if ok && last >= first && bad.Sectors+(last-first) < 1<<62 {
		bad.Sectors += last - first + 1
		bad.add(first, last)
	}
	return bad
}

func ftkField(t *text, l *Log, section, line string) {
	name, value, ok := t.label(line)
	if !ok || value == "" {
		return
	}
	switch name {
	case "case number":
		keep(&l.Case, value)
	case "evidence number":
		keep(&l.Evidence, value)
	case "unique description":
		keep(&l.Description, value)
	case "examiner":
		keep(&l.Examiner, value)
	case "notes":
		keep(&l.Notes, value)
	case "acquired using":
		if v, adi := strings.CutPrefix(value, "ADI"); adi && l.Version == "" {
			l.Version = v
		}
	case "drive model":
		keep(&l.Source.Model, value)
	case "drive serial number":
		keep(&l.Source.Serial, value)
	case "drive interface type":
		keep(&l.Source.Interface, value)
	case "source type":
		keep(&l.Source.Device, value)
	case "image type":
		keep(&l.Format, value)
	case "bytes per sector":
		l.number(&l.Source.SectorSize, "bytes per sector", value)
	case "sector count":
		l.number(&l.Source.Sectors, "sectors", value)
	case "acquisition started":
		l.Started = t.when(value)
	case "acquisition finished":
		l.Ended = t.when(value)
	case "verification started":
		l.VerifyStarted = t.when(value)
	case "verification finished":
		l.VerifyEnded = t.when(value)
	case "md5 checksum", "sha1 checksum", "sha256 checksum", "sha512 checksum", "md5", "sha1":
		hash, verdict, _ := strings.Cut(value, ":")
		algorithm, hex, ok := hexHash(hash)
		if !ok {
			return
		}
		over := OverMedia
		if section == "image verification results" {
			over = OverCopy
			if verdict = strings.ToLower(strings.TrimSpace(verdict)); verdict != "verified" && verdict != "" {
				l.Copy.Same = No
			}
		}
		l.addHash(Hash{Algorithm: algorithm, Value: hex, Over: over})
	}
}

// keep takes the first of several.
func keep(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

// number keeps a number that the log states, and says where it states two.
func (l *Log) number(field *uint64, what, value string) {
	n, ok := digits(value)
	switch {
	case !ok:
		return
	case *field != 0 && *field != n:
		l.odd("the log states two numbers of %s: %d and %d", what, *field, n)
		return
	}
	*field = n
}
