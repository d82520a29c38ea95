package desk

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/segments"
)

// OpenArtifact opens a file to be verified against a record, or the files of a
// segmented image in a directory: those that a manifest there lists, else the
// one set that is there.
func OpenArtifact(path string) (verify.File, io.Closer, error) {
	info, err := os.Stat(path)
	if err != nil {
		return verify.File{}, nil, fmt.Errorf("couldn't open the artifact: %w", err)
	}
	out := verify.File{Name: filepath.Base(path)}
	if !info.IsDir() {
		f, err := os.Open(path)
		if err != nil {
			return out, nil, fmt.Errorf("couldn't open the artifact: %w", err)
		}
		out.Reader = f
		return out, f, nil
	}
	names, err := setIn(path)
	if err != nil {
		return out, nil, err
	}
	s := &source{}
	for _, name := range names {
		if err := s.add(path+string(filepath.Separator), name); err != nil {
			s.Close()
			return out, nil, err
		}
		out.Segments = append(out.Segments, verify.FileSegment{Name: evidence.NormalizeFileName(name), Size: uint64(s.before[len(s.before)-1].Size())})
	}
	out.Reader = io.NewSectionReader(s, 0, s.size)
	return out, s, nil
}

// setIn names the segments in a directory.
func setIn(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("couldn't look into the directory: %w", err)
	}
	var names []string
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, fmt.Errorf("couldn't look at %s: %w", e.Name(), err)
		}
		if info.Size() <= evidence.MaxManifest {
			if b, err := os.ReadFile(filepath.Join(dir, e.Name())); err == nil {
				if m, err := evidence.ParseManifest(b); err == nil {
					var listed []string
					for _, entry := range m {
						listed = append(listed, entry.Name)
					}
					return listed, nil
				}
			}
		}
		names = append(names, e.Name())
	}
	var found []string
	for _, name := range names {
		set, _, err := segments.Find(names, name)
		if err != nil {
			return nil, err
		}
		if len(set) < 2 || len(found) > 0 && set[0] == found[0] {
			continue
		}
		if len(found) > 0 {
			return nil, fmt.Errorf("couldn't choose between the images %s and %s in %s: give each a directory", found[0], set[0], dir)
		}
		found = set
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("couldn't find an image of several segments in %s", dir)
	}
	return found, nil
}
