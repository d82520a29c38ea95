package api

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/evidence-custody/custodyd/custody/registrar"
)

// markers stand for what no log may hold.
const (
	contentMarker = "EVIDENCEOFTHECASE"
	secretMarker  = "tok_SECRETBEARER"
	pathMarker    = "feedfacefeedfacefeedfacefeedfacefeedfacefeedfacefeedfacefeedface"
)

// loggingUse logs below the edge as the registrar does: with its context.
type loggingUse struct {
	*fakeRegistrar
	log *slog.Logger
}

func (u loggingUse) Cases(ctx context.Context, c registrar.Caller, p registrar.Page) ([]registrar.Case, registrar.Next, error) {
	u.log.WarnContext(ctx, "something below the edge")
	return u.fakeRegistrar.Cases(ctx, c, p)
}

func (u loggingUse) Organisations(context.Context, registrar.Caller, registrar.Page) ([]registrar.Organisation, registrar.Next, error) {
	panic("something below the edge")
}

func TestEveryLineOfARequestCarriesItsTrace(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(Traced(slog.NewJSONHandler(&out, nil)))
	h, err := NewHandler(loggingUse{newFake(), log}, Config{LogID: logID, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	for path, lines := range map[string]int{"/v1/cases": 2, "/v1/organisations": 2, "/v1/nowhere": 1, "/healthz": 1} {
		out.Reset()
		r := httptest.NewRequest("GET", path, nil)
		r.Header.Set("Authorization", "Bearer "+goodToken)
		w := serve(h, r)
		n := 0
		for dec := json.NewDecoder(&out); ; n++ {
			var line map[string]any
			if err := dec.Decode(&line); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if line["trace"] != w.Header().Get("X-Request-Id") || line["trace"] == "" {
				t.Errorf("%s: trace %v, the answer's %q: %v", path, line["trace"], w.Header().Get("X-Request-Id"), line)
			}
		}
		if n != lines {
			t.Errorf("%s: %d lines, want %d", path, n, lines)
		}
	}
	// Outside a request there is none, and none is made up.
	out.Reset()
	log.Warn("by itself")
	if strings.Contains(out.String(), "trace") {
		t.Errorf("got %s", &out)
	}
}

// hostile requests carry the markers wherever a request can carry something.
func hostileRequests() []*http.Request {
	var all []*http.Request
	inBase64 := base64.StdEncoding.EncodeToString([]byte(contentMarker))
	for _, s := range samples() {
		method, template, _ := strings.Cut(s.route, " ")
		path := strings.NewReplacer(someID.String(), pathMarker, otherID.String(), pathMarker).Replace(s.path)
		sep := "?"
		if strings.Contains(path, "?") {
			sep = "&"
		}
		bodies := []string{s.body, contentMarker, `{"` + contentMarker + `":"` + contentMarker + `"}`, `{"case":"` + contentMarker + `"}`,
			`{"envelope":{"payload":"` + inBase64 + `"},"details":["` + contentMarker + `"],"documents":[]}`}
		if s.media == "" {
			bodies = []string{""}
		}
		for _, body := range bodies {
			for _, target := range []string{path, path + sep + contentMarker + "=1", path + sep + "limit=" + contentMarker, path + sep + "request=" + contentMarker,
				template + contentMarker, "/v1/cases/" + contentMarker, "/" + contentMarker} {
				for _, token := range []string{secretMarker, goodToken} {
					r := httptest.NewRequest(method, strings.NewReplacer("{", "", "}", "").Replace(target), strings.NewReader(body))
					if body == "" {
						r = httptest.NewRequest(method, strings.NewReplacer("{", "", "}", "").Replace(target), nil)
					}
					r.Header.Set("Authorization", "Bearer "+token)
					for k, v := range s.header {
						r.Header.Set(k, v)
					}
					if s.media != "" {
						r.Header.Set("Content-Type", s.media)
					}
					all = append(all, r)
					odd := r.Clone(r.Context())
					odd.Header.Set("Content-Digest", contentMarker)
					odd.Header.Set("Idempotency-Key", contentMarker)
					odd.Header.Set("Range", "bytes="+contentMarker)
					odd.Header.Set("Content-Type", contentMarker+"/x")
					odd.Method = contentMarker
					all = append(all, odd)
				}
			}
		}
	}
	return all
}

func TestLogHoldsNoContentKeyOrToken(t *testing.T) {
	var out bytes.Buffer
	var mu sync.Mutex
	var told []Answered
	h, err := NewHandler(newFake(), Config{LogID: logID, Log: slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Observe: func(a Answered) { mu.Lock(); told = append(told, a); mu.Unlock() }})
	if err != nil {
		t.Fatal(err)
	}
	requests := hostileRequests()
	for _, r := range requests {
		serve(h, r)
	}
	if lines := bytes.Count(out.Bytes(), []byte("\n")); lines != len(requests) || len(told) != lines {
		t.Errorf("%d requests, %d lines, %d observed", len(requests), lines, len(told))
	}
	for _, marker := range []string{contentMarker, base64.StdEncoding.EncodeToString([]byte(contentMarker)), secretMarker, goodToken, pathMarker, "0123456789"} {
		if i := bytes.Index(out.Bytes(), []byte(marker)); i >= 0 {
			t.Errorf("the log holds %s: %.600s", marker, out.Bytes()[max(0, i-400):])
		}
	}
	// Nor do the observers see any; and what they can count by is bounded.
	series := map[string]bool{}
	for _, a := range told {
		for _, label := range []string{a.Method, a.Route, a.Code, a.Rule} {
			series[label] = true
			if strings.Contains(label, contentMarker) || strings.Contains(label, pathMarker) {
				t.Errorf("an observer sees %q", label)
			}
		}
	}
	if len(series) > 100 {
		t.Errorf("%d labels from %d requests", len(series), len(told))
	}
}

func TestObserveCountsBytes(t *testing.T) {
	var told []Answered
	f := newFake()
	h, err := NewHandler(f, Config{LogID: logID, Observe: func(a Answered) { told = append(told, a) }})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range samples() {
		if s.route == "PUT /v1/uploads/{uploadId}/parts/{part}" || s.route == "GET /v1/artifacts/{sha256}/content" {
			serve(h, s.request(goodToken))
		}
	}
	f.err = &registrar.Refused{Rule: "custody.not-holder"}
	serve(h, samples()[len(samples())-1].request(goodToken))
	if len(told) != 3 || told[0].In != 10 || told[1].Out != 10 || told[1].Status != 200 || told[2].Code != "rule-refused" || told[2].Rule != "custody.not-holder" {
		t.Errorf("got %+v", told)
	}
}

// TLS is promised to browsers only where there is TLS.
func TestStrictTransportSecurity(t *testing.T) {
	h := newTestHandler(t, newFake(), Limits{})
	if w := serve(h, httptest.NewRequest("GET", "https://custody.example/healthz", nil)); w.Header().Get("Strict-Transport-Security") != "max-age=31536000" {
		t.Errorf("over TLS: %v", w.Header())
	}
	if w := serve(h, httptest.NewRequest("GET", "http://custody.example/healthz", nil)); w.Header().Get("Strict-Transport-Security") != "" {
		t.Errorf("without TLS: %v", w.Header())
	}
}
