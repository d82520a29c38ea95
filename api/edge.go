package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/gorilla/mux"

	"github.com/evidence-custody/custodyd/custody/registrar"
)

// exchange is one request and its answer, as the parts of the edge see it.
type exchange struct {
	trace  string
	caller registrar.Caller
	length int64        // Content-Length of a body that goes on unread; -1 unknown
	body   *pacedBody   // nil where there is none
	answer *pacedWriter // the writer below all others
	fault  error        // what the exit was given, for the log
	code   string       // what the exit made of it
	rule   string
	gone   bool // the peer hung up before it had its answer
}

type exchangeKey struct{}

// leftOver is how long net/http may go on reading a body nobody wants.
const leftOver = 5 * time.Second

// exchangeOf finds the request's exchange; outside a request, an empty one.
func exchangeOf(ctx context.Context) *exchange {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return x
	}
	return &exchange{length: -1}
}

func callerOf(ctx context.Context) registrar.Caller { return exchangeOf(ctx).caller }

// around is what every request passes, also one without a route.
func (e *edge) around(router *mux.Router) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := e.cfg.Clock()
		x := &exchange{trace: e.newTrace(), length: -1}
		control := http.NewResponseController(w)
		// Deadlines outlive a request on a kept connection: begin without.
		_ = control.SetReadDeadline(time.Time{})
		_ = control.SetWriteDeadline(time.Time{})
		x.answer = &pacedWriter{ResponseWriter: w, shared: r.ProtoMajor > 1, pace: pace{limits: e.cfg.Limits, arm: control.SetWriteDeadline}}
		secure(x.answer.Header(), x.trace, r.TLS != nil)
		// A copy: net/http looks at its own request's body afterwards, and must
		// know it again to leave one that awaits "100 Continue" unread.
		r = r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x))
		if r.Body != nil && r.Body != http.NoBody {
			x.body = &pacedBody{body: r.Body, pace: pace{limits: e.cfg.Limits, arm: control.SetReadDeadline}}
			r.Body = x.body
		}
		aborted := false
		defer func() {
			// What the handler left unread, net/http reads on; not for ever, and
			// not at all from a peer that has failed before.
			patience := min(leftOver, e.cfg.Limits.Idle)
			if x.body != nil && !x.body.ended && x.body.err == nil {
				_ = control.SetReadDeadline(time.Now().Add(patience))
			}
			// The last bytes of the answer are still to be flushed, after that.
			_ = control.SetWriteDeadline(time.Now().Add(patience + e.cfg.Limits.Idle))
			a := x.answered(r, router, e.cfg.Clock().Sub(began), aborted && !x.gone)
			e.logRequest(r, x, a)
			if e.cfg.Observe != nil {
				e.cfg.Observe(a)
			}
			if aborted {
				panic(http.ErrAbortHandler) // net/http cuts the connection without another log line
			}
		}()
		defer func() { aborted = e.recovered(x, r, recover()) }()
		router.ServeHTTP(x.answer, r)
	})
}

// recovered says whether the connection must be cut: the answer was begun and
// cannot be finished.
func (e *edge) recovered(x *exchange, r *http.Request, v any) bool {
	if v == nil {
		return false
	}
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		return true
	}
	e.cfg.Log.ErrorContext(r.Context(), "a handler panicked", "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	if x.answer.began {
		return true
	}
	e.exit(x.answer, r, errors.New("a handler panicked"))
	return false
}

