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
	bufferSize   = 32 << 10
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

// file is one file read from a zip.
type file struct {
	name    string
	content []byte
}

// readZip reads entries one after the other until the central directory. Their
// headers are only read as far as needed: that they are in the one form is
// shown by writing them again.
func readZip(r *io.SectionReader, lim Limits) ([]file, error) {
	if r.Size() > lim.Bytes || r.Size() > math.MaxUint32 {
		return nil, malformed(RuleLimit, "", "%d bytes; at most %d are allowed", r.Size(), min(lim.Bytes, math.MaxUint32))
	}
	var files []file
	in := bufio.NewReaderSize(r, bufferSize)
	for left := r.Size(); ; {
		var head [localSize]byte
		if _, err := io.ReadFull(in, head[:4]); err != nil {
			return nil, readError(err)
		}
		sig := binary.LittleEndian.Uint32(head[:])
		if sig == 0x02014b50 && len(files) > 0 {
			return files, nil
		}
		if sig != 0x04034b50 {
			return nil, malformed(RuleZip, "", "no zip entry where one is expected")
		}
		if _, err := io.ReadFull(in, head[4:]); err != nil {
			return nil, readError(err)
		}
		size := int64(binary.LittleEndian.Uint32(head[22:]))
		nameLen := int64(binary.LittleEndian.Uint16(head[26:]))
		if left -= localSize + nameLen + size; left < endSize || nameLen > maxName {
			return nil, malformed(RuleZip, "", "an entry is longer than the file, or its name too long")
		}
		if len(files) >= lim.Files {
			return nil, malformed(RuleLimit, "", "more than %d files", lim.Files)
		}
		name, err := readAll(in, nameLen)
		if err != nil {
			return nil, readError(err)
		}
		if most := maxSize(string(name)); size > most {
			return nil, malformed(RuleLimit, string(name), "%d bytes; at most %d are allowed", size, most)
		}
		content, err := readAll(in, size)
		if err != nil {
			return nil, readError(err)
		}
		files = append(files, file{string(name), content})
	}
}

// readAll reads n bytes. It asks for memory only as bytes arrive: n is a
// header's word, and the size of the whole may be no more than the caller's.
func readAll(r io.Reader, n int64) ([]byte, error) {
	const step = 1 << 20
	b := make([]byte, min(n, step))
	for at := int64(0); ; {
		read, err := io.ReadFull(r, b[at:])
		if err != nil {
			return nil, err
		}
		if at += int64(read); at == n {
			return b, nil
		}
		b = append(b, make([]byte, min(n-at, at))...)
	}
}

func readError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return malformed(RuleZip, "", "the file ends early")
	}
	return fmt.Errorf("couldn't read dossier: %w", err)
}
