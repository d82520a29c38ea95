package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// freeAddress is a host:port at which nobody listens now.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// cosign asks the witness at $WITNESS to cosign a note and compares its answer:
// cosign STATUS OLD NOTE [WORDS]. It waits for the witness to start.
func cosign(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: cosign STATUS OLD NOTE [WORDS]")
	}
	body := fmt.Sprintf("old %s\n\n%s", args[1], ts.ReadFile(args[2]))
	var resp *http.Response
	var err error
	for range 200 {
		if resp, err = http.Post("http://"+ts.Getenv("WITNESS")+"/add-checkpoint", "text/plain", strings.NewReader(body)); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Check(err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	ts.Check(err)
	if got := strconv.Itoa(resp.StatusCode); got != args[0] {
		ts.Fatalf("status %s, want %s: %s", got, args[0], b)
	}
	if len(args) > 3 && !strings.Contains(string(b), args[3]) {
		ts.Fatalf("answered %q, want %q", b, args[3])
	}
}
