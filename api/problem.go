package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/evidence-custody/custodyd/api/wire"
	"github.com/evidence-custody/custodyd/custody/registrar"
)

const problemBase = "https://evidence-custody.github.io/custodyd/problems/"

// class is what a code means over HTTP.
type class struct {
	status int
	title  string
}

// classes is the one table from code to status.
var classes = map[string]class{
	"malformed":              {400, "The request cannot be read"},
	"truncated":              {400, "The body ended early"},
	"unauthenticated":        {401, "It is not known who asks"},
	"forbidden":              {403, "The caller may not do this"},
	"not-found":              {404, "There is no such thing"},
	"method-not-allowed":     {405, "This method does not apply here"},
	"too-slow":               {408, "The body came too slowly"},
	"conflict":               {409, "The request does not fit the present state"},
	"artifact-exists":        {409, "The artifact was deposited before"},
	"part-conflict":          {409, "The part was sent before with other bytes"},
	"part-out-of-window":     {409, "Another part must come first"},
	"request-in-flight":      {409, "The same request is being worked on"},
	"stale-chain":            {409, "A link is not the head of its chain"},
	"upload-closed":          {409, "The upload session is closed"},
	"upload-incomplete":      {409, "Parts are missing"},
	"erased":                 {410, "The item was disposed of"},
	"length-required":        {411, "The body needs a Content-Length"},
	"too-large":              {413, "The request is too large"},
	"unsupported-media-type": {415, "The body's media type does not apply here"},
	"range-not-satisfiable":  {416, "The range cannot be served"},
	"digest-mismatch":        {422, "The bytes are not those declared"},
	"idempotency-mismatch":   {422, "The Idempotency-Key was used for another request"},
	"rule-refused":           {422, "A rule refuses this"},
	"copy-damaged":           {500, "The service's copy is not what was deposited"},
	"internal":               {500, "The service failed"},
	"unavailable":            {503, "A part of the service cannot be reached"},
	"storage-full":           {507, "The store has no room"},
}

// edgeError is a refusal by the edge itself; code is in classes.
type edgeError struct {
	code, rule, field, detail string
	limit                     int64
	cause                     error
}

func (e *edgeError) Error() string { return e.code + ": " + e.detail }
func (e *edgeError) Unwrap() error { return e.cause }

func malformed(rule, field, format string, args ...any) *edgeError {
	return &edgeError{code: "malformed", rule: rule, field: field, detail: fmt.Sprintf(format, args...)}
}

// exit is the one way out for errors. If the answer was begun, there is no
// way to tell the peer but to cut the connection.
func (e *edge) exit(w http.ResponseWriter, r *http.Request, err error) {
	x := exchangeOf(r.Context())
	x.fault = err
	// How a body failed comes first: its sender may well be there to hear it,
	// though net/http takes the connection for lost.
	if hungUp(r, bodyFault(x, err)) {
		x.gone = true
		panic(http.ErrAbortHandler)
	}
	if x.answer != nil && x.answer.began {
		panic(http.ErrAbortHandler)
	}
	p, header := describe(bodyFault(x, err))
	p.TraceId, x.code, x.rule = x.trace, p.Code, p.Rule
	b, jsonErr := json.Marshal(p)
	if jsonErr != nil {
		b = []byte(`{"code":"internal","status":500,"title":"The service failed","traceId":"","type":"` + problemBase + `internal"}`)
		p.Status = http.StatusInternalServerError
	}
	h := w.Header()
	for name, value := range header {
		h.Set(name, value)
	}
	if x.body != nil && x.body.err != nil {
		h.Set("Connection", "close") // where the next request would begin isn't known
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(p.Status)
	_, _ = w.Write(b) // the peer is gone; the log line has the status
}

// hungUp says that a failure is only that the peer went away in the middle: what
// waited on its behalf was cancelled, in whatever words a driver says so. What was
// found out about evidence, and what was refused, stays what it is.
func hungUp(r *http.Request, err error) bool {
	if !errors.Is(r.Context().Err(), context.Canceled) {
		return false
	}
	p, _ := describe(err)
	return p.Code == "internal" || p.Code == "unavailable"
}

// badRequest is the exit for errors of the generated binding.
func (e *edge) badRequest(w http.ResponseWriter, r *http.Request, err error) {
	e.exit(w, r, &edgeError{code: "malformed", detail: clip(err.Error()), cause: err})
}

func (e *edge) noRoute(w http.ResponseWriter, r *http.Request) {
	e.exit(w, r, &edgeError{code: "not-found", detail: "no such path"})
}

// bodyFault prefers how the peer's body failed to what the use case made of it.
func bodyFault(x *exchange, err error) error {
	if x.body == nil || x.body.err == nil {
		return err
	}
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(x.body.err, &tooLarge):
		return x.body.err
	case errors.Is(x.body.err, os.ErrDeadlineExceeded):
		return &edgeError{code: "too-slow", detail: "the body stalled or came below the minimum rate; nothing of it was kept"}
	case errors.Is(x.body.err, io.ErrUnexpectedEOF):
		return &edgeError{code: "truncated", detail: "the body ended before its Content-Length; nothing of it was kept"}
	}
	return err
}

