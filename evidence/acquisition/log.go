package acquisition

import (
	"errors"
	"fmt"
	"time"
)

// Limits. A log is read whole into memory; a list is cut at its limit and says
// how much was left out.
const (
	MaxSize   = 16 << 20 // bytes of one log
	maxLine   = 16 << 10 // bytes of one line that are looked at
	maxText   = 1000     // characters of one field
	maxHashes = 10000    // of one run
	maxImages = 10000    // file names of one run
	maxRanges = 1000     // of one kind of damage
	maxRuns   = 64       // runs in one log
)

// ErrUnknown reports a file that is no log of a program known here.
var ErrUnknown = errors.New("not a known acquisition log")

// ErrTooLarge reports a file of more than MaxSize bytes.
var ErrTooLarge = fmt.Errorf("an acquisition log has at most %d MiB", MaxSize>>20)

// Tool is a program that writes logs.
type Tool string

// The programs whose logs are read.
const (
	ToolFTKImager  Tool = "FTK Imager"
	ToolGuymager   Tool = "Guymager"
	ToolEWFAcquire Tool = "ewfacquire"
	ToolEWFVerify  Tool = "ewfverify"
	ToolDC3DD      Tool = "dc3dd"
	ToolDDRescue   Tool = "ddrescue"
	ToolDCFLDD     Tool = "dcfldd"
	ToolHashdeep   Tool = "hashdeep"
	ToolSums       Tool = "list of hashes" // sha256sum, md5sum, shasum …
)

// Log is what a program wrote about one run. Text is as the program wrote it, but
// for characters that could mislead a reader, which are U+FFFD here.
type Log struct {
	Tool     Tool   `json:"tool"`
	Version  string `json:"version,omitempty"`
	Encoding string `json:"encoding"` // utf-8, utf-16le, utf-16be, windows-1252

	Case        string `json:"case,omitempty"`
	Evidence    string `json:"evidenceNumber,omitempty"`
	Examiner    string `json:"examiner,omitempty"`
	Description string `json:"description,omitempty"`
	Notes       string `json:"notes,omitempty"`
	Command     string `json:"command,omitempty"`

	Source Source `json:"source"`
	Format string `json:"format,omitempty"` // of the image
	// Images are the image's files, without their folders; ImagesOmitted more
	// were named.
	Images        []string `json:"images,omitempty"`
	ImagesOmitted int      `json:"imagesOmitted,omitempty"`

	Started       Time `json:"started,omitzero"`
	Ended         Time `json:"ended,omitzero"`
	VerifyStarted Time `json:"verifyStarted,omitzero"`
	VerifyEnded   Time `json:"verifyEnded,omitzero"`

	Hashes        []Hash   `json:"hashes,omitempty"`
	HashesOmitted int      `json:"hashesOmitted,omitempty"`
	Pieces        int      `json:"pieces,omitempty"` // hashes over pieces, which are not kept
	Damage        []Damage `json:"damage,omitempty"`
	// NoErrors: the log says in words that nothing was unreadable.
	NoErrors bool `json:"noErrors,omitempty"`

	Copy   Reading  `json:"copy"`        // was the image read back after it was written?
	Again  Reading  `json:"sourceAgain"` // was the source read a second time?
	State  State    `json:"state,omitempty"`
	Said   string   `json:"said,omitempty"`   // the log's own words for State
	Odd    []string `json:"odd,omitempty"`    // what in the log is at odds with itself, in plain words
	Unsafe bool     `json:"unsafe,omitempty"` // characters that could mislead were replaced

	// Earlier are the runs that stand before this one in the same file, oldest
	// first; EarlierOmitted more are not kept.
	Earlier        []*Log `json:"earlier,omitempty"`
	EarlierOmitted int    `json:"earlierOmitted,omitempty"`
}

// Source is what was copied. A number that the log does not state is 0.
type Source struct {
	Device     string `json:"device,omitempty"`
	Model      string `json:"model,omitempty"`
	Serial     string `json:"serial,omitempty"`
	Interface  string `json:"interface,omitempty"`
	SectorSize uint64 `json:"sectorSize,omitempty"` // bytes
	Assumed    bool   `json:"assumed,omitempty"`    // SectorSize was assumed by the program
	Sectors    uint64 `json:"sectors,omitempty"`
	Bytes      uint64 `json:"bytes,omitempty"`
}

// Time is a time as a log has it. Text is its words; Value is the same in the
// form of RFC 3339, without an offset where the log states no zone: it is then
// not known which instant is meant, and nothing here guesses.
type Time struct {
	Text  string `json:"text"`
	Value string `json:"value,omitempty"`
	Zone  bool   `json:"zone"`
}

// IsZero: the log does not say.
func (t Time) IsZero() bool { return t.Text == "" }

// Instant returns the instant meant; false where the log states no zone.
func (t Time) Instant() (time.Time, bool) {
	if !t.Zone {
		return time.Time{}, false
	}
	at, err := time.Parse(time.RFC3339, t.Value)
	return at, err == nil
}

