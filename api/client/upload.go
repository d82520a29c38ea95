package client

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/evidence-custody/custodyd/api/wire"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/parcel"
)

// onceKey names a request, so that trying it again has one effect.
func onceKey() (string, error) {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", fmt.Errorf("couldn't draw an idempotency key: %w", err)
	}
	return hex.EncodeToString(b[:]), nil
}

// BeginUpload begins a deposit of size bytes. parent is the exhibit imaged, or
// nil; fileName a remark for the person's own listing; also the digests that
// the service is to compute beside SHA-256 and the block tree.
func (c *Client) BeginUpload(ctx context.Context, ofCase evidence.Digest, parent *evidence.Digest, size int64, fileName string, also ...evidence.Legacy) (wire.Upload, error) {
	body := wire.UploadRequest{Case: ofCase.String(), Size: size, FileName: fileName}
	for _, l := range also {
		for _, name := range l.Names() {
			body.Digests = append(body.Digests, wire.UploadRequestDigests(name))
		}
	}
	return c.beginUpload(ctx, body, parent)
}

func (c *Client) beginUpload(ctx context.Context, body wire.UploadRequest, parent *evidence.Digest) (wire.Upload, error) {
	if parent != nil {
		body.Parent = parent.String()
	}
	once, err := onceKey()
	if err != nil {
		return wire.Upload{}, err
	}
	var out wire.Upload
	_, err = c.ask(ctx, call{again: true, build: func() (*http.Request, error) {
		return wire.NewBeginUploadRequest(c.base, &wire.BeginUploadParams{IdempotencyKey: &once}, body)
	}}, &out)
	return out, err
}

// BeginSegments begins the deposit of a segmented image: sizes are the bytes of
// each segment, in order.
func (c *Client) BeginSegments(ctx context.Context, ofCase evidence.Digest, parent *evidence.Digest, sizes []uint64, fileName string) (wire.Upload, error) {
	body := wire.UploadRequest{Case: ofCase.String(), FileName: fileName}
	for _, n := range sizes {
		body.Segments = append(body.Segments, int64(n))
		body.Size += int64(n)
	}
	return c.beginUpload(ctx, body, parent)
}

// Upload finds where a session stands.
func (c *Client) Upload(ctx context.Context, id evidence.Digest) (wire.Upload, error) {
	return read[wire.Upload](ctx, c, false, func() (*http.Request, error) { return wire.NewGetUploadRequest(c.base, id.String()) })
}

// Uploads are the sessions this key began.
func (c *Client) Uploads(ctx context.Context) ([]wire.Upload, error) {
	return pages(func(cursor string) ([]wire.Upload, string, error) {
		l, err := read[wire.UploadList](ctx, c, false, func() (*http.Request, error) {
			return wire.NewListUploadsRequest(c.base, &wire.ListUploadsParams{Cursor: given(cursor), Limit: given(pageSize)})
		})
		return l.Uploads, l.Next, err
	})
}

// AbortUpload discards a session.
func (c *Client) AbortUpload(ctx context.Context, id evidence.Digest) error {
	_, err := c.ask(ctx, call{build: func() (*http.Request, error) { return wire.NewAbortUploadRequest(c.base, id.String()) }}, nil)
	return err
}

// PutPart sends part n, the bytes of content. It reads content twice, for the
// digest and for sending, and again for every try.
func (c *Client) PutPart(ctx context.Context, upload evidence.Digest, n int, content *io.SectionReader) (wire.PartReceipt, error) {
	p, err := parcel.OfSection(content)
	if err != nil {
		return wire.PartReceipt{}, fmt.Errorf("couldn't read part %d: %w", n, err)
	}
	defer p.Drop()
	return c.PutParcel(ctx, upload, n, p)
}