// describe turns an error into a problem and the headers that go with it.
func describe(err error) (wire.Problem, map[string]string) {
	var (
		edge        *edgeError
		notFound    *registrar.NotFound
		bad         *registrar.Malformed
		refused     *registrar.Refused
		stale       *registrar.Stale
		conflict    *registrar.Conflict
		tooLarge    *registrar.TooLarge
		maxBytes    *http.MaxBytesError
		nobody      *registrar.Unauthenticated
		forbidden   *registrar.Forbidden
		window      *registrar.OutOfWindow
		mismatch    *registrar.DigestMismatch
		truncated   *registrar.Truncated
		full        *registrar.Full
		damaged     *registrar.Damaged
		erased      *registrar.Erased
		unavailable *registrar.Unavailable
	)
	switch {
	case errors.As(err, &edge):
		p, h := problem(edge.code, edge.detail)
		p.Rule, p.Field, p.Limit = edge.rule, edge.field, edge.limit
		return p, h
	case errors.As(err, &notFound):
		return problem("not-found", notFound.Error())
	case errors.As(err, &bad):
		p, h := problem("malformed", bad.Message)
		p.Rule, p.Field = bad.Rule, bad.Field
		return p, h
	case errors.As(err, &refused):
		p, h := problem("rule-refused", refused.Message)
		p.Rule, p.Field = refused.Rule, refused.Field
		return p, h
	case errors.As(err, &stale):
		p, h := problem("stale-chain", "verify the chains again from these heads, then sign again")
		p.Heads = each(stale.Heads, head)
		return p, h
	case errors.As(err, &conflict):
		p, h := problem(conflict.Code, conflict.Message)
		p.Existing = optional(conflict.Existing)
		return p, h
	case errors.As(err, &tooLarge):
		p, h := problem("too-large", tooLarge.Message)
		p.Limit = tooLarge.Limit
		return p, h
	case errors.As(err, &maxBytes):
		p, h := problem("too-large", fmt.Sprintf("the body has more than %d bytes", maxBytes.Limit))
		p.Limit = maxBytes.Limit
		return p, h
	case errors.As(err, &nobody):
		return unauthenticated(nobody.Reason)
	case errors.As(err, &forbidden):
		p, h := problem("forbidden", forbidden.Message)
		p.Rule = forbidden.Rule
		return p, h
	case errors.As(err, &window):
		p, h := problem("part-out-of-window", window.Error())
		p.Next = window.Next
		return p, h
	case errors.As(err, &mismatch):
		p, h := problem("digest-mismatch", mismatch.Error())
		p.Differences = each(mismatch.Differences, func(d registrar.Difference) wire.Difference {
			return wire.Difference{Name: d.Name, Declared: d.Declared, Received: d.Received}
		})
		p.Recorded = optionalPointer(mismatch.Recorded)
		return p, h
	case errors.As(err, &truncated):
		return problem("truncated", truncated.Error())
	case errors.As(err, &full):
		return problem("storage-full", full.Message)
	case errors.As(err, &damaged):
		p, h := problem("copy-damaged", fmt.Sprintf("block %d (bytes %d to %d) of the service's copy is not what was deposited: nothing of it is served, and an event says so", damaged.Block, damaged.Offset, damaged.Offset+uint64(damaged.Length)-1))
		p.Rule = damaged.Reason
		return p, h
	case errors.As(err, &erased):
		return problem("erased", erased.Error())
	case errors.As(err, &unavailable):
		p, h := problem("unavailable", "the same request may be sent again")
		h["Retry-After"] = strconv.Itoa(int(max(1, unavailable.After/time.Second)))
		return p, h
	case errors.Is(err, context.DeadlineExceeded):
		p, h := problem("unavailable", "the same request may be sent again")
		h["Retry-After"] = "5"
		return p, h
	}
	// The words of an unknown error may hold anything: they stay in the log.
	return problem("internal", "the service's log has more under this trace id")
}

// unauthenticated tells only what helps an honest caller and no other.
func unauthenticated(reason string) (wire.Problem, map[string]string) {
	p, h := problem("unauthenticated", "a token is needed that is known and not expired")
	switch reason {
	case registrar.ReasonExpired, registrar.ReasonReplayed, registrar.ReasonRevoked:
		p.Rule = "token." + reason
	}
	h["WWW-Authenticate"] = `Bearer realm="custodyd"`
	return p, h
}

// problem fills in what the code fixes. A code outside the table is a fault of
// ours and says so.
func problem(code, detail string) (wire.Problem, map[string]string) {
	c, ok := classes[code]
	if !ok {
		code, detail, c = "internal", "", classes["internal"]
	}
	header := map[string]string{}
	if c.status == http.StatusUnauthorized {
		header["WWW-Authenticate"] = `Bearer realm="custodyd"`
	}
	return wire.Problem{Type: problemBase + code, Title: c.title, Status: c.status, Code: code, Detail: detail}, header
}

// clip keeps a foreign message short.
func clip(s string) string {
	if len(s) > 300 {
		return s[:300] + "…"
	}
	return s
}
