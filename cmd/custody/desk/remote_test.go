package desk

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/evidence"
)

// remote answers every request with what the table says for its path.
func remote(t *testing.T, answers map[string]string) *Remote {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := answers[r.URL.Path]
		switch {
		case !ok:
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusNotFound)
			body = `{"type":"about:blank","title":"Not found","status":404,"code":"not-found","traceId":"x"}`
		case strings.Contains(body, `"traceId"`):
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusConflict)
		default:
			w.Header().Set("Content-Type", "application/json")
		}
		if _, err := io.WriteString(w, body); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	r, err := Connect(Connection{Server: s.URL, Invitation: "inv_x"})
	must(t, err)
	return r
}

func TestRemoteReadsAnswersStrictly(t *testing.T) {
	id := evidence.Sum([]byte("x"))
	ctx := context.Background()
	r := remote(t, map[string]string{
		"/v1/chains/" + id.String(): `{"id":"` + id.String() + `","type":"item","seq":3,"leaf":"` + id.String() + `","index":9}`,
		"/v1/keys/" + id.String():   `{"id":"` + id.String() + `","spki":"AAAA","org":"` + id.String() + `","standing":"certified","rights":[]}`,
		"/v1/items/" + id.String():  `{"id":"` + id.String() + `","case":"nonsense","class":"digital"}`,
		"/v1/log/consistency":       `{"consistency":["` + strings.ToUpper(id.String()) + `"]}`,
		"/v1/events":                `{"status":409,"code":"stale-chain","title":"A link is stale","traceId":"x","type":"y","rule":"chain.stale","detail":"sign again"}`,
	})
	head, ok, err := r.Chain(ctx, id)
	if err != nil || !ok || head != (Head{Seq: 3, Leaf: id, Index: 9}) {
		t.Errorf("chain %+v %v %v", head, ok, err)
	}
	if _, ok, err := r.Chain(ctx, evidence.Sum(nil)); ok || err != nil {
		t.Errorf("an unknown chain: %v %v", ok, err)
	}
	if _, err := r.PersonKey(ctx, id); !errors.Is(err, ErrEvidence) {
		t.Errorf("a key whose SPKI is not the one asked for: %v", err)
	}
	if _, err := r.Item(ctx, id); !errors.Is(err, evidence.ErrDigest) {
		t.Errorf("an item with a garbled case: %v", err)
	}
	if _, err := r.Consistency(ctx, 1, 2); !errors.Is(err, evidence.ErrDigest) {
		t.Errorf("a proof in another spelling: %v", err)
	}
	var no *Answer
	if _, err := r.Append(ctx, Submission{Envelope: []byte("{}")}); !errors.As(err, &no) || no.Code != CodeStale || no.Rule != "chain.stale" || no.Status != 409 {
		t.Errorf("a stale link: %v", err)
	}
	if _, err := r.Case(ctx, id); !errors.As(err, &no) || no.Status != 404 {
		t.Errorf("a foreign case: %v", err)
	}
}

func TestConnectRefusesPlainHTTPToOthers(t *testing.T) {
	for server, ok := range map[string]bool{
		"http://127.0.0.1:8440": true, "http://localhost:8440": true, "http://[::1]:8440": true, "https://custody.example.org": true,
		"http://custody.example.org": false, "http://10.0.0.1": false, "http://127.0.0.1.example.org": false, "custody.example.org": false, "": false,
	} {
		if _, err := Connect(Connection{Server: server}); (err == nil) != ok {
			t.Errorf("Connect(%q): %v", server, err)
		}
	}
	if _, err := Connect(Connection{Server: "http://10.0.0.1", Unsafe: true}); err != nil {
		t.Error(err)
	}
}

func TestWhichAnswersAreFinal(t *testing.T) {
	tests := []struct {
		a            Answer
		event, finis bool
	}{
		{Answer{Status: 422}, true, true},
		{Answer{Status: 400}, true, true},
		{Answer{Status: 403, Rule: "signer.not-caller"}, true, true},
		{Answer{Status: 403, Rule: "invite.other-act"}, false, false},
		{Answer{Status: 409, Code: CodeStale}, true, true},
		{Answer{Status: 409, Code: "request-in-flight"}, false, false},
		{Answer{Status: 409, Code: "artifact-exists"}, false, true},
		{Answer{Status: 404}, false, true},
		{Answer{Status: 401}, false, false},
		{Answer{Status: 429}, false, false},
		{Answer{Status: 503}, false, false},
	}
	for _, tt := range tests {
		if tt.a.final(false) != tt.event || tt.a.final(true) != tt.finis {
			t.Errorf("%+v: event %v, finishing %v", tt.a, tt.a.final(false), tt.a.final(true))
		}
	}
}
