package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/api/client"
	"github.com/evidence-custody/custodyd/api/wire"
	"github.com/evidence-custody/custodyd/custody/registrar"
	"github.com/evidence-custody/custodyd/evidence"
)

// clientOf serves the fake over HTTP and signs a client in. between, if not
// nil, stands in front of the handler.
func clientOf(t *testing.T, f *fakeRegistrar, between func(http.Handler) http.Handler, opts ...client.Option) *client.Client {
	t.Helper()
	h := newTestHandler(t, f, Limits{})
	if between != nil {
		h = between(h)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	k := newTestKey(t)
	f.enrol(k)
	c, err := client.New(srv.URL, append([]client.Option{client.WithSigner(k), client.WithRetries(3, time.Millisecond)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Every call of the client meets its route.
func TestClientCallsEveryRoute(t *testing.T) {
	f := newFake()
	c := clientOf(t, f, nil)
	ctx := t.Context()
	sub := client.Submission{Envelope: []byte(envelopeText), Details: [][]byte{{0, 255}}, Documents: [][]byte{[]byte("{}")}}
	discard := func(d *client.Download, err error) error {
		if err != nil {
			return err
		}
		_, err = d.Bytes(100)
		if errors.Is(err, client.ErrDigest) { // the fake's artifact isn't what its id says
			return nil
		}
		f.file = fileOf("again", "application/zip", []byte("again"))
		return err
	}
	calls := map[string]func() error{
		"Ready": func() error {
			now, err := c.Ready(ctx)
			if err == nil && !now.Ready {
				err = fmt.Errorf("not ready: %+v", now)
			}
			return errors.Join(err, c.Health(ctx))
		},
		"LogDocument":  func() error { _, err := c.Log(ctx); return err },
		"Inclusion":    func() error { _, err := c.Inclusion(ctx, 0, 8); return err },
		"Consistency":  func() error { _, err := c.Consistency(ctx, 0, 8); return err },
		"Trust":        func() error { _, err := c.Trust(ctx); return err },
		"Invite":       func() error { _, err := c.Invite(ctx, wire.InvitationPurposeKey, &someID); return err },
		"Event":        func() error { _, err := c.Event(ctx, someID); return err },
		"Chain":        func() error { _, err := c.Chain(ctx, someID); return err },
		"Organisation": func() error { _, err := c.Organisation(ctx, someID); return err },
		"Key":          func() error { _, err := c.Key(ctx, someID); return err },
		"Cases":        func() error { _, err := c.Cases(ctx); return err },
		"Case":         func() error { _, err := c.Case(ctx, someID); return err },
		"Items":        func() error { _, err := c.Items(ctx, &someID); return err },
		"Item":         func() error { _, err := c.Item(ctx, someID); return err },
		"BeginUpload":  func() error { _, err := c.BeginUpload(ctx, someID, &otherID, 10, "x.dd"); return err },
		"Upload":       func() error { _, err := c.Upload(ctx, someID); return err },
		"Uploads":      func() error { _, err := c.Uploads(ctx); return err },
		"AbortUpload":  func() error { return c.AbortUpload(ctx, someID) },
		"IssueReport":  func() error { _, err := c.IssueReport(ctx, someID, []evidence.Digest{otherID}); return err },
		"CaseDossier":  func() error { return discard(c.CaseDossier(ctx, someID)) },
		"ItemDossier":  func() error { return discard(c.ItemDossier(ctx, someID)) },
		"Blocks":       func() error { return discard(c.Blocks(ctx, someID, otherID)) },
		"ReportFile":   func() error { return discard(c.ReportFile(ctx, someID, "report.pdf")) },
		"OpenArtifact": func() error { return discard(c.Artifact(ctx, someID, otherID, 0)) },
		"Organisations": func() error {
			l, err := c.Organisations(ctx)
			if err == nil && len(l) != 2 {
				return fmt.Errorf("%d organisations from two pages of one", len(l))
			}
			return err
		},
		"Checkpoint": func() error {
			b, err := c.Checkpoint(ctx)
			if err == nil && !bytes.Equal(b, someReceipt.Checkpoint) {
				return fmt.Errorf("another note: %q", b)
			}
			return err
		},
		"CheckpointOver": func() error {
			b, err := c.CheckpointOver(ctx, 0)
			if err == nil && !bytes.Equal(b, someReceipt.Checkpoint) {
				return fmt.Errorf("another note: %q", b)
			}
			return err
		},
		"AppendEvent": func() error {
			r, created, err := c.AppendEvent(ctx, sub)
			if err == nil && (!created || r.EventId != someID.String() || r.Checkpoint != string(someReceipt.Checkpoint)) {
				return fmt.Errorf("another receipt: %+v %v", r, created)
			}
			return err
		},
		"FinishUpload": func() error { _, _, err := c.FinishUpload(ctx, someID, sub); return err },
	}
	for use, do := range calls {
		delete(f.asked, use)
		if err := do(); err != nil {
			t.Errorf("%s: %v", use, err)
		}
		f.mu.Lock()
		if _, ok := f.asked[use]; !ok {
			t.Errorf("%s was not asked", use)
		}
		f.mu.Unlock()
	}
	if got := f.asked["AppendEvent"].(registrar.Submission); string(got.Envelope) != envelopeText || string(got.Details[0]) != "\x00\xff" {
		t.Errorf("the event came as %q", got)
	}
}

// A token is asked for once, renewed when the service has forgotten it, and
// replaced before its end.
func TestClientRenewsItsToken(t *testing.T) {
	f := newFake()
	var skew atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(skew.Load())) }
	f.now = now
	c := clientOf(t, f, nil, client.WithClock(now), client.WithLogID(logID))
	for range 3 {
		if _, err := c.Cases(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(f.spent) != 1 {
		t.Errorf("%d tokens for three calls", len(f.spent))
	}
	f.mu.Lock()
	f.callers = map[string]registrar.Caller{}
	f.mu.Unlock()
	if _, err := c.Cases(t.Context()); err != nil || len(f.spent) != 2 {
		t.Errorf("after the service forgot: %v, %d tokens", err, len(f.spent))
	}
	skew.Store(int64(14*time.Minute + 30*time.Second))
	if _, err := c.Cases(t.Context()); err != nil || len(f.spent) != 3 {
		t.Errorf("before the end: %v, %d tokens", err, len(f.spent))
	}
}

func TestClientWithoutStanding(t *testing.T) {
	f := newFake()
	c := clientOf(t, f, nil)
	f.keys = map[evidence.Digest]registrar.Assertor{}
	_, err := c.Cases(t.Context())
	if client.CodeOf(err) != "unauthenticated" || client.RuleOf(err) != "assertion.signature" {
		t.Errorf("got %v", err)
	}
	pinned := clientOf(t, newFake(), nil, client.WithLogID(otherID))
	if _, err := pinned.Cases(t.Context()); client.RuleOf(err) != "assertion.audience" {
		t.Errorf("another log: %v", err)
	}
	srv := httptest.NewServer(newTestHandler(t, f, Limits{}))
	defer srv.Close()
	anonymous, err := client.New(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := anonymous.Cases(t.Context()); !errors.Is(err, client.ErrNoSigner) {
		t.Errorf("no signer: %v", err)
	}
	if _, err := anonymous.Trust(t.Context()); err != nil {
		t.Errorf("public: %v", err)
	}
	guest, err := client.New(srv.URL, client.WithToken(inviteToken))
	if err != nil {
		t.Fatal(err)
	}
	if _, created, err := guest.AppendEvent(t.Context(), client.Submission{Envelope: []byte(envelopeText)}); err != nil || !created {
		t.Errorf("invitation: %v", err)
	}
	for _, bad := range []string{"", "127.0.0.1:1", "ftp://x", "http://", "http://u:p@h", "http://h?q"} {
		if _, err := client.New(bad); err == nil {
			t.Errorf("%q is no address of a service", bad)
		}
	}
}

func TestClientErrorsCarryWhatIsNeeded(t *testing.T) {
	f := newFake()
	c := clientOf(t, f, nil)
	if _, err := c.Cases(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.err = fmt.Errorf("couldn't: %w", &registrar.Stale{Heads: []registrar.Head{{ID: someID, Seq: 2, Leaf: otherID}}})
	_, _, err := c.AppendEvent(t.Context(), client.Submission{Envelope: []byte(envelopeText)})
	if heads := client.HeadsOf(err); client.CodeOf(err) != "stale-chain" || len(heads) != 1 || heads[0].Leaf != otherID.String() {
		t.Errorf("got %v with %v", err, heads)
	}
	f.err = &registrar.Refused{Rule: "custody.not-holder", Message: "somebody else holds it"}
	_, _, err = c.AppendEvent(t.Context(), client.Submission{Envelope: []byte(envelopeText)})
	if client.RuleOf(err) != "custody.not-holder" || !strings.Contains(err.Error(), "somebody else") {
		t.Errorf("got %v", err)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "http://elsewhere.example/", 302) }))
	defer srv.Close()
	lost, err := client.New(srv.URL, client.WithToken(goodToken))
	if err != nil {
		t.Fatal(err)
	}
	var answer *client.Error
	if _, err := lost.Cases(t.Context()); !errors.As(err, &answer) || answer.Status != 302 {
		t.Errorf("a redirect was followed: %v", err)
	}
}

// Idempotent calls survive a service that is away, or whose answer is lost;
// an invitation isn't tried again.
func TestClientTriesAgain(t *testing.T) {
	f := newFake()
	var failures atomic.Int32
	lose := func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v1/token" || r.URL.Path == "/v1/log" || failures.Add(-1) < 0 {
				h.ServeHTTP(w, r)
				return
			}
			if failures.Load()%2 == 0 {
				h.ServeHTTP(httptest.NewRecorder(), r) // done, and the answer lost
				panic(http.ErrAbortHandler)
			}
			w.WriteHeader(http.StatusBadGateway)
		})
	}
	c := clientOf(t, f, lose)
	sub := client.Submission{Envelope: []byte(envelopeText)}
	failures.Store(3)
	if _, _, err := c.AppendEvent(t.Context(), sub); err != nil {
		t.Errorf("three failures: %v", err)
	}
	failures.Store(3)
	if _, err := c.PutPart(t.Context(), someID, 1, io.NewSectionReader(strings.NewReader("0123456789"), 0, 10)); err != nil || string(f.parts[1]) != "0123456789" {
		t.Errorf("part: %v, %q", err, f.parts[1])
	}
	failures.Store(1000)
	if _, _, err := c.AppendEvent(t.Context(), sub); err == nil {
		t.Error("a service that is away gave a receipt")
	}
	failures.Store(1)
	if _, err := c.Invite(t.Context(), wire.InvitationPurposeOrganisation, nil); err == nil {
		t.Error("an invitation was asked for twice")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	failures.Store(1000)
	if _, _, err := c.AppendEvent(ctx, sub); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// Parts go in parallel, wait for one another where told, and only missing ones
// go when an upload is resumed.
func TestClientSendsParts(t *testing.T) {
	content := make([]byte, 5*evidence.BlockSize+12345)
	_, _ = rand.NewChaCha8([32]byte{2}).Read(content)
	f := newFake()
	var waits sync.Map
	f.partErr = func(n int) error {
		if _, again := waits.LoadOrStore(n, true); !again && n%3 == 0 {
			return &registrar.OutOfWindow{Next: n - 1}
		}
		return nil
	}
	c := clientOf(t, f, nil)
	session, err := c.BeginUpload(t.Context(), someID, nil, int64(len(content)), "x.dd")
	if err != nil {
		t.Fatal(err)
	}
	f.parts[2] = content[evidence.BlockSize : 2*evidence.BlockSize] // there from an earlier try
	session.Received = []int{2}
	var progress []int64
	m, err := c.SendParts(t.Context(), session, bytes.NewReader(content), client.PartsOptions{Progress: func(done, total int64) {
		if total != int64(len(content)) {
			t.Errorf("total %d", total)
		}
		progress = append(progress, done)
	}})
	if err != nil {
		t.Fatal(err)
	}
	var got []byte
	for n := 1; n <= session.Parts; n++ {
		got = append(got, f.parts[n]...)
	}
	if !bytes.Equal(got, content) {
		t.Error("the parts don't make the content")
	}
	if want, _, err := evidence.Measure(bytes.NewReader(content)); err != nil || m != want {
		t.Errorf("what was sent measures %+v, not %+v (%v)", m, want, err)
	}
	if !slices.IsSorted(progress) || progress[len(progress)-1] != int64(len(content)) || len(progress) != session.Parts {
		t.Errorf("progress %v", progress)
	}
	if _, again := waits.Load(2); again {
		t.Error("a part that was there was sent again")
	}

	f.partErr = func(n int) error {
		if n == 5 {
			return &registrar.Full{Message: "disk"}
		}
		return nil
	}
	session.Received = nil
	if _, err := c.SendParts(t.Context(), session, bytes.NewReader(content), client.PartsOptions{Parallel: 2}); client.CodeOf(err) != "storage-full" {
		t.Errorf("a full disk: %v", err)
	}
	short := bytes.NewReader(content[:100])
	if _, err := c.SendParts(t.Context(), session, short, client.PartsOptions{}); err == nil {
		t.Error("a source shorter than the session was sent")
	}
}

// A broken download is an error for the client, and can be resumed.
func TestClientDownloads(t *testing.T) {
	content := make([]byte, 3<<20)
	_, _ = rand.NewChaCha8([32]byte{3}).Read(content)
	f := newFake()
	c := clientOf(t, f, nil)
	f.artifact = &fakeArtifact{content: content, failAt: 2 << 20}
	d, err := c.Artifact(t.Context(), someID, otherID, 0)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(d)
	d.Close()
	if err == nil {
		t.Fatalf("the download ended clean after %d bytes", len(got))
	}
	f.artifact = &fakeArtifact{content: content}
	d, err = c.Artifact(t.Context(), someID, otherID, int64(len(got)))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	rest, err := io.ReadAll(d)
	if err != nil || !bytes.Equal(append(got, rest...), content) || d.Total != int64(len(content)) || d.Offset != int64(len(got)) || *d.Whole != someID {
		t.Errorf("resumed: %v, %d + %d bytes, %+v", err, len(got), len(rest), d)
	}
	part, err := c.ArtifactRange(t.Context(), someID, otherID, 100, 50)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := part.Bytes(50); err != nil || !bytes.Equal(b, content[100:150]) {
		t.Errorf("range: %v", err)
	}
}

// A service that stands still in the middle doesn't hold the client for ever.
func TestClientGivesUpOnAStall(t *testing.T) {
	release := make(chan struct{})
	stall := func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, "/dossier") {
				h.ServeHTTP(w, r)
				return
			}
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("PK"))
			_ = http.NewResponseController(w).Flush()
			<-release
		})
	}
	c := clientOf(t, newFake(), stall, client.WithStall(100*time.Millisecond))
	t.Cleanup(func() { close(release) })
	d, err := c.CaseDossier(t.Context(), someID)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := d.Bytes(1000); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %d bytes and %v", len(b), err)
	}
}
