package dossier

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
)

// The one zip form (APPNOTE 6.3.10): entries stored, in byte order of their
// names, local headers without extra fields or data descriptors, all dated
// 1980-01-01 00:00, the central directory behind the last entry, no comment,
// nothing before, between or after. The whole stays below 4 GiB, so the only
// number that can outgrow its field is that of the entries: from 65,535 on, and
// never before, the zip64 end record and its locator stand before the end
// record, which then shows 65,535 and leaves the rest as it is (APPNOTE 4.4.1.4).
// archive/zip is not used: it reads more than this, and more is ambiguity.
const (
	localSize    = 30
	centralSize  = 46
	endSize      = 22
	zip64Size    = 56 + 20 // the zip64 end record and its locator
	zipVersion   = 20
	zip64Version = 45
	dosDate      = 0x0021 // 1980-01-01
	maxName      = 200    // bytes of a file's name; the longest of ours has 117
	bufferSize   = 64 << 10
	windowSize   = 512 // a header, its name, and most of a small file
)

// entry is one file's place in the zip.
type entry struct {
	name   string
	crc    uint32
	size   uint32
	offset uint32
}

// zipWriter writes the one form.
type zipWriter struct {
	w       *bufio.Writer
	offset  uint64
	entries []entry
}

func newZipWriter(w io.Writer) *zipWriter { return &zipWriter{w: bufio.NewWriterSize(w, bufferSize)} }

func (z *zipWriter) put(b []byte) error {
	z.offset += uint64(len(b))
	if z.offset > math.MaxUint32 {
		return malformed(RuleLimit, "", "a dossier ends at 4 GiB")
	}
	_, err := z.w.Write(b)
	return err
}

// add appends one file; names must come in byte order.
func (z *zipWriter) add(name string, content []byte) error {
	e := entry{name: name, crc: crc32.ChecksumIEEE(content), size: uint32(len(content)), offset: uint32(z.offset)}
	if n := len(z.entries); n > 0 && z.entries[n-1].name >= name {
		return fmt.Errorf("couldn't write %s after %s: out of order", name, z.entries[n-1].name)
	}
	z.entries = append(z.entries, e)
	if err := z.put(e.local()); err != nil {
		return err
	}
	return z.put(content)
}

func (z *zipWriter) close() error {
	start := z.offset
	for _, e := range z.entries {
		if err := z.put(e.central()); err != nil {
			return err
		}
	}
	if err := z.put(end(len(z.entries), int64(start), int64(z.offset))); err != nil {
		return err
	}
	return z.w.Flush()
}

func (e entry) local() []byte {
	head := localHead(e.crc, int64(e.size), len(e.name))
	return append(head[:], e.name...)
}

// localHead is what stands before a file's name.
func localHead(crc uint32, size int64, nameLen int) (b [localSize]byte) {
	le := binary.LittleEndian
	le.PutUint32(b[0:], 0x04034b50)
	le.PutUint16(b[4:], zipVersion)
	le.PutUint16(b[12:], dosDate)
	le.PutUint32(b[14:], crc)
	le.PutUint32(b[18:], uint32(size))
	le.PutUint32(b[22:], uint32(size))
	le.PutUint16(b[26:], uint16(nameLen))
	return b
}

func (e entry) central() []byte {
	b := e.putCentral(make([]byte, 0, centralSize+len(e.name)), len(e.name))
	return append(b, e.name...)
}

// putCentral appends what stands before the name.
func (e entry) putCentral(b []byte, nameLen int) []byte {
	le := binary.LittleEndian
	b = le.AppendUint32(b, 0x02014b50)
	for _, v := range []uint16{zipVersion, zipVersion, 0, 0, 0, dosDate} {
		b = le.AppendUint16(b, v)
	}
	for _, v := range []uint32{e.crc, e.size, e.size} {
		b = le.AppendUint32(b, v)
	}
	b = le.AppendUint16(b, uint16(nameLen))
	for range 4 { // extra, comment, disk, internal attributes
		b = le.AppendUint16(b, 0)
	}
	b = le.AppendUint32(b, 0) // external attributes
	return le.AppendUint32(b, e.offset)
}

// end is what closes a zip whose central directory reaches from start to stop.
func end(count int, start, stop int64) []byte {
	le := binary.LittleEndian
	var b []byte
	shown := uint16(math.MaxUint16)
	if count < math.MaxUint16 {
		shown = uint16(count)
	} else {
		b = le.AppendUint32(b, 0x06064b50) // zip64 end record
		b = le.AppendUint64(b, 44)         // bytes that follow in it
		b = le.AppendUint16(b, zip64Version)
		b = le.AppendUint16(b, zip64Version)
		b = le.AppendUint64(b, 0) // this disk, the directory's disk
		for _, v := range []uint64{uint64(count), uint64(count), uint64(stop - start), uint64(start)} {
			b = le.AppendUint64(b, v)
		}
		b = le.AppendUint32(b, 0x07064b50) // its locator
		b = le.AppendUint32(b, 0)
		b = le.AppendUint64(b, uint64(stop))
		b = le.AppendUint32(b, 1) // disks
	}
	b = le.AppendUint32(b, 0x06054b50)
	for _, v := range []uint16{0, 0, shown, shown} {
		b = le.AppendUint16(b, v)
	}
	b = le.AppendUint32(b, uint32(stop-start))
	b = le.AppendUint32(b, uint32(start))
	return le.AppendUint16(b, 0)
}
