package hostile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/crc64nvme"

	"github.com/evidence-custody/custodyd/api/client"
	"github.com/evidence-custody/custodyd/api/wire"
	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/parcel"
	"github.com/evidence-custody/custodyd/evidence/vault"
	"github.com/evidence-custody/custodyd/evidence/vault/vaulttest"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// What bad input gets, and where that is shown with the real components. Each
// leaves a session that can be gone on with, or a clean end, and never a record
// without its bytes.
//
//	a part with a wrong digest                 TestParts
//	a part too small, too large, past the end  TestParts
//	a part twice, with other content           TestParts; at once: custody/registrar TestOneNumberTwice
//	finish with holes                          TestSizes
//	a client that lies about the size          TestSizeOtherwise; in Content-Length: TestParts (cut)
//	a stalled client                           TestBadly/a_client_that_stalls; over HTTP/2: api TestHTTP2SlowPartIsCut
//	a store that answers 503                   TestBadly/the_store_is_busy; integration/stores TestSuiteOverAnOverloadedLine
//	a store that doesn't answer                TestBadly/the_store_is_silent; integration/stores TestDepositsOverABreakingLine
//	a store that closes in mid-stream          TestBadly/the_store_hangs_up; integration/stores TestDepositsOverABreakingLine
//	a store that keeps wrong bytes             TestBadly/a_bit_is_changed_on_the_way_to_the_store
//	a store that says success and has nothing  TestBadly/the_store_lies_about_a_part, …about_all_of_it
//	a full disk                                TestBadly/the_store_is_full; integration/crash TestFullDisk
//	a key revoked in mid-upload                TestBadly/the_key_is_revoked
//	clock jumps                                TestBadly/the_service's_clock_jumps; custody/ledger TestActsAcrossAJump, TestUploadsAcrossAJump
//	a source that changes meanwhile            cmd/custody/desk TestDepositRefusals
//	a killed client, service, store, database  integration/crash, integration/faults, integration/replicas

// badly is a service whose store, clock and patience the test has in its hands.
type badly struct {
	*stage.Cast
	svc   *service.Service
	store *spoiler
	skew  atomic.Int64 // of the service's clock, in nanoseconds
}

func newBadly(t *testing.T) *badly {
	t.Helper()
	outside := stage.NewOutside(t)
	b := &badly{store: &spoiler{}}
	o := outside.Options(filepath.Join(outside.Dir, "service"), filepath.Join(outside.Dir, "keys"))
	b.store.RoundTripper = &dated{RoundTripper: vaulttest.Transport(*o.Store), store: *o.Store, skew: &b.skew}
	o.Store.Transport = b.store
	o.Idle = 2 * time.Second
	o.Now = func() time.Time { return time.Now().Add(time.Duration(b.skew.Load())) }
	b.svc = stage.Serve(t, o)
	token, _, err := b.svc.FirstToken(stage.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	b.Cast = stage.NewCast(t, b.svc.URL(), token)
	return b
}

// spoiler is the way to the store; spoil says what becomes of a request, nil:
// it gets through.
type spoiler struct {
	http.RoundTripper
	mu    sync.Mutex
	spoil func(req *http.Request, next http.RoundTripper) (*http.Response, error)
	came  int    // requests that were spoilt
	tired func() // called when so many were that nobody waits any longer
}

func (s *spoiler) set(spoil func(req *http.Request, next http.RoundTripper) (*http.Response, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spoil, s.came = spoil, 0
}

func (s *spoiler) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	spoil := s.spoil
	s.mu.Unlock()
	if spoil != nil {
		if res, err := spoil(req, s.RoundTripper); res != nil || err != nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.came++; s.came == 12 && s.tired != nil {
				s.tired()
			}
			return res, err
		}
	}
	return s.RoundTripper.RoundTrip(req)
}

func isPart(req *http.Request, n string) bool {
	return req.Method == http.MethodPut && (n == "" && req.URL.Query().Has("partNumber") || n != "" && req.URL.Query().Get("partNumber") == n)
}

func answer(req *http.Request, status int, body string, header http.Header) *http.Response {
	if req.Body != nil {
		_, _ = io.Copy(io.Discard, req.Body)
		req.Body.Close()
	}
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: header,
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: req}
}

