package api

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/evidence"
)

// serveRaw runs the server as the service does, and returns its address.
func serveRaw(t *testing.T, f *fakeRegistrar, limits Limits) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := NewServer(newTestHandler(t, f, limits), nil)
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = srv.Shutdown(ctx)
		_ = srv.Close()
		if err := <-done; err != http.ErrServerClosed {
			t.Errorf("the server ended with %v", err)
		}
	})
	return l.Addr().String()
}

// exchangeRaw sends text and returns the answer's first line and the rest of
// what comes until the server closes or patience ends.
func exchangeRaw(t *testing.T, addr, text string, patience time.Duration) (first, rest string, took time.Duration) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	began := time.Now()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(began.Add(patience))
	r := bufio.NewReader(conn)
	line, err := r.ReadString('\n')
	if err != nil {
		t.Fatalf("no answer after %s: %v", time.Since(began), err)
	}
	took = time.Since(began)
	b, _ := io.ReadAll(r)
	return strings.TrimSpace(line), string(b), took
}

func putPart(token string, length int, more string) string {
	return fmt.Sprintf("PUT /v1/uploads/%s/parts/1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/octet-stream\r\n"+
		"Content-Digest: %s\r\nContent-Length: %d\r\n%s\r\n", someID, token, digestHeader(evidence.Sum([]byte("0123456789"))), length, more)
}

// Bytes that would be refused anyway aren't asked for.
func TestRefusedBeforeTheBytesGo(t *testing.T) {
	addr := serveRaw(t, newFake(), Limits{})
	expect := "Expect: 100-continue\r\n"
	if first, _, _ := exchangeRaw(t, addr, putPart("tok_unknown", 10, expect), 2*time.Second); first != "HTTP/1.1 401 Unauthorized" {
		t.Errorf("got %q", first)
	}
	if first, _, _ := exchangeRaw(t, addr, putPart(goodToken, 10<<30, expect), 2*time.Second); first != "HTTP/1.1 413 Request Entity Too Large" {
		t.Errorf("got %q", first)
	}
	if first, _, _ := exchangeRaw(t, addr, putPart(goodToken, 10, expect), 300*time.Millisecond); first != "HTTP/1.1 100 Continue" {
		t.Errorf("got %q", first)
	}
}

// A refused peer that holds its body back doesn't hold the connection.
func TestRefusedPeerIsNotWaitedFor(t *testing.T) {
	addr := serveRaw(t, newFake(), Limits{Idle: 200 * time.Millisecond})
	first, _, took := exchangeRaw(t, addr, putPart("tok_unknown", 1000, "")+"0123", 5*time.Second)
	if first != "HTTP/1.1 401 Unauthorized" || took > 2*time.Second {
		t.Errorf("got %q after %s", first, took)
	}
}

// A part whose sender hangs up early isn't kept, and the sender is told.
func TestShortPart(t *testing.T) {
	f := newFake()
	addr := serveRaw(t, f, Limits{})
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, putPart(goodToken, 10, "")+"01234")
	_ = conn.(*net.TCPConn).CloseWrite()
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	b, _ := io.ReadAll(conn)
	if !bytes.Contains(b, []byte(`"truncated"`)) {
		t.Errorf("got %q", b)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.parts) != 0 {
		t.Error("the part was kept")
	}
}

// A reader that takes nothing is cut, and the use case hears of it.
func TestReaderThatTakesNothing(t *testing.T) {
	f := newFake()
	f.artifact = &fakeArtifact{content: make([]byte, 64<<20)}
	addr := serveRaw(t, f, Limits{Idle: 200 * time.Millisecond})
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", artifactPath(), goodToken)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		ended := f.artifact.closings()
		if len(ended) == 1 && strings.HasPrefix(ended[0], "broken ") {
			return
		}
		if len(ended) > 0 || time.Now().After(deadline) {
			t.Fatalf("the use case heard %q", ended)
		}
	}
}

// Headers that trickle are cut by the server itself.
func TestServerBoundsHeaders(t *testing.T) {
	srv := NewServer(http.NotFoundHandler(), nil)
	if srv.ReadHeaderTimeout <= 0 || srv.IdleTimeout <= 0 || srv.MaxHeaderBytes <= 0 || srv.ReadTimeout != 0 || srv.WriteTimeout != 0 {
		t.Errorf("timeouts %+v", srv)
	}
	addr := serveRaw(t, newFake(), Limits{})
	first, _, _ := exchangeRaw(t, addr, "GET /healthz HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("x", 64<<10)+"\r\n\r\n", 5*time.Second)
	if !strings.HasPrefix(first, "HTTP/1.1 431") {
		t.Errorf("got %q", first)
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// One line for each request, without tokens, ids or content.
func TestLogSaysNothingItShouldNot(t *testing.T) {
	var out lockedBuffer
	f := newFake()
	h, err := NewHandler(f, Config{LogID: logID, Log: slog.New(slog.NewJSONHandler(&out, nil))})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, s := range samples() {
		serve(h, s.request(goodToken))
		serve(h, s.request("tok_unknown"))
		n += 2
	}
	text := out.b.String()
	if got := strings.Count(text, "\n"); got != n {
		t.Errorf("%d lines for %d requests", got, n)
	}
	for _, secret := range []string{goodToken, "tok_unknown", someID.String(), otherID.String(), "eyJhIjoxfQ", "0123456789", "تصویر", "inv_new"} {
		if strings.Contains(text, secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
	for _, want := range []string{`"route":"/v1/cases/{caseId}"`, `"status":401`, `"status":201`, `"trace":"`, `"key":"` + someID.Short() + `"`} {
		if !strings.Contains(text, want) {
			t.Errorf("the log lacks %s", want)
		}
	}
}
