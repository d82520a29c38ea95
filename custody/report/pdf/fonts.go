package pdf

import (
	"bytes"
	_ "embed"
	"fmt"
	"sync"
	"unicode"

	"codeberg.org/go-pdf/fpdf"
	"github.com/go-text/typesetting/font"
	"golang.org/x/text/unicode/bidi"
)

// FontLicence is the SIL Open Font License under which the embedded Noto fonts
// are copied, and which must go wherever they go.
//
//go:embed fonts/OFL.txt
var FontLicence string

//go:embed fonts/NotoSans-Regular.ttf
var sansTTF []byte

//go:embed fonts/NotoSans-Bold.ttf
var boldTTF []byte

//go:embed fonts/NotoSansMono-Regular.ttf
var monoTTF []byte

// face is one of the three embedded fonts.
type face int

const (
	sans face = iota
	bold
	mono
	faces
)

// family and style under which fpdf knows the face.
func (f face) names() (family, style string) {
	switch f {
	case bold:
		return "noto", "B"
	case mono:
		return "notomono", ""
	}
	return "noto", ""
}

// advances are the widths of every rune of the basic plane in every face, in
// thousandths of the size. 0: the face has no glyph that may be printed for it.
type advances [faces][1 << 16]uint16

// metrics reads the embedded fonts once.
var metrics = sync.OnceValues(func() (*advances, error) {
	var a advances
	for f, ttf := range [faces][]byte{sansTTF, boldTTF, monoTTF} {
		parsed, err := font.ParseTTF(bytes.NewReader(ttf))
		if err != nil {
			return nil, fmt.Errorf("couldn't read embedded font %d: %w", f, err)
		}
		for r := range rune(1 << 16) {
			if gid, ok := parsed.NominalGlyph(r); ok && gid != 0 && standsAlone(r) {
				a[f][r] = uint16(parsed.HorizontalAdvance(gid) * 1000 / float32(parsed.Upem()))
			}
		}
	}
	return &a, nil
})

// standsAlone reports whether one glyph per rune, drawn left to right, is the
// right picture of r whatever stands beside it. Fonts have glyphs for much that
// is wrong when drawn so: Devanagari without shaping, marks without their base,
// right-to-left letters in the wrong order.
func standsAlone(r rune) bool {
	if !unicode.In(r, unicode.Latin, unicode.Greek, unicode.Cyrillic, unicode.Common) ||
		!unicode.In(r, unicode.L, unicode.N, unicode.P, unicode.S, unicode.Zs) {
		return false
	}
	p, _ := bidi.LookupRune(r)
	switch p.Class() {
	case bidi.L, bidi.EN, bidi.ES, bidi.ET, bidi.CS, bidi.WS, bidi.ON:
		return true
	}
	return false
}

// CanBeShown reports whether s can be printed with the embedded fonts so that
// a reader sees exactly its letters. Line breaks and tabs are layout and can
// be shown; any other control character, any rune without a glyph in every
// face, and any rune that needs shaping, combining or right-to-left order
// cannot, nor can text that is not UTF-8.
func CanBeShown(s string) bool {
	a, err := metrics()
	if err != nil {
		return false
	}
	for i, r := range s {
		switch {
		case r == '\n' || r == '\t':
		case r == '\r':
			if i+1 >= len(s) || s[i+1] != '\n' {
				return false
			}
		case r == unicode.ReplacementChar || r >= 1<<16:
			// The replacement character stands for bytes that were lost.
			return false
		case a[sans][r] == 0 || a[bold][r] == 0 || a[mono][r] == 0:
			return false
		}
	}
	return true
}

// width of text in millimetres at a size in points.
func (a *advances) width(text string, f face, size float64) float64 {
	sum := 0
	for _, r := range text {
		sum += a.of(r, f)
	}
	return float64(sum) * size * mmPerPoint / 1000
}

func (a *advances) of(r rune, f face) int {
	if r >= 0 && r < 1<<16 {
		return int(a[f][r])
	}
	return 0
}

const mmPerPoint = 25.4 / 72

// addFonts gives fpdf copies, for it writes into what it is given.
func addFonts(p *fpdf.Fpdf) {
	for f, ttf := range [faces][]byte{sansTTF, boldTTF, monoTTF} {
		family, style := face(f).names()
		p.AddUTF8FontFromBytes(family, style, bytes.Clone(ttf))
	}
}
