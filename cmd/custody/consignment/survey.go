package consignment

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/acquisition"
)

// MaxEntries is the most files and folders of one consignment: it bounds memory,
// and a list that nobody could read. More are refused before anything is sent.
const MaxEntries = 100_000

// ErrTooMany reports a consignment of more than MaxEntries.
var ErrTooMany = fmt.Errorf("more than %d files and folders: deposit them in several parts", MaxEntries)

// What becomes of an entry.
const (
	Artifact = "artifact" // a deposit of its own
	Log      = "log"      // a deposit attached to the image it is about
	Segment  = "segment"  // deposited with the first segment of its image
	LeftOut  = "left out" // not deposited; Why says why
)

// Entry is one thing found.
type Entry struct {
	Path string // as it can be opened
	Rel  string // below the argument that led to it, as it can be shown
	Name string // to be recorded
	Size int64  // bytes
	Time time.Time
	What string
	Why  string           // of LeftOut
	Note string           // what is worth saying of it
	Of   int              // of a Log or Segment: the image's place among the entries
	Set  []int            // of a segmented image: its files' places, its own first
	Logs []desk.ImagerLog // of an image
}

// Survey lists what lies at the paths, folders with all that is in them, in the
// order given and then by name; the segments of an image are one, unless alone.
// Symbolic links are not followed. It reads no file but those that may be
// acquisition logs.
func Survey(paths []string, alone bool) ([]Entry, error) {
	s := survey{seen: map[string]bool{}}
	for _, path := range paths {
		add := func() error { return s.at(path, filepath.Base(filepath.Clean(path))) }
		if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() && !alone {
			add = func() error { return s.named(path) }
		}
		if err := add(); err != nil {
			return nil, err
		}
	}
	if !alone {
		s.join()
	}
	s.attach()
	return s.entries, nil
}

type survey struct {
	entries []Entry
	seen    map[string]bool // absolute paths
}

func (s *survey) add(e Entry) error {
	if len(s.entries) >= MaxEntries {
		return ErrTooMany
	}
	e.Rel = shown(e.Rel)
	s.entries = append(s.entries, e)
	return nil
}

func (s *survey) leave(path, rel, why string) error {
	return s.add(Entry{Path: path, Rel: rel, What: LeftOut, Why: why})
}

func (s *survey) at(path, rel string) error {
	if abs, err := filepath.Abs(path); err == nil {
		if s.seen[abs] {
			return s.leave(path, rel, "named twice")
		}
		s.seen[abs] = true
	}
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return s.leave(path, rel, "can't be read: "+reason(err))
	case info.Mode()&fs.ModeSymlink != 0:
		to, err := os.Readlink(path)
		if err != nil {
			to = "?"
		}
		return s.leave(path, rel, "symbolic link to "+shown(to)+", not followed")
	case info.IsDir():
		return s.folder(path, rel)
	case !info.Mode().IsRegular():
		return s.leave(path, rel, "not a regular file")
	case info.Size() == 0:
		return s.leave(path, rel, "empty (rule artifact.empty)")
	}
	return s.file(path, rel, info)
}

// folder goes through a folder by name. It is read piece by piece, so that one
// with millions of files is refused before they are all in memory.
func (s *survey) folder(path, rel string) error {
	dir, err := os.Open(path)
	if err != nil {
		return s.leave(path, rel, "can't be read: "+reason(err))
	}
	var names []string
	for {
		some, err := dir.Readdirnames(1024)
		names = append(names, some...)
		if len(s.entries)+len(names) > MaxEntries {
			return errors.Join(ErrTooMany, dir.Close())
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			if err := s.leave(path, rel, "can't be read to its end: "+reason(err)); err != nil {
				return errors.Join(err, dir.Close())
			}
			break
		}
	}
	if err := dir.Close(); err != nil {
		return fmt.Errorf("couldn't close %s: %w", path, err)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := s.at(filepath.Join(path, name), filepath.Join(rel, name)); err != nil {
			return err
		}
	}
	return nil
}