// TestBadly: whatever the store, the clock, the key or the client does in the
// middle of a deposit, the same command ends it later, in one deposit, of
// exactly these bytes.
func TestBadly(t *testing.T) {
	b := newBadly(t)
	type way = func(req *http.Request, next http.RoundTripper) (*http.Response, error)
	parts := func(do way) way {
		return func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
			if !isPart(req, "") {
				return nil, nil
			}
			return do(req, next)
		}
	}
	for _, tt := range []struct {
		name  string
		spoil way
		sent  int // parts that have to travel again, at most
	}{
		{"the store is busy", parts(func(req *http.Request, _ http.RoundTripper) (*http.Response, error) {
			return answer(req, 503, "<Error><Code>SlowDown</Code></Error>", nil), nil
		}), 3},
		{"the store is silent", parts(func(req *http.Request, _ http.RoundTripper) (*http.Response, error) {
			time.Sleep(100 * time.Millisecond)
			return nil, os.ErrDeadlineExceeded
		}), 3},
		{"the store hangs up", parts(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
			req = req.Clone(req.Context())
			req.Body = struct {
				io.Reader
				io.Closer
			}{io.MultiReader(io.LimitReader(req.Body, 1<<20), broken{}), req.Body}
			return next.RoundTrip(req)
		}), 3},
		{"a bit is changed on the way to the store", parts(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
			all, err := io.ReadAll(req.Body)
			if err != nil {
				return nil, err
			}
			all[len(all)/2] ^= 1
			req = req.Clone(req.Context())
			req.Body = io.NopCloser(bytes.NewReader(all))
			return next.RoundTrip(req)
		}), 3},
		{"the store is full", parts(func(req *http.Request, _ http.RoundTripper) (*http.Response, error) {
			return answer(req, 507, "<Error><Code>XMinioStorageFull</Code></Error>", nil), nil
		}), 3},
		{"the store lies about a part", func(req *http.Request, _ http.RoundTripper) (*http.Response, error) {
			if !isPart(req, "2") {
				return nil, nil
			}
			return lie(req)
		}, 1},
		{"the store lies about all of it", func(req *http.Request, _ http.RoundTripper) (*http.Response, error) {
			switch {
			case isPart(req, ""):
				return lie(req)
			case req.Method == http.MethodPost && req.URL.Query().Has("uploadId"):
				return answer(req, 200, "<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>", nil), nil
			case req.Method == http.MethodHead:
				return answer(req, 404, "", nil), nil
			}
			return nil, nil
		}, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			who := b.Investigator
			kase := who.OpenCase(t)
			path := stage.File(t, 2*16<<20+int64(len(tt.name)))
			in := desk.Depositing{Path: path, Case: kase, Role: custody.RoleMaster}
			b.store.set(tt.spoil)
			ctx, cancel := context.WithCancel(stage.Context(t))
			defer cancel()
			b.store.tired = cancel // Ctrl-C: to wait for every retry would show nothing more
			_, err := who.Desk.Deposit(ctx, in)
			if err == nil {
				t.Fatal("a deposit that the store didn't take went well")
			}
			t.Logf("told: %v", err)
			if b.store.came == 0 {
				t.Fatal("nothing was spoilt")
			}
			b.none(t, kase)
			b.store.set(nil)
			b.goesOn(t, in, tt.sent)
		})
	}
	t.Run("a client that stalls", func(t *testing.T) { b.stalls(t) })
	t.Run("the key is revoked", func(t *testing.T) { b.revoked(t) })
	t.Run("the service's clock jumps", func(t *testing.T) { b.jumps(t) })
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("the line broke") }

// lie says that a part is stored, and keeps nothing.
func lie(req *http.Request) (*http.Response, error) {
	sum := crc64nvme.New()
	if _, err := io.Copy(sum, req.Body); err != nil {
		return nil, err
	}
	req.Body.Close()
	return answer(req, 200, "", http.Header{"Etag": {`"0123456789abcdef0123456789abcdef"`},
		"X-Amz-Checksum-Crc64nvme": {vault.Checksum(sum.Sum64()).String()}}), nil
}

// none: nothing of the case is recorded as deposited.
func (b *badly) none(t *testing.T, kase evidence.Digest) {
	t.Helper()
	if items, err := b.Investigator.Desk.Service.Items(stage.Context(t), kase); err != nil || len(items) != 0 {
		t.Fatalf("the case has %d items (%v)", len(items), err)
	}
}

// goesOn carries the same deposit to its end: one event, these bytes, and no
// more parts on the way than were lost.
func (b *badly) goesOn(t *testing.T, in desk.Depositing, most int) {
	t.Helper()
	who := b.Investigator
	calm := who.Desk.Service
	defer func() { who.Desk.Service = calm }()
	count := &counted{Service: calm}
	who.Desk.Service = count
	var d desk.Deposited
	var err error
	for range 3 { // of a store that lost parts, the first try finds out
		if d, err = who.Desk.Deposit(stage.Context(t), in); err == nil || !errors.Is(err, desk.ErrInterrupted) {
			break
		}
		t.Logf("and then: %v", err)
	}
	if err != nil {
		t.Fatalf("the deposit doesn't go on: %v", err)
	}
	if n := int(count.parts.Load()); n > most {
		t.Errorf("%d parts travelled, at most %d had to", n, most)
	}
	who.Included(t, d.Recorded)
	if items, err := calm.Items(stage.Context(t), in.Case); err != nil || len(items) != 1 || items[0].ID != d.Item {
		t.Errorf("the case has %d items (%v)", len(items), err)
	}
	got := filepath.Join(t.TempDir(), "retrieved")
	if _, err := who.Desk.Retrieve(stage.Context(t), desk.Retrieval{Reading: desk.Reading{Item: d.Item, Purpose: custody.PurposeExamination}, Path: got}); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(in.Path)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(got); err != nil || !bytes.Equal(b, want) {
		t.Errorf("other bytes come back (%v)", err)
	}
}

