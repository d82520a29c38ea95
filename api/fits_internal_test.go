package api

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"github.com/evidence-custody/custodyd/api/wire"
)

// What fits, the validator takes as well; and what clients send fits.
func TestFits(t *testing.T) {
	doc, err := wire.Description()
	if err != nil {
		t.Fatal(err)
	}
	item := doc.Paths.Value("/v1/events")
	op := item.Post
	validates := func(body string) bool {
		r := httptest.NewRequest(http.MethodPost, "/v1/events", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		return openapi3filter.ValidateRequest(context.Background(), &openapi3filter.RequestValidationInput{Request: r,
			Route:   &routers.Route{Spec: doc, PathItem: item, Operation: op, Method: r.Method},
			Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, SkipSettingDefaults: true}}) == nil
	}
	many := func(n int) string { return `["` + strings.Repeat(`AA==","`, n-1) + `AA=="]` }
	for body, want := range map[string]bool{
		`{"envelope":{}}`: true,
		`{"envelope":{"payload":"e30=","signatures":[{"keyid":"","sig":"AA=="}]},"details":["AA=="],"documents":["","AAAA"]}`: true,
		` { "documents" : [ "AA==" , "AAAA" ] , "envelope" : { } } `:                                                          true,
		`{"envelope":{},"details":` + many(256) + `}`:                                                                         true,
		`{"envelope":{},"details":` + many(257) + `}`:                                                                         false,
		`{}`:                                          false,
		`[]`:                                          false,
		`null`:                                        false,
		`{"envelope":null}`:                           false,
		`{"envelope":[]}`:                             false,
		`{"envelope":"x"}`:                            false,
		`{"Envelope":{}}`:                             false,
		`{"envelope":{},"details":null}`:              false,
		`{"envelope":{},"details":{}}`:                false,
		`{"envelope":{},"details":"AA=="}`:            false,
		`{"envelope":{},"details":[null]}`:            false,
		`{"envelope":{},"details":[1]}`:               false,
		`{"envelope":{},"details":["AA="]}`:           false,
		`{"envelope":{},"details":["A\nA="]}`:         false,
		`{"envelope":{},"documents":["AA=="],"x":1}`:  false,
		`{"envelope":{},"Documents":["AA=="]}`:        false,
		`{"envelope":{},"documents":[["AA=="]]}`:      false,
		`{"envelope":{},"documents":["AA\u003d="]}`:   false, // the validator's to say
		`{"envelope":{},"documents":["AA==","AB=="]}`: false,
	} {
		got := fits(op, []byte(body))
		if got != want {
			t.Errorf("%.80s: %v", body, got)
		}
		if got && !validates(body) {
			t.Errorf("%.80s fits, and the validator refuses it", body)
		}
	}
	if other := doc.Paths.Value("/v1/token").Post; fits(other, bytes.TrimSpace([]byte(`{"envelope":{}}`))) {
		t.Error("a body fits another operation")
	}
}
