package vaulttest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/evidence-custody/custodyd/evidence/vault"
)

func testLockedDelete(t *testing.T, b *bench) {
	b.ready(t)
	data := Bytes(8, 1000)
	o := Deposit(t, b.store, data)
	for name, opts := range map[string]minio.RemoveObjectOptions{
		"plainly":         {VersionID: o.Version},
		"with the bypass": {VersionID: o.Version, GovernanceBypass: true},
	} {
		if err := b.raw.RemoveObject(t.Context(), b.config.Bucket, o.Key, opts); err == nil {
			t.Errorf("it was deleted %s", name)
		}
	}
	// Without a version a delete hides the object behind a marker; the version stays.
	_ = b.raw.RemoveObject(t.Context(), b.config.Bucket, o.Key, minio.RemoveObjectOptions{})
	CheckBytes(t, b.store, o, data)
	if got, err := b.store.Stat(t.Context(), o.Key, o.Version); err != nil || got != o {
		t.Errorf("the version is now %+v, %v", got, err)
	}
}

func testExtend(t *testing.T, b *bench) {
	b.ready(t)
	o := Deposit(t, b.store, Bytes(9, 1000))
	later := o.RetainUntil.Add(30 * time.Second)
	if err := b.store.Extend(t.Context(), o.Key, o.Version, later); err != nil {
		t.Fatal(err)
	}
	if err := b.store.Extend(t.Context(), o.Key, o.Version, later); err != nil {
		t.Errorf("the same end again: %v", err)
	}
	if err := b.store.Extend(t.Context(), o.Key, o.Version, o.RetainUntil); !errors.Is(err, vault.ErrShorten) {
		t.Errorf("an earlier end: %v, want ErrShorten", err)
	}
	compliance, governance := minio.Compliance, minio.Governance
	for name, opts := range map[string]minio.PutObjectRetentionOptions{
		"shortened":     {Mode: &compliance, RetainUntilDate: &o.RetainUntil, VersionID: o.Version, GovernanceBypass: true},
		"made milder":   {Mode: &governance, RetainUntilDate: &later, VersionID: o.Version, GovernanceBypass: true},
		"simply lifted": {VersionID: o.Version, GovernanceBypass: true},
	} {
		if err := b.raw.PutObjectRetention(t.Context(), b.config.Bucket, o.Key, opts); err == nil {
			t.Errorf("the retention was %s", name)
		}
	}
	got, err := b.store.Stat(t.Context(), o.Key, o.Version)
	if err != nil || !got.RetainUntil.Equal(later) || got.Mode != vault.Compliance {
		t.Errorf("it is now %+v, %v", got, err)
	}
}

