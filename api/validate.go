package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/gorilla/mux"
)

// validate holds the request to the OpenAPI document. The validator reads
// whole bodies, so it is shown a JSON or form body from memory, and evidence
// never: an octet-stream goes on unread.
func (e *edge) validate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		item, op := e.operation(r)
		if op == nil {
			e.noRoute(w, r)
			return
		}
		if err := checkQuery(r.URL, item, op); err != nil {
			e.exit(w, r, err)
			return
		}
		shown := r.Clone(r.Context())
		shown.Body = http.NoBody
		known := op.RequestBody == nil || isEvidence(op) // the body needs no look
		if op.RequestBody != nil {
			body, err := e.takeBody(w, r, op)
			if err != nil {
				e.exit(w, r, err)
				return
			}
			if body != nil {
				r.Body = io.NopCloser(bytes.NewReader(body))
				shown.Body = io.NopCloser(bytes.NewReader(body))
				known = known || fits(op, body)
			}
		} else if r.ContentLength != 0 {
			e.exit(w, r, malformed("request.no-body", "", "this request has no body"))
			return
		}
		input := &openapi3filter.RequestValidationInput{
			Request:    shown,
			PathParams: mux.Vars(r),
			Route:      &routers.Route{Spec: e.doc, PathItem: item, Operation: op, Method: r.Method},
			Options: &openapi3filter.Options{
				ExcludeRequestBody:  known,
				AuthenticationFunc:  openapi3filter.NoopAuthenticationFunc, // authenticate has been passed
				SkipSettingDefaults: true,
			},
		}
		if err := openapi3filter.ValidateRequest(r.Context(), input); err != nil {
			e.exit(w, r, schemaFault(err))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (e *edge) operation(r *http.Request) (*openapi3.PathItem, *openapi3.Operation) {
	method, template, _ := strings.Cut(routeName(r), " ")
	item := e.doc.Paths.Value(template)
	if item == nil {
		return nil, nil
	}
	return item, item.GetOperation(method)
}

// pathItem finds the item whose template a concrete path fits.
func (e *edge) pathItem(path string) *openapi3.PathItem {
	parts := strings.Split(path, "/")
	for template, item := range e.doc.Paths.Map() {
		want := strings.Split(template, "/")
		if len(want) == len(parts) && slices.EqualFunc(want, parts, func(t, p string) bool {
			return t == p || (strings.HasPrefix(t, "{") && p != "")
		}) {
			return item
		}
	}
	return nil
}

// isEvidence: the body is bytes to be stored, not a request to be read.
func isEvidence(op *openapi3.Operation) bool {
	return op.RequestBody != nil && op.RequestBody.Value.Content.Get("application/octet-stream") != nil
}

// checkQuery refuses parameters that are unknown or given twice: a misspelt
// filter must not silently widen an answer.
func checkQuery(u *url.URL, item *openapi3.PathItem, op *openapi3.Operation) error {
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return malformed("request.query", "", "the query cannot be read")
	}
	for name, given := range values {
		known := op.Parameters.GetByInAndName(openapi3.ParameterInQuery, name) != nil ||
			item.Parameters.GetByInAndName(openapi3.ParameterInQuery, name) != nil
		if !known {
			return malformed("request.query", clip(name), "there is no such parameter here")
		}
		if len(given) != 1 {
			return malformed("request.query", name, "the parameter is given %d times", len(given))
		}
	}
	return nil
}

// takeBody bounds the body and reads it where it is small; for evidence it
// returns nil and leaves the bounded body in place.
func (e *edge) takeBody(w http.ResponseWriter, r *http.Request, op *openapi3.Operation) ([]byte, error) {
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := params["charset"]
	if err != nil || op.RequestBody.Value.Content[media] == nil || (charset != "" && !strings.EqualFold(charset, "utf-8")) {
		return nil, &edgeError{code: "unsupported-media-type", detail: "send " + mediaTypes(op)}
	}
	if enc := r.Header.Get("Content-Encoding"); enc != "" {
		return nil, &edgeError{code: "unsupported-media-type", detail: "bodies are not to be encoded"}
	}
	limit := e.bodyLimit(op)
	if r.ContentLength > limit {
		return nil, &http.MaxBytesError{Limit: limit}
	}
	if isEvidence(op) {
		if r.ContentLength < 0 {
			return nil, &edgeError{code: "length-required", detail: "a part needs a Content-Length"}
		}
		exchangeOf(r.Context()).length = r.ContentLength
		r.Body = http.MaxBytesReader(w, r.Body, limit)
		return nil, nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return nil, err
		}
		return nil, &edgeError{code: "truncated", detail: "the body cannot be read to its end", cause: err}
	}
	r.ContentLength = int64(len(body))
	if media == "application/json" {
		if err := checkJSON(body); err != nil {
			return nil, err
		}
	}
	return body, nil
}

func (e *edge) bodyLimit(op *openapi3.Operation) int64 {
	switch {
	case isEvidence(op):
		return e.cfg.Limits.Part
	case op.OperationID == "appendEvent" || op.OperationID == "finishUpload":
		return e.cfg.Limits.Submission
	}
	return e.cfg.Limits.Body
}

func mediaTypes(op *openapi3.Operation) string {
	var names []string
	for name := range op.RequestBody.Value.Content {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, " or ")
}

// checkJSON wants one object in UTF-8, with no member twice and nothing after
// it. What stands inside a member is looked at by others: the envelope's own
// repeated members must reach the judge.
func checkJSON(body []byte) error {
	if !utf8.Valid(body) {
		return malformed("request.json", "", "the body is not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return malformed("request.json", "", "the body is not a JSON object")
	}
	seen := map[string]bool{}
	for dec.More() {
		tok, err := dec.Token()
		name, isName := tok.(string)
		if err != nil || !isName {
			return malformed("request.json", "", "the body is not JSON (near byte %d)", dec.InputOffset())
		}
		if seen[name] {
			return malformed("request.json", clip(name), "the member is given twice")
		}
		seen[name] = true
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return malformed("request.json", clip(name), "the member's value is not JSON (near byte %d)", dec.InputOffset())
		}
	}
	if _, err := dec.Token(); err != nil {
		return malformed("request.json", "", "the body is not JSON (near byte %d)", dec.InputOffset())
	}
	if _, err := dec.Token(); err != io.EOF {
		return malformed("request.json", "", "something follows the JSON object")
	}
	return nil
}

// schemaFault words what the validator found, without echoing values.
func schemaFault(err error) error {
	field, reason := "", ""
	var request *openapi3filter.RequestError
	if errors.As(err, &request) {
		reason = request.Reason
		if request.Parameter != nil {
			field = request.Parameter.Name
		}
	}
	var schema *openapi3.SchemaError
	if errors.As(err, &schema) {
		if at := strings.Join(schema.JSONPointer(), "."); at != "" {
			field = at
		}
		reason = schema.Reason
	}
	if reason == "" {
		reason = "the request does not fit the OpenAPI document"
	}
	return &edgeError{code: "malformed", rule: "request.schema", field: clip(field), detail: clip(reason), cause: err}
}
