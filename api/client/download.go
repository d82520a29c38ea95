package client

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/evidence-custody/custodyd/api/wire"
	"github.com/evidence-custody/custodyd/evidence"
)

// Download is content as it comes in: read it to io.EOF, then Close. A
// connection that is cut gives io.ErrUnexpectedEOF. Nothing has been verified.
type Download struct {
	io.Reader
	Length  int64            // bytes to come; -1 unknown
	Offset  int64            // of the first byte in the whole
	Total   int64            // bytes of the whole
	Whole   *evidence.Digest // of the whole, as the service says; nil where it doesn't
	Partial bool
	body    io.Closer
	cancel  context.CancelFunc
}

// Close ends the download, wherever it is.
func (d *Download) Close() error {
	d.cancel()
	return d.body.Close()
}

// ErrDigest: the bytes that came aren't those the service announced.
var ErrDigest = errors.New("bytes differ from their announced digest")

// Bytes reads a whole document of at most limit bytes, closes the download and
// compares the announced digest. That guards against accidents of transport
// alone; what a dossier is worth, its verifier says.
func (d *Download) Bytes(limit int64) ([]byte, error) {
	defer d.Close()
	b, err := io.ReadAll(io.LimitReader(d, limit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("couldn't download: %w", err)
	case int64(len(b)) > limit:
		return nil, fmt.Errorf("couldn't download: more than %d bytes", limit)
	case d.Length >= 0 && int64(len(b)) != d.Length:
		return nil, fmt.Errorf("couldn't download: %w", io.ErrUnexpectedEOF)
	case d.Whole != nil && !d.Partial && evidence.Sum(b) != *d.Whole:
		return nil, fmt.Errorf("couldn't download: %w", ErrDigest)
	}
	return b, nil
}

// Artifact downloads an artifact from offset to its end, for the reader's own
// access.requested. To resume, ask again from where it broke off; the bytes are
// the same, or the blocks' hashes will tell.
func (c *Client) Artifact(ctx context.Context, sha256, request evidence.Digest, offset int64) (*Download, error) {
	rng := ""
	if offset > 0 {
		rng = fmt.Sprintf("bytes=%d-", offset)
	}
	return c.artifact(ctx, sha256, request, rng, offset)
}

// ArtifactRange downloads length bytes from offset.
func (c *Client) ArtifactRange(ctx context.Context, sha256, request evidence.Digest, offset, length int64) (*Download, error) {
	if offset < 0 || length <= 0 {
		return nil, fmt.Errorf("couldn't download %d bytes from %d: no such range", length, offset)
	}
	return c.artifact(ctx, sha256, request, fmt.Sprintf("bytes=%d-%d", offset, offset+length-1), offset)
}

func (c *Client) artifact(ctx context.Context, sha256, request evidence.Digest, rng string, offset int64) (*Download, error) {
	d, err := c.download(ctx, func() (*http.Request, error) {
		params := &wire.GetArtifactContentParams{Request: request.String(), Range: given(rng)}
		if rng != "" {
			params.IfRange = given(`"` + sha256.String() + `"`)
		}
		return wire.NewGetArtifactContentRequest(c.base, sha256.String(), params)
	})
	if err != nil {
		return nil, err
	}
	if rng != "" && (!d.Partial || d.Offset != offset) {
		d.Close()
		return nil, fmt.Errorf("couldn't download from %d: the service sent other bytes", offset)
	}
	return d, nil
}

// Blocks downloads the 32-byte leaf hashes of the artifact's 8 MiB blocks.
func (c *Client) Blocks(ctx context.Context, sha256, request evidence.Digest) (*Download, error) {
	return c.download(ctx, func() (*http.Request, error) {
		return wire.NewGetArtifactBlocksRequest(c.base, sha256.String(), &wire.GetArtifactBlocksParams{Request: request.String()})
	})
}

func (c *Client) download(ctx context.Context, build func() (*http.Request, error)) (*Download, error) {
	ctx, cancel := context.WithCancel(ctx)
	res, err := c.do(ctx, call{build: build, again: true})
	if err != nil {
		cancel()
		return nil, err
	}
	d := &Download{Length: res.ContentLength, Total: res.ContentLength, Partial: res.StatusCode == http.StatusPartialContent,
		Whole: reprDigest(res.Header.Get("Repr-Digest")), body: res.Body, cancel: cancel}
	d.Reader = &stallReader{r: res.Body, limit: c.stall, cancel: cancel}
	if d.Partial {
		var last int64
		if n, err := fmt.Sscanf(res.Header.Get("Content-Range"), "bytes %d-%d/%d", &d.Offset, &last, &d.Total); n != 3 || err != nil || last-d.Offset+1 != d.Length {
			d.Close()
			return nil, errors.New("couldn't download: the answer's Content-Range doesn't fit it")
		}
	}
	return d, nil
}

// reprDigest reads the SHA-256 of a Repr-Digest header, or nil.
func reprDigest(header string) *evidence.Digest {
	text, ok := strings.CutPrefix(header, "sha-256=:")
	text, end := strings.CutSuffix(text, ":")
	b, err := base64.StdEncoding.DecodeString(text)
	if !ok || !end || err != nil || len(b) != len(evidence.Digest{}) {
		return nil
	}
	d := evidence.Digest(b)
	return &d
}

// stallReader gives up when nothing comes for a while.
type stallReader struct {
	r      io.Reader
	limit  time.Duration
	cancel context.CancelFunc
}

func (s *stallReader) Read(p []byte) (int, error) {
	t := time.AfterFunc(s.limit, s.cancel)
	n, err := s.r.Read(p)
	if !t.Stop() && err != nil && err != io.EOF {
		return n, fmt.Errorf("nothing came for %s: %w", s.limit, io.ErrUnexpectedEOF)
	}
	return n, err
}
