package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"
)

// Traced makes every line that is logged under a request's context carry the
// request's trace id, whichever package logs it.
func Traced(h slog.Handler) slog.Handler {
	if _, already := h.(traced); already {
		return h
	}
	return traced{h}
}

type traced struct{ slog.Handler }

func (t traced) Handle(ctx context.Context, r slog.Record) error {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		r = r.Clone()
		r.AddAttrs(slog.String("trace", x.trace))
	}
	return t.Handler.Handle(ctx, r)
}

func (t traced) WithAttrs(attrs []slog.Attr) slog.Handler { return traced{t.Handler.WithAttrs(attrs)} }
func (t traced) WithGroup(name string) slog.Handler       { return traced{t.Handler.WithGroup(name)} }

// Answered is what may be told of a request: nothing of a case, no id.
type Answered struct {
	Method  string // "other" where it isn't one of HTTP's
	Route   string // the template; "none" where there is none
	Status  int    // 0 where the connection was cut before there was one
	Code    string // of the problem that was answered; "" where there was none
	Rule    string // that refused, where one did
	In, Out int64  // bytes of the bodies
	Took    time.Duration
	Aborted bool // cut after the answer was begun
}

// known bounds what a peer can make of the method.
func known(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}

// logged are the words of a fault that may stand in the log. A refusal by the
// edge is worded by the edge: the validator's and decoders' own words beneath
// it quote what was sent, which may be anything. A fault of a part says what
// went wrong in the part.
func logged(fault error) string {
	var edge *edgeError
	if errors.As(fault, &edge) && (edge.cause == nil || classes[edge.code].status < 500) {
		if edge.rule != "" {
			return edge.code + ": " + edge.rule
		}
		return edge.code
	}
	return fault.Error()
}
