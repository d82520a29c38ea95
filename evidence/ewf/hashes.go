package ewf

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/xml"
	"hash/adler32"
	"strings"
)

// Stored is what the imager wrote into the file about the medium's data. Nil
// where it wrote none.
type Stored struct {
	MD5  *[16]byte // the first, where there are several
	SHA1 *[20]byte

	// Ones that contradict them, which makes at least one of the two wrong.
	otherMD5  *[16]byte
	otherSHA1 *[20]byte
}

// md5 and sha1 take a stored hash; another one is a flaw. All zeros is how
// tools leave out a hash.
func (w *walk) md5(h [16]byte, s *segment, d section) {
	if h == [16]byte{} {
		return
	}
	if w.stored.MD5 != nil && *w.stored.MD5 != h {
		w.flaws.add("hash", s.number, d.off)
		w.stored.otherMD5 = &h
		return
	}
	w.stored.MD5 = &h
}

func (w *walk) sha1(h [20]byte, s *segment, d section) {
	if h == [20]byte{} {
		return
	}
	if w.stored.SHA1 != nil && *w.stored.SHA1 != h {
		w.flaws.add("hash", s.number, d.off)
		w.stored.otherSHA1 = &h
		return
	}
	w.stored.SHA1 = &h
}

// hash takes a hash section (36 bytes) or a digest section (80 bytes).
func (w *walk) hash(s *segment, d section) error {
	n := int64(36)
	if d.kind == "digest" {
		n = 80
	}
	if d.size() != n {
		w.flaws.add("hash", s.number, d.off)
		return nil
	}
	b, sound, err := s.checked(d.data(), int(n))
	if err != nil {
		return err
	}
	if !sound {
		w.flaws.add("hash", s.number, d.off)
		return nil
	}
	w.md5([16]byte(b), s, d)
	if d.kind == "digest" {
		w.sha1([20]byte(b[16:]), s, d)
	}
	return nil
}

// xhash takes EWF-X's hashes, in XML.
func (w *walk) xhash(s *segment, d section) error {
	text, ok, err := w.inflated(s, d)
	if err != nil || !ok {
		return err
	}
	var x struct {
		MD5  string `xml:"MD5"`
		SHA1 string `xml:"SHA1"`
	}
	if xml.Unmarshal(trimBOM(text), &x) != nil {
		w.flaws.add("hash", s.number, d.off)
		return nil
	}
	if b, err := hex.DecodeString(strings.TrimSpace(x.MD5)); err == nil && len(b) == 16 {
		w.md5([16]byte(b), s, d)
	}
	if b, err := hex.DecodeString(strings.TrimSpace(x.SHA1)); err == nil && len(b) == 20 {
		w.sha1([20]byte(b), s, d)
	}
	return nil
}

// SectorRange is a run of sectors.
type SectorRange struct {
	First, Count uint64
}

// AcquisitionErrors are the sectors that the imager could not read and filled
// with zeros, as it wrote down.
type AcquisitionErrors struct {
	Ranges  uint64        // how many
	Sectors uint64        // their sum
	First   []SectorRange // at most the first 1,000
}

// errors2 takes an error2 section: 520 bytes of header, entries of 8, 4 of checksum.
func (w *walk) errors2(s *segment, d section) error {
	const head = 520
	if d.size() < head+4 {
		w.flaws.add("errors", s.number, d.off)
		return nil
	}
	b, sound, err := s.checked(d.data(), head)
	if err != nil {
		return err
	}
	n := int64(binary.LittleEndian.Uint32(b))
	if !sound || n > maxErrorRanges || d.size() < head+8*n+4 {
		w.flaws.add("errors", s.number, d.off)
		return nil
	}
	list := make([]byte, 8*n+4)
	if err := s.read(list, d.data()+head); err != nil {
		return err
	}
	if adler32.Checksum(list[:8*n]) != binary.LittleEndian.Uint32(list[8*n:]) {
		w.flaws.add("errors", s.number, d.off)
		return nil
	}
	w.errors.Ranges += uint64(n)
	for e := list[:8*n]; len(e) > 0; e = e[8:] {
		r := SectorRange{uint64(binary.LittleEndian.Uint32(e)), uint64(binary.LittleEndian.Uint32(e[4:]))}
		w.errors.Sectors += r.Count
		if len(w.errors.First) < maxKept {
			w.errors.First = append(w.errors.First, r)
		}
	}
	return nil
}