// stalls sends half of a part and then nothing: it is cut, keeps nobody's
// memory, and the same part can be sent again.
func (b *badly) stalls(t *testing.T) {
	api, u, id := upload(t, b.Cast, 16<<20+1000)
	part := random(t, u.PartSize)
	host := strings.TrimPrefix(b.URL, "http://")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "PUT /v1/uploads/%s/parts/1 HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/octet-stream\r\nContent-Digest: %s\r\nContent-Length: %d\r\n\r\n",
		u.Id, host, b.Investigator.Bearer(t, b.URL), blocksDigest(part), len(part))
	if _, err := conn.Write(part[:len(part)/2]); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := conn.SetReadDeadline(began.Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(conn)
	if took := time.Since(began); err != nil && !errors.Is(err, net.ErrClosed) && took > 20*time.Second || took < time.Second || took > 20*time.Second {
		t.Errorf("a client that stalls is cut after %s (%v)", took, err)
	}
	if len(said) > 0 && !bytes.Contains(said, []byte("too-slow")) {
		t.Errorf("it is told: %s", said)
	}
	if now, err := api.Upload(stage.Context(t), id); err != nil || len(now.Received) != 0 || now.Next != 1 {
		t.Errorf("then the session has %v (%v)", now.Received, err)
	}
	if _, err := api.PutPart(stage.Context(t), id, 1, section(part)); err != nil {
		t.Errorf("the part can't be sent again: %v", err)
	}
}

// revoked takes the depositor's key away between two parts: nothing more is
// taken from it, nothing is recorded, and somebody else may deposit the bytes.
func (b *badly) revoked(t *testing.T) {
	leaver := b.Enrol(t, b.Agency, "Leaver", custody.RightInvestigate, custody.RightHold)
	b.Trust(t, leaver)
	kase := leaver.OpenCase(t)
	path := stage.File(t, 2*16<<20+77)
	once := &counted{Service: leaver.Desk.Service}
	once.after = func(n int64) {
		if n == 1 {
			if _, err := b.Agency.Desk.RevokeKey(stage.Context(t), desk.Revocation{Key: leaver.Desk.Key.KeyID(), Reason: custody.ReasonLeft}); err != nil {
				t.Error(err)
			}
		}
	}
	leaver.Desk.Service = once
	_, err := leaver.Desk.Deposit(stage.Context(t), desk.Depositing{Path: path, Case: kase, Role: custody.RoleMaster})
	var no *desk.Answer
	if !errors.As(err, &no) || no.Status != 401 {
		t.Errorf("a revoked key's deposit ends in: %v", err)
	}
	if items, err := b.Investigator.Desk.Service.Items(stage.Context(t), kase); err != nil || len(items) != 0 {
		t.Errorf("the case has %d items (%v)", len(items), err)
	}
	d := b.Investigator.Deposit(t, kase, nil, path)
	b.Investigator.Included(t, d.Recorded)
}

// counted is a service that counts the parts it is sent.
type counted struct {
	desk.Service
	parts atomic.Int64
	after func(n int64)
}

func (c *counted) PutPart(ctx context.Context, upload string, n int, content *parcel.Parcel) error {
	err := c.Service.PutPart(ctx, upload, n, content)
	done := c.parts.Add(1)
	if c.after != nil && err == nil {
		c.after(done)
	}
	return err
}

// TestSizeOtherwise: a depositor who signs another size than was received is
// refused, and both are recorded.
func TestSizeOtherwise(t *testing.T) {
	c := house(t)
	api, u, id := upload(t, c, 1000)
	content := random(t, 1000)
	if _, err := api.PutPart(stage.Context(t), id, 1, section(content)); err != nil {
		t.Fatal(err)
	}
	ofCase, err := evidence.ParseDigest(u.Case)
	if err != nil {
		t.Fatal(err)
	}
	doc, item := stage.Founding(t, custody.DocItem, map[string]string{"exhibit": "1"})
	sum := evidence.Sum(content)
	st := stage.Draft(t, c.Investigator, &custody.Deposited{Artifact: custody.Artifact{BlockRoot: evidence.BlockRoot(evidence.BlockLeaves(content)), SHA256: sum, Size: 999},
		Case: ofCase, Item: item, Format: custody.FormatRaw, Role: custody.RoleMaster})
	before := size(t)
	_, _, err = api.FinishUpload(stage.Context(t), id, client.Submission{Envelope: stage.Seal(t, c.Investigator.Desk.Key, st).JSON(), Documents: [][]byte{doc}})
	p := refused(t, err, 422, "digest-mismatch", "")
	if p == nil || len(p.Differences) != 1 || p.Differences[0] != (wire.Difference{Name: "size", Declared: "999", Received: "1000"}) || p.Recorded == "" {
		t.Errorf("the answer is %+v", p)
	}
	if after := size(t); after != before+1 {
		t.Errorf("the log grew by %d", after-before)
	}
	if _, err := api.Upload(stage.Context(t), id); err == nil {
		t.Error("the session of a refused deposit goes on")
	}
}
