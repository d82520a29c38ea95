package dossier

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// place is where a file's content stands in a zip.
type place struct {
	name string
	at   int64 // of the content
	size int64
	crc  uint32 // as the central directory says
}

// start is where the file's header stands.
func (p *place) start() int64 { return p.at - localSize - int64(len(p.name)) }

// indexDirectory finds the entries where the whole zip but for the local headers
// is in the one form: one entry of the central directory per file, in the order
// in which they stand, nothing between. False where it is not, or need not be:
// then indexZip finds what there is, and what is wrong is said in its turn.
//
// Whoever reads the contents must hold each local header to its one form, its
// name and CRC to those of the directory: then indexZip would find these same
// places, and checkDirectory, writing the directory again, these same bytes.
func indexDirectory(r io.ReaderAt, size int64, lim Limits) ([]file, bool) {
	if size > lim.Bytes || size > math.MaxUint32 || size < endSize {
		return nil, false
	}
	directory, stop, count, ok := readEnd(r, size)
	if !ok || count == 0 || count > uint64(lim.Files) || count > uint64(stop-directory)/centralSize {
		return nil, false
	}
	files := make([]file, 0, count)
	buf := make([]byte, min(bufferSize, stop-directory))
	next := int64(0) // where the next file's header stands
	for at := directory; at < stop; {
		chunk := buf[:min(int64(len(buf)), stop-at)]
		if n, _ := r.ReadAt(chunk, at); n < len(chunk) {
			return nil, false
		}
		text := string(chunk) // which the names are parts of
		done := 0
		for len(chunk)-done >= centralSize {
			e := chunk[done:]
			p, ok := readCentral(e)
			nameLen := int(binary.LittleEndian.Uint16(e[28:]))
			if !ok || nameLen > maxName || uint64(len(files)) == count {
				return nil, false
			}
			if len(e) < centralSize+nameLen {
				break
			}
			p.name = text[done+centralSize:][:nameLen]
			if p.at != next {
				return nil, false
			}
			p.at += localSize + int64(nameLen)
			if next = p.at + p.size; next > directory || p.size > maxSize(p.name) {
				return nil, false
			}
			files, done = append(files, file{place: p}), done+centralSize+nameLen
		}
		if done == 0 {
			return nil, false
		}
		at += int64(done)
	}
	return files, next == directory && uint64(len(files)) == count
}

// readEnd reads what closes a zip, and holds it to its one form: the directory
// reaches from directory to stop.
func readEnd(r io.ReaderAt, size int64) (directory, stop int64, count uint64, ok bool) {
	var buf [zip64Size + endSize]byte
	tail := buf[:min(int64(len(buf)), size)]
	if n, _ := r.ReadAt(tail, size-int64(len(tail))); n < len(tail) {
		return 0, 0, 0, false
	}
	le := binary.LittleEndian
	last := tail[len(tail)-endSize:]
	directory, count = int64(le.Uint32(last[16:])), uint64(le.Uint16(last[10:]))
	if count == math.MaxUint16 && len(tail) == len(buf) {
		count = le.Uint64(tail[32:])
	}
	if count > math.MaxUint32 {
		return 0, 0, 0, false
	}
	// How long it is follows from the count; where it begins, from that.
	stop = size - endSize
	if count >= math.MaxUint16 {
		stop -= zip64Size
	}
	if stop < directory {
		return 0, 0, 0, false
	}
	return directory, stop, count, bytes.HasSuffix(tail, end(int(count), directory, stop))
}

// readCentral reads one entry of the central directory but for its name; at is
// that of the header yet. False where it is not in the one form.
func readCentral(b []byte) (p place, ok bool) {
	le := binary.LittleEndian
	e := entry{crc: le.Uint32(b[16:]), size: le.Uint32(b[20:]), offset: le.Uint32(b[42:])}
	var same [centralSize]byte
	e.putCentral(same[:0], int(le.Uint16(b[28:])))
	return place{at: int64(e.offset), size: int64(e.size), crc: e.crc}, bytes.Equal(same[:], b[:centralSize])
}

// indexZip finds the entries one after the other until the central directory,
// and returns where that begins. Headers are only read as far as needed: that
// they are in the one form is shown by writing them again. That a header's
// claim of content is true shows where the next one is read behind it.
func indexZip(r io.ReaderAt, size int64, lim Limits) (files []file, directory int64, err error) {
	if size > lim.Bytes || size > math.MaxUint32 {
		return nil, 0, malformed(RuleLimit, "", "%d bytes; at most %d are allowed", size, min(lim.Bytes, math.MaxUint32))
	}
	in := window{r: r, size: size}
	for at := int64(0); ; {
		head, err := in.bytes(at, 4)
		if err != nil {
			return nil, 0, err
		}
		sig := binary.LittleEndian.Uint32(head)
		if sig == 0x02014b50 && len(files) > 0 {
			return files, at, nil
		}
		if sig != 0x04034b50 {
			return nil, 0, malformed(RuleZip, "", "no zip entry where one is expected")
		}
		if head, err = in.bytes(at, localSize); err != nil {
			return nil, 0, err
		}
		p := place{size: int64(binary.LittleEndian.Uint32(head[22:]))}
		nameLen := int64(binary.LittleEndian.Uint16(head[26:]))
		p.at = at + localSize + nameLen
		if size-p.at-p.size < endSize || nameLen > maxName {
			return nil, 0, malformed(RuleZip, "", "an entry is longer than the file, or its name too long")
		}
		if len(files) >= lim.Files {
			return nil, 0, malformed(RuleLimit, "", "more than %d files", lim.Files)
		}
		name, err := in.bytes(at+localSize, int(nameLen))
		if err != nil {
			return nil, 0, err
		}
		p.name = string(name)
		if most := maxSize(p.name); p.size > most {
			return nil, 0, malformed(RuleLimit, p.name, "%d bytes; at most %d are allowed", p.size, most)
		}
		files, at = append(files, file{place: p}), p.at+p.size
	}
}

// window shows a few bytes of a file at a time, in ascending order.
type window struct {
	r    io.ReaderAt
	size int64
	buf  []byte
	at   int64 // of buf's first byte
}

// bytes returns n bytes, fewer than a window has; the next call ends them. Of a
// large file it reads the header alone: what is in it is read once, elsewhere.
func (w *window) bytes(at int64, n int) ([]byte, error) {
	if at < w.at || at+int64(n) > w.at+int64(len(w.buf)) {
		if at+int64(n) > w.size {
			return nil, malformed(RuleZip, "", "the file ends early")
		}
		if w.buf == nil {
			w.buf = make([]byte, 0, windowSize)
		}
		w.buf, w.at = w.buf[:min(windowSize, w.size-at)], at
		if got, err := w.r.ReadAt(w.buf, at); got < n {
			return nil, readError(err)
		} else if w.buf = w.buf[:got]; err != nil && !errors.Is(err, io.EOF) {
			return nil, readError(err)
		}
	}
	return w.buf[at-w.at:][:n], nil
}

func readError(err error) error {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return malformed(RuleZip, "", "the file ends early")
	}
	return fmt.Errorf("couldn't read dossier: %w", err)
}
