package stores

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/evidence/vault"
	"github.com/evidence-custody/custodyd/evidence/vault/locals3"
	"github.com/evidence-custody/custodyd/evidence/vault/vaulttest"
)

// line is a TCP line to a server, which a test cuts, stops and garbles by
// connections and bytes, as the world does: it knows nothing of HTTP.
type line struct {
	listener net.Listener
	dial     func() (net.Conn, error)
	plan     func(n int) cut // of connection n, from 0; nil: a good line
	n        atomic.Int64
	faults   atomic.Int64 // cuts that came about
	work     sync.WaitGroup
}

// cut says when a connection breaks: after so many bytes sent or received by
// the client; 0 is never.
type cut struct {
	sent, received int64
	stall          time.Duration // instead of breaking at once, nothing moves for so long first
	busy           bool          // answered at once with 503
}

func newLine(t *testing.T, dial func() (net.Conn, error), plan func(int) cut) *line {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &line{listener: l, dial: dial, plan: plan}
	p.work.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n := int(p.n.Add(1) - 1)
			p.work.Go(func() { p.carry(c, n) })
		}
	})
	t.Cleanup(func() { l.Close() })
	return p
}

// busyAnswer is what an overloaded server says, without reading the request.
const busyAnswer = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/xml\r\nConnection: close\r\n\r\n" +
	"<Error><Code>SlowDown</Code><Message>Please reduce your request rate</Message></Error>"

func (p *line) carry(client net.Conn, n int) {
	defer client.Close()
	var c cut
	if p.plan != nil {
		c = p.plan(n)
	}
	if c.busy {
		p.faults.Add(1)
		_, _ = client.Read(make([]byte, 1<<10))
		_, _ = io.WriteString(client, busyAnswer)
		return
	}
	server, err := p.dial()
	if err != nil {
		return
	}
	defer server.Close()
	ends := make(chan bool, 2)
	pipe := func(to, from net.Conn, most int64) {
		var err error
		if most > 0 {
			_, err = io.CopyN(to, from, most)
		} else {
			_, err = io.Copy(to, from)
		}
		ends <- most > 0 && err == nil
	}
	go pipe(server, client, c.sent)
	go pipe(client, server, c.received)
	if <-ends {
		p.faults.Add(1)
		time.Sleep(c.stall)
	}
}

func (p *line) endpoint() string { return p.listener.Addr().String() }

// dialEmbedded reaches the embedded server.
func dialEmbedded(t *testing.T) (func() (net.Conn, error), vault.Config) {
	t.Helper()
	s, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	access, secret := s.Credentials()
	return func() (net.Conn, error) { return net.Dial("unix", s.Socket()) },
		vault.Config{Region: locals3.Region, AccessKey: access, SecretKey: secret, Mode: vault.Compliance, Period: time.Minute}
}

// over is a transport that takes this line to any address, by a connection of
// its own for every request: each meets its own fault.
func (p *line) over() http.RoundTripper {
	return &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", p.endpoint())
	}}
}

// TestSuiteOverAnOverloadedLine: every sixth request is refused as busy.
// The suite doesn't notice.
func TestSuiteOverAnOverloadedLine(t *testing.T) {
	t.Parallel()
	dial, config := dialEmbedded(t)
	good := newLine(t, dial, nil)
	var faults atomic.Int64
	vaulttest.Run(t, func(t *testing.T) vault.Config {
		l := newLine(t, dial, func(n int) cut { return cut{busy: n%6 == 1} })
		t.Cleanup(func() { faults.Add(l.faults.Load()) })
		c := config
		// What goes past the store, in the suite, tries once and needs a good line.
		c.Endpoint, c.Transport, c.Bucket = good.endpoint(), l.over(), bucket()
		return c
	})
	if faults.Load() == 0 {
		t.Error("no connection was refused: nothing was tested")
	}
}