// PutParcel sends part n under the root over its leaves, which are known.
func (c *Client) PutParcel(ctx context.Context, upload evidence.Digest, n int, p *parcel.Parcel) (wire.PartReceipt, error) {
	root := p.Root()
	params := &wire.PutPartParams{ContentDigest: "custody-blocks=:" + base64.StdEncoding.EncodeToString(root[:]) + ":"}
	var out wire.PartReceipt
	_, err := c.ask(ctx, call{again: true, build: func() (*http.Request, error) {
		body := p.Open() // the transport closes it, on errors too
		req, err := wire.NewPutPartRequestWithBody(c.base, upload.String(), n, params, "application/octet-stream", body)
		if err != nil {
			body.Close()
		} else {
			req.ContentLength = p.Size()
			req.Header.Set("Expect", "100-continue") // a refusal comes before the bytes go
		}
		return req, err
	}}, &out)
	return out, err
}

// PartsOptions say how SendParts goes about it.
type PartsOptions struct {
	Parallel int                     // parts under way at once; default and at most the session's window
	Progress func(done, total int64) // bytes acknowledged as durable; never called concurrently; may be nil
}

// SendParts sends every part of the session that isn't there yet, which is
// also how an interrupted upload is resumed: pass what Upload says now. source
// must have the session's size and hold still; it is read once, in order, and
// measured as a whole, with the digests that the session was begun with. The
// first failure ends it; what was acknowledged stays.
func (c *Client) SendParts(ctx context.Context, session wire.Upload, source io.ReaderAt, opt PartsOptions) (evidence.Measured, error) {
	id, err := evidence.ParseDigest(session.Id)
	if err != nil {
		return evidence.Measured{}, fmt.Errorf("couldn't read the upload's id: %w", err)
	}
	if session.PartSize <= 0 || session.Size <= 0 || int64(session.Parts) != (session.Size+session.PartSize-1)/session.PartSize {
		return evidence.Measured{}, errors.New("couldn't send parts: the session's numbers contradict each other")
	}
	names := make([]string, len(session.Digests))
	for i, d := range session.Digests {
		names[i] = string(d)
	}
	legacy, err := evidence.ParseLegacy(names)
	if err != nil {
		return evidence.Measured{}, fmt.Errorf("couldn't read the session's digests: %w", err)
	}
	s := parcel.Sending{Source: source, Size: session.Size, PartSize: session.PartSize, Held: map[int]bool{},
		Window: max(1, session.Window), Hasher: evidence.NewHasher(legacy),
		Put: func(ctx context.Context, n int, p *parcel.Parcel) error { return c.putPatiently(ctx, id, n, p) }}
	for _, n := range session.Received {
		s.Held[n] = true
	}
	if opt.Parallel > 0 {
		s.Window = min(s.Window, opt.Parallel)
	}
	if opt.Progress != nil {
		var done int64
		s.Done = func(bytes int64) {
			done += bytes
			opt.Progress(done, session.Size)
		}
	}
	return s.Send(ctx)
}

// putPatiently sends one part; while the service waits for earlier parts,
// which are being sent, it comes back later.
func (c *Client) putPatiently(ctx context.Context, id evidence.Digest, n int, p *parcel.Parcel) error {
	for attempt := 0; ; attempt++ {
		_, err := c.PutParcel(ctx, id, n, p)
		if CodeOf(err) != "part-out-of-window" || attempt >= 100 {
			return err
		}
		t := time.NewTimer(min(c.wait<<min(attempt, 4), 5*time.Second))
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
	}
}

// FinishUpload hands in the signed artifact.deposited. The receipts of one
// handed in before come again, with created false. Where the bytes differ from
// what the event declares, the *Error's code is digest-mismatch and its
// Differences say how.
func (c *Client) FinishUpload(ctx context.Context, id evidence.Digest, s Submission) (d wire.Deposit, created bool, err error) {
	status, err := c.ask(ctx, call{again: true, build: func() (*http.Request, error) {
		return wire.NewFinishUploadRequest(c.base, id.String(), s.wire())
	}}, &d)
	return d, status == http.StatusCreated, err
}
