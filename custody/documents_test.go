package custody_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/testdata/golden"
	"github.com/evidence-custody/custodyd/evidence"
)

var parsers = map[string]func([]byte) error{
	"founding":     func(b []byte) error { _, err := custody.ParseFounding(b); return err },
	"organisation": func(b []byte) error { _, err := custody.ParseOrgDocument(b); return err },
	"log":          func(b []byte) error { _, err := custody.ParseLogDocument(b); return err },
	"detail":       func(b []byte) error { _, err := custody.ParseDetail(b); return err },
}

func TestDocuments(t *testing.T) {
	checkDocuments(t, goldenVectors(t, "document", golden.Documents(t)))
}

func TestDetails(t *testing.T) { checkDocuments(t, goldenVectors(t, "detail", golden.Details(t))) }

func checkDocuments(t *testing.T, vectors []golden.Vector) {
	t.Helper()
	for _, v := range vectors {
		b := v.Bytes(t)
		parse := parsers[v.Type]
		if parse == nil {
			t.Fatalf("%s is of unknown type %q", v.Name, v.Type)
		}
		if got := ruleOf(t, parse(b)); got != v.Expect {
			t.Errorf("%s: %s; want %s", v.Name, got, v.Expect)
		}
		if v.Expect == "ok" {
			sameAsPeer(t, b)
			if evidence.Sum(b).String() != v.SHA256 {
				t.Errorf("%s does not hash to %s", v.Name, v.SHA256)
			}
		}
	}
}

// TestText: what a client refuses to write, and what it must let pass.
func TestText(t *testing.T) {
	for text, want := range textRules {
		err := custody.CheckText(text)
		if want == "ok" && err != nil {
			t.Errorf("%q: %v", text, err)
		} else if want != "ok" && (err == nil || err.Rule != want) {
			t.Errorf("%q: %v; want %s", text, err, want)
		}
	}
	if d, err := custody.NewDetail(custody.FieldNote, custody.Salt{1}, "e\u0301"); err != nil || d.Value != "é" {
		t.Errorf("not normalised: %q, %v", d.Value, err)
	}
	if _, err := custody.NewDetail(custody.FieldNote, custody.Salt{1}, "a\u202eb"); ruleOf(t, err) != "detail.text" {
		t.Errorf("a bidi control passed: %v", err)
	}
	if _, _, err := (custody.Founding{Document: custody.DocCase, Fields: map[string]string{"title": "a\u2066b"}}).Encode(); ruleOf(t, err) != "document.text" {
		t.Errorf("a bidi control passed: %v", err)
	}
	if _, _, err := (custody.Detail{Field: custody.FieldNote, Value: strings.Repeat("x", custody.MaxDetail)}).Encode(); ruleOf(t, err) != "detail.size" {
		t.Errorf("a detail too large passed: %v", err)
	}
}

var textRules = map[string]string{
	"":                                   "ok",
	"line\nand\ttab":                     "ok",
	"می\u200cخواهم \u200d":               "ok", // ZWNJ, ZWJ
	"\u0600١٢ \u06dd":                    "ok", // visible signs around numbers
	"a\xff":                              "text.utf8",
	"e\u0301":                            "text.nfc",
	"a\u202eb":                           "text.bidi",
	"a\u061cb":                           "text.bidi",
	"a\u2069b":                           "text.bidi",
	"a\x00":                              "text.control",
	"a\r\nb":                             "text.control",
	"a\u0085b":                           "text.control",
	"a\u2028b":                           "text.control",
	"a\u200bb":                           "text.control", // zero width space
	"a\u00adb":                           "text.control", // soft hyphen
	"\ufeffa":                            "text.control",
	"a" + string(rune(0xe0061)) + "hide": "text.control", // tag letter
}

var refuseCall = regexp.MustCompile(`Refuse\("([a-z0-9-]+\.[a-z0-9-]+)"`)

// TestEveryRuleHasAVector reads the rules out of the source of this package;
// those of the state machine have their cases with the judge.
func TestEveryRuleHasAVector(t *testing.T) {
	have := map[string]bool{"detail.text": true, "detail.form": true, "detail.size": true}
	for _, r := range append(golden.StatementRules(), golden.DocumentRules()...) {
		have[r] = true
	}
	for _, r := range textRules {
		have[r] = true
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") || f == "item.go" {
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range refuseCall.FindAllStringSubmatch(string(b), -1) {
			if found++; !have[m[1]] {
				t.Errorf("%s: rule %s has no vector", f, m[1])
			}
		}
	}
	if found < 40 {
		t.Fatalf("found %d refusals in the source", found)
	}
}
