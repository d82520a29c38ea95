package api

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/evidence"
)

// What cannot be read is refused with its place, and reaches no use case.
func TestHostileRequests(t *testing.T) {
	id := someID.String()
	part := "/v1/uploads/" + id + "/parts/"
	sum := digestHeader(evidence.Sum([]byte("0123456789")))
	limits := Limits{Body: 2000, Submission: 4000, Part: 1000}
	octets := "application/octet-stream"
	tests := []struct {
		name, method, path, media, body, code string
		field                                 string // "" not looked at
		header                                [2]string
	}{
		{name: "truncated JSON", method: "POST", path: "/v1/events", media: jsonType, body: `{"envelope":{"payload":"`, code: "malformed", field: "envelope"},
		{name: "empty body", method: "POST", path: "/v1/events", media: jsonType, code: "malformed"},
		{name: "array", method: "POST", path: "/v1/events", media: jsonType, body: `[]`, code: "malformed"},
		{name: "null", method: "POST", path: "/v1/events", media: jsonType, body: `null`, code: "malformed"},
		{name: "null envelope", method: "POST", path: "/v1/events", media: jsonType, body: `{"envelope":null}`, code: "malformed", field: "envelope"},
		{name: "no envelope", method: "POST", path: "/v1/events", media: jsonType, body: `{}`, code: "malformed", field: "envelope"},
		{name: "envelope a string", method: "POST", path: "/v1/events", media: jsonType, body: `{"envelope":"x"}`, code: "malformed", field: "envelope"},
		{name: "details an object", method: "POST", path: "/v1/events", media: jsonType, body: `{"envelope":{},"details":{}}`, code: "malformed", field: "details"},
		{name: "details not base64", method: "POST", path: "/v1/events", media: jsonType, body: `{"envelope":{},"details":["%%"]}`, code: "malformed"},
		{name: "unknown member", method: "POST", path: "/v1/events", media: jsonType, body: `{"envelope":{},"more":1}`, code: "malformed"},
		{name: "case variant", method: "POST", path: "/v1/events", media: jsonType, body: `{"envelope":{},"Details":[]}`, code: "malformed"},
		{name: "member twice", method: "POST", path: "/v1/events", media: jsonType, body: `{"envelope":{},"envelope":{}}`, code: "malformed", field: "envelope"},
		{name: "something after", method: "POST", path: "/v1/events", media: jsonType, body: `{"envelope":{}} {}`, code: "malformed"},
		{name: "not UTF-8", method: "POST", path: "/v1/events", media: jsonType, body: "{\"envelope\":{\"a\":\"\xff\"}}", code: "malformed"},
		{name: "oversize", method: "POST", path: "/v1/events", media: jsonType, body: `{"envelope":{"a":"` + strings.Repeat("x", 5000) + `"}}`, code: "too-large"},
		{name: "oversize finish", method: "POST", path: "/v1/uploads/" + id + "/finish", media: jsonType, body: strings.Repeat(" ", 5000), code: "too-large"},
		{name: "oversize small body", method: "POST", path: "/v1/reports", media: jsonType, body: strings.Repeat(" ", 3000), code: "too-large"},
		{name: "XML", method: "POST", path: "/v1/events", media: "text/xml", body: "<x/>", code: "unsupported-media-type"},
		{name: "no media type", method: "POST", path: "/v1/events", body: "{}", code: "unsupported-media-type"},
		{name: "form for JSON", method: "POST", path: "/v1/events", media: "application/x-www-form-urlencoded", body: "envelope=1", code: "unsupported-media-type"},
		{name: "UTF-16", method: "POST", path: "/v1/events", media: "application/json; charset=utf-16", body: "{}", code: "unsupported-media-type"},
		{name: "compressed", method: "POST", path: "/v1/events", media: jsonType, body: "{}", code: "unsupported-media-type", header: [2]string{"Content-Encoding", "gzip"}},
		{name: "wrong method", method: "DELETE", path: "/v1/events", code: "method-not-allowed"},
		{name: "wrong method on an id", method: "PATCH", path: "/v1/cases/" + id, code: "method-not-allowed"},
		{name: "no such path", method: "GET", path: "/v2/events", code: "not-found"},
		{name: "trailing slash", method: "GET", path: "/v1/cases/", code: "not-found"},
		{name: "dots in the path", method: "GET", path: "/v1/reports/" + id + "/..%2F..%2Fetc", code: "not-found"},
		{name: "dots as a file", method: "GET", path: "/v1/reports/" + id + "/..", code: "malformed", field: "file"},
		{name: "upper-case id", method: "GET", path: "/v1/cases/" + strings.ToUpper(id), code: "malformed", field: "caseId"},
		{name: "short id", method: "GET", path: "/v1/cases/abc", code: "malformed", field: "caseId"},
		{name: "unknown parameter", method: "GET", path: "/v1/items?cse=" + id, code: "malformed", field: "cse"},
		{name: "parameter twice", method: "GET", path: "/v1/items?case=" + id + "&case=" + id, code: "malformed", field: "case"},
		{name: "bad query", method: "GET", path: "/v1/items?case=%zz", code: "malformed"},
		{name: "limit zero", method: "GET", path: "/v1/items?limit=0", code: "malformed", field: "limit"},
		{name: "limit huge", method: "GET", path: "/v1/items?limit=100000", code: "malformed", field: "limit"},
		{name: "negative index", method: "GET", path: "/v1/log/inclusion?index=-1&size=3", code: "malformed", field: "index"},
		{name: "index beyond 2^53", method: "GET", path: "/v1/log/inclusion?index=9007199254740993&size=3", code: "malformed", field: "index"},
		{name: "index missing", method: "GET", path: "/v1/log/inclusion?size=3", code: "malformed", field: "index"},
		{name: "body on GET", method: "GET", path: "/v1/cases", media: jsonType, body: "{}", code: "malformed"},
		{name: "body on DELETE", method: "DELETE", path: "/v1/uploads/" + id, media: jsonType, body: "{}", code: "malformed"},
		{name: "size a string", method: "POST", path: "/v1/uploads", media: jsonType, body: `{"case":"` + id + `","size":"10"}`, code: "malformed", field: "size"},
		{name: "size a float", method: "POST", path: "/v1/uploads", media: jsonType, body: `{"case":"` + id + `","size":1.5}`, code: "malformed", field: "size"},
		{name: "size negative", method: "POST", path: "/v1/uploads", media: jsonType, body: `{"case":"` + id + `","size":-1}`, code: "malformed", field: "size"},
		{name: "file name too long", method: "POST", path: "/v1/uploads", media: jsonType, body: `{"case":"` + id + `","size":1,"fileName":"` + strings.Repeat("ت", 600) + `"}`, code: "malformed", field: "fileName"},
		{name: "bad idempotency key", method: "POST", path: "/v1/uploads", media: jsonType, body: `{"case":"` + id + `","size":1}`, code: "malformed", field: "Idempotency-Key", header: [2]string{"Idempotency-Key", "a b"}},
		{name: "invitation to nothing", method: "POST", path: "/v1/invitations", media: jsonType, body: `{"purpose":"both"}`, code: "malformed", field: "purpose"},
		{name: "key of no organisation", method: "POST", path: "/v1/invitations", media: jsonType, body: `{"purpose":"key"}`, code: "malformed", field: "organisation"},
		{name: "part without digest", method: "PUT", path: part + "1", media: octets, body: "0123456789", code: "malformed", field: "Content-Digest"},
		{name: "part with MD5", method: "PUT", path: part + "1", media: octets, body: "0123456789", code: "malformed", field: "Content-Digest", header: [2]string{"Content-Digest", "md5=:XrY7u+Ae7tCTyyK7j1rNww==:"}},
		{name: "part with a digest twice", method: "PUT", path: part + "1", media: octets, body: "0123456789", code: "malformed", field: "Content-Digest", header: [2]string{"Content-Digest", sum + ", " + sum}},
		{name: "part with another digest beside", method: "PUT", path: part + "1", media: octets, body: "0123456789", code: "malformed", field: "Content-Digest", header: [2]string{"Content-Digest", sum + ", md5=:XrY7u+Ae7tCTyyK7j1rNww==:"}},
		{name: "digests nobody knows", method: "POST", path: "/v1/uploads", media: jsonType, body: `{"case":"` + id + `","size":1,"digests":["sha3"]}`, code: "malformed", field: "digests.0"},
		{name: "a digest asked for twice", method: "POST", path: "/v1/uploads", media: jsonType, body: `{"case":"` + id + `","size":1,"digests":["md5","md5"]}`, code: "malformed", field: "digests"},
		{name: "part zero", method: "PUT", path: part + "0", media: octets, body: "0123456789", code: "malformed", field: "part", header: [2]string{"Content-Digest", sum}},
		{name: "part ten thousand and one", method: "PUT", path: part + "10001", media: octets, body: "0123456789", code: "malformed", field: "part", header: [2]string{"Content-Digest", sum}},
		{name: "part not a number", method: "PUT", path: part + "x", media: octets, body: "0123456789", code: "malformed", field: "part", header: [2]string{"Content-Digest", sum}},
		{name: "part as JSON", method: "PUT", path: part + "1", media: jsonType, body: "0123456789", code: "unsupported-media-type", header: [2]string{"Content-Digest", sum}},
		{name: "part too large", method: "PUT", path: part + "1", media: octets, body: strings.Repeat("x", 1001), code: "too-large", header: [2]string{"Content-Digest", sum}},
		{name: "part empty", method: "PUT", path: part + "1", media: octets, body: "", code: "malformed", header: [2]string{"Content-Digest", sum}},
	}
	f := newFake()
	h := newTestHandler(t, f, limits)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var r = httptest.NewRequest(test.method, test.path, nil)
			if test.body != "" || test.media != "" {
				r = httptest.NewRequest(test.method, test.path, strings.NewReader(test.body))
			}
			if test.media != "" {
				r.Header.Set("Content-Type", test.media)
			}
			if test.header[0] != "" {
				r.Header.Set(test.header[0], test.header[1])
			}
			r.Header.Set("Authorization", "Bearer "+goodToken)
			w := serve(h, r)
			p := wantProblem(t, w, test.code)
			if test.field != "" && p.Field != test.field {
				t.Errorf("field %q, want %q (%s)", p.Field, test.field, p.Detail)
			}
			if len(f.asked) != 0 {
				t.Fatalf("a use case was reached: %v", f.asked)
			}
			if test.code == "method-not-allowed" && w.Header().Get("Allow") == "" {
				t.Error("no Allow header")
			}
		})
	}
}

