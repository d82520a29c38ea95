package ewf

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/xml"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/unicode/norm"
)

// Metadata is what the imager wrote about the acquisition: claims of whoever
// ran it, in Unicode normal form C. An empty text was not given. Texts may hold
// anything; Shown makes one fit for a terminal or a report.
type Metadata struct {
	Case        string
	Evidence    string // number
	Description string
	Examiner    string
	Notes       string
	Model       string // of the medium
	Serial      string // number of the medium
	Label       string // of the device
	Tool        string // and its version, as the imager wrote it
	System      string // operating system
	Acquired    Date
	Written     Date // the acquiring machine's clock

	Password bool // a password's hash is in the file; the data is not encrypted by it
}

// Date is a time as an imager wrote it.
type Date struct {
	Text string    // as written; empty where none is
	At   time.Time // zero where Text could not be read
	Zone bool      // false: At is wall-clock time of an unknown zone, kept as UTC
}

// Shown returns a text with control characters and those that reorder text
// (bidi controls) written as escapes, so that it cannot lead a reader astray.
func Shown(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' || r == utf8.RuneError {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// printable shortens and escapes the name of a section for an error's text.
func printable(kind string) string { return Shown(strings.ToValidUTF8(kind[:min(len(kind), 16)], "?")) }

// inflated returns the text of a section that is one zlib stream; ok is false,
// and a flaw noted, where it is none or larger than the limits.
func (w *walk) inflated(s *segment, d section) (text []byte, ok bool, err error) {
	if d.size() > maxHeaderStored {
		w.flaws.add("header", s.number, d.off)
		return nil, false, nil
	}
	b := make([]byte, d.size())
	if err := s.read(b, d.data()); err != nil {
		return nil, false, err
	}
	z, err := zlib.NewReader(bytes.NewReader(b))
	if err == nil {
		text, err = io.ReadAll(io.LimitReader(z, maxHeaderText+1))
	}
	if err != nil || len(text) > maxHeaderText {
		w.flaws.add("header", s.number, d.off)
		return nil, false, nil
	}
	return text, true, nil
}

// header takes a header, header2 or xheader section. The first sound copy of
// each counts.
func (w *walk) header(s *segment, d section) error {
	text, ok, err := w.inflated(s, d)
	if err != nil || !ok {
		return err
	}
	if first, seen := w.headers[d.kind]; seen {
		if !bytes.Equal(first, text) {
			w.flaws.add("header-differs", s.number, d.off)
		}
		return nil
	}
	w.headers[d.kind] = text
	return nil
}

// metadata joins the headers: header2 is UTF-16 and so the surest, then EWF-X's
// XML, then header, whose code page nobody wrote down.
func (w *walk) metadata() Metadata {
	var m Metadata
	if text, ok := w.headers["header2"]; ok {
		m.fill(mainCategory(decodeUTF16(text)))
	}
	if text, ok := w.headers["xheader"]; ok {
		m.fill(xmlHeader(text))
	}
	if text, ok := w.headers["header"]; ok {
		m.fill(mainCategory(decodeBytes(text)))
	}
	return m
}

// fill sets what is empty yet.
func (m *Metadata) fill(values map[string]string) {
	for id, to := range map[string]*string{
		"a": &m.Description, "c": &m.Case, "n": &m.Evidence, "e": &m.Examiner, "t": &m.Notes,
		"md": &m.Model, "sn": &m.Serial, "l": &m.Label, "av": &m.Tool, "ov": &m.System,
	} {
		if *to == "" {
			*to = norm.NFC.String(values[id])
		}
	}
	if m.Acquired.Text == "" {
		m.Acquired = parseDate(values["m"])
	}
	if m.Written.Text == "" {
		m.Written = parseDate(values["u"])
	}
	m.Password = m.Password || values["p"] != "" && values["p"] != "0"
}

// mainCategory reads the line of identifiers and the line of values below the
// line "main", both separated by tabs.
func mainCategory(text string) map[string]string {
	lines := strings.SplitN(text, "\n", 6)
	for i, line := range lines {
		if strings.TrimSuffix(line, "\r") != "main" || i+2 >= len(lines) {
			continue
		}
		ids := strings.SplitN(strings.TrimSuffix(lines[i+1], "\r"), "\t", 64)
		values := strings.SplitN(strings.TrimSuffix(lines[i+2], "\r"), "\t", 64)
		found := map[string]string{}
		for k := range min(len(ids), len(values)) {
			found[ids[k]] = values[k]
		}
		return found
	}
	return nil
}

// xmlHeader reads EWF-X's header under the identifiers of the others.
func xmlHeader(text []byte) map[string]string {
	var x struct {
		Case     string `xml:"case_number"`
		Evidence string `xml:"evidence_number"`
		What     string `xml:"description"`
		Examiner string `xml:"examiner_name"`
		Notes    string `xml:"notes"`
		System   string `xml:"acquiry_operating_system"`
		Date     string `xml:"acquiry_date"`
		Software string `xml:"acquiry_software"`
		Version  string `xml:"acquiry_software_version"`
	}
	if xml.Unmarshal(trimBOM(text), &x) != nil {
		return nil
	}
	return map[string]string{"c": x.Case, "n": x.Evidence, "a": x.What, "e": x.Examiner, "t": x.Notes,
		"ov": x.System, "m": x.Date, "av": strings.TrimSpace(x.Software + " " + x.Version)}
}

func trimBOM(b []byte) []byte { return bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")) }

// decodeUTF16 reads header2: little endian without a byte order mark.
func decodeUTF16(b []byte) string {
	order := binary.ByteOrder(binary.LittleEndian)
	switch {
	case bytes.HasPrefix(b, []byte{0xff, 0xfe}):
		b = b[2:]
	case bytes.HasPrefix(b, []byte{0xfe, 0xff}):
		order, b = binary.BigEndian, b[2:]
	}
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = order.Uint16(b[2*i:])
	}
	return strings.TrimRight(string(utf16.Decode(units)), "\x00")
}

// decodeBytes reads header: UTF-8 where it is that (as ASCII is), else
// Windows-1252, which has Latin-1 in it.
func decodeBytes(b []byte) string {
	b = bytes.TrimRight(trimBOM(b), "\x00")
	if utf8.Valid(b) {
		return string(b)
	}
	text, err := charmap.Windows1252.NewDecoder().Bytes(b)
	if err != nil {
		return strings.ToValidUTF8(string(b), "\uFFFD")
	}
	return string(text)
}

// parseDate reads the three ways in which imagers write dates.
func parseDate(text string) Date {
	d := Date{Text: text}
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
		if seconds >= 0 && seconds < 1<<37 { // before the year 6325
			d.At, d.Zone = time.Unix(seconds, 0).UTC(), true
		}
		return d
	}
	if at, err := time.Parse("2006 1 2 15 4 5", text); err == nil {
		d.At = at
		return d
	}
	for _, layout := range []string{"Mon Jan _2 15:04:05 2006 MST", "Mon Jan 2 15:04:05 2006 MST"} {
		// Of a zone's abbreviation only UTC says which it is.
		if at, err := time.Parse(layout, text); err == nil {
			d.Zone = strings.HasSuffix(text, " UTC") || strings.HasSuffix(text, " GMT")
			d.At = time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), 0, time.UTC)
			return d
		}
	}
	return d
}
