package api

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/gorilla/mux"

	"github.com/evidence-custody/custodyd/api/wire"
	"github.com/evidence-custody/custodyd/custody/registrar"
	"github.com/evidence-custody/custodyd/evidence"
)

const jsonType = "application/json"

var envelopeText = `{"payload":"eyJhIjoxfQ==","payloadType":"application/vnd.in-toto+json","signatures":[{"keyid":"","sig":"c2ln"}]}`

// sample is one good request of a route.
type sample struct {
	route, path, media, body string
	status                   int
	header                   map[string]string
}

func samples() []sample {
	id, other := someID.String(), otherID.String()
	submission := `{"envelope":` + envelopeText + `,"details":["e30="],"documents":[]}`
	part := "0123456789"
	return []sample{
		{route: "GET /healthz", path: "/healthz", status: 200},
		{route: "GET /readyz", path: "/readyz", status: 200},
		{route: "GET /v1/openapi.json", path: "/v1/openapi.json", status: 200},
		{route: "GET /checkpoint", path: "/checkpoint", status: 200},
		{route: "GET /tile/{level}/{index}", path: "/tile/1/x001/x234/067.p/8", status: 200},
		{route: "GET /tile/entries/{index}", path: "/tile/entries/x001/000", status: 200},
		{route: "GET /v1/log", path: "/v1/log", status: 200},
		{route: "GET /v1/checkpoint", path: "/v1/checkpoint", status: 200},
		{route: "GET /v1/log/inclusion", path: "/v1/log/inclusion?index=3&size=8", status: 200},
		{route: "GET /v1/log/consistency", path: "/v1/log/consistency?from=0&to=8", status: 200},
		{route: "GET /v1/trust", path: "/v1/trust", status: 200},
		{route: "POST /v1/invitations", path: "/v1/invitations", media: jsonType, body: `{"purpose":"key","organisation":"` + id + `"}`, status: 201},
		{route: "POST /v1/events", path: "/v1/events", media: jsonType, body: submission, status: 201},
		{route: "GET /v1/events/{eventId}", path: "/v1/events/" + id, status: 200},
		{route: "GET /v1/chains/{chainId}", path: "/v1/chains/" + id, status: 200},
		{route: "GET /v1/organisations", path: "/v1/organisations?limit=10", status: 200},
		{route: "GET /v1/organisations/{organisationId}", path: "/v1/organisations/" + id, status: 200},
		{route: "GET /v1/keys/{keyId}", path: "/v1/keys/" + id, status: 200},
		{route: "GET /v1/cases", path: "/v1/cases?cursor=abc", status: 200},
		{route: "GET /v1/cases/{caseId}", path: "/v1/cases/" + id, status: 200},
		{route: "GET /v1/cases/{caseId}/dossier", path: "/v1/cases/" + id + "/dossier", status: 200},
		{route: "GET /v1/items", path: "/v1/items?case=" + id, status: 200},
		{route: "GET /v1/items/{itemId}", path: "/v1/items/" + id, status: 200},
		{route: "GET /v1/items/{itemId}/dossier", path: "/v1/items/" + id + "/dossier", status: 200},
		{route: "POST /v1/uploads", path: "/v1/uploads", media: jsonType, body: `{"case":"` + id + `","parent":"` + other + `","size":10,"fileName":"تصویر ../x"}`, status: 201,
			header: map[string]string{"Idempotency-Key": "once-1"}},
		{route: "GET /v1/uploads", path: "/v1/uploads", status: 200},
		{route: "GET /v1/uploads/{uploadId}", path: "/v1/uploads/" + id, status: 200},
		{route: "DELETE /v1/uploads/{uploadId}", path: "/v1/uploads/" + id, status: 204},
		{route: "PUT /v1/uploads/{uploadId}/parts/{part}", path: "/v1/uploads/" + id + "/parts/1", media: "application/octet-stream", body: part, status: 200,
			header: map[string]string{"Content-Digest": digestHeader(evidence.Sum([]byte(part)))}},
		{route: "POST /v1/uploads/{uploadId}/finish", path: "/v1/uploads/" + id + "/finish", media: jsonType, body: submission, status: 201},
		{route: "GET /v1/artifacts/{sha256}/content", path: "/v1/artifacts/" + id + "/content?request=" + other, status: 200},
		{route: "GET /v1/artifacts/{sha256}/blocks", path: "/v1/artifacts/" + id + "/blocks?request=" + other, status: 200},
		{route: "POST /v1/reports", path: "/v1/reports", media: jsonType, body: `{"case":"` + id + `","items":["` + other + `"]}`, status: 201},
		{route: "GET /v1/reports/{reportId}/{file}", path: "/v1/reports/" + id + "/report.pdf", status: 200},
	}
}

