package api

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/evidence"
)

func artifactPath() string {
	return fmt.Sprintf("/v1/artifacts/%s/content?request=%s", someID, otherID)
}

func TestRanges(t *testing.T) {
	etag := `"` + someID.String() + `"`
	const whole = "0123456789"
	tests := []struct {
		rng, ifRange string
		status       int
		body, span   string
	}{
		{"", "", 200, whole, ""},
		{"bytes=0-3", "", 206, "0123", "bytes 0-3/10"},
		{"bytes=0-0", "", 206, "0", "bytes 0-0/10"},
		{"bytes=9-9", "", 206, "9", "bytes 9-9/10"},
		{"bytes=4-", "", 206, "456789", "bytes 4-9/10"},
		{"bytes=4-99", "", 206, "456789", "bytes 4-9/10"},
		{"bytes=4-99999999999999999999999", "", 206, "456789", "bytes 4-9/10"},
		{"bytes=0-", "", 206, whole, "bytes 0-9/10"},
		{"bytes=-3", "", 206, "789", "bytes 7-9/10"},
		{"bytes=-99", "", 206, whole, "bytes 0-9/10"},
		{"Bytes=1-1", "", 206, "1", "bytes 1-1/10"},
		{"bytes=1-2", etag, 206, "12", "bytes 1-2/10"},
		{"bytes=1-2", "W/" + etag, 200, whole, ""},
		{"bytes=1-2", `"other"`, 200, whole, ""},
		{"bytes=1-2", "Mon, 23 Nov 2026 09:00:00 GMT", 200, whole, ""},
		{"lines=1-2", "", 200, whole, ""},
		{"bytes=10-", "", 416, "", "bytes */10"},
		{"bytes=99999999999999999999-", "", 416, "", "bytes */10"},
		{"bytes=3-2", "", 416, "", "bytes */10"},
		{"bytes=-0", "", 416, "", "bytes */10"},
		{"bytes=-", "", 416, "", "bytes */10"},
		{"bytes=", "", 416, "", "bytes */10"},
		{"bytes", "", 416, "", "bytes */10"},
		{"bytes=0-1,3-4", "", 416, "", "bytes */10"},
		{"bytes=+1-2", "", 416, "", "bytes */10"},
		{"bytes=0x1-2", "", 416, "", "bytes */10"},
	}
	f := newFake()
	h := newTestHandler(t, f, Limits{})
	for _, test := range tests {
		t.Run(test.rng+" "+test.ifRange, func(t *testing.T) {
			f.artifact = &fakeArtifact{content: []byte(whole)}
			r := httptest.NewRequest("GET", artifactPath(), nil)
			r.Header.Set("Authorization", "Bearer "+goodToken)
			if test.rng != "" {
				r.Header.Set("Range", test.rng)
			}
			if test.ifRange != "" {
				r.Header.Set("If-Range", test.ifRange)
			}
			w := serve(h, r)
			if w.Code != test.status || w.Header().Get("Content-Range") != test.span {
				t.Fatalf("got %d %q: %s", w.Code, w.Header().Get("Content-Range"), w.Body)
			}
			if test.status == 416 {
				wantProblem(t, w, "range-not-satisfiable")
				if !slices.Equal(f.artifact.closings(), []string{"broken 0"}) {
					t.Errorf("ended %q", f.artifact.closings())
				}
				return
			}
			if w.Body.String() != test.body || w.Header().Get("Content-Length") != fmt.Sprint(len(test.body)) {
				t.Errorf("got %q, length %s", w.Body, w.Header().Get("Content-Length"))
			}
			if got := w.Header().Get("Repr-Digest"); got != digestHeader(someID) {
				t.Errorf("Repr-Digest %s", got)
			}
			want := digestHeader(someID) // the fake's id isn't the hash of its content
			if test.status == 206 {
				want = digestHeader(sha256.Sum256([]byte(test.body)))
			}
			if got := w.Header().Get("Content-Digest"); got != want {
				t.Errorf("Content-Digest %s, want %s", got, want)
			}
			if w.Header().Get("ETag") != etag || w.Header().Get("Accept-Ranges") != "bytes" {
				t.Errorf("headers %v", w.Header())
			}
			if !slices.Equal(f.artifact.closings(), []string{fmt.Sprintf("clean %d", len(test.body))}) {
				t.Errorf("ended %q", f.artifact.closings())
			}
		})
	}
}

