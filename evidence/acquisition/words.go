package acquisition

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Everything that is ever said of a log beside what was received stands in this
// file, so that it can be read in one piece: it may claim less, never more.

// Why a hash was not compared.
const (
	notComputed      = "it was not computed over what was received"
	notComputedMedia = "it was not computed over the data decoded from the image"
	notDecoded       = "it is over media data, and the image's data was not decoded"
	notMedia         = "it is over media data, and the file received holds that in another form or not at all"
)

const (
	noHash       = "the log has no hash"
	noHashOf     = "the log has no hash of what was received"
	piecesOnly   = "the log's hashes are over pieces and were not compared"
	saysNoErrors = "the log says that nothing was unreadable"
)

// say puts what the bench found: differences first.
func (b *bench) say(c *Comparison) {
	for _, d := range b.differs {
		c.say(Mismatch, d.words())
	}
	var media []Algorithm
	for _, over := range []Over{OverMedia, OverCopy, OverSourceAgain, OverStored} {
		for _, a := range b.matched[over] {
			if !slices.ContainsFunc(b.differs, func(d difference) bool { return d.Over != OverFile && d.Algorithm == a }) {
				media = once(media, a)
			}
		}
	}
	if len(media) > 0 {
		what := "hash"
		if len(media) > 1 {
			what = "hashes"
		}
		of := ""
		if b.received.Container != Raw {
			of = " of the data decoded from the image"
		}
		c.say(Match, plural(what+of)+" ("+list(media)+")")
	}
	if files := b.matched[OverFile]; len(files) > 0 {
		if n := len(b.received.Segments); n > 0 {
			c.say(Match, fmt.Sprintf("hashes of %d of %d segments match (%s)", b.files/len(files), n, list(files)))
		} else {
			c.say(Match, plural("hash of the file")+" ("+list(files)+")")
		}
	}
	for _, reason := range []string{notComputed, notComputedMedia, notDecoded, notMedia} {
		if left := b.withheld[reason]; len(left) > 0 {
			c.say(NotCompared, list(left)+" not compared: "+reason)
		}
	}
	switch {
	case len(b.log.Hashes) == 0 && b.log.Pieces > 0:
		c.say(NotCompared, piecesOnly)
	case len(b.log.Hashes) == 0:
		c.say(NotCompared, noHash)
	case b.others > 0 && b.others == len(b.log.Hashes):
		c.say(NotCompared, noHashOf)
	}
}

// plural gives "hash … matches" and "hashes … match".
func plural(what string) string {
	if strings.HasPrefix(what, "hashes") {
		return what + " match"
	}
	return what + " matches"
}

func (d difference) words() string {
	over := string(d.Over)
	if d.Over == OverFile {
		over += ", " + d.File
	}
	return fmt.Sprintf("%s differs: %s in the log (over %s), %s received", d.Algorithm, d.Value, over, d.ours)
}

func sizeDiffers(logged, have uint64, decoded bool) string {
	what := "received"
	if decoded {
		what = "decoded from the image"
	}
	return fmt.Sprintf("sizes differ: %s bytes in the log, %s %s", count(logged), count(have), what)
}

func namesOther(l *Log) string {
	name := l.Images[0]
	if n := len(l.Images) + l.ImagesOmitted; n > 1 {
		name = fmt.Sprintf("%s and %s more", name, count(uint64(n-1)))
	}
	return "the log names the image " + name
}

// words say what was damaged, and what stands there instead if the log says so.
func (d Damage) words() string {
	var n string
	switch {
	case d.Sectors == 1:
		n = "1 sector"
	case d.Sectors > 0:
		n = count(d.Sectors) + " sectors"
	case d.Bytes == 1:
		n = "1 byte"
	case d.Bytes > 0:
		n = count(d.Bytes) + " bytes"
	default:
		n = "an unstated number of sectors"
	}
	switch {
	case d.Fill == FillZero:
		return n + " zero-filled"
	case d.Kind == Unreadable:
		return n + " unreadable, and the log does not say what the image holds there"
	case d.Kind == Untried:
		return n + " never tried, and the log does not say what the image holds there"
	case d.Kind == Untrimmed:
		return n + " failed and not tried to the end, and the log does not say what the image holds there"
	case d.Kind == Unread2:
		return n + " unreadable when the source was read again"
	}
	return n + " damaged in the image when it was read back"
}

