package witnessing

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody/witness"
	"github.com/evidence-custody/custodyd/custody/witness/witnesstest"
)

// TestConformance holds both witnesses to the same cases, over their sockets,
// and our client to both.
func TestConformance(t *testing.T) {
	t.Parallel()
	for name, station := range map[string]func(*testing.T) *station{"ours": ours, "litewitness": litewitness} {
		t.Run(name, func(t *testing.T) {
			s := station(t)
			witnesstest.Conform(t, s.Subject)
			if s.Strict {
				t.Run("strictly", func(t *testing.T) { witnesstest.ConformStrict(t, s.Subject) })
			}
			t.Run("our client", func(t *testing.T) { ask(t, s) })
		})
	}
}

// ask leads our client through what a log comes upon.
func ask(t *testing.T, s *station) {
	l := witnesstest.NewLog("client.example.org", 12, "one", 12)
	c, other := witness.NewClient(s.peer(t), nil), witness.NewClient(s.peer(t), nil)
	if _, err := c.Cosign(t.Context(), l.Signed(t, 3), l.Prove); !errors.Is(err, witness.ErrNotKnown) {
		t.Errorf("not known yet: %v", err)
	}
	s.Know(t, l.Origin, l.VerifierKey())
	for i, size := range []uint64{3, 3, 7, 9, 12} {
		if _, err := []*witness.Client{c, other}[i%2].Cosign(t.Context(), l.Signed(t, size), l.Prove); err != nil {
			t.Errorf("%d leaves: %v", size, err)
		}
	}
	var ahead *witness.Ahead
	if _, err := other.Cosign(t.Context(), l.Signed(t, 9), l.Prove); !errors.As(err, &ahead) || ahead.Size != 12 {
		t.Errorf("an old head: %v", err)
	}
	fork := witnesstest.NewLog("client.example.org", 20, "two", 4)
	var inconsistent *witness.Inconsistent
	for _, size := range []uint64{12, 20} {
		if _, err := c.Cosign(t.Context(), fork.Signed(t, size), fork.Prove); !errors.As(err, &inconsistent) || inconsistent.Old != 12 {
			t.Errorf("a fork of %d leaves: %v", size, err)
		}
	}
}

// TestKilled kills our witness in the midst of cosigning, again and again. What
// left it is held after every start, and a fork of it never cosigned.
func TestKilled(t *testing.T) {
	t.Parallel()
	s := ours(t)
	l, fork := witnesstest.NewLog("killed.example.org", 4000, "one", 4000), witnesstest.NewLog("killed.example.org", 4000, "two", 1)
	s.Know(t, l.Origin, l.VerifierKey())
	var left, next atomic.Uint64
	next.Store(2)
	for round := range 4 {
		c := witness.NewClient(s.peer(t), nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			for ctx.Err() == nil && next.Load() < 3900 {
				size := next.Add(3)
				if _, err := c.Cosign(ctx, l.Signed(t, size), l.Prove); err == nil {
					left.Store(size)
				}
			}
		}()
		time.Sleep(time.Duration(150+40*round) * time.Millisecond)
		s.stop(t, syscall.SIGKILL)
		cancel()
		<-done
		s.start(t)
		held := left.Load()
		if held == 0 {
			t.Fatal("nothing was cosigned before the kill")
		}
		for name, body := range map[string]string{
			"a fork of what was cosigned": fork.Request(t, held, held), "a fork that went on": fork.Request(t, held, held+9), "less": l.Request(t, held-1, held-1), "from nothing": fork.Request(t, 0, held+5)} {
			if status, _, _ := s.Post(t, body); status != http.StatusConflict && status != http.StatusUnprocessableEntity {
				t.Errorf("round %d, %s: status %d", round, name, status)
			}
		}
		if _, err := witness.NewClient(s.peer(t), nil).Cosign(t.Context(), l.Signed(t, next.Add(3)), l.Prove); err != nil {
			t.Errorf("round %d: the log cannot go on: %v", round, err)
		}
	}
}

// TestHostileRequests: raw bytes that no client sends. The witness answers or
// hangs up, and goes on cosigning.
func TestHostileRequests(t *testing.T) {
	t.Parallel()
	s := ours(t)
	l := witnesstest.NewLog("raw.example.org", 9, "one", 9)
	s.Know(t, l.Origin, l.VerifierKey())
	good := l.Request(t, 0, 7)
	address := strings.TrimPrefix(s.URL, "http://")
	for name, raw := range map[string]string{
		"no HTTP":             "old 0\n\n" + good,
		"length too long":     fmt.Sprintf("POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(good)+1, good),
		"two lengths":         fmt.Sprintf("POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: %d\r\nContent-Length: 5\r\n\r\n%s", len(good), good),
		"length and chunks":   "POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n",
		"a chunk of 2^63":     "POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n7fffffffffffffff\r\nold",
		"huge header":         "POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nX: " + strings.Repeat("x", 64<<10) + "\r\n\r\n",
		"absolute elsewhere":  "POST http://elsewhere/../add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
		"path out of the way": "GET /../../etc/passwd/checkpoint HTTP/1.1\r\nHost: w\r\nConnection: close\r\n\r\n",
		"endless body":        "POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 99999999999\r\nConnection: close\r\n\r\n" + strings.Repeat("A", 200<<10),
		"NUL":                 "POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 3\r\nConnection: close\r\n\r\n\x00\x00\x00",
	} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, raw) // it may hang up before all is said
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.CloseWrite()
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err == nil {
			if resp.StatusCode < 300 {
				t.Errorf("%s: status %d", name, resp.StatusCode)
			}
			b, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
			if strings.Contains(string(b), "\u2014 ") || strings.Contains(string(b), "root:") {
				t.Errorf("%s: answered %q", name, b)
			}
			resp.Body.Close()
		} else if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: it neither answered nor hung up", name)
		}
		conn.Close()
	}
	s.Holds(t, l, 0)
	s.Cosigned(t, good)
}