// The limit holds also for a body that doesn't announce its length.
func TestOversizeWithoutLength(t *testing.T) {
	f := newFake()
	h := newTestHandler(t, f, Limits{Submission: 4000})
	r := httptest.NewRequest("POST", "/v1/events", struct{ *strings.Reader }{strings.NewReader(strings.Repeat(" ", 10000))})
	r.ContentLength = -1
	r.Header.Set("Content-Type", jsonType)
	r.Header.Set("Authorization", "Bearer "+goodToken)
	if p := wantProblem(t, serve(h, r), "too-large"); p.Limit != 4000 {
		t.Errorf("limit %d", p.Limit)
	}
}

func TestAuthorizationHeader(t *testing.T) {
	f := newFake()
	h := newTestHandler(t, f, Limits{})
	for _, values := range [][]string{{goodToken}, {"Basic " + goodToken}, {"Bearer"}, {"Bearer "}, {"Bearer  " + goodToken}, {"Bearer " + goodToken + " x"},
		{"Bearer " + strings.Repeat("x", 300)}, {"Bearer " + goodToken, "Bearer " + goodToken}, {"Bearer tök"}} {
		r := httptest.NewRequest("GET", "/v1/cases", nil)
		for _, v := range values {
			r.Header.Add("Authorization", v)
		}
		wantProblem(t, serve(h, r), "unauthenticated")
	}
	r := httptest.NewRequest("GET", "/v1/cases?access_token="+goodToken, nil)
	wantProblem(t, serve(h, r), "unauthenticated")
}

