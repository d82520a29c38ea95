// Package ewftest writes small images in the Expert Witness Compression
// Format, right ones and ones no tool would write, for tests. It shares no code
// with the reader.
package ewftest

import (
	"bytes"
	"compress/zlib"
	"crypto/md5"
	"crypto/sha1"
	"encoding/binary"
	"hash/adler32"
	"unicode/utf16"
)

// Image says what to write. The zero value of every field is what a usual
// imager writes.
type Image struct {
	Media []byte // a multiple of 512 bytes

	Smart      bool // SMART's layout: chunks in the table section, one table, no footer
	Compressed bool // every other chunk, beginning with the first; all of SMART's
	PerChunk   int  // sectors; 8 if 0
	PerTable   int  // chunks; all of a segment if 0
	Segments   int  // 1 if 0
	Base       bool // offsets relative to the sectors section, as of EnCase 6
	NoHash     bool
	Set        byte   // repeated: the set's GUID
	Header     string // header section; a plausible one if empty
	Header2    string // header2, as UTF-16; none if empty
	Errors     [][2]uint32

	MD5  *[16]byte // stored instead of the right one
	SHA1 *[20]byte // stored; none if nil

	Again *[16]byte // the MD5 of one more hash section; none if nil
}

// DefaultHeader is a header section's text.
const DefaultHeader = "1\nmain\nc\tn\ta\te\tt\tav\tov\tm\tu\tp\nCASE-7\tE-1\tA disk\tA. Examiner\tNotes\t20140813\tLinux\t2026 11 27 18 34 51\t2026 11 27 18 34 52\t0\n\n"