func (s sample) request(token string) *http.Request {
	method, _, _ := strings.Cut(s.route, " ")
	var body io.Reader
	if s.media != "" {
		body = strings.NewReader(s.body)
	}
	r := httptest.NewRequest(method, s.path, body)
	if s.media != "" {
		r.Header.Set("Content-Type", s.media)
	}
	for k, v := range s.header {
		r.Header.Set(k, v)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r
}

func newTestHandler(t testing.TB, f *fakeRegistrar, limits Limits) http.Handler {
	t.Helper()
	h, err := NewHandler(f, Config{LogID: logID, Clock: f.now, Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// wantProblem asserts status and code, and that nothing but a problem came.
func wantProblem(t *testing.T, w *httptest.ResponseRecorder, code string) wire.Problem {
	t.Helper()
	var p wire.Problem
	if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
		t.Fatalf("status %d with media type %q: %.300s", w.Code, got, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	if p.Code != code || p.Status != w.Code || w.Code != classes[code].status {
		t.Fatalf("got %d %s (%s at %q: %s), want %s", w.Code, p.Code, p.Rule, p.Field, p.Detail, code)
	}
	if p.TraceId == "" || p.TraceId != w.Header().Get("X-Request-Id") {
		t.Fatalf("trace id %q, header %q", p.TraceId, w.Header().Get("X-Request-Id"))
	}
	return p
}

func TestEveryRouteAnswers(t *testing.T) {
	for _, s := range samples() {
		t.Run(s.route, func(t *testing.T) {
			f := newFake()
			token := goodToken
			if public[s.route] {
				token = ""
			}
			w := serve(newTestHandler(t, f, Limits{}), s.request(token))
			if w.Code != s.status {
				t.Fatalf("got %d: %s", w.Code, w.Body)
			}
			fitsDocument(t, s, w)
			for _, name := range []string{"X-Request-Id", "X-Content-Type-Options", "Cache-Control", "Content-Security-Policy", "Referrer-Policy"} {
				if w.Header().Get(name) == "" {
					t.Errorf("header %s is missing", name)
				}
			}
			if token != "" && f.caller.Key != someID {
				t.Errorf("the use case was asked by %+v", f.caller)
			}
			if strings.Contains(w.Body.String(), "null") {
				t.Errorf("an empty list or member came as null: %s", w.Body)
			}
		})
	}
}

// fitsDocument holds an answer to the OpenAPI document.
func fitsDocument(t *testing.T, s sample, w *httptest.ResponseRecorder) {
	t.Helper()
	if !strings.HasPrefix(w.Header().Get("Content-Type"), jsonType) {
		return
	}
	doc, err := wire.Description()
	if err != nil {
		t.Fatal(err)
	}
	method, template, _ := strings.Cut(s.route, " ")
	item := doc.Paths.Value(template)
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: s.request(""),
			Route: &routers.Route{Spec: doc, PathItem: item, Operation: item.GetOperation(method), Method: method}},
		Status: w.Code, Header: w.Header(), Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}
	input.SetBodyBytes(w.Body.Bytes())
	if err := openapi3filter.ValidateResponse(t.Context(), input); err != nil {
		t.Errorf("the answer doesn't fit the document: %v", err)
	}
}

// The samples, the document and the public list all cover exactly the router.
func TestEveryRouteAuthenticates(t *testing.T) {
	f := newFake()
	e, router, err := newEdge(f, Config{LogID: logID})
	if err != nil {
		t.Fatal(err)
	}
	h := e.around(router)
	sampled := map[string]sample{}
	for _, s := range samples() {
		sampled[s.route] = s
	}
	sampled["POST /v1/token"] = sample{route: "POST /v1/token", path: "/v1/token", media: jsonType, body: "{}"}
	seen := 0
	err = router.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		template, ok := templateOf(route)
		if !ok {
			return errors.New("a route without a path")
		}
		methods, err := route.GetMethods()
		if err != nil {
			return err
		}
		for _, m := range methods {
			if m == http.MethodHead { // goes by the name of GET; TestTiles asks
				continue
			}
			seen++
			name := m + " " + template
			s, ok := sampled[name]
			if !ok {
				t.Errorf("no sample of %s", name)
				continue
			}
			op := e.doc.Paths.Value(template).GetOperation(m)
			if declared := op.Security != nil && len(*op.Security) == 0; declared != public[name] {
				t.Errorf("%s: the document says public=%v, the handler %v", name, declared, public[name])
			}
			if public[name] {
				continue
			}
			for _, token := range []string{"", "tok_unknown", "tok_expired"} {
				w := serve(h, s.request(token))
				p := wantProblem(t, w, "unauthenticated")
				if w.Header().Get("WWW-Authenticate") == "" {
					t.Errorf("%s: no WWW-Authenticate", name)
				}
				if (token == "tok_expired") != (p.Rule == "token.expired") {
					t.Errorf("%s with %q: rule %q", name, token, p.Rule)
				}
			}
			if len(f.asked) != 0 {
				t.Fatalf("%s: a use case was reached without a token: %v", name, f.asked)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen != len(sampled) {
		t.Errorf("the router has %d routes, the samples %d", seen, len(sampled))
	}
	if len(public) != 11 {
		t.Errorf("%d routes are public; change this number only on purpose", len(public))
	}
}

// Every route maps every class of error, and shows no word of an unknown one.
func TestEveryErrorClass(t *testing.T) {
	recorded := someID
	cases := []struct {
		err  error
		code string
		look func(wire.Problem) bool
	}{
		{&registrar.NotFound{What: "case"}, "not-found", nil},
		{&registrar.Malformed{Rule: "statement.ascii", Field: "payload", Message: "byte 3"}, "malformed", func(p wire.Problem) bool { return p.Rule == "statement.ascii" && p.Field == "payload" }},
		{&registrar.Refused{Rule: "custody.not-holder", Message: "no"}, "rule-refused", func(p wire.Problem) bool { return p.Rule == "custody.not-holder" }},
		{&registrar.Stale{Heads: []registrar.Head{{ID: someID, Seq: 4, Leaf: otherID}}}, "stale-chain", func(p wire.Problem) bool {
			return len(p.Heads) == 1 && p.Heads[0].Seq == 4 && p.Heads[0].Leaf == otherID.String()
		}},
		{&registrar.Conflict{Code: registrar.CodeArtifactExists, Existing: someID}, "artifact-exists", func(p wire.Problem) bool { return p.Existing == someID.String() }},
		{&registrar.Conflict{Code: registrar.CodeIdempotencyMismatch}, "idempotency-mismatch", nil},
		{&registrar.Conflict{Code: "of nobody's table"}, "internal", nil},
		{&registrar.TooLarge{Limit: 5, Message: "m"}, "too-large", func(p wire.Problem) bool { return p.Limit == 5 }},
		{&registrar.Unauthenticated{Reason: registrar.ReasonRevoked}, "unauthenticated", func(p wire.Problem) bool { return p.Rule == "token.revoked" }},
		{&registrar.Forbidden{Rule: "right.certify", Message: "no"}, "forbidden", func(p wire.Problem) bool { return p.Rule == "right.certify" }},
		{&registrar.OutOfWindow{Next: 3}, "part-out-of-window", func(p wire.Problem) bool { return p.Next == 3 }},
		{&registrar.DigestMismatch{Differences: []registrar.Difference{{Name: "md5", Declared: "a", Received: "b"}}, Recorded: &recorded}, "digest-mismatch",
			func(p wire.Problem) bool {
				return p.Differences[0] == wire.Difference{Name: "md5", Declared: "a", Received: "b"} && p.Recorded == someID.String()
			}},
		{&registrar.Truncated{Expected: 2, Received: 1}, "truncated", nil},
		{&registrar.Full{Message: "disk"}, "storage-full", nil},
		{&registrar.Unavailable{What: "ledger", After: 3 * time.Second, Cause: errors.New("secret words")}, "unavailable", nil},
		{errors.New("secret words of the database"), "internal", nil},
	}
	f := newFake()
	h := newTestHandler(t, f, Limits{})
	for _, s := range samples() {
		if s.route == "GET /v1/openapi.json" || s.route == "GET /healthz" || s.route == "GET /readyz" {
			continue // ask no use case, or only those of readiness
		}
		for _, c := range cases {
			f.err = c.err
			w := serve(h, s.request(goodToken))
			p := wantProblem(t, w, c.code)
			if c.look != nil && !c.look(p) {
				t.Errorf("%s: %T gave %+v", s.route, c.err, p)
			}
			if bytes.Contains(w.Body.Bytes(), []byte("secret")) {
				t.Errorf("%s: the answer tells what an unknown error says: %s", s.route, w.Body)
			}
		}
	}
	f.err = errors.New("secret words")
	r := httptest.NewRequest("GET", "/v1/cases", nil)
	r.Header.Set("Authorization", "Bearer tok_broken")
	wantProblem(t, serve(h, r), "internal")
}

func TestSameEventAgain(t *testing.T) {
	for _, s := range samples() {
		if s.route != "POST /v1/events" && s.route != "POST /v1/uploads/{uploadId}/finish" {
			continue
		}
		f := newFake()
		f.again = true
		if w := serve(newTestHandler(t, f, Limits{}), s.request(goodToken)); w.Code != 200 {
			t.Errorf("%s: got %d", s.route, w.Code)
		}
	}
}

// Signed bytes reach the judge as they were sent, repeated members included.
func TestEnvelopeReachesTheJudgeByteExact(t *testing.T) {
	envelope := "{ \"payload\":\"YQ==\",\n\"payload\" : \"Yg==\", \"PAYLOAD\":1.0,\"payloadType\":\"\\u0041\",\"signatures\":[] }"
	details := base64.StdEncoding.EncodeToString([]byte{0, 255, 10})
	f := newFake()
	r := httptest.NewRequest("POST", "/v1/events", strings.NewReader(`{"details":["`+details+`"],"envelope":`+envelope+`}`))
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.Header.Set("Authorization", "bearer "+inviteToken)
	if w := serve(newTestHandler(t, f, Limits{}), r); w.Code != 201 {
		t.Fatalf("got %d: %s", w.Code, w.Body)
	}
	got := f.asked["AppendEvent"].(registrar.Submission)
	if string(got.Envelope) != envelope || len(got.Details) != 1 || string(got.Details[0]) != "\x00\xff\n" {
		t.Fatalf("got %q and %q", got.Envelope, got.Details)
	}
	if f.caller.Invitation == nil {
		t.Fatal("the invitation was lost on the way")
	}
}

func TestInvitationOpensItsRoutes(t *testing.T) {
	f := newFake()
	h := newTestHandler(t, f, Limits{})
	for _, s := range samples() {
		if public[s.route] || invitationRoutes[s.route] {
			continue
		}
		p := wantProblem(t, serve(h, s.request(inviteToken)), "forbidden")
		if p.Rule != "invitation.one-act" || len(f.asked) != 0 {
			t.Errorf("%s: rule %q, asked %v", s.route, p.Rule, f.asked)
		}
	}
}

// The document names exactly the codes of the table.
func TestDocumentListsEveryCode(t *testing.T) {
	doc, err := wire.Description()
	if err != nil {
		t.Fatal(err)
	}
	_, list, ok := strings.Cut(doc.Components.Schemas["Problem"].Value.Properties["code"].Value.Description, "One of: ")
	if !ok {
		t.Fatal("the document lists no codes")
	}
	named := strings.Split(strings.TrimSuffix(list, "."), ", ")
	for _, code := range named {
		if _, ok := classes[code]; !ok {
			t.Errorf("the document names %s, the table doesn't", code)
		}
	}
	if len(named) != len(classes) {
		t.Errorf("the document names %d codes, the table %d", len(named), len(classes))
	}
}
