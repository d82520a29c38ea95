package acquisition

import (
	"bytes"
	"encoding/binary"
	"iter"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/unicode/norm"
)

// text is a log's content as UTF-8.
type text struct {
	content  string
	encoding string
	unsafe   bool // a character was replaced because it could mislead
	cut      bool // a last line was left out: see whole
}

// whole leaves out a last line that has no end and stops in a hash: half a SHA-256
// looks like an MD5. The only line of a file stays (readSums looks closer).
func (t *text) whole() *text {
	at := strings.LastIndexAny(t.content, "\r\n")
	if at < 0 {
		return t
	}
	end := t.content[at+1:]
	if n := len(end) - len(strings.TrimRight(end, "0123456789abcdefABCDEF")); n >= 32 {
		t.content, t.cut = t.content[:at+1], true
	}
	return t
}

// decode makes UTF-8 of what programs on any system write: UTF-8 or UTF-16 with
// or without a mark, else Windows-1252, which has a character for every byte.
func decode(b []byte) *text {
	switch {
	case bytes.HasPrefix(b, []byte{0xef, 0xbb, 0xbf}) && utf8.Valid(b[3:]):
		return &text{content: string(b[3:]), encoding: "utf-8"}
	case bytes.HasPrefix(b, []byte{0xff, 0xfe}):
		return &text{content: wide(b[2:], binary.LittleEndian), encoding: "utf-16le"}
	case bytes.HasPrefix(b, []byte{0xfe, 0xff}):
		return &text{content: wide(b[2:], binary.BigEndian), encoding: "utf-16be"}
	}
	head := b[:min(len(b), 512)]
	var even, odd int
	for i, c := range head {
		if c == 0 && i%2 == 0 {
			even++
		} else if c == 0 {
			odd++
		}
	}
	switch {
	case odd > len(head)/4 && even < odd/8:
		return &text{content: wide(b, binary.LittleEndian), encoding: "utf-16le"}
	case even > len(head)/4 && odd < even/8:
		return &text{content: wide(b, binary.BigEndian), encoding: "utf-16be"}
	case utf8.Valid(b):
		return &text{content: string(b), encoding: "utf-8"}
	}
	if cut := trimPartial(b); utf8.Valid(cut) { // cut in the middle of a character
		return &text{content: string(cut), encoding: "utf-8"}
	}
	s, err := charmap.Windows1252.NewDecoder().Bytes(b)
	if err != nil { // it has a character for every byte
		s = bytes.ToValidUTF8(b, []byte("\ufffd"))
	}
	return &text{content: string(s), encoding: "windows-1252"}
}

func wide(b []byte, order binary.ByteOrder) string {
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = order.Uint16(b[2*i:])
	}
	return string(utf16.Decode(u))
}

// trimPartial drops up to three bytes of a character that the end cut.
func trimPartial(b []byte) []byte {
	for i := 1; i < utf8.UTFMax && i <= len(b); i++ {
		if c := b[len(b)-i]; utf8.RuneStart(c) {
			if c >= utf8.RuneSelf {
				return b[:len(b)-i]
			}
			break
		}
	}
	return b
}

// lines yields each line without its end (LF, CRLF, CR), cut at maxLine bytes.
func (t *text) lines() iter.Seq[string] {
	return func(yield func(string) bool) {
		for rest := t.content; rest != ""; {
			line := rest
			if i := strings.IndexAny(rest, "\r\n"); i >= 0 {
				line, rest = rest[:i], rest[i:]
				rest = rest[min(len(rest), 1+strings.Count(rest[:min(2, len(rest))], "\r\n")):]
			} else {
				rest = ""
			}
			if len(line) > maxLine {
				line = strings.ToValidUTF8(line[:maxLine], "")
			}
			if !yield(line) {
				return
			}
		}
	}
}

