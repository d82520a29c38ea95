package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody/registrar"
)

// patient answers only once its caller has gone, with what a driver then says.
type patient struct {
	*fakeRegistrar
	began chan struct{}
	says  error
}

func (u patient) Cases(ctx context.Context, _ registrar.Caller, _ registrar.Page) ([]registrar.Case, registrar.Next, error) {
	u.began <- struct{}{}
	<-ctx.Done()
	var next registrar.Next
	return nil, next, u.says
}

// TestAPeerThatHangsUpIsNoError: a cancelled request is one quiet line; a fault
// found meanwhile that is not of the hanging up stays an error.
func TestAPeerThatHangsUpIsNoError(t *testing.T) {
	for name, try := range map[string]struct {
		says  error
		quiet bool
	}{
		"cancelled":       {fmt.Errorf("couldn't read: %w", context.Canceled), true},
		"a driver's word": {errors.New("pq: canceling statement due to user request"), true},
		"a damaged copy":  {&registrar.Damaged{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var out lockedBuffer
			u := patient{newFake(), make(chan struct{}, 1), try.says}
			h, err := NewHandler(u, Config{LogID: logID, Log: slog.New(slog.NewJSONHandler(&out, nil))})
			if err != nil {
				t.Fatal(err)
			}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			srv := NewServer(h, nil)
			go func() { _ = srv.Serve(l) }()
			t.Cleanup(func() { _ = srv.Close() })
			conn, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(conn, "GET /v1/cases HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", goodToken)
			<-u.began
			_ = conn.Close()
			line := ""
			for deadline := time.Now().Add(10 * time.Second); line == "" && time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
				out.mu.Lock()
				line = out.b.String()
				out.mu.Unlock()
			}
			quiet := strings.Contains(line, `"level":"INFO"`) && strings.Contains(line, `"cancelled":true`) && strings.Contains(line, `"status":0`)
			if quiet != try.quiet || strings.Count(line, "\n") != 1 {
				t.Errorf("the log says %s", line)
			}
		})
	}
}
