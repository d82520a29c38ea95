package dossier

import (
	"bufio"
	"encoding/binary"
	"errors"
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
	zipVersion   = 20
	zip64Version = 45
	dosDate      = 0x0021 // 1980-01-01
	maxName      = 200    // bytes of a file's name; the longest of ours has 117
	bufferSize   = 64 << 10
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
	if err := z.put(end(len(z.entries), start, z.offset)); err != nil {
		return err
	}
	return z.w.Flush()
}

func (e entry) local() []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(make([]byte, 0, localSize+len(e.name)), 0x04034b50)
	for _, v := range []uint16{zipVersion, 0, 0, 0, dosDate} {
		b = le.AppendUint16(b, v)
	}
	for _, v := range []uint32{e.crc, e.size, e.size} {
		b = le.AppendUint32(b, v)
	}
	b = le.AppendUint16(b, uint16(len(e.name)))
	b = le.AppendUint16(b, 0)
	return append(b, e.name...)
}

func (e entry) central() []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(make([]byte, 0, centralSize+len(e.name)), 0x02014b50)
	for _, v := range []uint16{zipVersion, zipVersion, 0, 0, 0, dosDate} {
		b = le.AppendUint16(b, v)
	}
	for _, v := range []uint32{e.crc, e.size, e.size} {
		b = le.AppendUint32(b, v)
	}
	b = le.AppendUint16(b, uint16(len(e.name)))
	for range 4 { // extra, comment, disk, internal attributes
		b = le.AppendUint16(b, 0)
	}
	b = le.AppendUint32(b, 0) // external attributes
	b = le.AppendUint32(b, e.offset)
	return append(b, e.name...)
}

// end is what closes a zip whose central directory reaches from start to stop.
func end(count int, start, stop uint64) []byte {
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
		for _, v := range []uint64{uint64(count), uint64(count), stop - start, start} {
			b = le.AppendUint64(b, v)
		}
		b = le.AppendUint32(b, 0x07064b50) // its locator
		b = le.AppendUint32(b, 0)
		b = le.AppendUint64(b, stop)
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

// place is where a file's content stands in a zip, and the header before it.
type place struct {
	name string
	at   int64 // of the content
	size int64
	head [localSize]byte
}

// indexZip finds the entries one after the other until the central directory,
// and returns where that begins. Headers are only read as far as needed: that
// they are in the one form is shown by writing them again.
func indexZip(r *io.SectionReader, lim Limits) (places []place, directory int64, err error) {
	if r.Size() > lim.Bytes || r.Size() > math.MaxUint32 {
		return nil, 0, malformed(RuleLimit, "", "%d bytes; at most %d are allowed", r.Size(), min(lim.Bytes, math.MaxUint32))
	}
	in := bufio.NewReaderSize(r, bufferSize)
	for at := int64(0); ; {
		var p place
		if _, err := io.ReadFull(in, p.head[:4]); err != nil {
			return nil, 0, readError(err)
		}
		sig := binary.LittleEndian.Uint32(p.head[:])
		if sig == 0x02014b50 && len(places) > 0 {
			return places, at, nil
		}
		if sig != 0x04034b50 {
			return nil, 0, malformed(RuleZip, "", "no zip entry where one is expected")
		}
		if _, err := io.ReadFull(in, p.head[4:]); err != nil {
			return nil, 0, readError(err)
		}
		p.size = int64(binary.LittleEndian.Uint32(p.head[22:]))
		nameLen := int64(binary.LittleEndian.Uint16(p.head[26:]))
		p.at = at + localSize + nameLen
		if at = p.at + p.size; r.Size()-at < endSize || nameLen > maxName {
			return nil, 0, malformed(RuleZip, "", "an entry is longer than the file, or its name too long")
		}
		if len(places) >= lim.Files {
			return nil, 0, malformed(RuleLimit, "", "more than %d files", lim.Files)
		}
		name := make([]byte, nameLen)
		if _, err := io.ReadFull(in, name); err != nil {
			return nil, 0, readError(err)
		}
		p.name = string(name)
		if most := maxSize(p.name); p.size > most {
			return nil, 0, malformed(RuleLimit, p.name, "%d bytes; at most %d are allowed", p.size, most)
		}
		// All bytes are passed over, so that what a header claims is there.
		if err := discard(in, p.size); err != nil {
			return nil, 0, readError(err)
		}
		places = append(places, p)
	}
}

func discard(in *bufio.Reader, n int64) error {
	for n > 0 {
		took, err := in.Discard(int(min(n, 1<<30)))
		if n -= int64(took); err != nil {
			return err
		}
	}
	return nil
}

func readError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return malformed(RuleZip, "", "the file ends early")
	}
	return fmt.Errorf("couldn't read dossier: %w", err)
}
