package ewf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/adler32"
	"io"
)

const (
	fileHeaderSize = 13
	descriptorSize = 76
)

// Segment is one file of a set.
type Segment struct {
	io.ReaderAt
	Name string // shown in errors and findings; nothing is opened by it
	Size int64
}

// segment adds its place in the set.
type segment struct {
	Segment
	number int // from 1
}

func (s *segment) refuse(rule string, off int64, format string, args ...any) error {
	return &Error{Rule: rule, Segment: s.number, Name: s.Name, Offset: off, Detail: fmt.Sprintf(format, args...)}
}

// read fills b from off. Beyond the file's size is a fault of the evidence;
// anything that the reader reports is not.
func (s *segment) read(b []byte, off int64) error {
	if off < 0 || off > s.Size || int64(len(b)) > s.Size-off {
		return s.refuse("truncated", off, "the file ends at byte %d", s.Size)
	}
	n, err := s.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("couldn't read segment %d, %q, at byte %d: %w", s.number, s.Name, off+int64(n), err)
}

// Signatures of 8 bytes at the start of a file.
var (
	signature     = []byte("EVF\x09\x0d\x0a\xff\x00")
	signatureL01  = []byte("LVF\x09\x0d\x0a\xff\x00")
	signatureEWF2 = []byte("EVF2\x0d\x0a\x81\x00")
	signatureLEF2 = []byte("LEF2\x0d\x0a\x81\x00")
	signatureAD   = []byte("ADCRYPT\x00")
)

// HeadSize is how many bytes of a file Recognize needs.
const HeadSize = fileHeaderSize

// Marked reports whether a file begins with the mark of this format or one of
// its relatives that Recognize refuses by name.
func Marked(head []byte) bool {
	for _, mark := range [][]byte{signature, signatureL01, signatureEWF2, signatureLEF2, signatureAD} {
		if bytes.HasPrefix(head, mark) {
			return true
		}
	}
	return false
}

// Recognize reads the first 13 bytes of a file and returns the number of the
// segment that it says it is. What is not an EWF segment of version 1 is an
// *Error of rule not-ewf, ewf2, logical or encrypted.
func Recognize(head []byte) (number int, err error) {
	refuse := func(rule, detail string) (int, error) { return 0, &Error{Rule: rule, Detail: detail} }
	switch {
	case bytes.HasPrefix(head, signatureEWF2), bytes.HasPrefix(head, signatureLEF2):
		return refuse("ewf2", "this is version 2 of the format (Ex01, Lx01), which is not read")
	case bytes.HasPrefix(head, signatureL01):
		return refuse("logical", "this is a logical evidence file (L01): it holds files and no medium")
	case bytes.HasPrefix(head, signatureAD):
		return refuse("encrypted", "this is encrypted by FTK Imager")
	case len(head) < fileHeaderSize || !bytes.HasPrefix(head, signature) || head[8] != 1 || head[11] != 0 || head[12] != 0:
		return refuse("not-ewf", "this is not a segment of an EWF image")
	}
	number = int(binary.LittleEndian.Uint16(head[9:]))
	if number == 0 {
		return refuse("not-ewf", "this segment has the number 0")
	}
	return number, nil
}

// open checks the file header.
func (s *segment) open() error {
	var head [fileHeaderSize]byte
	if err := s.read(head[:min(int64(len(head)), max(s.Size, 0))], 0); err != nil {
		return err
	}
	n, err := Recognize(head[:min(int64(len(head)), max(s.Size, 0))])
	var bad *Error
	if errors.As(err, &bad) {
		bad.Segment, bad.Name = s.number, s.Name
		return bad
	}
	if n != s.number {
		return s.refuse("order", 9, "this is segment %d of a set, where segment %d is wanted", n, s.number)
	}
	return nil
}

// section is one section of a segment, its bounds checked: off + 76 <= end <= Size.
type section struct {
	kind     string
	off, end int64
	sound    bool // the descriptor's checksum is right
}

func (d section) data() int64 { return d.off + descriptorSize }
func (d section) size() int64 { return d.end - d.off - descriptorSize }

// last reports whether this section is the last of its segment.
func (d section) last() bool { return d.kind == "next" || d.kind == "done" }

// descriptor reads the section at off.
//
// It says twice where it ends: by its size and by the offset of the next one.
// They must agree, or one could make a file that two readers take for two
// images; a size of 0 is what Expert Witness 1.35 wrote. Where the checksum is
// wrong, the one is taken that leads to a sound descriptor.
func (s *segment) descriptor(off int64) (section, error) {
	var b [descriptorSize]byte
	if err := s.read(b[:], off); err != nil {
		return section{}, err
	}
	d := section{off: off, kind: string(bytes.TrimRight(b[:16], "\x00")), sound: soundDescriptor(b[:])}
	next, size := binary.LittleEndian.Uint64(b[16:]), binary.LittleEndian.Uint64(b[24:])
	if d.last() { // points to itself or behind itself
		d.end = off + descriptorSize
		return d, nil
	}
	fits := func(end uint64) bool { return end >= uint64(off+descriptorSize) && end <= uint64(s.Size) }
	bySize := uint64(off) + size // a size that overflows ends before off, or beyond the file
	switch {
	case d.sound && fits(next) && (size == 0 || bySize == next):
		d.end = int64(next)
	case d.sound && next > uint64(s.Size):
		return section{}, s.refuse("truncated", off, "the %s section ends at byte %d, the file at %d", printable(d.kind), next, s.Size)
	case d.sound:
		return section{}, s.refuse("section", off, "a section of size %d is said to end at %d", size, next)
	case fits(next) && s.soundAt(int64(next)):
		d.end = int64(next)
	case fits(bySize) && s.soundAt(int64(bySize)):
		d.end = int64(bySize)
	default:
		return section{}, s.refuse("section", off, "a section descriptor fails its checksum, and no section follows where it points")
	}
	return d, nil
}

func soundDescriptor(b []byte) bool {
	return adler32.Checksum(b[:72]) == binary.LittleEndian.Uint32(b[72:])
}

func (s *segment) soundAt(off int64) bool {
	var b [descriptorSize]byte
	return s.read(b[:], off) == nil && soundDescriptor(b[:])
}

// checked reads n bytes at off, the last four of which are the Adler-32 of
// those before. sound is false where they are not.
func (s *segment) checked(off int64, n int) (b []byte, sound bool, err error) {
	b = make([]byte, n)
	if err := s.read(b, off); err != nil {
		return nil, false, err
	}
	return b, adler32.Checksum(b[:n-4]) == binary.LittleEndian.Uint32(b[n-4:]), nil
}