func (s *survey) file(path, rel string, info fs.FileInfo) error {
	f, err := os.Open(path)
	if err != nil {
		return s.leave(path, rel, "can't be read: "+reason(err))
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("couldn't close %s: %w", path, err)
	}
	e := Entry{Path: path, Rel: rel, Name: recorded(info.Name()), Size: info.Size(), Time: info.ModTime(), What: Artifact}
	if evidence.CheckFileName(e.Name) != nil {
		return s.leave(path, rel, "its name can't be recorded (too long); rename a copy")
	}
	if e.Name != evidence.NormalizeFileName(info.Name()) {
		e.Note = "name recorded as " + e.Name
	}
	return s.add(e)
}

// attach finds the acquisition logs, and to which image in the same folder each
// belongs: the one after whose name it is named, else the only one that it names.
func (s *survey) attach() {
	type key struct{ dir, name string }
	images := map[key]int{}
	for i, e := range s.entries {
		if e.What == Artifact {
			images[key{filepath.Dir(e.Path), e.Name}] = i
		}
	}
	for i := range s.entries {
		e := &s.entries[i]
		if e.What != Artifact || e.Size > acquisition.MaxSize || !desk.NamedLikeALog(e.Name) {
			continue
		}
		l, err := desk.ReadImagerLog(e.Path)
		if err != nil {
			continue
		}
		of := -1
		for _, name := range desk.ImagesOf(e.Name) {
			if at, ok := images[key{filepath.Dir(e.Path), name}]; ok && at != i {
				of = at
				break
			}
		}
		if of < 0 && len(l.Said.Images) > 0 {
			if at, ok := images[key{filepath.Dir(e.Path), l.Said.Images[0]}]; ok && at != i {
				of = at
			}
		}
		if of < 0 {
			of = s.stem(i, e)
		}
		if of < 0 {
			e.Note = "acquisition log (" + string(l.Said.Tool) + ") of no image here"
			continue
		}
		e.What, e.Of = Log, of
		s.entries[of].Logs = append(s.entries[of].Logs, l)
	}
	// A log attached to what is itself a log is a file of its own.
	for i := range s.entries {
		if e := &s.entries[i]; e.What == Log && s.entries[e.Of].What != Artifact {
			e.What = Artifact
		}
	}
}

// stem finds the image of which a log has the name but for the ending
// (image.info beside image.E01), if there is just one.
func (s *survey) stem(log int, e *Entry) int {
	of := -1
	stem := strings.TrimSuffix(e.Name, filepath.Ext(e.Name))
	for i, other := range s.entries {
		if i == log || other.What != Artifact || filepath.Dir(other.Path) != filepath.Dir(e.Path) || desk.NamedLikeALog(other.Name) ||
			strings.TrimSuffix(other.Name, filepath.Ext(other.Name)) != stem {
			continue
		}
		if of >= 0 {
			return -1
		}
		of = i
	}
	return of
}

// recorded makes a name that a record may have: NFC, and what is no UTF-8, or
// could mislead a reader, as %XX of its bytes.
func recorded(name string) string {
	return evidence.NormalizeFileName(escaped(name, true))
}

// shown is a path that can be shown and recorded.
func shown(path string) string {
	return evidence.NormalizeFileName(escaped(filepath.ToSlash(path), false))
}

func escaped(s string, backslash bool) string {
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		c := s[:n]
		s = s[n:]
		bad := r == utf8.RuneError && n == 1 || r == '\\' && backslash ||
			c != "/" && c != "." && c != `\` && evidence.CheckFileName(c) != nil
		if !bad {
			b.WriteString(c)
			continue
		}
		for _, x := range []byte(c) {
			fmt.Fprintf(&b, "%%%02X", x)
		}
	}
	return b.String()
}

// reason is an error of the file system without the path, which is said already.
func reason(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

// Bytes adds up what is to be sent.
func Bytes(entries []Entry) (files int, bytes int64) {
	for _, e := range entries {
		if e.What != LeftOut {
			files, bytes = files+1, bytes+e.Size
		}
	}
	return files, bytes
}

// byImage orders entries so that each image's segments and logs follow it.
func byImage(entries []Entry) []int {
	order := make([]int, len(entries))
	for i := range order {
		order[i] = i
	}
	place := func(i int) int {
		if entries[i].What == Log || entries[i].What == Segment {
			return entries[i].Of
		}
		return i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(boolInt(entries[a].What == Log), boolInt(entries[b].What == Log)), cmp.Compare(a, b))
	})
	return order
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
