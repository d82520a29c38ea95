package ewf

import (
	"encoding/binary"
	"hash/adler32"
)

// Sizes of a table section's parts.
const (
	tableHeadSize  = 24
	tableEntrySize = 4
)

// table says where a run of chunks stands in its segment. Only this is kept of
// it; its entries are read when they are wanted.
type table struct {
	segment int    // index in the set
	first   uint64 // number of its first chunk
	count   uint64 // chunks
	copies  []tableCopy
	lost    bool
}

// tableCopy is a table or a table2 section.
type tableCopy struct {
	section
	count uint32
	base  int64 // added to every offset
	sound bool  // the header's checksum is right, and the entries are in the section
}

// readTable reads a table's header: the number of entries (4 bytes), 4 of padding, the
// base offset (8; EnCase 6 and later, else 0), 4 of padding, Adler-32.
func (w *walk) readTable(s *segment, d section) (tableCopy, error) {
	c := tableCopy{section: d}
	if d.size() < tableHeadSize {
		return c, nil
	}
	b, sound, err := s.checked(d.data(), tableHeadSize)
	if err != nil {
		return c, err
	}
	c.count = binary.LittleEndian.Uint32(b)
	base := binary.LittleEndian.Uint64(b[8:])
	c.sound = sound && int64(c.count)*tableEntrySize <= d.size()-tableHeadSize && base <= uint64(s.Size)
	if c.sound && c.count > maxTableEntries {
		return c, s.refuse("limit", d.off, "a table of %d chunks; %d are read", c.count, maxTableEntries)
	}
	c.base = int64(base)
	return c, nil
}

// table takes a table section, or a table2 that stands behind it.
func (w *walk) table(s *segment, d section) error {
	c, err := w.readTable(s, d)
	if err != nil {
		return err
	}
	if d.kind == "table2" && w.paired {
		t := &w.tables[len(w.tables)-1]
		t.copies = append(t.copies, c)
		w.paired = false
		return nil
	}
	if len(w.tables) == maxTables {
		return s.refuse("limit", d.off, "more than %d tables of chunks", maxTables)
	}
	w.tables = append(w.tables, table{segment: s.number - 1, copies: []tableCopy{c}})
	w.paired = d.kind == "table"
	return nil
}

// count gives every table its chunks. One table without a sound header can be
// counted by what the others leave of the medium; of two, nobody can say which
// chunks are whose.
func (w *walk) count() error {
	wanted := w.v.chunkCount()
	var total uint64
	lost := -1
	for i := range w.tables {
		t := &w.tables[i]
		for _, c := range t.copies {
			if c.sound && t.count == 0 {
				t.count = uint64(c.count)
			} else if c.sound && t.count != uint64(c.count) {
				w.flaws.add("table-differs", t.segment+1, c.off)
			} else if !c.sound {
				w.flaws.add("table", t.segment+1, c.off)
			}
		}
		if t.count == 0 && !t.copies[0].sound {
			t.lost = true
			if lost >= 0 {
				s := w.segments[t.segment]
				return s.refuse("tables", t.copies[0].off, "two tables of chunks are lost; which chunks stand where cannot be said")
			}
			lost = i
			w.flaws.add("table-lost", t.segment+1, t.copies[0].off)
		}
		total += t.count
	}
	if lost >= 0 && total < wanted {
		w.tables[lost].count = wanted - total
		total = wanted
	}
	if total != wanted || uint64(w.v.chunks) != wanted {
		w.flaws.add("count", len(w.segments), 0)
	}
	var first uint64
	for i := range w.tables {
		t := &w.tables[i]
		t.first = first
		t.count = min(t.count, wanted-first)
		first += t.count
	}
	return nil
}

// entries are a table's, ready to be looked up.
type entries struct {
	t        *table
	raw      []byte // 4 bytes each
	base     int64
	from, to int64 // its own section, where chunks may stand behind the entries
	overflow int   // from this entry on all 32 bits are offset; see load
}

// load reads a table's entries from the first copy that holds its checksum,
// and checks the other copy, too. A table that has no sound copy is used as it
// is: every chunk has a checksum of its own.
func (m *Image) load(t *table, found *flaws) (*entries, error) {
	s := m.segments[t.segment]
	var best *entries
	bestSound := false
	for _, c := range t.copies {
		if !c.sound {
			continue
		}
		e, sound, err := loadCopy(s, t, c)
		if err != nil {
			return nil, err
		}
		if !sound {
			found.add("table", s.number, c.off)
		}
		switch {
		case best == nil, sound && !bestSound:
			best, bestSound = e, sound
		case sound && (string(best.raw) != string(e.raw) || best.base != e.base):
			found.add("table-differs", s.number, c.off)
		}
	}
	if best != nil {
		m.order(best, s, found)
	}
	return best, nil
}

// loadCopy reads one copy. The checksum of the entries stands behind them,
// except where chunks stand in the same section and begin right there: SMART
// and the original format have none.
func loadCopy(s *segment, t *table, c tableCopy) (e *entries, sound bool, err error) {
	n := int64(c.count) * tableEntrySize
	at := c.data() + tableHeadSize
	b := make([]byte, n+min(4, c.end-at-n))
	if err := s.read(b, at); err != nil {
		return nil, false, err
	}
	e = &entries{t: t, raw: b[:n], base: c.base, from: c.off, to: c.end, overflow: int(c.count)}
	if n == 0 {
		return e, true, nil
	}
	if first := c.base + int64(binary.LittleEndian.Uint32(b)&^compressedFlag); first == at+n || int64(len(b)) < n+4 {
		return e, int64(len(b)) == n+4 || first == at+n, nil
	}
	return e, adler32.Checksum(b[:n]) == binary.LittleEndian.Uint32(b[n:]), nil
}

const compressedFlag = 1 << 31

// order looks for offsets that go backwards, and for EnCase 6.7.1's tables:
// these went on beyond 2 GiB with all 32 bits as the offset, of chunks that
// are not compressed.
func (m *Image) order(e *entries, s *segment, found *flaws) {
	reach := uint32(m.v.chunkSize() + chunkSlack)
	last, told := uint32(0), false
	for i := range len(e.raw) / tableEntrySize {
		raw := binary.LittleEndian.Uint32(e.raw[i*tableEntrySize:])
		off := raw &^ compressedFlag
		if i >= e.overflow {
			off = raw
		} else if i > 0 && off < last && raw > last && raw-last <= reach && s.Size > 1<<31 {
			e.overflow, off = i, raw
		}
		if i > 0 && off <= last && !told {
			told = true
			found.add("table-order", s.number, e.from)
		}
		last = off
	}
}

// span returns where chunk i of the table is stored and how many bytes may
// belong to it: up to the next chunk or to the end of the section.
func (e *entries) span(i int, compressible int64) (off int64, n int64, compressed bool) {
	raw := func(i int) (int64, bool) {
		r := binary.LittleEndian.Uint32(e.raw[i*tableEntrySize:])
		if i >= e.overflow {
			return e.base + int64(r), false
		}
		return e.base + int64(r&^compressedFlag), r&compressedFlag != 0
	}
	off, compressed = raw(i)
	end := e.from // chunks stand in the sectors section before the table
	if off >= e.from {
		end = e.to
	}
	if i+1 < len(e.raw)/tableEntrySize {
		if next, _ := raw(i + 1); next > off && next < end {
			end = next
		}
	}
	return off, min(end-off, compressible), compressed
}