// A download whose read fails never ends clean: a real client of a real server
// sees an error or a problem, at whatever byte it happens, and never JSON among
// the evidence.
func TestFailingDownloadNeverEndsClean(t *testing.T) {
	for _, protocol := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(protocol, func(t *testing.T) { neverEndsClean(t, protocol) })
	}
}

func neverEndsClean(t *testing.T, protocol string) {
	const size = 10 << 20
	content := make([]byte, size)
	rng := rand.NewChaCha8([32]byte{1})
	_, _ = rng.Read(content)
	f := newFake()
	srv := httptest.NewUnstartedServer(newTestHandler(t, f, Limits{}))
	if srv.EnableHTTP2 = protocol == "HTTP/2.0"; srv.EnableHTTP2 {
		srv.StartTLS()
	} else {
		srv.Start()
	}
	defer srv.Close()
	get := func(t *testing.T, rangeHeader string) (int, []byte, error) {
		t.Helper()
		req, err := http.NewRequest("GET", srv.URL+artifactPath(), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+goodToken)
		if rangeHeader != "" {
			req.Header.Set("Range", rangeHeader)
		}
		res, err := srv.Client().Do(req)
		if err != nil {
			return 0, nil, err // cut before the header was flushed
		}
		defer res.Body.Close()
		if res.Proto != protocol {
			t.Fatalf("answered by %s", res.Proto)
		}
		b, err := io.ReadAll(res.Body)
		return res.StatusCode, b, err
	}
	f.artifact = &fakeArtifact{content: content}
	if status, b, err := get(t, ""); status != 200 || err != nil || !bytes.Equal(b, content) {
		t.Fatalf("a good one: %d, %d bytes, %v", status, len(b), err)
	}
	for _, test := range []struct {
		name, rng string
		failAt    int64
		failEnd   error
		status    int // 200 or 206 with an error, or 500 and a problem
	}{
		{name: "in the first bytes", failAt: 1, status: 500},
		{name: "just in the first buffer", failAt: copyBuffer - 1, status: 500},
		{name: "at the second buffer", failAt: copyBuffer, status: 200},
		{name: "at the third buffer", failAt: 2 * copyBuffer, status: 200},
		{name: "in the middle", failAt: size / 2, status: 200},
		{name: "at the last byte", failAt: size - 1, status: 200},
		{name: "after the last byte", failEnd: errors.New("the whole doesn't hash right"), status: 200},
		{name: "in a digested range", rng: "bytes=100-8000000", failAt: 7999999, status: 500},
		{name: "in a long range", rng: "bytes=0-9000000", failAt: 8999999, status: 206},
	} {
		t.Run(test.name, func(t *testing.T) {
			f.artifact = &fakeArtifact{content: content, failAt: test.failAt, failEnd: test.failEnd}
			status, b, err := get(t, test.rng)
			if status != test.status && status != 0 {
				t.Fatalf("status %d, want %d", status, test.status)
			}
			if status < 300 {
				if err == nil {
					t.Fatalf("the download ended clean after %d bytes", len(b))
				}
				if bytes.Contains(b, []byte(`"traceId"`)) {
					t.Fatal("a problem was written into the evidence")
				}
			} else if !bytes.Contains(b, []byte(`"internal"`)) {
				t.Fatalf("no problem: %.100s", b)
			}
			if ended := f.artifact.closings(); len(ended) != 1 || ended[0][:6] != "broken" {
				t.Errorf("the use case heard %q", ended)
			}
		})
	}
}

// A file that isn't what was announced never arrives whole.
func TestFileUnlikeItsDigest(t *testing.T) {
	big := bytes.Repeat([]byte("dossier "), 200_000)
	f := newFake()
	srv := httptest.NewServer(newTestHandler(t, f, Limits{}))
	defer srv.Close()
	get := func() (int, []byte, error) {
		req, _ := http.NewRequest("GET", srv.URL+"/v1/items/"+someID.String()+"/dossier", nil)
		req.Header.Set("Authorization", "Bearer "+goodToken)
		res, err := srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		return res.StatusCode, b, err
	}
	for name, size := range map[string]int{"empty": 0, "small": 8, "one buffer": copyBuffer, "large": len(big)} {
		t.Run(name, func(t *testing.T) {
			f.file = fileOf("dossier.zip", "application/zip", big[:size])
			if status, b, err := get(); status != 200 || err != nil || len(b) != size {
				t.Fatalf("a good one: %d, %d bytes, %v", status, len(b), err)
			}
			f.file = fileOf("dossier.zip", "application/zip", big[:size])
			f.file.SHA256 = someID
			if status, b, err := get(); status == 200 && err == nil {
				t.Fatalf("%d wrong bytes came as if whole", len(b))
			}
			f.file = fileOf("dossier.zip", "application/zip", big[:size])
			f.file.Size++
			if status, b, err := get(); status == 200 && err == nil {
				t.Fatalf("%d bytes came as if whole", len(b))
			}
		})
	}
}

