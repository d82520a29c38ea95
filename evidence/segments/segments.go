// Package segments finds the files that are one image: E01 and SMART sets, and
// raw images cut into numbered pieces. It judges by names and sizes; what is in
// the files of an EWF set, package ewf asks.
package segments

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Error refuses a set. Rule says why:
//
//	missing   a segment between others is not there
//	doubled   two files have names for one segment
//	size      a piece of a raw image has another size than those before it
//	limit     more segments than evidence.MaxSegments
type Error struct {
	Rule string
	Name string // of the file at fault, or of the one that is missing
	What string // words for people, with what to do
}

func (e *Error) Error() string {
	return fmt.Sprintf("couldn't take the set of segments: %s: %s (%s)", e.Name, e.What, e.Rule)
}

// maxSegments is evidence.MaxSegments, which a test compares.
const maxSegments = 14971

// scheme is a way of naming segments.
type scheme struct {
	ewf   bool
	first int // number of the first segment
	// number reads an extension, without its dot and in lower case; -1 where it
	// is none of the scheme.
	number func(ext string) int
	// ext is the extension of a segment, in lower case.
	ext func(n int) string
}

// schemes are asked in this order.
var schemes = []scheme{
	ewfScheme('e'), ewfScheme('s'),
	digits(3, 1), digits(3, 0), digits(4, 1), digits(4, 0), digits(2, 1), digits(2, 0),
	letters(3), letters(2),
}

// ewfScheme is .E01 to .E99, then .EAA to .EZZ, .FAA and so on to .ZZZ; the
// same from s for SMART.
func ewfScheme(base byte) scheme {
	return scheme{ewf: true, first: 1,
		number: func(ext string) int {
			if len(ext) != 3 {
				return -1
			}
			if ext[0] == base && isDigit(ext[1]) && isDigit(ext[2]) && ext[1:] != "00" {
				return int(ext[1]-'0')*10 + int(ext[2]-'0')
			}
			if ext[0] >= base && isLetter(ext[0]) && isLetter(ext[1]) && isLetter(ext[2]) {
				return 100 + int(ext[0]-base)*26*26 + int(ext[1]-'a')*26 + int(ext[2]-'a')
			}
			return -1
		},
		ext: func(n int) string {
			if n < 100 {
				return fmt.Sprintf("%c%02d", base, n)
			}
			n -= 100
			return string([]byte{base + byte(n/676), 'a' + byte(n/26%26), 'a' + byte(n%26)})
		}}
}

func digits(width, first int) scheme {
	return scheme{first: first,
		number: func(ext string) int {
			n := 0
			for i := range len(ext) {
				if len(ext) != width || !isDigit(ext[i]) {
					return -1
				}
				n = n*10 + int(ext[i]-'0')
			}
			if ext == "" || n < first {
				return -1
			}
			return n
		},
		ext: func(n int) string { return fmt.Sprintf("%0*d", width, n) }}
}

// letters is what split(1) writes: .aa, .ab and so on.
func letters(width int) scheme {
	return scheme{first: 0,
		number: func(ext string) int {
			n := 0
			for i := range len(ext) {
				if len(ext) != width || !isLetter(ext[i]) {
					return -1
				}
				n = n*26 + int(ext[i]-'a')
			}
			if ext == "" {
				return -1
			}
			return n
		},
		ext: func(n int) string {
			b := make([]byte, width)
			for i := width - 1; i >= 0; i-- {
				b[i] = 'a' + byte(n%26)
				n /= 26
			}
			return string(b)
		}}
}

func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isLetter(c byte) bool { return c >= 'a' && c <= 'z' }

// Find returns the names of the set that chosen belongs to, first to last, from
// the names in its directory; and whether they are EWF's. Any segment may be
// chosen. One file that is no part of a set, or the only one of it, is returned
// alone; an EWF file alone is still ewf by its name.
//
// Upper and lower case are one; two files for one segment are refused.
func Find(names []string, chosen string) (set []string, ewf bool, err error) {
	stem, ext, ok := cut(chosen)
	if !ok {
		return []string{chosen}, false, nil
	}
	for _, s := range schemes {
		if s.number(ext) < 0 {
			continue
		}
		found := map[int]string{}
		for _, name := range names {
			other, e, ok := cut(name)
			if !ok || !strings.EqualFold(other, stem) {
				continue
			}
			n := s.number(e)
			if n < 0 {
				continue
			}
			if before, twice := found[n]; twice {
				return nil, s.ewf, &Error{"doubled", name, "and " + before + " are names for one segment: take away the one that does not belong"}
			}
			found[n] = name
		}
		last := s.last(slices.Sorted(maps.Keys(found)))
		if _, begins := found[s.first]; !begins && (!s.ewf || s.number(ext) >= 100) {
			continue // of another scheme, or no set
		}
		if last-s.first+1 > maxSegments {
			return nil, s.ewf, &Error{"limit", found[last], "a set has at most 14,971 segments"}
		}
		for n := s.first; n <= last; n++ {
			name, there := found[n]
			if !there {
				return nil, s.ewf, &Error{"missing", stem + "." + s.ext(n), "this segment is not there: bring it from where the image was made"}
			}
			set = append(set, name)
		}
		if !slices.Contains(set, chosen) {
			return []string{chosen}, s.ewf, nil
		}
		return set, s.ewf, nil
	}
	return []string{chosen}, false, nil
}

// last returns the number of the last segment. Letters are no sure sign: .txt
// and .log are names of segments, too, thousands of them from the first. So a
// file far behind the others is none.
func (s scheme) last(numbers []int) int {
	last := s.first
	for _, n := range numbers {
		if isLetter(s.ext(n)[1]) && n-last > farBehind {
			break
		}
		last = n
	}
	return last
}

const farBehind = 100

// cut parts a name at its last dot; ext is in lower case.
func cut(name string) (stem, ext string, ok bool) {
	i := strings.LastIndexByte(name, '.')
	if i <= 0 || i == len(name)-1 {
		return "", "", false
	}
	return name[:i], strings.ToLower(name[i+1:]), true
}

// CheckRaw holds the sizes of a raw image's pieces to what every tool writes:
// all the same, and the last no larger. So a piece that was cut short, or that
// is of another image, is found where it is not the last.
func CheckRaw(names []string, sizes []int64) error {
	for i, size := range sizes {
		switch {
		case size == 0:
			return &Error{"size", names[i], "is empty"}
		case i < len(sizes)-1 && size != sizes[0]:
			return &Error{"size", names[i], fmt.Sprintf("has %d bytes, the first piece %d: it was cut short, or belongs to another image", size, sizes[0])}
		case size > sizes[0]:
			return &Error{"size", names[i], fmt.Sprintf("has %d bytes, more than the %d of the first piece: it belongs to another image", size, sizes[0])}
		}
	}
	return nil
}