// TestDepositsOverABreakingLine makes deposits over lines that break at every
// kind of moment. Each either succeeds and reads back, or is reported and can
// be gone on with over a good line: never is there anything wrong.
func TestDepositsOverABreakingLine(t *testing.T) {
	t.Parallel()
	dial, config := dialEmbedded(t)
	config.Bucket = bucket()
	good := newLine(t, dial, nil)
	open := func(over http.RoundTripper) *vault.Store {
		t.Helper()
		c := config
		c.Endpoint, c.Transport = good.endpoint(), over
		s, err := vault.Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	sound := open(nil)
	if err := sound.EnsureBucket(t.Context()); err != nil {
		t.Fatal(err)
	}
	const mib = 1 << 20
	data := vaulttest.Bytes(21, 33*mib)
	for name, plan := range map[string]func(r *rand.Rand) cut{
		"cut in the request's head": func(r *rand.Rand) cut { return cut{sent: 1 + r.Int64N(600)} },
		"cut in a part":             func(r *rand.Rand) cut { return cut{sent: 1 + r.Int64N(17*mib)} },
		"cut in the answer's head":  func(r *rand.Rand) cut { return cut{received: 1 + r.Int64N(200)} },
		"cut in an answer":          func(r *rand.Rand) cut { return cut{received: 150 + r.Int64N(350)} },
		"no answer":                 func(*rand.Rand) cut { return cut{received: 1} },
		"a stall, then a cut":       func(r *rand.Rand) cut { return cut{received: 1 + r.Int64N(400), stall: 200 * time.Millisecond} },
		"busy or cut": func(r *rand.Rand) cut {
			return cut{busy: r.IntN(3) == 0, sent: r.Int64N(40 * mib), received: r.Int64N(2000)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			random := rand.New(rand.NewPCG(1, uint64(len(name))))
			l := newLine(t, dial, func(int) cut {
				mu.Lock()
				defer mu.Unlock()
				if random.IntN(5) < 3 {
					return cut{} // the world is not all bad
				}
				return plan(random)
			})
			reported := 0
			for n := 0; n < 2 || l.faults.Load() == 0 && n < 10; n++ {
				reported += depositOver(t, open(l.over()), sound, data)
			}
			if l.faults.Load() == 0 {
				t.Error("the line did not break: nothing was tested")
			}
			t.Logf("%d faults, %d errors reported to the caller", l.faults.Load(), reported)
		})
	}
}

// patience of a caller who tries again.
const tries = 40

// depositOver deposits over the broken line with a caller's patience and then
// looks over the sound one. It returns how many errors the caller was told.
func depositOver(t *testing.T, broken, sound *vault.Store, data []byte) (reported int) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	again := func(what string, do func() error) {
		t.Helper()
		for range tries {
			err := do()
			if err == nil {
				return
			}
			reported++
			// A line that breaks says nothing about the store, the bytes or
			// their size.
			for _, class := range []error{vault.ErrChecksum, vault.ErrUnsafeStore, vault.ErrSize, vault.ErrShorten, vault.ErrLocked, vault.ErrFull, vault.ErrNotFound, vault.ErrParts} {
				if errors.Is(err, class) {
					t.Fatalf("%s: a broken line is called %v: %v", what, class, err)
				}
			}
			if ctx.Err() != nil {
				break
			}
		}
		t.Fatalf("%s fails %d times", what, reported)
	}
	var u vault.Upload
	again("begin", func() (err error) { u, err = broken.Begin(ctx, uint64(len(data))); return err })
	parts := make([]vault.Part, u.Parts())
	for n := range parts {
		off := uint64(n) * u.PartSize
		again(fmt.Sprintf("part %d", n+1), func() (err error) {
			parts[n], err = broken.PutPart(ctx, u, n+1, data[off:off+u.PartLen(n+1)])
			return err
		})
	}
	var o vault.Object
	again("complete", func() (err error) { o, err = broken.Complete(ctx, u, parts); return err })
	vaulttest.CheckBytes(t, sound, o, data)
	if now, err := sound.Stat(ctx, u.Key, ""); err != nil || now != o {
		t.Errorf("completed %+v, the store has %+v, %v", o, now, err)
	}
	// A read that ends clean is whole.
	again("read", func() error {
		body, err := broken.ReadRange(ctx, o.Key, o.Version, 0, o.Size)
		if err != nil {
			return err
		}
		defer body.Close()
		got, err := io.ReadAll(body)
		if err == nil && vault.ChecksumOf(got) != vault.ChecksumOf(data) {
			t.Fatalf("a read of %d bytes ended clean, and was wrong", len(got))
		}
		return err
	})
	return reported
}
