package api

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func ask(h http.Handler, method, path, token string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return serve(h, r)
}

func tilesHandler(t *testing.T, f *fakeRegistrar, open bool) http.Handler {
	t.Helper()
	h, err := NewHandler(f, Config{LogID: logID, OpenEntries: open})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestTiles asks as clients of C2SP tlog-tiles do.
func TestTiles(t *testing.T) {
	const hashes, forever = "application/octet-stream", "max-age=31536000, immutable"
	for _, c := range []struct {
		path, token, media, cache string
		open                      bool
	}{
		{"/checkpoint", "", "text/plain; charset=utf-8", "public, max-age=1", false},
		{"/tile/0/000", "", hashes, "public, " + forever, false},
		{"/tile/63/x999/999.p/255", "", hashes, "public, " + forever, false},
		{"/tile/entries/000", goodToken, hashes, "private, " + forever, false},
		{"/tile/entries/000.p/1", auditorToken, hashes, "private, " + forever, false},
		{"/tile/entries/x001/x000/000", "", hashes, "public, " + forever, true},
		{"/tile/entries/000", "tok_unknown", hashes, "public, " + forever, true}, // nobody asks who asks
	} {
		f := newFake()
		h := tilesHandler(t, f, c.open)
		got := ask(h, "GET", c.path, c.token)
		if got.Code != 200 || got.Header().Get("Content-Type") != c.media || got.Header().Get("Cache-Control") != c.cache {
			t.Errorf("%s: %d %v", c.path, got.Code, got.Header())
		}
		if !bytes.Equal(got.Body.Bytes(), someTile) && c.media == hashes {
			t.Errorf("%s: %d bytes", c.path, got.Body.Len())
		}
		if asked, ok := f.asked["Tile"]; ok && asked != strings.TrimPrefix(c.path, "/") {
			t.Errorf("%s: asked for %v", c.path, asked)
		}
		if anybody := got.Header().Get("Access-Control-Allow-Origin") == "*"; anybody != strings.HasPrefix(c.cache, "public") {
			t.Errorf("%s: other origins may read it: %t", c.path, anybody)
		}
		head := ask(h, "HEAD", c.path, c.token)
		if head.Code != 200 || head.Body.Len() != 0 || head.Header().Get("Content-Length") != got.Header().Get("Content-Length") || head.Header().Get("ETag") != got.Header().Get("ETag") {
			t.Errorf("HEAD %s: %d %v, %d bytes", c.path, head.Code, head.Header(), head.Body.Len())
		}
		if tag := got.Header().Get("ETag"); c.media == hashes {
			for _, have := range []string{tag, "W/" + tag, `"x", ` + tag, "*"} {
				if again := ask(h, "GET", c.path, c.token, "If-None-Match", have); again.Code != 304 || again.Body.Len() != 0 {
					t.Errorf("%s with %s: %d", c.path, have, again.Code)
				}
			}
			if again := ask(h, "GET", c.path, c.token, "If-None-Match", `"x"`); tag == "" || again.Code != 200 {
				t.Errorf("%s with another tag: %d", c.path, again.Code)
			}
		}
	}
}

// TestNoOtherSpelling: what is not spelt as the specification has it is 404,
// whoever asks, and nobody is asked for a token first.
func TestNoOtherSpelling(t *testing.T) {
	for _, path := range []string{
		"/tile", "/tile/", "/tile/0", "/tile/0/", "/tile/0/0", "/tile/0/00", "/tile/0/0000", "/tile/00/000", "/tile/64/000", "/tile/-1/000", "/tile/+1/000", "/tile/data/000",
		"/tile/0/x000/000", "/tile/0/x000/x001/000", "/tile/0/001/000", "/tile/0/x001", "/tile/0/x001/", "/tile/0/X001/000", "/tile/0//000", "/tile//0/000", "//tile/0/000", "/tile/0/000/", "/tile/0/./000", "/tile/0/../0/000",
		"/tile/0/000.p", "/tile/0/000.p/", "/tile/0/000.p/0", "/tile/0/000.p/01", "/tile/0/000.p/256", "/tile/0/000.p/1/1", "/tile/0/000.p/-1", "/tile/0/000.P/1",
		"/tile/0/%30%30%30", "/tile/0/x001%2F000", "/tile/0/000%2Ep/1", "/tile/0/000%00", "/tile/0/000%0A",
		"/tile/entries/0", "/tile/entries/x000/000", "/tile/entries/000.p/256", "/tile/entries/000.p/0", "/tile/entries", "/tile/entries/", "/tile/Entries/000",
		"/checkpoint/", "/Checkpoint", "/tiles/0/000", "/v1/tile/0/000", "/tile/7/999",
	} {
		f := newFake()
		h := tilesHandler(t, f, false)
		for _, method := range []string{"GET", "HEAD"} {
			if got := ask(h, method, path, ""); got.Code != 404 || got.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%s %s: %d, %v", method, path, got.Code, got.Header())
			}
		}
		if asked, ok := f.asked["Tile"]; ok && path != "/tile/7/999" {
			t.Errorf("%s reached the log as %v", path, asked)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH"} {
		for _, path := range []string{"/checkpoint", "/tile/0/000", "/tile/entries/000"} {
			got := ask(tilesHandler(t, newFake(), false), method, path, goodToken)
			wantProblem(t, got, "method-not-allowed")
			if got.Header().Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: Allow %q", method, path, got.Header().Get("Allow"))
			}
		}
	}
}