// secure sets what holds for every answer. Nothing here is a page or may be
// kept by a cache.
func secure(h http.Header, trace string, encrypted bool) {
	if encrypted {
		// Of this host alone: others of its domain are not ours to promise for.
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
	h.Set("X-Request-Id", trace)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// answered says what became of a request, with the route's template instead of
// the path: ids and content stay out of what is told.
func (x *exchange) answered(r *http.Request, router *mux.Router, took time.Duration, aborted bool) Answered {
	a := Answered{Method: known(r.Method), Route: "none", Status: x.answer.status, Code: x.code, Rule: x.rule,
		Out: x.answer.pace.moved, Took: took, Aborted: aborted}
	if x.body != nil {
		a.In = x.body.pace.moved
	}
	var m mux.RouteMatch
	if router.Match(r, &m) && m.Route != nil {
		if t, ok := templateOf(m.Route); ok {
			a.Route = t
		}
	}
	return a
}

// logRequest writes one line.
func (e *edge) logRequest(r *http.Request, x *exchange, a Answered) {
	attrs := []slog.Attr{
		slog.String("method", a.Method), slog.String("route", a.Route),
		slog.Int("status", a.Status), slog.Int64("bytes", a.Out), slog.Duration("took", a.Took),
	}
	if !x.caller.Key.IsZero() {
		attrs = append(attrs, slog.String("key", x.caller.Key.Short()))
	}
	if !x.caller.Auditor.IsZero() {
		attrs = append(attrs, slog.String("auditor", x.caller.Auditor.Short()))
	}
	level := slog.LevelInfo
	if x.fault != nil {
		attrs = append(attrs, slog.String("error", logged(x.fault)))
	}
	if x.gone {
		attrs = append(attrs, slog.Bool("cancelled", true))
	}
	if a.Aborted {
		attrs = append(attrs, slog.Bool("aborted", true))
	}
	if !x.gone && (a.Aborted || a.Status >= 500) {
		level = slog.LevelError
	}
	e.cfg.Log.LogAttrs(context.WithoutCancel(r.Context()), level, "request", attrs...)
}

// pace re-arms a deadline around each read or write, and shortens it for a
// peer below the minimum rate. Only time spent in reads or writes counts: a
// slow store behind us is not the peer's fault.
type pace struct {
	limits Limits
	arm    func(time.Time) error
	moved  int64
	spent  time.Duration
}

func (p *pace) step(move func() (int, error)) (int, error) {
	allowed := p.limits.Grace + time.Duration(float64(p.moved)/float64(p.limits.MinRate)*float64(time.Second)) - p.spent
	now := time.Now()
	if err := p.arm(now.Add(min(p.limits.Idle, allowed))); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, fmt.Errorf("couldn't set a deadline: %w", err)
	}
	n, err := move()
	p.spent += time.Since(now)
	p.moved += int64(n)
	return n, err
}

// pacedBody is a request's body under deadlines. It remembers how reading
// failed, so that the exit can tell a peer's failure from a store's.
type pacedBody struct {
	body  io.ReadCloser
	pace  pace
	ended bool // read to its end
	err   error
}

func (b *pacedBody) Read(p []byte) (int, error) {
	n, err := b.pace.step(func() (int, error) { return b.body.Read(p) })
	switch {
	case err == io.EOF:
		b.ended = true // net/http lifts the deadline itself when it goes on to listen for a lost peer
	case err != nil:
		b.err = err
	}
	return n, err
}

func (b *pacedBody) Close() error { return b.body.Close() }

// pacedWriter is the answer under deadlines.
type pacedWriter struct {
	http.ResponseWriter
	pace   pace
	status int
	began  bool
	shared bool // the connection has others' answers, and a writer of its own
	copy   []byte
}

// Unwrap lets http.ResponseController reach the connection.
func (w *pacedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *pacedWriter) WriteHeader(status int) {
	if !w.began && status >= 200 {
		w.began, w.status = true, status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *pacedWriter) Write(p []byte) (int, error) {
	if !w.began {
		w.WriteHeader(http.StatusOK)
	}
	if w.shared {
		// Over HTTP/2 a Write that fails may still be read from by the connection's
		// writer for a moment. Blocks of evidence are lent to the next reader by
		// then: what is written is a copy that goes with this answer.
		var done int
		for done < len(p) {
			w.copy = append(w.copy[:0], p[done:done+min(len(p)-done, copyBuffer)]...)
			n, err := w.pace.step(func() (int, error) { return w.ResponseWriter.Write(w.copy) })
			done += n
			if err != nil {
				return done, err
			}
		}
		return done, nil
	}
	return w.pace.step(func() (int, error) { return w.ResponseWriter.Write(p) })
}
