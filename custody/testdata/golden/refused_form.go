package golden

import (
	"strings"

	"github.com/evidence-custody/custodyd/custody"
)

// swap replaces the first occurrence.
func swap(old, with string) func(string) string {
	return func(s string) string { return strings.Replace(s, old, with, 1) }
}

func form(rule, name string, kind custody.Kind, text func(string) string) refusedStatement {
	return refusedStatement{rule: rule, name: name, kind: kind, text: text}
}

const (
	released = custody.KindReleased
	served   = custody.KindServed
)

// refusedForms spoil the bytes.
var refusedForms = []refusedStatement{
	form("statement.form", "empty", released, func(string) string { return "" }),
	form("statement.form", "truncated", released, func(s string) string { return s[:len(s)-1] }),
	form("statement.form", "trailing-space", released, func(s string) string { return s + " " }),
	form("statement.form", "trailing-value", released, func(s string) string { return s + "{}" }),
	form("statement.form", "array", released, func(s string) string { return "[" + s + "]" }),
	form("statement.form", "unknown-member", released, swap(`"subject":`, `"since":"x","subject":`)),
	form("statement.form", "unknown-predicate-member", released, swap(`"kind":`, `"hint":"x","kind":`)),
	form("statement.form", "unknown-body-member", released, swap(`"purpose":`, `"hurry":"x","purpose":`)),
	form("statement.form", "unknown-subject-name", released, swap(`"subject":[{`, `"subject":[{"name":"x",`)),
	form("statement.form", "unknown-digest-algorithm", released, swap(`"subject":[{"digest":{`, `"subject":[{"digest":{"md5":"00",`)),
	form("statement.form", "missing-body", released, func(s string) string {
		i, j := strings.Index(s, `"body":`), strings.Index(s, `"chains":`)
		return s[:i] + s[j:]
	}),
	form("statement.form", "float", served, swap(`"bytes":14,`, `"bytes":14.0,`)),
	form("statement.form", "exponent", served, swap(`"bytes":14,`, `"bytes":14e0,`)),
	form("statement.form", "negative", served, swap(`"bytes":14,`, `"bytes":-14,`)),
	form("statement.form", "negative-zero", served, swap(`"bytes":14,`, `"bytes":-0,`)),
	form("statement.form", "leading-zero", served, swap(`"bytes":14,`, `"bytes":014,`)),
	form("statement.form", "number-as-string", served, swap(`"bytes":14,`, `"bytes":"14",`)),
	form("statement.form", "boolean", served, swap(`"bytes":14,`, `"bytes":true,`)),
	form("statement.form", "digest-upper-case", released, func(s string) string {
		i := strings.Index(s, `"nonce":"`) + len(`"nonce":"`)
		return s[:i] + strings.ToUpper(s[i:i+64]) + s[i+64:]
	}),
	form("statement.form", "digest-short", released, func(s string) string {
		i := strings.Index(s, `"nonce":"`) + len(`"nonce":"`)
		return s[:i] + s[i+2:]
	}),
	form("statement.form", "bad-escape", released, swap(`"examination"`, `"\xexamination"`)),

	form("statement.not-canonical", "duplicate-member", released, swap(`"purpose":"examination"`, `"purpose":"examination","purpose":"examination"`)),
	form("statement.not-canonical", "duplicate-member-other-value", released, swap(`"purpose":"examination"`, `"purpose":"court","purpose":"examination"`)),
	form("statement.not-canonical", "duplicate-predicate", released, swap(`"predicate":{`, `"predicate":{},"predicate":{`)),
	form("statement.not-canonical", "case-variant", released, swap(`"purpose":`, `"Purpose":`)),
	form("statement.not-canonical", "case-variant-beside", released, swap(`"purpose":"examination"`, `"PURPOSE":"court","purpose":"examination"`)),
	form("statement.not-canonical", "case-variant-folded", released, swap(`"purpose":"examination"`, `"purpo\u017fe":"court","purpose":"examination"`)),
	form("statement.not-canonical", "escape", released, swap(`"examination"`, `"e\u0078amination"`)),
	form("statement.not-canonical", "escaped-slash", released, swap(`https://`, `https:\/\/`)),
	form("statement.not-canonical", "escaped-name", released, swap(`"purpose":`, `"\u0070urpose":`)),
	form("statement.not-canonical", "leading-space", released, func(s string) string { return " " + s }),
	form("statement.not-canonical", "inner-space", released, swap(`"purpose":`, `"purpose": `)),
	form("statement.not-canonical", "order", released, func(s string) string {
		i := strings.Index(s, `,"subject":`)
		return `{` + s[i+1:len(s)-1] + `,` + s[1:i] + `}`
	}),
	form("statement.not-canonical", "missing-details", custody.KindAccepted, swap(`"details":{},`, ``)),
	form("statement.not-canonical", "missing-seen-size", released, func(s string) string {
		i := strings.Index(s, `,"size":`)
		return s[:i] + s[i+strings.Index(s[i:], `}`):]
	}),
	form("statement.not-canonical", "empty-digest", custody.KindReceived, swap(`"md5":"00112233445566778899aabbccddeeff"`, `"md5":""`)),
	form("statement.not-canonical", "empty-optional", custody.KindDeposited, swap(`"declared":{`, `"declared":{"md5":"",`)),

	form("statement.null", "list", custody.KindRecalled, swap(`"details":{}`, `"details":null`)),
	form("statement.null", "optional", released, swap(`"to":{`, `"to":{"person":null,`)),
	form("statement.null", "body", released, swap(`"body":{`, `"body":null,"x":{`)),
	form("statement.null", "everything", released, func(string) string { return "null" }),

	form("statement.ascii", "line-feed", released, func(s string) string { return s + "\n" }),
	form("statement.ascii", "tab", released, swap(`"purpose":`, "\t\"purpose\":")),
	form("statement.ascii", "delete", released, swap(`examination`, "examin\x7fation")),
	form("statement.ascii", "letter", released, swap(`examination`, "éxamination")),
	form("statement.ascii", "byte-order-mark", released, func(s string) string { return "\ufeff" + s }),
	form("statement.ascii", "invalid-utf-8", released, swap(`examination`, "examin\xffation")),
	form("statement.ascii", "behind-backslash", released, swap(`examination`, "examin\\\x80ation")),

	form("statement.depth", "nine", released, func(string) string { return strings.Repeat("[", 9) + strings.Repeat("]", 9) }),
	form("statement.depth", "inside-body", released, swap(`"purpose":"examination"`, `"purpose":[[[[[[["examination"]]]]]]]`)),
	form("statement.integer", "two-to-the-53", served, swap(`"bytes":14,`, `"bytes":9007199254740992,`)),
	form("statement.integer", "two-to-the-64", served, swap(`"bytes":14,`, `"bytes":18446744073709551616,`)),

	form("statement.version", "other-version", released, swap(`/event/v1"`, `/event/v2"`)),
	form("statement.version", "nothing", released, func(string) string { return "{}" }),
	form("statement.kind", "unknown", released, swap(`"custody.released"`, `"custody.seized"`)),
	form("statement.kind", "case", released, swap(`"custody.released"`, `"Custody.released"`)),
	form("statement.type", "other-statement", released, swap(`/Statement/v1"`, `/Statement/v0.1"`)),
	form("signer.class", "case", released, swap(`"class":"person"`, `"class":"Person"`)),
	form("signer.class", "service-for-person", released, swap(`"class":"person"`, `"class":"service"`)),
	form("signer.class", "person-for-service", served, swap(`"class":"service"`, `"class":"person"`)),

	form("statement.time", "fraction", released, swap(`+05:00"`, `.000+05:00"`)),
	form("statement.time", "zone-spelt-otherwise", custody.KindReceived, swap(`2027-03-02T09:00:00Z`, `2027-03-02T09:00:00+00:00`)),
	form("statement.time", "lower-case", custody.KindReceived, swap(`2027-03-02T09:00:00Z`, `2027-03-02t09:00:00z`)),
	form("statement.time", "no-zone", released, swap(`+05:00"`, `"`)),
	form("statement.time", "offset-24-hours", released, swap(`+05:00"`, `+24:00"`)),
	form("statement.time", "unknown-offset", released, swap(`+05:00"`, `-00:00"`)),
	form("statement.time", "space-for-t", released, swap(`"2026-03-02T`, `"2026-03-02 `)),
	form("statement.time", "leap-second", custody.KindReceived, swap(`2027-03-02T09:00:00Z`, `2026-12-31T23:59:60Z`)),
	form("statement.time", "before-1970", custody.KindReceived, swap(`2027-03-02`, `1969-03-02`)),
}
