package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/api/wire"
)

// part is one that can be made to fail, and counts how often it is asked.
type part struct {
	err   atomic.Pointer[error]
	asked atomic.Int64
}

func (p *part) fail(err error) { p.err.Store(&err) }

func (p *part) ask(context.Context) error {
	p.asked.Add(1)
	if e := p.err.Load(); e != nil {
		return *e
	}
	return nil
}

func TestReadyTellsEachPart(t *testing.T) {
	var database, store part
	var said strings.Builder
	f := newFake()
	var skew atomic.Int64
	clock := func() time.Time { return time.Now().Add(time.Duration(skew.Load())) }
	h, err := NewHandler(f, Config{LogID: logID, Clock: clock, Log: slog.New(slog.NewTextHandler(&said, nil)), Ready: []Check{
		{Name: "database", Problem: "it does not answer", Ask: database.ask},
		{Name: "store", Problem: "it is full", Ask: store.ask}}})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(want int) wire.Readiness {
		t.Helper()
		skew.Add(int64(2 * readyFor))
		w := serve(h, httptest.NewRequest("GET", "/readyz", nil))
		if w.Code != want {
			t.Fatalf("got %d: %s", w.Code, w.Body)
		}
		fitsDocument(t, sample{route: "GET /readyz", path: "/readyz"}, w)
		var now wire.Readiness
		if err := json.Unmarshal(w.Body.Bytes(), &now); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(w.Body.String(), "secret") {
			t.Fatalf("the cause is told to everybody: %s", w.Body)
		}
		return now
	}
	ask(200)
	store.fail(errors.New("secret words"))
	for range 2 {
		now := ask(503)
		if want := "[{database true } {store false it is full}]"; now.Ready || fmt.Sprint(now.Checks) != want {
			t.Fatalf("got %+v, want %s", now.Checks, want)
		}
	}
	// Alive all the while: starting the service again helps nobody.
	if w := serve(h, httptest.NewRequest("GET", "/healthz", nil)); w.Code != 200 {
		t.Errorf("healthz: %d", w.Code)
	}
	store.fail(nil)
	ask(200)
	for text, want := range map[string]int{"secret words": 1, "ready again": 1} {
		if got := strings.Count(said.String(), text); got != want {
			t.Errorf("the log says %q %d times, want %d:\n%s", text, got, want, said.String())
		}
	}
}

// Anybody may ask, so asking much costs the parts little.
func TestReadyAsksOnceASecond(t *testing.T) {
	var p part
	h, err := NewHandler(newFake(), Config{LogID: logID, Ready: []Check{{Name: "part", Ask: p.ask}}})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			if w := serve(h, httptest.NewRequest("GET", "/readyz", nil)); w.Code != 200 {
				t.Errorf("got %d", w.Code)
			}
		})
	}
	all.Wait()
	if asked, most := p.asked.Load(), int64(time.Since(began)/readyFor)+1; asked > most {
		t.Errorf("200 callers made the part be asked %d times in %s", asked, time.Since(began))
	}
}

// A caller that hangs up is no failure of a part.
func TestReadySurvivesItsCaller(t *testing.T) {
	h, err := NewHandler(newFake(), Config{LogID: logID, Ready: []Check{{Name: "part", Ask: func(ctx context.Context) error { return ctx.Err() }}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if w := serve(h, httptest.NewRequestWithContext(ctx, "GET", "/readyz", nil)); w.Code != 200 {
		t.Errorf("got %d: %s", w.Code, w.Body)
	}
}
