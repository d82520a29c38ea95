package custody_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/evidence"
)

// sources are valid documents, by name: "type/name".
func sources(t *testing.T) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	s := rulingtest.NewScene(t)
	for _, b := range s.Documents {
		var head struct {
			Document string `json:"document"`
		}
		if err := json.Unmarshal(b, &head); err != nil {
			t.Fatal(err)
		}
		// One of each type, whichever has the smallest bytes.
		if was := out[head.Document]; was == nil || bytes.Compare(b, was) < 0 {
			out[head.Document] = b
		}
	}
	salt := custody.Salt(evidence.Sum([]byte("salt")))
	urdu, _, err := custody.Founding{Document: custody.DocPerson, Salt: salt, Fields: map[string]string{"name": "Ayesha Khan", "nameNative": "عائشہ خان", "rank": "Sub\u2011Inspector"}}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	out["person-urdu"] = urdu
	if len(out) != 7 {
		t.Fatalf("have %d kinds of documents", len(out))
	}
	return out
}

var parsers = map[string]func([]byte) error{
	"founding":     func(b []byte) error { _, err := custody.ParseFounding(b); return err },
	"organisation": func(b []byte) error { _, err := custody.ParseOrgDocument(b); return err },
	"log":          func(b []byte) error { _, err := custody.ParseLogDocument(b); return err },
	"detail":       func(b []byte) error { _, err := custody.ParseDetail(b); return err },
}

func parserOf(source string) string {
	if parsers[source] != nil {
		return source
	}
	return "founding"
}

// key91 is the base64 of a key's SPKI.
var key91 = regexp.MustCompile(`"MFkw[^"]*"`)

