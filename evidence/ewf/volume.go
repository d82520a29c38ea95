package ewf

import (
	"bytes"
	"encoding/binary"
)

// Sizes of a volume section's data: of the original format, and of EnCase's.
const (
	volumeSmall = 94
	volumeLarge = 1052
)

// volume is what a volume, disk or data section says of the medium.
type volume struct {
	chunks      uint32
	perChunk    uint32 // sectors
	perSector   uint32 // bytes
	sectors     uint64
	mediaType   byte
	mediaFlags  byte
	compression byte
	granularity uint32 // sectors
	set         [16]byte
	small       bool // without anything below sectors
	smart       bool
}

// parseVolume reads the data of a volume section; ok is false where it has
// another size.
func parseVolume(b []byte) (v volume, ok bool) {
	le := binary.LittleEndian
	if len(b) != volumeSmall && len(b) != volumeLarge {
		return volume{}, false
	}
	v = volume{chunks: le.Uint32(b[4:]), perChunk: le.Uint32(b[8:]), perSector: le.Uint32(b[12:])}
	if len(b) == volumeSmall {
		v.sectors = uint64(le.Uint32(b[16:]))
		v.small, v.smart = true, bytes.Equal(b[85:90], []byte("SMART"))
		return v, true
	}
	v.sectors = le.Uint64(b[16:])
	v.mediaType, v.mediaFlags, v.compression = b[0], b[36], b[52]
	v.granularity = le.Uint32(b[56:])
	copy(v.set[:], b[64:80])
	return v, true
}

// usable reports whether a medium can have this shape, within the limits.
func (v volume) usable() bool {
	return v.perChunk > 0 && v.perSector > 0 && v.sectors > 0 &&
		uint64(v.perChunk)*uint64(v.perSector) <= MaxChunk &&
		v.sectors <= (1<<32-1)*uint64(v.perChunk)
}

func (v volume) chunkSize() uint64 { return uint64(v.perChunk) * uint64(v.perSector) }
func (v volume) mediaSize() uint64 { return v.sectors * uint64(v.perSector) }

// chunkCount is how many chunks the medium has by its size.
func (v volume) chunkCount() uint64 {
	return (v.sectors + uint64(v.perChunk) - 1) / uint64(v.perChunk)
}

// sameMedium reports whether two sections of one set may be of one medium.
func (v volume) sameMedium(o volume) bool {
	return v.perChunk == o.perChunk && v.perSector == o.perSector && v.sectors == o.sectors && v.chunks == o.chunks
}

// volume takes a volume, disk or data section.
func (w *walk) volume(s *segment, d section) error {
	n := d.size()
	if n != volumeSmall && n != volumeLarge {
		w.flaws.add("volume", s.number, d.off)
		return nil
	}
	b, sound, err := s.checked(d.data(), int(n))
	if err != nil {
		return err
	}
	// Logicube's devices left the checksum of data sections 0.
	if !sound && (d.kind != "data" || binary.LittleEndian.Uint32(b[n-4:]) != 0) {
		w.flaws.add("volume", s.number, d.off)
		return nil
	}
	v, _ := parseVolume(b)
	switch {
	case !w.known || !w.v.usable() && v.usable():
		w.v, w.known = v, true
	case s.number > 1 && w.v.set != v.set && w.v.set != [16]byte{} && v.set != [16]byte{}:
		return s.refuse("foreign", d.off, "this segment belongs to the set %x, the first one to %x", v.set, w.v.set)
	case s.number > 1 && v.usable() && !w.v.sameMedium(v):
		return s.refuse("foreign", d.off, "this segment is of a medium of %d sectors in %d chunks, the first one of %d in %d",
			v.sectors, v.chunks, w.v.sectors, w.v.chunks)
	case v != w.v:
		w.flaws.add("volume-differs", s.number, d.off)
	}
	return nil
}
