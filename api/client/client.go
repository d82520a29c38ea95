// Package client calls the custody service's HTTP API from Go.
//
// It checks nothing that evidence rests on: receipts, dossiers and artifacts
// are for the caller to verify, with the packages made for it. It imports only
// package wire and the pure half, so labs can use it alone.
package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/evidence-custody/custodyd/evidence"
)

// AssertionSigner signs assertions with the caller's own key, which stays
// where it is.
type AssertionSigner interface {
	// KeyID is SHA-256 of the key's SPKI.
	KeyID() evidence.Digest
	// SignJWT signs SHA-256 of signingInput with ECDSA P-256 and returns r and
	// s, 32 bytes each, big-endian (RFC 7518, 3.4).
	SignJWT(signingInput []byte) (rs []byte, err error)
}

// Client calls one service. It is safe for concurrent use.
type Client struct {
	base    string // ends in "/"
	http    *http.Client
	signer  AssertionSigner
	fixed   string // a bearer given once, such as an invitation
	clock   func() time.Time
	retries int
	wait    time.Duration
	stall   time.Duration

	mu     sync.Mutex // guards what follows, and lets one renewal run at a time
	logID  evidence.Digest
	token  string
	expiry time.Time
}

// Option sets up a Client.
type Option func(*Client)

// WithSigner makes the client ask for tokens by assertions of this key, and
// renew them by itself.
func WithSigner(s AssertionSigner) Option { return func(c *Client) { c.signer = s } }

// WithToken makes the client present this bearer and no other: an invitation.
func WithToken(secret string) Option { return func(c *Client) { c.fixed = secret } }

// WithLogID pins the log that assertions are for. Without it the client
// believes the service about its id, and a service that lies could present the
// assertion to another one, as long as it lasts.
func WithLogID(id evidence.Digest) Option { return func(c *Client) { c.logID = id } }

// WithHTTPClient replaces the HTTP client; its Timeout should be zero, since
// images take hours.
func WithHTTPClient(h *http.Client) Option { return func(c *Client) { c.http = h } }

// WithRetries bounds how often an idempotent call is tried again (default 5)
// and the first wait, which doubles (default 300 ms).
func WithRetries(n int, wait time.Duration) Option {
	return func(c *Client) { c.retries, c.wait = n, wait }
}

// WithClock replaces time.Now.
func WithClock(now func() time.Time) Option { return func(c *Client) { c.clock = now } }

// WithStall bounds how long a download may stand still (default 60 s).
func WithStall(d time.Duration) Option { return func(c *Client) { c.stall = d } }

// New makes a client of the service at baseURL, e.g. "http://127.0.0.1:8440".
// Nothing is called yet.
func New(baseURL string, opts ...Option) (*Client, error) {
	u, err := url.Parse(baseURL)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the service's address: %w", err)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, fmt.Errorf("couldn't use %.200q as the service's address: want http(s)://host[:port][/path]", baseURL)
	}
	c := &Client{base: strings.TrimRight(baseURL, "/") + "/", clock: time.Now, retries: 5, wait: 300 * time.Millisecond, stall: time.Minute}
	for _, o := range opts {
		o(c)
	}
	if c.signer != nil && c.fixed != "" {
		return nil, errors.New("couldn't make a client: a signer and a fixed token exclude each other")
	}
	if c.http == nil {
		c.http = newHTTP()
	}
	return c, nil
}

func newHTTP() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			TLSHandshakeTimeout:   10 * time.Second,
			ExpectContinueTimeout: 2 * time.Second,
			ResponseHeaderTimeout: 15 * time.Minute, // finishing a large deposit takes a while
			MaxIdleConnsPerHost:   16,
			IdleConnTimeout:       90 * time.Second,
			DisableCompression:    true, // lengths and digests are of the bytes as they are
			ForceAttemptHTTP2:     true,
		},
		// A redirect would carry the token elsewhere; the API has none.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// LogID is the pinned log id, or what the service says its id is.
func (c *Client) LogID(ctx context.Context) (evidence.Digest, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.logIDLocked(ctx)
}

func (c *Client) logIDLocked(ctx context.Context) (evidence.Digest, error) {
	if !c.logID.IsZero() {
		return c.logID, nil
	}
	doc, err := c.Log(ctx) // public: needs no token, so no lock
	if err != nil {
		return evidence.Digest{}, err
	}
	id := evidence.Sum(doc.Document)
	if id.String() != doc.Id {
		return evidence.Digest{}, fmt.Errorf("couldn't use the log's document: its digest is %s, not the announced id %.80s", id, doc.Id)
	}
	c.logID = id
	return id, nil
}