func testOverwrite(t *testing.T, b *bench) {
	b.ready(t)
	data := Bytes(10, 5000)
	o := Deposit(t, b.store, data)
	// The store never writes to a key again; this goes past it.
	other := Bytes(11, 5000)
	id, err := b.raw.NewMultipartUpload(t.Context(), b.config.Bucket, o.Key, minio.PutObjectOptions{
		UserMetadata: map[string]string{"X-Amz-Checksum-Algorithm": "CRC64NVME", "X-Amz-Checksum-Type": "FULL_OBJECT"},
	})
	if err != nil {
		t.Fatal(err)
	}
	part, err := b.raw.PutObjectPart(t.Context(), b.config.Bucket, o.Key, id, 1, bytes.NewReader(other), int64(len(other)), minio.PutObjectPartOptions{
		DisableContentSha256: true,
		CustomHeader:         http.Header{"X-Amz-Checksum-Crc64nvme": {vault.ChecksumOf(other).String()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.raw.CompleteMultipartUpload(t.Context(), b.config.Bucket, o.Key, id,
		[]minio.CompletePart{{PartNumber: 1, ETag: part.ETag, ChecksumCRC64NVME: vault.ChecksumOf(other).String()}}, minio.PutObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	CheckBytes(t, b.store, o, data)
	if got, err := b.store.Stat(t.Context(), o.Key, o.Version); err != nil || got != o {
		t.Errorf("the first version is now %+v, %v", got, err)
	}
	newest, err := b.store.Stat(t.Context(), o.Key, "")
	if err != nil || newest.Version == o.Version {
		t.Errorf("the newest version is %+v, %v", newest, err)
	}
	if err := b.raw.RemoveObject(t.Context(), b.config.Bucket, o.Key, minio.RemoveObjectOptions{VersionID: o.Version}); err == nil {
		t.Error("the first version could be deleted")
	}
	CheckBytes(t, b.store, o, data)
}

func testCompleteAgain(t *testing.T, b *bench) {
	b.ready(t)
	data := Bytes(12, 17*mib)
	u, err := b.store.Begin(t.Context(), uint64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	parts := PutAll(t, b.store, u, data)
	first, err := b.store.Complete(t.Context(), u, parts)
	if err != nil {
		t.Fatal(err)
	}
	again, err := b.store.Complete(t.Context(), u, parts)
	if err != nil || again != first {
		t.Errorf("the second time: %+v, %v; the first: %+v", again, err, first)
	}
	if n := b.versions(t, u.Key); n != 1 {
		t.Errorf("%d versions", n)
	}
}

func testConcurrentComplete(t *testing.T, b *bench) {
	b.ready(t)
	data := Bytes(13, 49*mib)
	u, err := b.store.Begin(t.Context(), uint64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	parts := PutAll(t, b.store, u, data)
	var wg sync.WaitGroup
	got, errs := make([]vault.Object, 4), make([]error, 4)
	for i := range got {
		wg.Go(func() { got[i], errs[i] = b.store.Complete(t.Context(), u, parts) })
	}
	wg.Wait()
	for i := range got {
		if errs[i] != nil || got[i] != got[0] {
			t.Errorf("caller %d: %+v, %v", i, got[i], errs[i])
		}
	}
	if n := b.versions(t, u.Key); n != 1 {
		t.Errorf("%d versions", n)
	}
	CheckBytes(t, b.store, got[0], data)
}

// flaky breaks the connection around Complete, a number of times.
type flaky struct {
	http.RoundTripper
	before, after atomic.Int32 // so many requests, then so many answers, are to be lost
	cut           atomic.Int32 // so many were
}

var errCut = errors.New("connection cut by the test")

func (f *flaky) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodPost || !strings.Contains(r.URL.RawQuery, "uploadId=") {
		return f.RoundTripper.RoundTrip(r)
	}
	if f.before.Add(-1) >= 0 {
		f.cut.Add(1)
		return nil, errCut
	}
	resp, err := f.RoundTripper.RoundTrip(r)
	if err == nil && f.after.Add(-1) >= 0 {
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		f.cut.Add(1)
		return nil, errCut
	}
	return resp, err
}

func (b *bench) completeOver(t *testing.T, f *flaky, want int32) {
	b.ready(t)
	if f.RoundTripper = b.config.Transport; f.RoundTripper == nil {
		f.RoundTripper = Transport(b.config)
	}
	s := b.open(t, func(c *vault.Config) { c.Transport = f })
	data := Bytes(14, 17*mib)
	u, err := s.Begin(t.Context(), uint64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	o, err := s.Complete(t.Context(), u, PutAll(t, s, u, data))
	if err != nil {
		t.Fatal(err)
	}
	if n := f.cut.Load(); n != want {
		t.Errorf("%d connections were cut, want %d", n, want)
	}
	CheckBytes(t, s, o, data)
	if n := b.versions(t, u.Key); n != 1 {
		t.Errorf("%d versions", n)
	}
}

func testLostAnswer(t *testing.T, b *bench) {
	f := &flaky{}
	f.after.Store(1)
	b.completeOver(t, f, 1)
}

func testLostRequest(t *testing.T, b *bench) {
	f := &flaky{}
	f.before.Store(2)
	b.completeOver(t, f, 2)
}

func testSlowDeposit(t *testing.T, b *bench) {
	b.ready(t)
	// Begun by a service whose clock was three quarters of an hour back, with
	// a period that has nearly run out by the time the last part is there.
	hour := func(c *vault.Config) { c.Period = time.Hour }
	slow := b.open(t, func(c *vault.Config) {
		hour(c)
		c.Now = func() time.Time { return time.Now().Add(-45 * time.Minute) }
	})
	data := Bytes(15, 1000)
	u, err := slow.Begin(t.Context(), uint64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	o, err := b.open(t, hour).Complete(context.WithoutCancel(t.Context()), u, PutAll(t, slow, u, data))
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(o.RetainUntil); left < 59*time.Minute {
		t.Errorf("only %s of the retention are left", left)
	}
}
