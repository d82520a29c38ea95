package service

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// draining serves h and returns its address and what drains it.
func draining(t *testing.T, h http.Handler, patience time.Duration) (addr string, stop func() error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	hand := &inHand{next: h}
	server := &http.Server{Handler: hand}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	return l.Addr().String(), func() error {
		err := drain(context.Background(), server, hand, patience, slog.New(slog.DiscardHandler))
		if got := <-served; got != http.ErrServerClosed {
			t.Errorf("the server ended with %v", got)
		}
		if n, _ := hand.count(); n != 0 && err == nil {
			t.Errorf("%d requests are in hand after an orderly stop", n)
		}
		return err
	}
}

func TestDrainLetsRequestsEnd(t *testing.T) {
	began, release := make(chan bool), make(chan bool)
	addr, stop := draining(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began <- true
		<-release
		_, _ = io.WriteString(w, "whole")
	}), time.Minute)
	answer := make(chan string, 1)
	go func() {
		res, err := http.Get("http://" + addr)
		if err != nil {
			answer <- err.Error()
			return
		}
		b, _ := io.ReadAll(res.Body)
		answer <- string(b)
	}()
	<-began
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	refused := false
	for end := time.Now().Add(10 * time.Second); !refused && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		c, err := net.Dial("tcp", addr)
		if refused = err != nil; !refused {
			c.Close()
		}
	}
	if !refused {
		t.Error("new connections are still taken")
	}
	select {
	case err := <-stopped:
		t.Fatalf("it stopped under a request: %v", err)
	default:
	}
	close(release)
	if got := <-answer; got != "whole" {
		t.Errorf("the request in hand got %q", got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestDrainCutsWhatDoesNotEnd(t *testing.T) {
	began := make(chan bool)
	addr, stop := draining(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		began <- true
		_, _ = io.Copy(io.Discard, r.Body) // the peer sends nothing more
	}), 200*time.Millisecond)
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n01234")
	<-began
	from := time.Now()
	if err := stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(from); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestNamed(t *testing.T) {
	for dsn, want := range map[string]string{
		"host=/run/pg dbname=custody":                             "host=/run/pg dbname=custody application_name=n",
		"postgres://a:p%40ss@db/custody?sslmode=verify-full":      "postgres://a:p%40ss@db/custody?application_name=n&sslmode=verify-full",
		"postgresql://db/custody?application_name=all&x=1":        "postgresql://db/custody?application_name=n&x=1",
		"host=db application_name=all password='p = application'": "host=db application_name=all password='p = application' application_name=n",
	} {
		if got := named(dsn, "n"); got != want {
			t.Errorf("%s: %s, want %s", dsn, got, want)
		}
	}
	if a, b := processName(), processName(); a == b || !strings.HasPrefix(a, "custodyd-") {
		t.Error(a, b)
	}
}