var spoiltDocuments = []struct {
	rule, name, source string
	text               func(string) string
}{
	{"document.form", "not-json", "case", func(string) string { return "case" }},
	{"document.form", "empty", "case", func(string) string { return "" }},
	{"document.form", "invalid-utf-8", "case", swap("State", "St\xffte")},
	{"document.form", "trailing", "case", func(s string) string { return s + "\n" }},
	{"document.form", "escape", "case", swap("State", `\u0053tate`)},
	{"document.form", "unknown-member", "case", swap(`"salt"`, `"pepper":"x","salt"`)},
	{"document.form", "case-variant", "case", swap(`"salt"`, `"Salt"`)},
	{"document.form", "duplicate-field", "case", swap(`"title"`, `"title":"State v. Y","title"`)},
	{"document.form", "order", "case", swap(`{"document":"case",`, `{"salt":"`+strings.Repeat("A", 43)+`","document":"case",`)},
	{"document.form", "fields-null", "case", func(s string) string { return regexp.MustCompile(`\{"title[^}]*\}`).ReplaceAllString(s, "null") }},
	{"document.form", "fields-missing", "case", func(s string) string {
		return regexp.MustCompile(`"fields":\{[^}]*\},`).ReplaceAllString(s, "")
	}},
	{"document.form", "value-not-text", "case", swap(`"State v. X"`, `7`)},
	{"document.size", "too-large", "case", swap("State v. X", strings.Repeat("x", custody.MaxDetail))},
	{"document.type", "unknown", "case", swap(`"document":"case"`, `"document":"cause"`)},
	{"document.type", "organisation-as-founding", "case", swap(`"document":"case"`, `"document":"organisation"`)},
	{"document.field", "unknown", "case", swap(`"title"`, `"titel"`)},
	{"document.field", "of-another-type", "case", swap(`"title"`, `"serial"`)},
	{"detail.salt", "short", "case", func(s string) string { return regexp.MustCompile(`"salt":"..`).ReplaceAllString(s, `"salt":"`) }},
	{"detail.salt", "padded", "case", func(s string) string {
		return regexp.MustCompile(`"salt":"([^"]*)"`).ReplaceAllString(s, `"salt":"$1="`)
	}},
	{"detail.salt", "loose-last-bits", "case", func(s string) string {
		return regexp.MustCompile(`"salt":"[^"]*"`).ReplaceAllString(s, `"salt":"`+strings.Repeat("A", 42)+`B"`)
	}},

	{"document.type", "not-an-organisation", "organisation", swap(`"document":"organisation"`, `"document":"organization"`)},
	{"document.enum", "class", "organisation", func(s string) string {
		return regexp.MustCompile(`"class":"[a-z]*"`).ReplaceAllString(s, `"class":"Agency"`)
	}},
	{"document.text", "name-of-two-lines", "organisation", swap(`"name":"`, `"name":"Independent\n`)},
	{"document.text", "name-empty", "organisation", func(s string) string {
		return regexp.MustCompile(`"name":"[^"]*"`).ReplaceAllString(s, `"name":""`)
	}},
	{"document.text", "name-bidi", "organisation", swap(`"name":"`, "\"name\":\"\u202e")},
	{"document.text", "name-invisible", "organisation", swap(`"name":"`, "\"name\":\"\u200b")},
	{"document.text", "name-line-separator", "organisation", swap(`"name":"`, "\"name\":\"\u2028")},
	{"document.form", "line-separator-escaped", "organisation", swap(`"name":"`, `"name":"\u2028`)},
	{"document.keys", "none", "organisation", func(s string) string { return key91.ReplaceAllString(s, "") }},
	{"document.keys", "null", "organisation", func(s string) string { return key91.ReplaceAllString(s, "null") }},
	{"document.keys", "twice", "organisation", func(s string) string { k := key91.FindString(s); return strings.Replace(s, k, k+","+k, 1) }},
	{"document.keys", "threshold-0", "organisation", swap(`"threshold":1`, `"threshold":0`)},
	{"document.keys", "threshold-over-keys", "organisation", swap(`"threshold":1`, `"threshold":2`)},
	{"document.form", "owners-null", "organisation", func(s string) string {
		return regexp.MustCompile(`"controlledBy":\[[^]]*\]`).ReplaceAllString(s, `"controlledBy":null`)
	}},
	{"document.form", "owner-twice", "organisation", func(s string) string {
		o := `"` + other.String() + `"`
		return regexp.MustCompile(`"controlledBy":\[[^]]*\]`).ReplaceAllString(s, `"controlledBy":[`+o+`,`+o+`]`)
	}},

	{"document.type", "not-a-log", "log", swap(`"document":"log"`, `"document":"Log"`)},
	{"document.enum", "mode", "log", swap(`"mode":"test"`, `"mode":"demo"`)},
	{"document.origin", "port", "log", swap(`log.example.org`, `log.example.org:443`)},
	{"document.origin", "path", "log", swap(`log.example.org`, `log.example.org/a`)},
	{"document.origin", "upper-case", "log", swap(`log.example.org`, `log.Example.org`)},
	{"document.origin", "one-label", "log", swap(`log.example.org`, `localhost`)},
	{"document.origin", "ip-address", "log", swap(`log.example.org`, `192.0.2.1`)},
	{"document.origin", "ip-address-in-hex", "log", swap(`log.example.org`, `127.0x1`)},
	{"document.origin", "dot-at-end", "log", swap(`log.example.org`, `log.example.org.`)},
	{"document.origin", "label-of-64", "log", swap(`log.example.org`, strings.Repeat("a", 64)+`.org`)},
	{"document.keys", "no-service-keys", "log", func(s string) string { return key91.ReplaceAllString(s, "") }},
	{"document.keys", "service-key-null", "log", func(s string) string { return key91.ReplaceAllString(s, "null") }},
	{"document.keys", "first-not-ed25519", "log", swap(`"ed25519"`, `"ml-dsa-44"`)},
	{"document.keys", "log-key-twice", "log", func(s string) string {
		k := regexp.MustCompile(`\{"algorithm":[^}]*\}`).FindString(s)
		return strings.Replace(s, k, k+","+k, 1)
	}},
	{"document.keys", "algorithm-free-text", "log", func(s string) string {
		k := regexp.MustCompile(`\{"algorithm":[^}]*\}`).FindString(s)
		return strings.Replace(s, k, k+`,{"algorithm":"Ed25519 ","key":"AAAA"}`, 1)
	}},
	{"document.form", "succeeds-over-2-to-the-53", "log", func(s string) string {
		return s[:len(s)-1] + `,"succeeds":{"log":"` + other.String() + `","root":"` + other.String() + `","size":9007199254740992}}`
	}},
	{"document.form", "succeeds-nothing", "log", func(s string) string {
		return s[:len(s)-1] + `,"succeeds":{"log":"` + other.String() + `","root":"` + other.String() + `","size":0}}`
	}},
}

