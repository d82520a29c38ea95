// Package vaulttest is the conformance suite of the evidence vault: what a
// server must do under vault.Store to hold evidence. Every server the service
// is run on is put through it.
package vaulttest

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/evidence-custody/custodyd/evidence/vault"
)

// Run puts a server through the suite. config returns how to reach it, with a
// bucket name no other call returned; mode and period are the suite's own.
// Objects it stores stay locked for a minute.
func Run(t *testing.T, config func(t *testing.T) vault.Config) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, b *bench)
	}{
		{"the probe passes, again and again", testProbe},
		{"a legal hold outlasts the retention", testExamine},
		{"a bucket without lock is refused", testUnlockedBucket},
		{"a deposit reads back as it was sent", testDeposit},
		{"parts are checked before they are sent", testPartLengths},
		{"a part sent again replaces the one before", testReplacedPart},
		{"a part with a wrong checksum is not taken", testWrongChecksum},
		{"parts that were not sent don't complete", testWrongParts},
		{"an aborted upload leaves nothing", testAbort},
		{"a locked version is not deleted", testLockedDelete},
		{"retention is extended, never shortened", testExtend},
		{"an overwrite makes another version", testOverwrite},
		{"completing again returns the same object", testCompleteAgain},
		{"concurrent completes make one object", testConcurrentComplete},
		{"an answer that was lost is found out", testLostAnswer},
		{"a request that was lost is sent again", testLostRequest},
		{"a deposit that outlasts its retention is locked anew", testSlowDeposit},
		{"ranges", testRanges},
		{"pending uploads are listed", testListUploads},
		{"what is kept by name is what was kept first", testKeep},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := &bench{config: config(t)}
			b.config.Mode, b.config.Period = vault.Compliance, time.Minute
			b.store = b.open(t, nil)
			b.raw = Client(t, b.config)
			c.test(t, b)
		})
	}
}

// bench is a store on the server under test, and a client that goes past it.
type bench struct {
	config vault.Config
	store  *vault.Store
	raw    *minio.Core
}

func (b *bench) open(t *testing.T, change func(*vault.Config)) *vault.Store {
	t.Helper()
	c := b.config
	if change != nil {
		change(&c)
	}
	s, err := vault.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (b *bench) ready(t *testing.T) {
	t.Helper()
	if err := b.store.EnsureBucket(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Transport returns a transport that reaches the configured server.
func Transport(c vault.Config) *http.Transport {
	return &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		if c.Socket != "" {
			network, address = "unix", c.Socket
		}
		var d net.Dialer
		return d.DialContext(ctx, network, address)
	}}
}

// Client returns a client that goes past the store, for what the store never does.
func Client(t testing.TB, c vault.Config) *minio.Core {
	t.Helper()
	if c.Socket != "" {
		c.Endpoint = "localhost"
	}
	region := c.Region
	if region == "" {
		region = "us-east-1"
	}
	core, err := minio.NewCore(c.Endpoint, &minio.Options{
		Creds: credentials.NewStaticV4(c.AccessKey, c.SecretKey, ""), Secure: c.TLS, Region: region,
		Transport: Transport(c), BucketLookup: minio.BucketLookupPath, MaxRetries: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	return core
}

// Bytes returns n bytes that look random and are the same for the same seed.
func Bytes(seed byte, n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

// PutAll stores data as the upload's parts and returns them in order.
func PutAll(t testing.TB, s *vault.Store, u vault.Upload, data []byte) []vault.Part {
	t.Helper()
	parts := make([]vault.Part, u.Parts())
	for n := u.Parts(); n >= 1; n-- { // backwards: order must not matter
		off := uint64(n-1) * u.PartSize
		p, err := s.PutPart(t.Context(), u, n, data[off:off+u.PartLen(n)])
		if err != nil {
			t.Fatal(err)
		}
		parts[n-1] = p
	}
	return parts
}

// Deposit stores data as one object.
func Deposit(t testing.TB, s *vault.Store, data []byte) vault.Object {
	t.Helper()
	u, err := s.Begin(t.Context(), uint64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	o, err := s.Complete(t.Context(), u, PutAll(t, s, u, data))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// CheckBytes reads the version whole and compares it with data.
func CheckBytes(t testing.TB, s *vault.Store, o vault.Object, data []byte) {
	t.Helper()
	body, err := s.ReadRange(t.Context(), o.Key, o.Version, 0, uint64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	got, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, data) {
		t.Error("the object reads back different")
	}
}

// versions counts the versions of key, delete markers included.
func (b *bench) versions(t *testing.T, key string) int {
	t.Helper()
	n := 0
	for v := range b.raw.ListObjectsIter(t.Context(), b.config.Bucket, minio.ListObjectsOptions{Prefix: key, WithVersions: true, Recursive: true}) {
		if v.Err != nil {
			t.Fatal(v.Err)
		}
		n++
	}
	return n
}
