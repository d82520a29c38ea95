package vault

import (
	"io"
	"net/http"
	"sync"
)

// sent is a part's body under way. net/http may go on reading a body after the
// request has failed, and says when it is done by closing it; minio-go keeps
// that from whoever gave the body. So it is closed here, by whoever reads it
// last: the memory behind it is used again then.
type sent struct {
	io.ReadCloser
	mu   sync.Mutex
	uses int // requests that may be reading it
	over bool
}

type sentKey struct{}

func (b *sent) begin() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.uses++
}

func (b *sent) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.uses--; b.uses == 0 && b.over {
		b.ReadCloser.Close()
	}
}

// unsent says that no request will be made of it any more.
func (b *sent) unsent() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over = true; b.uses == 0 {
		b.ReadCloser.Close()
	}
}

// watched tells bodies when they are no longer read.
type watched struct{ http.RoundTripper }

func (w watched) RoundTrip(req *http.Request) (*http.Response, error) {
	body, ok := req.Context().Value(sentKey{}).(*sent)
	if !ok || req.Body == nil || req.Body == http.NoBody {
		return w.RoundTripper.RoundTrip(req)
	}
	body.begin()
	req = req.Clone(req.Context())
	req.Body = &watchedBody{ReadCloser: req.Body, of: body}
	return w.RoundTripper.RoundTrip(req) // which closes the body, also on errors
}

type watchedBody struct {
	io.ReadCloser
	of   *sent
	once sync.Once
}

func (b *watchedBody) Close() error {
	err := b.ReadCloser.Close()
	b.once.Do(b.of.end)
	return err
}

// WriteTo implements io.WriterTo, for a connection that asks: content that can
// write itself does so, without being copied.
func (b *watchedBody) WriteTo(w io.Writer) (int64, error) {
	if content, ok := b.of.ReadCloser.(io.WriterTo); ok {
		return content.WriteTo(w)
	}
	return io.Copy(w, struct{ io.Reader }{b.ReadCloser})
}