// readings say what was read again. That a copy was read back says nothing of the
// source, which is why both are always named.
func readings(l *Log) string {
	c, s := l.Copy, l.Again
	switch {
	case l.Tool == ToolEWFVerify && c.Same == No:
		return "the image was read and disagreed with the hashes stored in it; the source was not read"
	case c.Same == No && s.Same == No:
		return "the copy, read back, differed; the source, read again, gave different data"
	case c.Same == No:
		return "the copy, read back, differed from what was read from the source"
	case s.Same == No && c.Done == Yes:
		return "the copy was read back; the source, read again, gave different data"
	case s.Same == No:
		return "the source, read again, gave different data"
	case l.Tool == ToolEWFVerify && c.Same == Yes:
		return "the image was read and agreed with the hashes stored in it; the source was not read"
	case l.Tool == ToolEWFVerify:
		return "the image was read, and the log shows no stored hash to hold it against; the source was not read"
	case c.Done == Yes && s.Done == Yes && c.Same == Yes && s.Same == Yes:
		return "the copy was read back, and the source was read twice, with the same result"
	case s.Done == Yes && s.Same == Yes:
		return "the source was read twice, with the same result; the copy was not read back"
	case c.Done == Yes && c.Same == Yes:
		return "the copy was read back; the source was not"
	case c.Done == Yes && s.Done == Yes:
		return "the copy and the source were read again, and the log does not say with what result"
	case c.Done == Yes:
		return "the copy was read back, and the log does not say with what result; the source was not"
	case c.Done == No && s.Done == No:
		return "neither the copy nor the source was read again"
	case l.Tool == ToolSums || l.Tool == ToolHashdeep:
		return ""
	}
	return "the log does not say that the copy or the source was read again"
}

func (l *Log) stateWords() string {
	switch l.State {
	case Aborted:
		if l.Said != "" {
			return "by its log, the program did not succeed: " + l.Said
		}
		return "by its log, the program did not succeed"
	case CutShort:
		return "the log has no end"
	}
	return ""
}

// Row is a fact of a log for people: what it is and what the log says.
type Row struct{ Label, Value string }

// Rows are the log's facts, in the order of a custody record.
func (l *Log) Rows() []Row {
	var rows []Row
	row := func(label, value string) {
		if value != "" && value != "0" {
			rows = append(rows, Row{label, value})
		}
	}
	tool := string(l.Tool)
	if l.Version != "" {
		tool += " " + l.Version
	}
	row("written by", tool)
	row("case", l.Case)
	row("evidence number", l.Evidence)
	row("examiner", l.Examiner)
	row("description", l.Description)
	row("notes", l.Notes)
	row("source", l.Source.Device)
	row("model", l.Source.Model)
	row("serial number", l.Source.Serial)
	row("interface", l.Source.Interface)
	if n := l.Source.SectorSize; n > 0 {
		s := count(n) + " bytes"
		if l.Source.Assumed {
			s += " (assumed by the program)"
		}
		row("sector size", s)
	}
	row("sectors", count(l.Source.Sectors))
	row("bytes", count(l.Source.Bytes))
	row("format", l.Format)
	if len(l.Images) > 0 {
		name := l.Images[0]
		if n := len(l.Images) + l.ImagesOmitted; n > 1 {
			name += " … " + l.Images[len(l.Images)-1] + " (" + count(uint64(n)) + " files)"
		}
		row("image", name)
	}
	row("started", l.Started.String())
	row("ended", l.Ended.String())
	row("verification started", l.VerifyStarted.String())
	row("verification ended", l.VerifyEnded.String())
	for i, h := range l.Hashes {
		if i == 12 {
			row("hashes", count(uint64(len(l.Hashes)-i+l.HashesOmitted))+" more")
			break
		}
		over := string(h.Over)
		if h.File != "" {
			over += ", " + h.File
		}
		row(string(h.Algorithm), h.Value+" (over "+over+")")
	}
	if l.Pieces > 0 {
		row("hashes over pieces", count(uint64(l.Pieces)))
	}
	for _, d := range l.Damage {
		row("damage", d.words())
	}
	row("read again", readings(l))
	row("state", l.stateWords())
	for _, odd := range l.Odd {
		row("at odds", odd)
	}
	if n := len(l.Earlier) + l.EarlierOmitted; n > 0 {
		row("runs", count(uint64(n+1))+" in this log; this is about the newest of the image's")
	}
	if l.Unsafe {
		row("characters", "some that could mislead a reader were replaced")
	}
	return rows
}

// list writes algorithms in their fixed order.
func list(all []Algorithm) string {
	order := []Algorithm{MD5, SHA1, SHA256, SHA384, SHA512}
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b Algorithm) int { return slices.Index(order, a) - slices.Index(order, b) })
	var s []string
	for _, a := range all {
		s = append(s, string(a))
	}
	return strings.Join(s, ", ")
}

// count writes a number with thousands separated.
func count(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
