package golden

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/evidence"
)

// sources are valid documents, by name: "type/name".
func sources(t testing.TB) map[string][]byte {
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

func parserOf(source string) string {
	if source == "organisation" || source == "log" {
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

// DocumentRules are the rules that a document of Documents breaks.
func DocumentRules() []string {
	var out []string
	for _, d := range spoiltDocuments {
		out = append(out, d.rule)
	}
	return out
}

// Documents are the vectors of founding, organisation and log documents.
func Documents(t testing.TB) []Vector {
	t.Helper()
	of := sources(t)
	var made []Vector
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
	return made
}

// Details are the vectors of details.
func Details(t testing.TB) []Vector {
	t.Helper()
	var made []Vector
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
	return made
}
