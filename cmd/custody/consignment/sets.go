package consignment

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/evidence/segments"
)

// named adds a file named on the command line, with all that are one image with
// it: whoever names one segment means the image.
func (s *survey) named(path string) error {
	set, err := desk.SetOf(path)
	if err != nil {
		return s.leave(path, filepath.Base(path), reason(err))
	}
	for _, path := range set {
		// A second segment that is named, too, has been here with the first.
		if abs, err := filepath.Abs(path); err == nil && len(set) > 1 && s.seen[abs] {
			continue
		}
		if err := s.at(path, filepath.Base(path)); err != nil {
			return err
		}
	}
	return nil
}

// join makes one deposit of the files that are one image in segments: the first of
// them leads, the others go with it. A set of which a segment is missing, doubled
// or cut short is left out whole.
func (s *survey) join() {
	type stem struct{ dir, name string }
	groups, order := map[stem][]int{}, []stem(nil)
	for i, e := range s.entries {
		base := filepath.Base(e.Path)
		if e.What != Artifact || filepath.Ext(base) == "" {
			continue
		}
		k := stem{filepath.Dir(e.Path), strings.ToLower(strings.TrimSuffix(base, filepath.Ext(base)))}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], i)
	}
	for _, k := range order {
		places, names := map[string]int{}, []string(nil)
		for _, i := range groups[k] {
			name := filepath.Base(s.entries[i].Path)
			places[name], names = i, append(names, name)
		}
		for _, name := range names {
			if e := s.entries[places[name]]; e.What != Artifact || e.Set != nil {
				continue // with another of its set
			}
			set, ewf, err := segments.Find(names, name)
			if err == nil && len(set) == 1 {
				continue
			}
			s.joined(set, places, name, ewf, err)
		}
	}
}

func (s *survey) joined(set []string, places map[string]int, name string, ewf bool, err error) {
	if err != nil {
		set = []string{name}
	}
	var all []int
	var sizes []int64
	for _, name := range set {
		all, sizes = append(all, places[name]), append(sizes, s.entries[places[name]].Size)
	}
	if err == nil && !ewf {
		err = segments.CheckRaw(set, sizes)
	}
	for _, i := range all {
		e := &s.entries[i]
		switch {
		case err != nil:
			e.What, e.Why = LeftOut, err.Error()+"; --alone deposits it as a file of its own"
		case i != all[0]:
			e.What, e.Of = Segment, all[0]
		}
	}
	if err == nil {
		first := &s.entries[all[0]]
		first.Set = all
		first.Note = strings.TrimPrefix(first.Note+fmt.Sprintf("; one image of %d segments", len(all)), "; ")
	}
}

// carried gives the segments of a set what became of their image.
func carried(first Outcome, all []Outcome) {
	for n, i := range first.Set {
		o := &all[i]
		if i != first.Set[0] {
			o.Status, o.Item, o.Index, o.Role, o.Format = first.Status, first.Item, first.Index, first.Role, first.Format
			if first.Err != nil {
				o.Err = fmt.Errorf("with its image %s", first.Rel)
			}
		}
		o.SHA256 = ""
		if n < len(first.Sums) {
			o.SHA256 = first.Sums[n]
		}
	}
}

// Bytes adds up all files that are deposited with the entry.
func (e Entry) Bytes(all []Entry) int64 {
	if e.Set == nil {
		return e.Size
	}
	n := int64(0)
	for _, i := range e.Set {
		n += all[i].Size
	}
	return n
}

// newest is the newest change of the entry's files, as nanoseconds.
func newest(e Entry, all []Outcome) int64 {
	at := e.Time.UnixNano()
	for _, i := range e.Set {
		at = max(at, all[i].Time.UnixNano())
	}
	return at
}

// leads reports whether an entry is deposited by itself, not with another.
func (e Entry) leads() bool { return !slices.Contains([]string{LeftOut, Segment}, e.What) }