func TestDocuments(t *testing.T) {
	of := sources(t)
	var made []vector
	for _, name := range []string{"case", "item", "person", "grant", "organisation", "log", "person-urdu"} {
		v := newVector("ok-"+name, "ok", of[name])
		v.Type, v.SHA256 = parserOf(name), evidence.Sum(of[name]).String()
		made = append(made, v)
	}
	for _, d := range spoiltDocuments {
		b := d.text(string(of[d.source]))
		if b == string(of[d.source]) {
			t.Fatalf("%s: nothing was spoilt in %s", d.name, b)
		}
		v := newVector(d.rule+"-"+d.source+"-"+d.name, d.rule, []byte(b))
		v.Type = parserOf(d.source)
		made = append(made, v)
	}
	checkDocuments(t, goldenVectors(t, "document", made))
}

func TestDetails(t *testing.T) {
	var made []vector
	salt := custody.Salt(evidence.Sum([]byte("salt")))
	add := func(name string, d custody.Detail) string {
		b, id, err := d.Encode()
		if err != nil {
			t.Fatal(err)
		}
		v := newVector("ok-"+name, "ok", b)
		v.Type, v.SHA256 = "detail", id.String()
		made = append(made, v)
		return string(b)
	}
	plain := add("plain", custody.Detail{Field: custody.FieldPlace, Salt: salt, Value: "Saddar"})
	add("urdu", custody.Detail{Field: custody.FieldFileName, Salt: salt, Value: "ثبوت\u200cها.dd"})
	add("hard-characters", custody.Detail{Field: custody.FieldNote, Salt: salt, Value: "\"\\/<>&\n\t\u0001\u007f\u2028\u2029 \\u2028"})
	add("hashed-as-it-is", custody.Detail{Field: custody.FieldNote, Salt: salt, Value: "e\u0301 \u202eabc"}) // neither NFC nor without bidi controls
	for _, d := range []struct{ rule, name, bytes string }{
		{"detail.form", "white-space", strings.Replace(plain, ":", ": ", 1)},
		{"detail.form", "unknown-member", strings.Replace(plain, `"salt"`, `"at":"x","salt"`, 1)},
		{"detail.form", "duplicate-member", strings.Replace(plain, `"value"`, `"value":"Cantt","value"`, 1)},
		{"detail.form", "case-variant", strings.Replace(plain, `"value"`, `"Value"`, 1)},
		{"detail.form", "null", strings.Replace(plain, `"Saddar"`, `null`, 1)},
		{"detail.form", "escape", strings.Replace(plain, `Saddar`, `\u0053addar`, 1)},
		{"detail.form", "line-separator-escaped", strings.Replace(plain, `Saddar`, `Saddar\u2028`, 1)},
		{"detail.form", "escape-in-upper-case", strings.Replace(plain, `Saddar`, `Saddar\u001F`, 1)},
		{"detail.form", "lone-surrogate", strings.Replace(plain, `Saddar`, `Saddar\ud800`, 1)},
		{"detail.form", "invalid-utf-8", strings.Replace(plain, `Saddar`, "Saddar\xff", 1)},
		{"detail.form", "missing-value", strings.Replace(plain, `,"value":"Saddar"`, ``, 1)},
		{"detail.form", "trailing", plain + " "},
		{"detail.salt", "standard-base64", strings.Replace(plain, `"salt":"`, `"salt":"+`, 1)},
		{"detail.size", "too-large", strings.Replace(plain, `Saddar`, strings.Repeat("x", custody.MaxDetail), 1)},
	} {
		v := newVector(d.rule+"-"+d.name, d.rule, []byte(d.bytes))
		v.Type = "detail"
		made = append(made, v)
	}
	checkDocuments(t, goldenVectors(t, "detail", made))
}

func checkDocuments(t *testing.T, vectors []vector) {
	t.Helper()
	for _, v := range vectors {
		b := v.bytes(t)
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
	have := map[string]bool{"statement.size": true, "detail.text": true}
	for _, r := range allRefused() {
		have[r.rule] = true
	}
	for _, d := range spoiltDocuments {
		have[d.rule] = true
	}
	for _, r := range textRules {
		have[r] = true
	}
	for _, r := range []string{"detail.form", "detail.size"} {
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
