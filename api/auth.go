package api

import (
	"net/http"
	"regexp"
	"strings"

	"github.com/gorilla/mux"

	"github.com/evidence-custody/custodyd/custody/registrar"
)

// public lists the routes that need no token. Every other one does; a test
// walks the router and holds this list, the document and the behaviour together.
var public = map[string]bool{
	"GET /healthz":              true,
	"GET /readyz":               true,
	"GET /v1/openapi.json":      true,
	"POST /v1/token":            true,
	"GET /v1/log":               true,
	"GET /v1/checkpoint":        true,
	"GET /v1/log/inclusion":     true,
	"GET /v1/log/consistency":   true,
	"GET /v1/trust":             true,
	"GET /checkpoint":           true,
	"GET /tile/{level}/{index}": true,
}

// entriesRoute reads the log's entries: public where the service is configured
// so, and the one route that an auditor's token opens.
const entriesRoute = "GET /tile/entries/{index}"

// invitationRoutes are what an invitation opens: its one event, and the head of
// its organisation's chain, which a key.requested has to continue. The use case
// holds it to that one chain.
var invitationRoutes = map[string]bool{
	"POST /v1/events":          true,
	"GET /v1/chains/{chainId}": true,
}

// authenticate finds who asks before anything of the request is read.
func (e *edge) authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := routeName(r)
		if public[name] || name == entriesRoute && e.cfg.OpenEntries {
			next.ServeHTTP(w, r)
			return
		}
		secret, ok := bearer(r)
		if !ok {
			e.exit(w, r, &registrar.Unauthenticated{Reason: registrar.ReasonUnknown})
			return
		}
		caller, err := e.entry.Bearer(r.Context(), secret)
		switch {
		case err != nil:
			e.exit(w, r, err)
			return
		case caller.Nobody():
			e.exit(w, r, &registrar.Unauthenticated{Reason: registrar.ReasonUnknown})
			return
		case caller.Invitation != nil && !invitationRoutes[name]:
			e.exit(w, r, &registrar.Forbidden{Rule: "invitation.one-act", Message: "an invitation permits its one event and nothing else"})
			return
		}
		if !caller.Auditor.IsZero() && name != entriesRoute {
			e.exit(w, r, &registrar.Forbidden{Rule: "auditor.entries-only", Message: "an auditor's token opens the log's entries and nothing else"})
			return
		}
		exchangeOf(r.Context()).caller = caller
		next.ServeHTTP(w, r)
	})
}

// routeName is method and template, e.g. "GET /v1/cases/{caseId}". HEAD goes by
// the name of GET.
func routeName(r *http.Request) string {
	route := mux.CurrentRoute(r)
	if route == nil {
		return ""
	}
	template, ok := templateOf(route)
	if !ok {
		return ""
	}
	if r.Method == http.MethodHead {
		return http.MethodGet + " " + template
	}
	return r.Method + " " + template
}

// templateOf is a route's path as the document has it: without the patterns of
// its variables.
func templateOf(route *mux.Route) (string, bool) {
	template, err := route.GetPathTemplate()
	return variable.ReplaceAllString(template, "{$1}"), err == nil
}

// variable of a route that has a pattern, which has no braces in it.
var variable = regexp.MustCompile(`\{([a-zA-Z0-9]+):[^{}]*\}`)

// bearer reads the one Authorization header (RFC 6750). A token in the query
// or a form is never looked at: it would end up in logs.
func bearer(r *http.Request) (string, bool) {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return "", false
	}
	scheme, secret, ok := strings.Cut(values[0], " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") || secret == "" || len(secret) > 256 {
		return "", false
	}
	for i := 0; i < len(secret); i++ {
		if c := secret[i]; c <= ' ' || c > '~' {
			return "", false
		}
	}
	return secret, true
}

// noMethod says which methods the path does have.
func (e *edge) noMethod(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/tile/") || r.URL.Path == "/checkpoint" {
		w.Header().Set("Allow", "GET, HEAD")
	} else if item := e.pathItem(r.URL.Path); item != nil {
		var allowed []string
		for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
			if item.GetOperation(m) != nil {
				allowed = append(allowed, m)
			}
		}
		w.Header().Set("Allow", strings.Join(allowed, ", "))
	}
	e.exit(w, r, &edgeError{code: "method-not-allowed", detail: "see the Allow header"})
}
