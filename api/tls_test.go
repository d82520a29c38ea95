package api

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/evidence"
)

// http2 serves over TLS as the service does, and returns a client of it.
func http2(t *testing.T, f *fakeRegistrar, limits Limits) (*http.Client, string) {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	s.Config = NewServer(newTestHandler(t, f, limits), nil)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.Client(), s.URL
}

func send(t *testing.T, method, url string, body io.Reader, length int64) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+goodToken)
	if body != nil {
		r.ContentLength = length
		r.Header.Set("Content-Type", "application/octet-stream")
		r.Header.Set("Content-Digest", digestHeader(evidence.Sum([]byte("0123456789"))))
	}
	return r
}

// What holds over HTTP/1.1 holds over HTTP/2: its streams are no connections.
func TestHTTP2FailingDownloadNeverEndsClean(t *testing.T) {
	f := newFake()
	f.artifact = &fakeArtifact{content: bytes.Repeat([]byte("evidence"), 1<<20), failAt: 6 << 20}
	c, url := http2(t, f, Limits{})
	res, err := c.Do(send(t, "GET", url+"/v1/artifacts/"+someID.String()+"/content?request="+otherID.String(), nil, 0))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, err := io.ReadAll(res.Body); res.ProtoMajor != 2 || err == nil || len(b) > 6<<20 || bytes.Contains(b, []byte("problem")) {
		t.Errorf("%s: %d bytes, %v", res.Proto, len(b), err)
	}
	// The connection's other streams go on.
	if res, err := c.Do(send(t, "GET", url+"/healthz", nil, 0)); err != nil || res.StatusCode != 200 {
		t.Errorf("afterwards: %v, %v", res, err)
	}
}

func TestHTTP2SlowPartIsCut(t *testing.T) {
	f := newFake()
	c, url := http2(t, f, Limits{Idle: 200 * time.Millisecond})
	r, w := io.Pipe()
	defer w.Close()
	go func() { _, _ = w.Write([]byte("01234")) }()
	began := time.Now()
	res, err := c.Do(send(t, "PUT", url+"/v1/uploads/"+someID.String()+"/parts/1", r, 10))
	if err == nil {
		b, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != http.StatusRequestTimeout || !strings.Contains(string(b), "too-slow") {
			t.Errorf("got %s: %s", res.Status, b)
		}
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it was waited for %s", took)
	}
	if len(f.parts) > 0 {
		t.Error("half a part was kept")
	}
	res, err = c.Do(send(t, "PUT", url+"/v1/uploads/"+someID.String()+"/parts/1", strings.NewReader("0123456789"), 10))
	if err != nil || res.StatusCode != 200 || res.ProtoMajor != 2 {
		t.Errorf("afterwards the whole part: %v, %v", res, err)
	}
}
