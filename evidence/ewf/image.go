package ewf

import (
	"fmt"
	"io"
	"slices"
	"sort"
	"sync"
)

// Kind is which of the format's dialects a set is written in.
type Kind string

// The dialects. E01 is EnCase's, linen's, FTK Imager's and ewfacquire's.
const (
	KindE01      Kind = "e01"
	KindEWFX     Kind = "ewf-x"
	KindSMART    Kind = "smart"
	KindOriginal Kind = "ewf" // ASR Data's specification of 2002
)

// Medium is what the file says about the medium and how it was read.
type Medium struct {
	Size         uint64 // bytes
	SectorSize   uint32 // bytes
	ChunkSize    uint32 // bytes
	Type         string // removable, fixed, optical, memory; "" where not said
	Physical     bool   // the device, not one volume of it
	WriteBlocker string // fastbloc, tableau; "" where none is noted
	Granularity  uint32 // sectors filled with zeros for one that could not be read; 0 where not said
	Set          [16]byte
}

// Image is an opened set. It is safe for concurrent use.
type Image struct {
	Kind     Kind
	Metadata Metadata
	Medium   Medium
	Stored   Stored
	Errors   AcquisitionErrors

	// Flaws lists the first 1,000 of FlawCount; tables of chunks are looked at
	// by Verify.
	Flaws     []Flaw
	FlawCount int

	segments []*segment
	tables   []table
	v        volume
	kinds    map[string]bool // of the flaws

	mu     sync.Mutex // guards what ReadAt keeps
	loaded *entries
	of     *table
	chunk  uint64
	data   []byte
	work   *decoder
}

// walk is what Open gathers.
type walk struct {
	segments []*segment
	tables   []table
	paired   bool // the section before was a table, so that a table2 is its copy
	v        volume
	known    bool
	headers  map[string][]byte
	stored   Stored
	errors   AcquisitionErrors
	flaws    flaws
	xhashes  bool
}

// Open reads the structure of a set, given in its order. It reads a few
// kilobytes of each segment and for every 0.5 GiB of the medium, and keeps
// about 100 bytes for each of the latter. Sets that cannot be read are an *Error.
//
// Data that is damaged is no error: Verify finds it.
func Open(set []Segment) (*Image, error) {
	switch {
	case len(set) == 0:
		return nil, &Error{Rule: "empty-set", Detail: "no segment"}
	case len(set) > MaxSegments:
		return nil, &Error{Rule: "limit", Detail: fmt.Sprintf("%d segments; %d are read", len(set), MaxSegments)}
	}
	w := &walk{headers: map[string][]byte{}}
	for i, s := range set {
		w.segments = append(w.segments, &segment{Segment: s, number: i + 1})
	}
	for _, s := range w.segments {
		if err := w.segment(s); err != nil {
			return nil, err
		}
	}
	if !w.known || !w.v.usable() {
		s := w.segments[0]
		return nil, s.refuse("geometry", 0, "no section says what the medium is, or it says what cannot be")
	}
	var stored uint64
	for _, s := range set {
		stored += uint64(s.Size)
	}
	if w.v.mediaSize()/maxRatio > stored {
		return nil, w.segments[0].refuse("geometry", 0, "a medium of %d bytes cannot be in files of %d", w.v.mediaSize(), stored)
	}
	if err := w.count(); err != nil {
		return nil, err
	}
	return w.image(), nil
}

// segment walks the sections of one.
func (w *walk) segment(s *segment) error {
	if err := s.open(); err != nil {
		return err
	}
	w.paired = false
	off := int64(fileHeaderSize)
	for n := 0; ; n++ {
		if n == maxSections {
			return s.refuse("limit", off, "more than %d sections", maxSections)
		}
		d, err := s.descriptor(off)
		if err != nil {
			return err
		}
		if !d.sound {
			w.flaws.add("descriptor", s.number, d.off)
		}
		if err := w.section(s, d); err != nil {
			return err
		}
		off = d.end
		if d.last() {
			break
		}
	}
	if off != s.Size {
		w.flaws.add("trailing", s.number, off)
	}
	return nil
}

