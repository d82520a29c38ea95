package pdf

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody/report"
	"github.com/evidence-custody/custodyd/custody/report/reporttest"
)

func TestCanBeShown(t *testing.T) {
	for s, want := range map[string]bool{
		"":                    true,
		"Plain":               true,
		"Zoë Müller, Łódź":    true,
		"Ελένη Пётр":          true,
		"line\nline\ttab\r\n": true,
		"– — … • “x” €":       true,
		"lone\rreturn":        false,
		"a → b":               false, // no glyph in Noto Sans
		"bell\x07":            false,
		"del\x7f":             false,
		"\u0085next":          false,
		"محمد علی":            false,
		"١٢٣":                 false,
		"עברית":               false,
		"अनीता":               false, // glyphs are there, shaping is not
		"e\u0301":             false,
		"\u202eabc":           false,
		"\u2066abc\u2069":     false,
		"soft\u00adhyphen":    false,
		"zero\u200bwidth":     false,
		"\ufeffbom":           false,
		"\u2028line":          false,
		"漢字":                  false,
		"\U0001F50D":          false,
		"\ue000private":       false,
		"\ufffd":              false,
		"\xff":                false,
		"Vi\u1ec7t":           true,
		"\u0e01\u0e33":        false, // Thai
	} {
		if got := CanBeShown(s); got != want {
			t.Errorf("%q: %v", s, got)
		}
	}
	for _, s := range reporttest.Unshowable {
		if CanBeShown(s) {
			t.Errorf("%q is taken", s)
		}
	}
}

func TestUnshowableTextFailsTheDrawing(t *testing.T) {
	a, err := metrics()
	if err != nil {
		t.Fatal(err)
	}
	s := &sheet{pdf: newPDF(reporttest.Minimal()), doc: reporttest.Minimal(), advances: a}
	s.page()
	s.put(20, 20, "محمد", body)
	if err := s.pdf.Output(&bytes.Buffer{}); err == nil {
		t.Error("wrong letters were drawn")
	}
}

func TestFontLicenceIsEmbedded(t *testing.T) {
	for _, want := range []string{"SIL OPEN FONT LICENSE Version 1.1", "Copyright 2015 Google LLC"} {
		if !strings.Contains(FontLicence, want) {
			t.Errorf("lacks %q", want)
		}
	}
}

func TestTicks(t *testing.T) {
	start := reporttest.Start
	for _, length := range []int64{1, 10, minute, hour, day, 9 * day, 400 * day, 100 * 365 * day, 7900 * 365 * day} {
		a := axis{from: start, to: time.Unix(start.Unix()+length, 0), width: 100}
		ticks, label := a.ticks(report.Zone{OffsetMinutes: 300})
		if len(ticks) == 0 || len(ticks) > 7 || !strings.Contains(string(label), "UTC+05:00") {
			t.Errorf("%v: %d ticks, %q", length, len(ticks), label)
		}
		for _, k := range ticks {
			if k.x < 0 || k.x > 100 {
				t.Errorf("%v: tick at %v", length, k.x)
			}
		}
	}
}

// FuzzWrap asserts that wrapping loses nothing but blanks, and that no line is
// wider than its column unless it is one letter.
func FuzzWrap(f *testing.F) {
	a, err := metrics()
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{"", "a", "one two three", strings.Repeat("W", 300), "  lead", "a\nb\r\nc\td", reporttest.LongWords, strings.Repeat(" ", 50) + "x"} {
		f.Add(s, 20.0)
	}
	f.Fuzz(func(t *testing.T, s string, width float64) {
		if !CanBeShown(s) || width < 1 || width > 300 {
			return
		}
		var got strings.Builder
		for _, l := range a.wrap(printable(s), sans, 8, width) {
			if len([]rune(string(l))) > 1 && a.width(string(l), sans, 8) > width+0.01 {
				t.Errorf("%q is %v wide in %v", l, a.width(string(l), sans, 8), width)
			}
			got.WriteString(string(l))
		}
		blank := strings.NewReplacer(" ", "", "\n", "", "\t", "", "\r", "")
		if blank.Replace(got.String()) != blank.Replace(s) {
			t.Errorf("%q became %q", s, got.String())
		}
	})
}

func TestOneLineHasNoBreaks(t *testing.T) {
	if got := oneLine("a\nb\r\nc\td"); got != "a b c d" {
		t.Errorf("%q", got)
	}
}
