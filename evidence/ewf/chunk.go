package ewf

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/adler32"
	"io"
)

// chunkSlack is what a stored chunk may have beyond the bytes that it holds:
// the checksum, and what deflate adds to data that it cannot shorten.
const chunkSlack = 64 << 10

// place is where a chunk is stored.
type place struct {
	s          *segment
	off        int64
	n          int64 // at most that many bytes
	compressed bool
	reason     string // why it cannot be read; see Damage
}

// place looks chunk n up in its table t, whose entries are e; nil where there
// are none.
func (m *Image) place(n uint64, t *table, e *entries) place {
	if t == nil {
		return place{reason: "absent"}
	}
	s := m.segments[t.segment]
	p := place{s: s, off: t.copies[0].off, reason: "table"}
	i := n - t.first
	if t.lost || e == nil || i >= uint64(len(e.raw)/tableEntrySize) {
		return p
	}
	size := int64(m.chunkBytes(n))
	p.off, p.n, p.compressed = e.span(int(i), size+size/8+chunkSlack)
	p.reason = ""
	if !p.compressed {
		p.n = min(p.n, size+4)
	}
	if p.off < fileHeaderSize || p.n <= 0 || p.off > s.Size-p.n {
		p.reason = "bounds"
	}
	return p
}

func (m *Image) damage(n uint64, p place) Damage {
	d := Damage{Chunk: n, Offset: n * m.v.chunkSize(), Size: uint64(m.chunkBytes(n)), FileOffset: p.off, Reason: p.reason}
	if p.s != nil {
		d.Segment = p.s.number
	}
	return d
}

// decoder decodes chunks, one at a time.
type decoder struct {
	in  bytes.Reader
	z   io.ReadCloser // also a zlib.Resetter
	one [1]byte
}

func newDecoder() *decoder { return &decoder{} }

// decode fills data with the chunk that is stored, and returns why it could
// not. No more than data is ever decompressed.
func (d *decoder) decode(data, stored []byte, compressed bool) (reason string) {
	if !compressed {
		n := len(data)
		if len(stored) < n+4 {
			return "bounds"
		}
		if adler32.Checksum(stored[:n]) != binary.LittleEndian.Uint32(stored[n:]) {
			return "checksum"
		}
		copy(data, stored)
		return ""
	}
	d.in.Reset(stored)
	var err error
	if d.z == nil {
		d.z, err = zlib.NewReader(&d.in)
	} else {
		err = d.z.(zlib.Resetter).Reset(&d.in, nil)
	}
	if err != nil {
		d.z = nil
		return "compression"
	}
	if _, err := io.ReadFull(d.z, data); err != nil {
		return "compression"
	}
	// The end is part of the chunk: there zlib compares the Adler-32.
	if n, err := d.z.Read(d.one[:]); n != 0 || err != io.EOF {
		return "compression"
	}
	return ""
}
