package desk

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/evidence-custody/custodyd/api/client"
	"github.com/evidence-custody/custodyd/api/wire"
	"github.com/evidence-custody/custodyd/custody/keyring"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/parcel"
)

// Connection says how to reach a service.
type Connection struct {
	Server     string       // URL
	Key        *keyring.Key // nil: only what is public
	Invitation string       // a one-time token, presented instead of the key
	CAFile     string       // PEM of the authority of its TLS certificate; "" the system's
	Clock      func() time.Time
	Unsafe     bool // allow plain HTTP to another machine
}

// Remote is the service over HTTP. It believes nothing: the desk checks.
type Remote struct {
	c *client.Client
}

var _ Service = (*Remote)(nil)

// Connect makes a Remote; nothing is sent yet. Plain HTTP is refused but to
// this machine itself: a token and personal data would travel in clear.
func Connect(c Connection) (*Remote, error) {
	u, err := url.Parse(c.Server)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the service's address: %w", err)
	}
	if u.Scheme == "http" && !c.Unsafe && !loopback(u.Hostname()) {
		return nil, fmt.Errorf("couldn't use %s: plain HTTP is only for a service on this machine", c.Server)
	}
	// Few tries: somebody waits at a prompt, and whatever was signed is sent
	// again at the next start. Parts of a deposit have tries of their own.
	opts := []client.Option{client.WithRetries(2, 200*time.Millisecond)}
	if c.Clock != nil {
		opts = append(opts, client.WithClock(c.Clock))
	}
	switch {
	case c.Invitation != "":
		opts = append(opts, client.WithToken(c.Invitation))
	case c.Key != nil:
		opts = append(opts, client.WithSigner(c.Key))
	}
	if c.Key != nil && !c.Key.Log.IsZero() {
		opts = append(opts, client.WithLogID(c.Key.Log))
	}
	if c.CAFile != "" {
		h, err := withAuthority(c.CAFile)
		if err != nil {
			return nil, err
		}
		opts = append(opts, client.WithHTTPClient(h))
	}
	cl, err := client.New(c.Server, opts...)
	if err != nil {
		return nil, err
	}
	return &Remote{c: cl}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// HTTPClient is a client of the service's, for whoever reads it without a desk;
// nil where the system's authorities do.
func HTTPClient(caFile string) (*http.Client, error) {
	if caFile == "" {
		return nil, nil
	}
	return withAuthority(caFile)
}

func withAuthority(path string) (*http.Client, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the authority's certificate: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("couldn't use %s: no certificate in it", path)
	}
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return nil, errors.New("couldn't make a TLS transport")
	}
	t = t.Clone()
	t.DisableCompression = true // lengths and digests are of the bytes as they are
	t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, nil
}

// answer turns what the service said no with into an *Answer.
func answer(err error) error {
	var e *client.Error
	if !errors.As(err, &e) {
		return err
	}
	p := e.Problem
	a := &Answer{Status: e.Status, Code: p.Code, Rule: p.Rule, Field: p.Field, Detail: p.Detail}
	if a.Detail == "" {
		a.Detail = p.Title
	}
	a.Existing, _ = evidence.ParseDigest(p.Existing) // absent: zero
	a.Recorded, _ = evidence.ParseDigest(p.Recorded)
	for _, d := range p.Differences {
		a.Differences = append(a.Differences, Difference{Name: d.Name, Declared: d.Declared, Received: d.Received})
	}
	return a
}

// ids reads digests of an answer and keeps the first that cannot be read.
type ids struct{ err error }

func (p *ids) one(s string) evidence.Digest {
	d, err := evidence.ParseDigest(s)
	if err != nil && p.err == nil {
		p.err = fmt.Errorf("couldn't read the service's answer: %w", err)
	}
	return d
}

// some reads a digest that may be absent.
func (p *ids) some(s string) evidence.Digest {
	if s == "" {
		return evidence.Digest{}
	}
	return p.one(s)
}

func (p *ids) optional(s string) *evidence.Digest {
	if s == "" {
		return nil
	}
	d := p.one(s)
	return &d
}

func (p *ids) count(n int64) uint64 {
	if n < 0 && p.err == nil {
		p.err = fmt.Errorf("couldn't read the service's answer: %d is not a count", n)
	}
	return uint64(max(n, 0))
}

func (p *ids) receipt(r wire.Receipt) Receipt {
	out := Receipt{EventID: p.one(r.EventId), Index: p.count(r.Index), LeafHash: p.one(r.LeafHash), Checkpoint: r.Checkpoint, Witnessed: r.Witnessed}
	for _, s := range r.Inclusion {
		out.Inclusion = append(out.Inclusion, p.one(s))
	}
	return out
}

// LogDocument implements Record.
func (r *Remote) LogDocument(ctx context.Context) ([]byte, error) {
	doc, err := r.c.Log(ctx)
	return doc.Document, answer(err)
}