// TestAuditorsTokenOpensEntries and nothing else.
func TestAuditorsTokenOpensEntries(t *testing.T) {
	f := newFake()
	h := newTestHandler(t, f, Limits{})
	for _, s := range samples() {
		if public[s.route] {
			continue
		}
		w := serve(h, s.request(auditorToken))
		if s.route == entriesRoute {
			if w.Code != 200 || f.caller.Auditor != otherID {
				t.Errorf("%s: %d, asked by %+v", s.route, w.Code, f.caller)
			}
			clear(f.asked)
			continue
		}
		if p := wantProblem(t, w, "forbidden"); p.Rule != "auditor.entries-only" || len(f.asked) != 0 {
			t.Errorf("%s: rule %q, asked %v", s.route, p.Rule, f.asked)
		}
	}
	for _, token := range []string{"", "aud_unknown", "tok_expired"} {
		wantProblem(t, ask(h, "GET", "/tile/entries/000", token), "unauthenticated")
		if w := ask(h, "HEAD", "/tile/entries/000", token); w.Code != 401 {
			t.Errorf("HEAD with %q: %d", token, w.Code)
		}
	}
}

func TestBundlesAreCompressed(t *testing.T) {
	h := tilesHandler(t, newFake(), true)
	plain := ask(h, "GET", "/tile/entries/000", "")
	for _, c := range []struct {
		accept string
		gzip   bool
	}{{"gzip", true}, {"identity, GZIP;q=0.5", true}, {"br, gzip", true}, {"", false}, {"gzip;q=0", false}, {"gzip; q=0.0", false}, {"deflate", false}, {"x-gzipped", false}} {
		got := ask(h, "GET", "/tile/entries/000", "", "Accept-Encoding", c.accept)
		if coded := got.Header().Get("Content-Encoding") == "gzip"; coded != c.gzip || got.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: %v", c.accept, got.Header())
			continue
		}
		if !c.gzip {
			continue
		}
		if got.Body.Len() >= len(someTile)/2 || got.Header().Get("ETag") == plain.Header().Get("ETag") {
			t.Errorf("%q: %d bytes under %s", c.accept, got.Body.Len(), got.Header().Get("ETag"))
		}
		z, err := gzip.NewReader(got.Body)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(z); err != nil || !bytes.Equal(b, someTile) {
			t.Errorf("%q: %d bytes, %v", c.accept, len(b), err)
		}
	}
	if got := ask(h, "GET", "/tile/0/000", "", "Accept-Encoding", "gzip"); got.Header().Get("Content-Encoding") != "" {
		t.Error("hashes are compressed, which makes them longer")
	}
}
