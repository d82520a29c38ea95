package vault

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Mode is an Object Lock retention mode.
type Mode string

// The two modes of S3 Object Lock. Under Compliance nobody can shorten the
// retention, the storage's administrator included; under Governance a
// permission of the storage can.
const (
	Governance Mode = "GOVERNANCE"
	Compliance Mode = "COMPLIANCE"
)

// Config says where the store is and for how long it keeps evidence.
type Config struct {
	Endpoint  string // host or host:port; ignored when Socket is set
	Socket    string // path of a unix socket the server listens on; then TLS is off
	TLS       bool
	Region    string // us-east-1 if empty
	Bucket    string
	AccessKey string
	SecretKey string

	// Mode and Period of retention have no default: how long evidence is kept
	// is for its custodian to say.
	Mode   Mode
	Period time.Duration // at least a second; counted from Begin, then again from Complete

	// Now and Rand are the clock and the source of keys; time.Now and
	// crypto/rand if nil.
	Now  func() time.Time
	Rand io.Reader

	// Transport replaces the HTTP transport, for tests and instrumentation.
	Transport http.RoundTripper
}

// Store is the evidence vault in one bucket. It is safe for concurrent use.
type Store struct {
	bucket string
	region string
	mode   Mode
	period time.Duration
	now    func() time.Time
	rand   io.Reader

	// core retries what is safe to repeat. once never does: a repeated
	// Complete after an unknown outcome needs a look at the object first.
	core, once *minio.Core
}

// Open checks the configuration and returns the store. It sends nothing:
// EnsureBucket and Probe do.
func Open(_ context.Context, c Config) (*Store, error) {
	switch {
	case c.Mode != Governance && c.Mode != Compliance:
		return nil, fmt.Errorf("couldn't open the vault: retention mode is %q, say GOVERNANCE or COMPLIANCE", c.Mode)
	case c.Period < time.Second:
		return nil, fmt.Errorf("couldn't open the vault: retention period is %s, say how long evidence is kept", c.Period)
	case c.Bucket == "":
		return nil, errors.New("couldn't open the vault: no bucket is named")
	case c.AccessKey == "" || c.SecretKey == "":
		return nil, errors.New("couldn't open the vault: access key and secret key are needed")
	case c.Endpoint == "" && c.Socket == "":
		return nil, errors.New("couldn't open the vault: no endpoint is named")
	}
	if c.Region == "" {
		c.Region = "us-east-1"
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	lookup := minio.BucketLookupAuto
	if c.Socket != "" {
		// The host is only a name in the signature; the socket decides who answers.
		c.Endpoint, c.TLS, lookup = "localhost", false, minio.BucketLookupPath
	}
	if c.Transport == nil {
		tr, err := transport(c)
		if err != nil {
			return nil, fmt.Errorf("couldn't open the vault: %w", err)
		}
		c.Transport = tr
	}
	opts := minio.Options{
		Creds:        credentials.NewStaticV4(c.AccessKey, c.SecretKey, ""),
		Secure:       c.TLS,
		Region:       c.Region,
		BucketLookup: lookup,
		Transport:    watched{c.Transport},
		MaxRetries:   4,
	}
	s := &Store{bucket: c.Bucket, region: c.Region, mode: c.Mode, period: c.Period, now: c.Now, rand: c.Rand}
	var err error
	if s.core, err = minio.NewCore(c.Endpoint, &opts); err != nil {
		return nil, fmt.Errorf("couldn't open the vault at %q: %w", c.Endpoint, err)
	}
	opts.MaxRetries = 1
	if s.once, err = minio.NewCore(c.Endpoint, &opts); err != nil {
		return nil, fmt.Errorf("couldn't open the vault at %q: %w", c.Endpoint, err)
	}
	return s, nil
}

// transport has no ResponseHeaderTimeout: Complete of a large object may be
// silent for minutes while the server puts the parts together.
func transport(c Config) (http.RoundTripper, error) {
	tr, err := minio.DefaultTransport(c.TLS)
	if err != nil {
		return nil, err
	}
	tr.ResponseHeaderTimeout = 0
	tr.DialContext = newDialer().DialContext
	if c.Socket != "" {
		tr.Proxy = nil
		tr.DialContext = dialSocket(c.Socket)
		tr.WriteBufferSize = 256 << 10
		tr.ReadBufferSize = 256 << 10
	}
	return tr, nil
}
