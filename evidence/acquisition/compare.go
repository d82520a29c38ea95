package acquisition

import (
	"path"
	"strings"
)

// Container says how a file holds media data.
type Container string

// Containers.
const (
	Raw   Container = "raw"   // the file's bytes are the media data
	EWF   Container = "ewf"   // encoded: the file's bytes are not the media data
	Other Container = "other" // encoded otherwise, or not an image of a medium
)

// GuessContainer judges a file by its first bytes (16 are enough) and its name.
// What carries no mark of another container counts as raw.
func GuessContainer(name string, head []byte) Container {
	mark := string(head[:min(len(head), 16)])
	for _, m := range []struct {
		mark string
		is   Container
	}{
		{"EVF\x09\x0d\x0a\xff\x00", EWF}, {"LVF\x09\x0d\x0a\xff\x00", Other}, {"EVF2\x0d\x0a\x81", Other}, {"LEF2\x0d\x0a\x81", Other},
		{"ADSEGMENTEDFILE", Other}, {"AFF10\r\n", Other}, {"PK\x03\x04", Other}, {"QFI\xfb", Other},
		{"conectix", Other}, {"vhdxfile", Other}, {"KDMV", Other}, {"# Disk Descriptor", Other}, {"7z\xbc\xaf\x27\x1c", Other}, {"\x1f\x8b", Other},
	} {
		if strings.HasPrefix(mark, m.mark) {
			return m.is
		}
	}
	switch strings.ToLower(path.Ext(name)) {
	case ".ad1", ".aff", ".aff4", ".afd", ".l01", ".lx01", ".ex01", ".vmdk", ".vhd", ".vhdx", ".qcow2", ".dmg", ".zip", ".ufd", ".ufdr":
		return Other
	}
	return Raw
}

// Received is what the service, or whoever compares, knows of an image.
type Received struct {
	Name      string // file name on record; empty where withheld
	Size      uint64 // bytes
	Container Container
	// Digests are over all bytes (of a segmented image: over its segments one
	// after another), as far as they were computed.
	Digests map[Algorithm]string
	// Segments of a segmented image, in order, each with what is known of it.
	Segments []Segment
	// Media is what decoding the container gave; nil where nobody decoded it.
	Media *Media
}

// Segment is one file of a segmented image.
type Segment struct {
	Name    string
	Size    uint64
	Digests map[Algorithm]string
}

// Media is the data that a container holds, as somebody decoded it.
type Media struct {
	Size    uint64
	Digests map[Algorithm]string
}

// Kind says of what kind a statement is.
type Kind string

// Kinds of statements.
const (
	Match       Kind = "match"
	Mismatch    Kind = "mismatch"
	NotCompared Kind = "not compared"
	Damaged     Kind = "damage"
	ReadAgain   Kind = "read again"
	Remark      Kind = "remark"
)

// Statement is one thing that may be said, in plain words.
type Statement struct {
	Kind Kind   `json:"kind"`
	Text string `json:"text"`
}

// Comparison is all that may be said of a log beside what was received, the
// weightiest first within each kind: hashes and sizes, damage, what was read again.
type Comparison struct {
	Statements []Statement `json:"statements"`
}

// Mismatch reports whether a hash or size of the log is not that received.
func (c Comparison) Mismatch() bool {
	for _, s := range c.Statements {
		if s.Kind == Mismatch {
			return true
		}
	}
	return false
}

// Summary joins the statements into one line.
func (c Comparison) Summary() string {
	var all []string
	for _, s := range c.Statements {
		all = append(all, s.Text)
	}
	return strings.Join(all, "; ")
}

func (c *Comparison) say(kind Kind, text string) {
	if text != "" {
		c.Statements = append(c.Statements, Statement{kind, text})
	}
}

// Compare holds one run of a log (see Log.For) against what was received. A hash
// is compared only with one over the same thing: over media data with the file's
// where the file is raw, else with what decoding gave; over a file with that of
// the file of the same name. Every other is "not compared", and why.
func Compare(l *Log, r Received) Comparison {
	var c Comparison
	b := bench{log: l, received: r, matched: map[Over][]Algorithm{}, withheld: map[string][]Algorithm{}}
	for _, h := range l.Hashes {
		b.hash(h)
	}
	b.say(&c)
	c.say(sizes(l, r))
	for _, d := range l.Damage {
		c.say(Damaged, d.words())
	}
	if l.NoErrors && len(l.Damage) == 0 && l.State == Finished {
		c.say(Remark, saysNoErrors)
	}
	c.say(ReadAgain, readings(l))
	c.say(Remark, l.stateWords())
	if r.Name != "" && len(l.Images) > 0 && !b.named() {
		c.say(Remark, namesOther(l))
	}
	return c
}

