package evidence

import (
	"errors"
	"strings"
	"testing"
)

func TestCheckFileName(t *testing.T) {
	urdu := strings.Repeat("ثبوت", 31) + "ثبو" + "a" // 2 bytes a letter
	if len(urdu) != 255 {
		t.Fatalf("the Urdu name has %d bytes", len(urdu))
	}
	for _, name := range []string{"disk.E01", "a..b", "..a", "گواہی‌نامہ.dd", urdu, "name with spaces", "ٹیسٹ (1).raw", ".hidden"} {
		if err := CheckFileName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for name, rule := range map[string]string{
		"": "empty", urdu + "x": "too-long", ".": "path", "..": "path",
		"a/b": "path", "/etc/passwd": "path", `..\x`: "path",
		"a\x00b": "control", "a\nb": "control", "a\u0085b": "control", "a\x7f": "control", "a\u2028b": "control",
		"gpj\u202e.exe": "bidi", "a\u2066b": "bidi", "a\u200fb": "bidi", "a\u061cb": "bidi",
		"a\xffb": "not-utf-8", "\xed\xa0\x80": "not-utf-8",
	} {
		err := CheckFileName(name)
		var refused *FileNameError
		if !errors.As(err, &refused) || refused.Rule != rule || !errors.Is(err, ErrFileName) {
			t.Errorf("%q: %v, want rule %s", name, err, rule)
		}
	}
}

func FuzzCheckFileName(f *testing.F) {
	for _, seed := range []string{"", "..", "a/b", "ثبوت.dd", "a\u202eb", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if CheckFileName(name) == nil && (name == "" || len(name) > MaxFileName || strings.ContainsAny(name, "/\\\x00\n\u202e")) {
			t.Errorf("%q was accepted", name)
		}
	})
}

func TestNormalizeFileName(t *testing.T) {
	if got := NormalizeFileName("cafe\u0301"); got != "caf\u00e9" {
		t.Errorf("got %q", got)
	}
}

func TestGuessFormat(t *testing.T) {
	for head, want := range map[string]Format{
		"EVF\x09\x0d\x0a\xff\x00\x01": FormatEWFE01,
		"EVF\x09\x0d\x0a\xff":         FormatRaw,
		"EVF2\x0d\x0a\x81\x00":        FormatRaw,
		"":                            FormatRaw,
		"\xeb\x3c\x90mkfs.fat":        FormatRaw,
		"xEVF\x09\x0d\x0a\xff\x00":    FormatRaw,
	} {
		if got := GuessFormat([]byte(head)); got != want {
			t.Errorf("GuessFormat(%q) = %s, want %s", head, got, want)
		}
	}
}