// Checkpoint implements Record.
func (r *Remote) Checkpoint(ctx context.Context, index uint64) ([]byte, error) {
	b, err := r.c.CheckpointOver(ctx, index)
	return b, answer(err)
}

// Consistency implements Record.
func (r *Remote) Consistency(ctx context.Context, from, to uint64) ([]evidence.Digest, error) {
	c, err := r.c.Consistency(ctx, from, to)
	if err != nil {
		return nil, answer(err)
	}
	var p ids
	var out []evidence.Digest
	for _, s := range c.Consistency {
		out = append(out, p.one(s))
	}
	return out, p.err
}

// Append implements Record.
func (r *Remote) Append(ctx context.Context, s Submission) (Receipt, error) {
	receipt, _, err := r.c.AppendEvent(ctx, client.Submission(s))
	if err != nil {
		return Receipt{}, answer(err)
	}
	var p ids
	out := p.receipt(receipt)
	return out, p.err
}

// Event implements Record.
func (r *Remote) Event(ctx context.Context, id evidence.Digest) (Event, error) {
	e, err := r.c.Event(ctx, id)
	if err != nil {
		return Event{}, answer(err)
	}
	var p ids
	out := Event{Receipt: p.receipt(e.Receipt), Envelope: e.Envelope, PublicKey: e.PublicKey}
	for _, d := range e.Details {
		out.Details = append(out.Details, d.Bytes)
	}
	for _, d := range e.Documents {
		out.Documents = append(out.Documents, d.Bytes)
	}
	return out, p.err
}

// Chain implements Record.
func (r *Remote) Chain(ctx context.Context, id evidence.Digest) (Head, bool, error) {
	c, err := r.c.Chain(ctx, id)
	if client.CodeOf(err) == "not-found" {
		return Head{}, false, nil
	}
	if err != nil {
		return Head{}, false, answer(err)
	}
	var p ids
	head := Head{Seq: p.count(c.Seq), Leaf: p.one(c.Leaf), Index: p.count(c.Index)}
	return head, true, p.err
}

// BeginUpload implements Uploads.
func (r *Remote) BeginUpload(ctx context.Context, u UploadRequest) (Upload, error) {
	if len(u.Segments) > 0 {
		out, err := r.c.BeginSegments(ctx, u.Case, u.Parent, u.Segments, u.FileName)
		return uploadOf(out, err)
	}
	out, err := r.c.BeginUpload(ctx, u.Case, u.Parent, u.Size, u.FileName, u.Legacy)
	return uploadOf(out, err)
}

func uploadOf(u wire.Upload, err error) (Upload, error) {
	if err != nil {
		return Upload{}, answer(err)
	}
	names := make([]string, len(u.Digests))
	for i, d := range u.Digests {
		names[i] = string(d)
	}
	legacy, err := evidence.ParseLegacy(names)
	if err != nil {
		return Upload{}, fmt.Errorf("couldn't read the service's answer: %w", err)
	}
	var segments []uint64
	for _, n := range u.Segments {
		segments = append(segments, uint64(n))
	}
	return Upload{ID: u.Id, Legacy: legacy, Segments: segments, Size: u.Size, PartSize: u.PartSize, Parts: u.Parts, Received: u.Received, Window: u.Window, FileName: u.FileName, Expires: u.Expires}, nil
}

// Upload implements Uploads.
func (r *Remote) Upload(ctx context.Context, id string) (Upload, error) {
	d, err := evidence.ParseDigest(id)
	if err != nil {
		return Upload{}, err
	}
	return uploadOf(r.c.Upload(ctx, d))
}

// PutPart implements Uploads.
func (r *Remote) PutPart(ctx context.Context, id string, number int, content *parcel.Parcel) error {
	d, err := evidence.ParseDigest(id)
	if err != nil {
		return err
	}
	_, err = r.c.PutParcel(ctx, d, number, content)
	return answer(err)
}

// FinishUpload implements Uploads.
func (r *Remote) FinishUpload(ctx context.Context, id string, s Submission) (deposited, received Receipt, err error) {
	d, err := evidence.ParseDigest(id)
	if err != nil {
		return Receipt{}, Receipt{}, err
	}
	out, _, err := r.c.FinishUpload(ctx, d, client.Submission(s))
	if err != nil {
		return Receipt{}, Receipt{}, answer(err)
	}
	var p ids
	deposited, received = p.receipt(out.Deposited), p.receipt(out.Received)
	return deposited, received, p.err
}

// Uploads implements Uploads.
func (r *Remote) Uploads(ctx context.Context) ([]Upload, error) {
	list, err := r.c.Uploads(ctx)
	if err != nil {
		return nil, answer(err)
	}
	out := make([]Upload, 0, len(list))
	for _, u := range list {
		one, err := uploadOf(u, nil)
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

// AbortUpload implements Uploads.
func (r *Remote) AbortUpload(ctx context.Context, id string) error {
	d, err := evidence.ParseDigest(id)
	if err != nil {
		return err
	}
	return answer(r.c.AbortUpload(ctx, d))
}