// String says the time as written, and that no zone was, where none was.
func (t Time) String() string {
	switch {
	case t.IsZero():
		return ""
	case t.Zone:
		return t.Value
	}
	return t.Text + " (no time zone stated)"
}

// Algorithm of a hash.
type Algorithm string

// Algorithms.
const (
	MD5    Algorithm = "MD5"
	SHA1   Algorithm = "SHA-1"
	SHA256 Algorithm = "SHA-256"
	SHA384 Algorithm = "SHA-384"
	SHA512 Algorithm = "SHA-512"
)

// Over says what a hash was computed over. A hash over media data and one over
// the file that holds them encoded (E01) are different things.
type Over string

// What hashes are over.
const (
	OverMedia       Over = "media data as read from the source"
	OverCopy        Over = "media data as read back from the image"
	OverSourceAgain Over = "media data as read from the source a second time"
	OverStored      Over = "media data, as the image's own record states it"
	OverFile        Over = "the bytes of a file"
)

// Hash is one hash of a log.
type Hash struct {
	Algorithm Algorithm `json:"algorithm"`
	Value     string    `json:"value"` // lower-case hex
	Over      Over      `json:"over"`
	File      string    `json:"file,omitempty"` // whose bytes: without folders; OverFile alone
}

// Damage is one kind of places in which the image is not what the source holds,
// or is not known to be.
type Damage struct {
	Kind    DamageKind `json:"kind"`
	Fill    Fill       `json:"fill,omitempty"`
	Sectors uint64     `json:"sectors,omitempty"` // counted so, or
	Bytes   uint64     `json:"bytes,omitempty"`   // so: the other is then 0
	// Ranges are first and last, in the same unit; Omitted more are not kept.
	Ranges  []Range `json:"ranges,omitempty"`
	Omitted int     `json:"omitted,omitempty"`
}

// Range is from First to Last, both included.
type Range struct{ First, Last uint64 }

// DamageKind says what happened there.
type DamageKind string

// Kinds of damage.
const (
	Unreadable DamageKind = "unreadable"                 // the source could not be read
	Unread2    DamageKind = "unreadable when read again" // by the second reading of the source alone
	Untried    DamageKind = "not tried"                  // ddrescue '?'
	Untrimmed  DamageKind = "failed, not tried in part"  // ddrescue '*' and '/'
	Invalid    DamageKind = "damaged in the image"       // a chunk fails its checksum
)

// Fill says what the image holds in those places.
type Fill string

// FillZero: the log says zeros. The empty Fill: it does not say.
const FillZero Fill = "zero"

// Reading says whether something was read again, and what came of it.
type Reading struct {
	Done Said `json:"done,omitempty"`
	Same Said `json:"same,omitempty"` // the same data; by the hashes, else by the program's word
}

// Said is yes, no, or (empty) not said.
type Said string

// Words of Said.
const (
	NotSaid Said = ""
	Yes     Said = "yes"
	No      Said = "no"
)

// State of a run, as the log has it.
type State string

// States.
const (
	Finished State = "finished"
	Aborted  State = "aborted" // or failed
	CutShort State = "cut"     // the log's own end is missing
)

// For returns the run of this log that is about the image's files: the newest of
// those that name one of them, else the newest of all.
func (l *Log) For(names ...string) *Log {
	runs := append(append([]*Log{}, l.Earlier...), l)
	for i := len(runs) - 1; i >= 0; i-- {
		for _, name := range names {
			if runs[i].names(name) {
				return runs[i]
			}
		}
	}
	return l
}

// names reports whether the run gives a file of the image this name.
func (l *Log) names(name string) bool {
	for _, image := range l.Images {
		if sameName(image, name) {
			return true
		}
	}
	for _, h := range l.Hashes {
		if h.File != "" && sameName(h.File, name) {
			return true
		}
	}
	return false
}

// addHash keeps a hash once.
func (l *Log) addHash(h Hash) {
	for i := range l.Hashes {
		if l.Hashes[i] == h {
			return
		}
		if i > 64 { // long lists have no doubles worth the search
			break
		}
	}
	if len(l.Hashes) >= maxHashes {
		l.HashesOmitted++
		return
	}
	l.Hashes = append(l.Hashes, h)
}

func (l *Log) addImage(path string) {
	name := base(path)
	if name == "" || len(l.Images) > 0 && l.Images[len(l.Images)-1] == name {
		return
	}
	if len(l.Images) >= maxImages {
		l.ImagesOmitted++
		return
	}
	l.Images = append(l.Images, name)
}

// add counts one range more: first to last, both included.
func (d *Damage) add(first, last uint64) {
	if len(d.Ranges) >= maxRanges {
		d.Omitted++
		return
	}
	d.Ranges = append(d.Ranges, Range{first, last})
}

func (l *Log) odd(format string, args ...any) {
	if len(l.Odd) < 20 {
		l.Odd = append(l.Odd, fmt.Sprintf(format, args...))
	}
}