// A handler that panics answers like any fault, and says nothing of why.
func TestPanicIsOpaque(t *testing.T) {
	f := newFake()
	h := newTestHandler(t, f, Limits{})
	f.artifact = nil // a nil *fakeArtifact in an interface: Size panics
	r := httptest.NewRequest("GET", fmt.Sprintf("/v1/artifacts/%s/content?request=%s", someID, otherID), nil)
	r.Header.Set("Authorization", "Bearer "+goodToken)
	if p := wantProblem(t, serve(h, r), "internal"); strings.Contains(p.Detail, "nil") {
		t.Errorf("detail %q", p.Detail)
	}
}

func FuzzSubmission(f *testing.F) {
	for _, seed := range []string{`{}`, `{"envelope":` + envelopeText + `}`, `{"envelope":{},"envelope":{}}`, `[`, `{"envelope":{"a":[[[[`, "{\"\xff\":1}", `{"envelope":{},"details":[""]}`} {
		f.Add([]byte(seed))
	}
	fake := newFake()
	h := newTestHandler(f, fake, Limits{})
	f.Fuzz(func(t *testing.T, body []byte) {
		r := httptest.NewRequest("POST", "/v1/events", strings.NewReader(string(body)))
		r.Header.Set("Content-Type", jsonType)
		r.Header.Set("Authorization", "Bearer "+goodToken)
		if w := serve(h, r); w.Code != 201 && w.Code != 400 && w.Code != 413 {
			t.Fatalf("got %d: %s", w.Code, w.Body)
		}
	})
}
