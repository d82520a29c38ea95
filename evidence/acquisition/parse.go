package acquisition

import (
	"fmt"
)

// reader is one program's form.
type reader struct {
	is   func(t *text) bool              // judged by the first lines
	read func(t *text, name string) *Log // nil: not one after all
}

// readers in the order in which they are asked: those with a sure mark first.
var readers = []reader{
	{isGuymager, readGuymager},
	{isDDRescue, readDDRescue},
	{isDC3DD, readDC3DD},
	{isFTK, readFTK},
	{isEWF, readEWF},
	{isHashdeep, readHashdeep},
	{isDCFLDD, readDCFLDD},
	{isSums, readSums},
}

// Parse reads a log. Name is the log's own file name; a file that holds one hash
// and no name is about the file of which it has the name (image.dd.sha256). What
// is no log known here is ErrUnknown; a log that ends early is read as far as it
// goes and says CutShort where its form tells.
func Parse(name string, content []byte) (*Log, error) {
	if len(content) > MaxSize {
		return nil, fmt.Errorf("couldn't read a log of %d bytes: %w", len(content), ErrTooLarge)
	}
	t := decode(content).whole()
	for _, r := range readers {
		if !r.is(t) {
			continue
		}
		if l := r.read(t, base(name)); l != nil {
			l.Encoding = t.encoding
			l.finish()
			if t.cut {
				l.odd("the last line has no end and stops in a hash, which was not taken")
			}
			for _, e := range l.Earlier {
				e.Encoding = t.encoding
				e.finish()
			}
			l.Unsafe = t.unsafe
			return l, nil
		}
	}
	return nil, fmt.Errorf("couldn't read %.80q: %w", name, ErrUnknown)
}

// finish derives what follows from what was read.
func (l *Log) finish() {
	s := &l.Source
	if s.Bytes == 0 && s.Sectors > 0 && s.SectorSize > 0 && s.Sectors <= 1<<62/s.SectorSize {
		s.Bytes = s.Sectors * s.SectorSize
	}
	l.judge(&l.Copy, OverCopy, OverMedia, OverStored)
	l.judge(&l.Again, OverSourceAgain, OverMedia)
}

// judge lets the log's hashes decide whether a second reading gave the same,
// whatever the program says of it: Guymager calls one match of two a success.
func (l *Log) judge(r *Reading, again Over, first ...Over) {
	for _, h := range l.Hashes {
		if h.Over != again {
			continue
		}
		r.Done = Yes
		for _, f := range l.Hashes {
			if f.Algorithm != h.Algorithm || !contains(first, f.Over) {
				continue
			}
			if f.Value != h.Value {
				r.Same = No
				return
			}
			if r.Same == NotSaid {
				r.Same = Yes
			}
		}
	}
}

func contains(all []Over, one Over) bool {
	for _, o := range all {
		if o == one {
			return true
		}
	}
	return false
}