// Deflate is one zlib stream.
func Deflate(b []byte) []byte {
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

// Sealed appends b's Adler-32.
func Sealed(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(bytes.Clone(b), adler32.Checksum(b))
}

// Section appends a section of this kind to a segment.
func Section(file []byte, kind string, data []byte) []byte {
	return append(Descriptor(file, kind, uint64(len(file)+76+len(data)), uint64(76+len(data))), data...)
}

// Descriptor appends a section's 76 bytes with whatever next and size say.
func Descriptor(file []byte, kind string, next, size uint64) []byte {
	d := make([]byte, 72)
	copy(d[:16], kind)
	binary.LittleEndian.PutUint64(d[16:], next)
	binary.LittleEndian.PutUint64(d[24:], size)
	return append(file, Sealed(d)...)
}

// Start is a segment's file header.
func Start(number int) []byte {
	return append([]byte("EVF\x09\x0d\x0a\xff\x00\x01"), byte(number), byte(number>>8), 0, 0)
}

// Volume is the data of a volume section.
func Volume(smart bool, chunks, perChunk, sectors int, set byte) []byte {
	le := binary.LittleEndian
	v := make([]byte, 1048)
	if smart {
		v = make([]byte, 90)
		copy(v[85:], "SMART")
	}
	v[0] = 1 // fixed
	le.PutUint32(v[4:], uint32(chunks))
	le.PutUint32(v[8:], uint32(perChunk))
	le.PutUint32(v[12:], 512)
	le.PutUint32(v[16:], uint32(sectors))
	if !smart {
		v[36] = 3
		copy(v[64:80], bytes.Repeat([]byte{set}, 16))
	}
	return Sealed(v)
}

// Table is the data of a table section up to the end of its entries.
func Table(base uint64, offsets []uint32) []byte {
	h := make([]byte, 20)
	binary.LittleEndian.PutUint32(h, uint32(len(offsets)))
	binary.LittleEndian.PutUint64(h[8:], base)
	h = Sealed(h)
	for _, o := range offsets {
		h = binary.LittleEndian.AppendUint32(h, o)
	}
	return h
}

// Footed appends the checksum of a table's entries.
func Footed(table []byte) []byte {
	return binary.LittleEndian.AppendUint32(bytes.Clone(table), adler32.Checksum(table[24:]))
}

// Build returns the segments.
func Build(im Image) [][]byte {
	if im.PerChunk == 0 {
		im.PerChunk = 8
	}
	im.Segments = max(1, im.Segments)
	if im.Header == "" {
		im.Header = DefaultHeader
	}
	size := im.PerChunk * 512
	var chunks [][]byte
	for m := im.Media; len(m) > 0; m = m[min(size, len(m)):] {
		chunks = append(chunks, m[:min(size, len(m))])
	}
	total := len(chunks)
	volume := Volume(im.Smart, total, im.PerChunk, len(im.Media)/512, im.Set)
	perSegment := (total + im.Segments - 1) / im.Segments
	var files [][]byte
	done := 0
	for n := 1; n <= im.Segments; n++ {
		f := Start(n)
		if n == 1 {
			f = im.headers(f)
			f = Section(f, "volume", volume)
		} else if !im.Smart {
			f = Section(f, "data", volume)
		}
		mine := chunks[:min(perSegment, len(chunks))]
		chunks = chunks[len(mine):]
		perTable := im.PerTable
		if perTable == 0 {
			perTable = max(1, len(mine))
		}
		for len(mine) > 0 {
			run := mine[:min(perTable, len(mine))]
			mine = mine[len(run):]
			f = im.table(f, run, done)
			done += len(run)
		}
		if n < im.Segments {
			files = append(files, end(f, "next", im.Smart))
			continue
		}
		if n == 1 && !im.Smart {
			f = Section(f, "data", volume)
		}
		files = append(files, end(im.tail(f), "done", im.Smart))
	}
	return files
}

func (im Image) headers(f []byte) []byte {
	if im.Header2 != "" {
		b := []byte{0xff, 0xfe}
		for _, u := range utf16.Encode([]rune(im.Header2)) {
			b = binary.LittleEndian.AppendUint16(b, u)
		}
		f = Section(f, "header2", Deflate(b))
		f = Section(f, "header2", Deflate(b))
	}
	return Section(f, "header", Deflate([]byte(im.Header)))
}

// table appends a run of chunks with what leads to them.
func (im Image) table(f []byte, run [][]byte, first int) []byte {
	inline := 0
	if im.Smart {
		inline = 24 + 4*len(run)
	}
	start := len(f) + 76 + inline
	var data []byte
	var offsets []uint32
	base := 0
	if im.Base {
		base = len(f)
	}
	for i, c := range run {
		offset := uint32(start + len(data) - base)
		if im.Smart || im.Compressed && (first+i)%2 == 0 {
			offset |= 1 << 31
			data = append(data, Deflate(c)...)
		} else {
			data = append(data, Sealed(c)...)
		}
		offsets = append(offsets, offset)
	}
	t := Table(uint64(base), offsets)
	if im.Smart {
		return Section(f, "table", append(t, data...))
	}
	f = Section(f, "sectors", data)
	f = Section(f, "table", Footed(t))
	return Section(f, "table2", Footed(t))
}

func (im Image) tail(f []byte) []byte {
	if len(im.Errors) > 0 {
		h := make([]byte, 516)
		binary.LittleEndian.PutUint32(h, uint32(len(im.Errors)))
		var list []byte
		for _, e := range im.Errors {
			list = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(list, e[0]), e[1])
		}
		f = Section(f, "error2", append(Sealed(h), Sealed(list)...))
	}
	if im.NoHash {
		return f
	}
	sum := md5.Sum(im.Media)
	if im.MD5 != nil {
		sum = *im.MD5
	}
	if im.SHA1 != nil {
		d := make([]byte, 76)
		copy(d, sum[:])
		copy(d[16:], im.SHA1[:])
		f = Section(f, "digest", Sealed(d))
	}
	h := make([]byte, 32)
	copy(h, sum[:])
	f = Section(f, "hash", Sealed(h))
	if im.Again != nil {
		copy(h, im.Again[:])
		f = Section(f, "hash", Sealed(h))
	}
	return f
}

func end(f []byte, kind string, smart bool) []byte {
	if smart {
		return Descriptor(f, kind, uint64(len(f)+76), 76)
	}
	return Descriptor(f, kind, uint64(len(f)), 0)
}

// SHA1 is a medium's, for Image.SHA1.
func SHA1(media []byte) *[20]byte { h := sha1.Sum(media); return &h }

// Media is a medium of n bytes, a part of which can be compressed.
func Media(n int) []byte {
	b := make([]byte, n)
	x := uint32(1)
	for i := range b {
		if i/1024%3 == 0 {
			x = x*1664525 + 1013904223
			b[i] = byte(x >> 24)
		} else {
			b[i] = byte(i / 4096)
		}
	}
	return b
}