// bench is where one log's hashes are laid beside what was received.
type bench struct {
	log      *Log
	received Received
	matched  map[Over][]Algorithm
	differs  []difference
	withheld map[string][]Algorithm // not compared, by reason
	files    int                    // files of the received image whose hash matched
	others   int                    // hashes over files that were not received here
}

// difference is a hash of the log and the other that was received.
type difference struct {
	Hash
	ours string
}

func (b *bench) hash(h Hash) {
	if h.Over == OverFile {
		b.fileHash(h)
		return
	}
	ours, reason := b.media(h.Algorithm)
	switch {
	case reason != "":
		b.withhold(reason, h.Algorithm)
	case ours != h.Value:
		b.differ(h, ours)
	default:
		b.match(h.Over, h.Algorithm)
	}
}

// media returns the received hash over media data, or why there is none.
func (b *bench) media(a Algorithm) (string, string) {
	r := b.received
	switch {
	case r.Container == Raw:
		if ours := r.Digests[a]; ours != "" {
			return ours, ""
		}
		return "", notComputed
	case r.Media != nil:
		if ours := r.Media.Digests[a]; ours != "" {
			return ours, ""
		}
		return "", notComputedMedia
	case r.Container == EWF:
		return "", notDecoded
	}
	return "", notMedia
}

func (b *bench) fileHash(h Hash) {
	r := b.received
	if len(r.Segments) == 0 && (sameName(h.File, r.Name) || r.Name == "" && b.digestHeld(h)) {
		b.compareFile(h, r.Digests)
		return
	}
	for _, s := range r.Segments {
		if sameName(h.File, s.Name) {
			b.compareFile(h, s.Digests)
			return
		}
	}
	b.others++
}

// digestHeld: where the name is withheld, only an equal hash tells which file.
func (b *bench) digestHeld(h Hash) bool { return b.received.Digests[h.Algorithm] == h.Value }

func (b *bench) compareFile(h Hash, ours map[Algorithm]string) {
	switch have := ours[h.Algorithm]; {
	case have == "":
		b.withhold(notComputed, h.Algorithm)
	case have != h.Value:
		b.differ(h, have)
	default:
		b.files++
		b.match(OverFile, h.Algorithm)
	}
}

// differ keeps a difference once: the same hash may stand in a log for the reading
// and for the reading back.
func (b *bench) differ(h Hash, ours string) {
	for _, d := range b.differs {
		if d.Algorithm == h.Algorithm && d.Value == h.Value && d.File == h.File {
			return
		}
	}
	b.differs = append(b.differs, difference{h, ours})
}

func (b *bench) match(over Over, a Algorithm) {
	b.matched[over] = once(b.matched[over], a)
}

func (b *bench) withhold(reason string, a Algorithm) {
	b.withheld[reason] = once(b.withheld[reason], a)
}

func once(all []Algorithm, a Algorithm) []Algorithm {
	for _, have := range all {
		if have == a {
			return all
		}
	}
	return append(all, a)
}

func (b *bench) named() bool {
	if b.log.names(b.received.Name) {
		return true
	}
	for _, s := range b.received.Segments {
		if b.log.names(s.Name) {
			return true
		}
	}
	return false
}

// sizes compares how many bytes the log says were copied. Only of media data is
// it known how many there must be.
func sizes(l *Log, r Received) (Kind, string) {
	n := l.Source.Bytes
	have, decoded := r.Size, false
	if r.Container != Raw {
		if r.Media == nil {
			return Remark, ""
		}
		have, decoded = r.Media.Size, true
	}
	switch {
	case n == 0 || n == have:
		return Remark, ""
	case l.Tool == ToolDCFLDD: // counted in whole windows
		return Remark, ""
	case l.Source.Assumed && have < n && n-have < l.Source.SectorSize:
		return Remark, ""
	}
	kind := Mismatch
	if l.Tool == ToolDDRescue && have < n && len(l.Damage) > 0 {
		kind = Remark // its map goes to the end of the source, the image to what was read
	}
	return kind, sizeDiffers(n, have, decoded)
}