// head yields the first n lines that are not blank.
func (t *text) head(n int) iter.Seq[string] {
	return func(yield func(string) bool) {
		for line := range t.lines() {
			if line = strings.TrimSpace(line); line == "" {
				continue
			}
			if n--; n < 0 || !yield(line) {
				return
			}
		}
	}
}

// clean makes a field of the log safe to show: trimmed, bounded, and without the
// characters that hide or reorder what is read. Joiners stay: Urdu needs them.
func (t *text) clean(s string) string {
	s = strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r == 0 || r == '\ufeff' })
	n := 0
	s = strings.Map(func(r rune) rune {
		if n++; n > maxText {
			return -1
		}
		switch {
		case r == '\u200c' || r == '\u200d':
			return r
		case r == '\t':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == '\u2028', r == '\u2029':
			t.unsafe = true
			return '\ufffd'
		}
		return r
	}, s)
	if n > maxText {
		s += "…"
	}
	return norm.NFC.String(s)
}

// label splits "name : value" at the first colon and returns the name in lower
// case with single spaces, and the value.
func (t *text) label(line string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(line, ":")
	return strings.ToLower(strings.Join(strings.Fields(name), " ")), t.clean(value), ok
}

// base returns the file name at the end of a path of any system.
func base(path string) string {
	path = strings.TrimRight(strings.TrimSpace(path), `/\`)
	if i := strings.LastIndexAny(path, `/\`); i >= 0 {
		path = path[i+1:]
	}
	return path
}

// sameName compares file names as the systems on which images travel do.
func sameName(a, b string) bool {
	return a != "" && strings.EqualFold(norm.NFC.String(a), norm.NFC.String(b))
}

// digits reads a whole number in any script's digits, grouped by any locale's
// separators: 1,972,224 · 1.972.224 · 1 972 224 · 1'972'224 · 1,04,85,760.
func digits(s string) (uint64, bool) {
	s = strings.TrimSpace(s)
	var n uint64
	group, groups := 0, 0 // digits since the last separator
	for _, r := range s {
		switch d := digit(r); {
		case d >= 0:
			if n > (1<<63)/10-1 {
				return 0, false
			}
			n = n*10 + uint64(d)
			group++
		case strings.ContainsRune(" \u00a0\u202f\u2009.,'’٬،", r):
			if group == 0 || group > 3 || groups > 0 && group == 1 {
				return 0, false
			}
			group, groups = 0, groups+1
		default:
			return 0, false
		}
	}
	return n, group > 0 && (groups == 0 || group == 3)
}

// digit returns the value of a decimal digit of any script, or -1. Unicode gives
// the ten digits of a script consecutive places, from zero.
func digit(r rune) int {
	if r >= '0' && r <= '9' {
		return int(r - '0')
	}
	if r < 0x80 || !unicode.Is(unicode.Nd, r) {
		return -1
	}
	zero := r
	for range 9 {
		if !unicode.Is(unicode.Nd, zero-1) {
			break
		}
		zero--
	}
	// Neighbouring scripts' digits touch nowhere but in the mathematical block,
	// which no log uses.
	return int(r - zero)
}

// leading reads the number at the beginning of s, up to the first character that
// is neither a digit nor a grouped separator: "4004511744 (4.0GB)".
func leading(s string) (uint64, bool) {
	s = strings.TrimSpace(s)
	end := strings.IndexFunc(s, func(r rune) bool {
		return digit(r) < 0 && !strings.ContainsRune("\u00a0\u202f.,'’٬،", r)
	})
	if end >= 0 {
		s = s[:end]
	}
	return digits(strings.TrimRight(s, ".,"))
}

// hexHash recognises a hash by its length.
func hexHash(s string) (Algorithm, string, bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	if strings.Trim(s, "0123456789abcdef") != "" {
		return "", "", false
	}
	switch len(s) {
	case 32:
		return MD5, s, true
	case 40:
		return SHA1, s, true
	case 64:
		return SHA256, s, true
	case 96:
		return SHA384, s, true
	case 128:
		return SHA512, s, true
	}
	return "", "", false
}
