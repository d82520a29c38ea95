package desk

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/ewf"
	"github.com/evidence-custody/custodyd/evidence/segments"
)

// source is what is deposited: one file, or the files of a segmented image read
// as one.
type source struct {
	names    []string // to record; the files' own
	files    []*os.File
	before   []os.FileInfo
	starts   []int64 // where each file begins
	size     int64
	ewf      bool // named as a set of E01 files are
	manifest evidence.Manifest
}

// openSource opens the file, with all that belong to its set unless alone.
func openSource(path string, alone bool) (*source, error) {
	s := &source{}
	dir, name := filepath.Split(path)
	set := []string{name}
	if !alone {
		var err error
		if set, s.ewf, err = findSet(dir, name); err != nil {
			return nil, err
		}
	}
	var sizes []int64
	for _, name := range set {
		if err := s.add(dir, name); err != nil {
			s.Close()
			return nil, err
		}
		sizes = append(sizes, s.before[len(s.before)-1].Size())
	}
	if s.segmented() && !s.ewf {
		if err := segments.CheckRaw(set, sizes); err != nil {
			s.Close()
			return nil, fmt.Errorf("%w; --alone deposits this one file", err)
		}
	}
	return s, nil
}

// findSet names the files in dir that are one image with this one, by their names.
func findSet(dir, name string) (set []string, ewf bool, err error) {
	entries, err := os.ReadDir(filepath.Clean(dir + "."))
	if err != nil {
		return nil, false, fmt.Errorf("couldn't look for the segments beside the file: %w", err)
	}
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	if set, ewf, err = segments.Find(names, name); err != nil {
		return nil, false, fmt.Errorf("%w; --alone deposits this one file", err)
	}
	return set, ewf, nil
}

// SetOf returns the paths of the files that are one image with the one at path,
// first to last; of a file that is no segment, its own. A set of which a segment is
// missing or doubled is a *segments.Error.
func SetOf(path string) ([]string, error) {
	dir, name := filepath.Split(path)
	set, _, err := findSet(dir, name)
	for i := range set {
		set[i] = dir + set[i]
	}
	return set, err
}

func (s *source) add(dir, name string) error {
	f, err := os.Open(dir + name)
	if err != nil {
		return fmt.Errorf("couldn't open the file: %w", err)
	}
	s.files = append(s.files, f)
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("couldn't look at the file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("couldn't deposit %s: not a regular file", dir+name)
	}
	if info.Size() == 0 {
		return errors.New("couldn't deposit an empty file (rule artifact.empty)")
	}
	s.names, s.before, s.starts = append(s.names, info.Name()), append(s.before, info), append(s.starts, s.size)
	s.size += info.Size()
	return nil
}

// Close implements io.Closer.
func (s *source) Close() error {
	var err error
	for _, f := range s.files {
		err = errors.Join(err, f.Close())
	}
	return err
}

func (s *source) segmented() bool { return len(s.files) > 1 }

// segments are the sizes of a segmented image's files; nil of one file.
func (s *source) segments() []uint64 {
	if !s.segmented() {
		return nil
	}
	var sizes []uint64
	for _, info := range s.before {
		sizes = append(sizes, uint64(info.Size()))
	}
	return sizes
}

// ReadAt reads the files as one.
func (s *source) ReadAt(p []byte, off int64) (int, error) {
	i := sort.Search(len(s.starts), func(i int) bool { return s.starts[i] > off }) - 1
	read := 0
	for ; i >= 0 && i < len(s.files) && read < len(p); i++ {
		some := p[read:min(int64(len(p)), int64(read)+s.starts[i]+s.before[i].Size()-off)]
		n, err := s.files[i].ReadAt(some, off-s.starts[i])
		read, off = read+n, off+int64(n)
		if n < len(some) {
			return read, err
		}
	}
	if read < len(p) {
		return read, io.EOF
	}
	return read, nil
}

func (s *source) hasher(also evidence.Legacy) *evidence.Hasher {
	if s.segmented() {
		return evidence.NewSegmentedHasher(s.segments())
	}
	return evidence.NewHasher(also)
}

// named makes the manifest of a segmented image, whose SHA-256 is the image's.
func (s *source) named(m *evidence.Measured, sums []evidence.Digest) {
	for i, sum := range sums {
		s.manifest = append(s.manifest, evidence.ManifestEntry{Name: evidence.NormalizeFileName(s.names[i]), SHA256: sum})
	}
	if s.segmented() {
		m.SHA256 = s.manifest.Digest()
	}
}

// changed is the newest change of any of the files.
func (s *source) changed() int64 {
	newest := int64(0)
	for _, info := range s.before {
		newest = max(newest, info.ModTime().UnixNano())
	}
	return newest
}

// unchanged refuses a file that was written to while it was being deposited.
func (s *source) unchanged() error {
	for i, f := range s.files {
		after, err := f.Stat()
		if err != nil {
			return fmt.Errorf("couldn't look at the file: %w", err)
		}
		if after.Size() != s.before[i].Size() || !after.ModTime().Equal(s.before[i].ModTime()) {
			return errors.New("couldn't deposit: the file was changed while it was being read")
		}
	}
	return nil
}

// image opens an E01; nil where the files are none. What cannot be read is an
// error of its own.
//
// One segment of several, deposited alone, is no image.
func (s *source) image(format custody.ImageFormat, alone bool) (*ewf.Image, error) {
	if format != custody.FormatEWF {
		return nil, nil
	}
	var set []ewf.Segment
	for i, f := range s.files {
		set = append(set, ewf.Segment{ReaderAt: f, Name: s.names[i], Size: s.before[i].Size()})
	}
	m, err := ewf.Open(set)
	var part *ewf.Error
	if alone && errors.As(err, &part) && (part.Rule == "missing" || part.Rule == "order") {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w (--accept-damaged deposits the files as they are)", err)
	}
	return m, nil
}