func TestFileHeaders(t *testing.T) {
	f := newFake()
	f.file = fileOf("../a\"b\r\nc.zip", "application/zip", []byte("zip"))
	r := httptest.NewRequest("GET", "/v1/cases/"+someID.String()+"/dossier", nil)
	r.Header.Set("Authorization", "Bearer "+goodToken)
	w := serve(newTestHandler(t, f, Limits{}), r)
	sum := evidence.Sum([]byte("zip"))
	for name, want := range map[string]string{"Content-Type": "application/zip", "Content-Length": "3", "ETag": `"` + sum.String() + `"`,
		"Repr-Digest": digestHeader(sum), "Content-Disposition": `attachment; filename="a-b--c.zip"`} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// A body that stalls or trickles is cut, and one that ends early is told so.
func TestSlowAndShortBodies(t *testing.T) {
	limits := Limits{Idle: 300 * time.Millisecond, Grace: 400 * time.Millisecond, MinRate: 1 << 20}
	tests := []struct {
		name   string
		length int64
		body   func(w *io.PipeWriter)
		code   string
	}{
		{"whole", 10, func(w *io.PipeWriter) { _, _ = w.Write([]byte("0123456789")) }, ""},
		{"stalls", 10, func(w *io.PipeWriter) { _, _ = w.Write([]byte("01234")); time.Sleep(3 * time.Second) }, "too-slow"},
		{"trickles", 100, func(w *io.PipeWriter) {
			for range 100 {
				if _, err := w.Write([]byte("x")); err != nil {
					return
				}
				time.Sleep(50 * time.Millisecond)
			}
		}, "too-slow"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := newFake()
			srv := httptest.NewServer(newTestHandler(t, f, limits))
			defer srv.Close()
			pr, pw := io.Pipe()
			go func() { test.body(pw); pw.Close() }()
			req, err := http.NewRequest("PUT", srv.URL+"/v1/uploads/"+someID.String()+"/parts/1", pr)
			if err != nil {
				t.Fatal(err)
			}
			req.ContentLength = test.length
			req.Header.Set("Authorization", "Bearer "+goodToken)
			req.Header.Set("Content-Type", "application/octet-stream")
			req.Header.Set("Content-Digest", digestHeader(evidence.Sum([]byte("0123456789"))))
			began := time.Now()
			res, err := srv.Client().Do(req)
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("took %s", took)
			}
			if test.code == "" {
				if err != nil || res.StatusCode != 200 {
					t.Fatalf("got %v, %v", res, err)
				}
				res.Body.Close()
				return
			}
			if err != nil {
				return // cut before the answer could be read
			}
			defer res.Body.Close()
			b, _ := io.ReadAll(res.Body)
			if !bytes.Contains(b, []byte(test.code)) {
				t.Errorf("got %d %s", res.StatusCode, b)
			}
			if len(f.parts) != 0 {
				t.Error("the part was kept")
			}
		})
	}
}

// A handler that works longer than a read may take keeps its context: the
// deadline of the body's last read must not outlive the body.
func TestLongWorkAfterTheBody(t *testing.T) {
	f := newFake()
	limits := Limits{Idle: 100 * time.Millisecond, Grace: 100 * time.Millisecond}
	h, err := NewHandler(&slowUploads{fakeRegistrar: f}, Config{LogID: logID, Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	defer srv.Close()
	for range 2 { // the second on the same connection
		req, _ := http.NewRequest("PUT", srv.URL+"/v1/uploads/"+someID.String()+"/parts/1", bytes.NewReader([]byte("0123456789")))
		req.Header.Set("Authorization", "Bearer "+goodToken)
		req.Header.Set("Content-Type", "application/octet-stream")
		req.Header.Set("Content-Digest", digestHeader(evidence.Sum([]byte("0123456789"))))
		res, err := srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != 200 {
			t.Fatalf("got %d: %s", res.StatusCode, b)
		}
	}
}
