package custody

import (
	"bytes"
	"maps"
	"strings"
	"testing"
)

// shortDetailAgrees holds the short reading of a detail to the long one: it may
// leave a detail to the long way, and must accept nothing that this refuses.
func shortDetailAgrees(t *testing.T, b []byte) bool {
	short, ok := parseShortDetail(b)
	var long Detail
	err := parseText(b, &long, "detail")
	if ok && (err != nil || short != long) {
		t.Fatalf("%q: short %+v, long %+v, %v", b, short, long, err)
	}
	return ok
}

func TestShortDetailAgrees(t *testing.T) {
	for _, value := range []string{"", "Büro 7, 2. OG", "a<b>&c", "\u2028 \u2029 \ufffd \x7f", "تحویل", strings.Repeat("x", 1000)} {
		b, _, err := Detail{FieldNote, Salt{1, 2, 250}, value}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if !shortDetailAgrees(t, b) {
			t.Errorf("%q is not read the short way", b)
		}
		for i := range min(len(b), 150) {
			for _, c := range []byte{0, '\n', '\\', '"', 0x80, 0xff, 'A', '{', '='} {
				changed := bytes.Clone(b)
				changed[i] = c
				shortDetailAgrees(t, changed)
				shortDetailAgrees(t, append(append(bytes.Clone(b[:i]), c), b[i:]...))
			}
			shortDetailAgrees(t, append(bytes.Clone(b[:i]), b[i+1:]...))
			shortDetailAgrees(t, b[:i])
		}
	}
}

// shortFoundingAgrees does the same for founding documents.
func shortFoundingAgrees(t *testing.T, b []byte) bool {
	short, ok := parseShortFounding(b)
	var long Founding
	err := parseText(b, &long, "document")
	if ok && (err != nil || short.Document != long.Document || short.Salt != long.Salt || long.Fields == nil || !maps.Equal(short.Fields, long.Fields)) {
		t.Fatalf("%q: short %+v, long %+v, %v", b, short, long, err)
	}
	return ok
}

func TestShortFoundingAgrees(t *testing.T) {
	for _, fields := range []map[string]string{{}, {"title": "State v. unknown"}, {"fir": "12/2026", "note": "a<b>&c\u2028", "officer": "محمد علی", "title": "x"}, {"": ""}} {
		b, err := marshal(Founding{DocCase, fields, Salt{1, 2, 250}})
		if err != nil {
			t.Fatal(err)
		}
		if !shortFoundingAgrees(t, b) {
			t.Errorf("%q is not read the short way", b)
		}
		for i := range b {
			for _, c := range []byte{0, '\n', '\\', '"', 0x80, 0xff, 'A', 'z', '{', '}', ',', ':', '='} {
				changed := bytes.Clone(b)
				changed[i] = c
				shortFoundingAgrees(t, changed)
				shortFoundingAgrees(t, append(append(bytes.Clone(b[:i]), c), b[i:]...))
			}
			shortFoundingAgrees(t, append(bytes.Clone(b[:i]), b[i+1:]...))
			shortFoundingAgrees(t, b[:i])
		}
	}
}