func (w *walk) section(s *segment, d section) error {
	if d.kind != "table2" && d.kind != "table" {
		w.paired = false
	}
	switch d.kind {
	case "header", "header2", "xheader":
		return w.header(s, d)
	case "volume", "disk", "data":
		return w.volume(s, d)
	case "table", "table2":
		return w.table(s, d)
	case "hash", "digest":
		return w.hash(s, d)
	case "xhash":
		w.xhashes = true
		return w.xhash(s, d)
	case "error2":
		return w.errors2(s, d)
	case "next":
		if s.number == len(w.segments) {
			return s.refuse("missing", d.off, "segment %d is missing: this one says that another follows", s.number+1)
		}
	case "done":
		if s.number != len(w.segments) {
			return s.refuse("after-done", d.off, "this segment says it is the last, and %d more were given", len(w.segments)-s.number)
		}
	case "incomplete":
		w.flaws.add("incomplete", s.number, d.off)
	case "sectors", "session":
	default:
		w.flaws.add("section", s.number, d.off)
	}
	return nil
}

func (w *walk) image() *Image {
	v := w.v
	m := &Image{Kind: KindE01, Metadata: w.metadata(), Stored: w.stored, Errors: w.errors,
		Flaws: w.flaws.kept, FlawCount: w.flaws.count, kinds: w.flaws.kinds, segments: w.segments, tables: w.tables, v: v}
	switch _, x := w.headers["xheader"]; {
	case v.smart:
		m.Kind = KindSMART
	case v.small:
		m.Kind = KindOriginal
	case x || w.xhashes:
		m.Kind = KindEWFX
	}
	m.Medium = Medium{Size: v.mediaSize(), SectorSize: v.perSector, ChunkSize: uint32(v.chunkSize()), Granularity: v.granularity, Set: v.set}
	if !v.small {
		m.Medium.Type = map[byte]string{0: "removable", 1: "fixed", 3: "optical", 0x10: "memory"}[v.mediaType]
		m.Medium.Physical = v.mediaFlags&2 != 0
		switch {
		case v.mediaFlags&4 != 0:
			m.Medium.WriteBlocker = "fastbloc"
		case v.mediaFlags&8 != 0:
			m.Medium.WriteBlocker = "tableau"
		}
	}
	return m
}

// Segments returns how many files the set has.
func (m *Image) Segments() int { return len(m.segments) }

// Chunks returns how many chunks the medium has.
func (m *Image) Chunks() uint64 { return m.v.chunkCount() }

// chunkBytes returns how many bytes of the medium chunk n holds.
func (m *Image) chunkBytes(n uint64) int {
	size := m.v.chunkSize()
	return int(min(size, m.v.mediaSize()-n*size))
}

// tableOf returns the table that chunk n is in; nil where none has it.
func (m *Image) tableOf(n uint64) *table {
	i := sort.Search(len(m.tables), func(i int) bool { return m.tables[i].first+m.tables[i].count > n })
	if i == len(m.tables) {
		return nil
	}
	return &m.tables[i]
}

// DamageError says that bytes of the medium were asked for that are in a
// damaged chunk.
type DamageError struct{ Damage Damage }

func (e *DamageError) Error() string {
	d := e.Damage
	return fmt.Sprintf("couldn't decode %d bytes of the medium at byte %d: %s (segment %d, byte %d)", d.Size, d.Offset, d.Reason, d.Segment, d.FileOffset)
}

// ReadAt reads the medium's data. Bytes of a damaged chunk are never given
// out: *DamageError. At the end of the medium it answers io.EOF.
func (m *Image) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("couldn't read the medium at byte %d", off)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	read := 0
	for read < len(p) {
		at := uint64(off) + uint64(read)
		if at >= m.v.mediaSize() {
			return read, io.EOF
		}
		n := at / m.v.chunkSize()
		if err := m.fetch(n); err != nil {
			return read, err
		}
		read += copy(p[read:], m.data[at-n*m.v.chunkSize():])
	}
	return read, nil
}

// fetch makes m.data chunk n.
func (m *Image) fetch(n uint64) error {
	if m.data != nil && m.chunk == n {
		return nil
	}
	if m.work == nil {
		m.work = newDecoder()
	}
	t := m.tableOf(n)
	if t != nil && t != m.of {
		e, err := m.load(t, &flaws{})
		if err != nil {
			return err
		}
		m.loaded, m.of = e, t
	}
	p := m.place(n, t, m.loaded)
	data := slices.Grow(m.data[:0], int(m.v.chunkSize()))[:m.chunkBytes(n)]
	m.data = nil
	if p.reason == "" {
		stored := make([]byte, p.n)
		if err := p.s.read(stored, p.off); err != nil {
			return err
		}
		p.reason = m.work.decode(data, stored, p.compressed)
	}
	if p.reason != "" {
		return &DamageError{m.damage(n, p)}
	}
	m.data, m.chunk = data, n
	return nil
}
