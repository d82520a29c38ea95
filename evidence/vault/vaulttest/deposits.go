package vaulttest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/evidence-custody/custodyd/evidence/vault"
)

const mib = 1 << 20

func testProbe(t *testing.T, b *bench) {
	for name, ask := range map[string]func(context.Context) error{"the probe": b.store.Probe, "the bucket's check": b.store.CheckBucket} {
		if err := ask(t.Context()); !errors.Is(err, vault.ErrNotFound) || errors.Is(err, vault.ErrUnsafeStore) {
			t.Errorf("%s without a bucket: %v, want ErrNotFound", name, err)
		}
	}
	if there, err := b.raw.BucketExists(t.Context(), b.config.Bucket); err != nil || there {
		t.Errorf("a check made the bucket: %v, %v", there, err)
	}
	b.ready(t)
	b.ready(t) // a second start finds the bucket
	if err := b.store.CheckBucket(t.Context()); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := b.store.Probe(t.Context()); err != nil {
			t.Error(err)
		}
	}
	governed := b.open(t, func(c *vault.Config) { c.Mode = vault.Governance })
	if err := governed.Probe(t.Context()); err != nil {
		t.Error(err)
	}
}

// testExamine runs both modes at once: each waits for a retention to expire.
func testExamine(t *testing.T, b *bench) {
	b.ready(t)
	var wg sync.WaitGroup
	for _, mode := range []vault.Mode{vault.Compliance, vault.Governance} {
		s := b.open(t, func(c *vault.Config) { c.Mode = mode })
		wg.Go(func() {
			findings, err := s.Examine(t.Context())
			if err != nil {
				t.Errorf("%s: %v", mode, err)
			}
			asked := map[string]bool{}
			for _, f := range findings {
				if asked[f.Check] = true; !f.OK() {
					t.Errorf("%s: %s: refused %q, skipped %q", mode, f.Check, f.Refused, f.Skipped)
				}
			}
			for _, check := range []string{"bucket-versioning", "bucket-lock", "wrong-checksum", "truncated-part", "aborted-part",
				"read-back", "lock-kept", "delete-locked", "shorten-locked", "legal-hold"} {
				if !asked[check] {
					t.Errorf("%s: %s was not asked", mode, check)
				}
			}
		})
	}
	wg.Wait()
}

func testUnlockedBucket(t *testing.T, b *bench) {
	if err := b.raw.MakeBucket(t.Context(), b.config.Bucket, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	err := b.store.EnsureBucket(t.Context())
	var unsafe *vault.UnsafeStoreError
	if !errors.As(err, &unsafe) || !errors.Is(err, vault.ErrUnsafeStore) {
		t.Errorf("got %v, want an UnsafeStoreError", err)
	}
	if err := b.store.Probe(t.Context()); !errors.Is(err, vault.ErrUnsafeStore) {
		t.Errorf("the probe: %v, want an UnsafeStoreError", err)
	}
	findings, err := b.store.Examine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	refused := map[string]bool{}
	for _, f := range findings {
		refused[f.Check] = f.Refused != ""
	}
	if len(findings) != 10 || !refused["bucket-lock"] {
		t.Errorf("findings: %+v", findings)
	}
}

func testDeposit(t *testing.T, b *bench) {
	b.ready(t)
	data := Bytes(1, 37*mib+5)
	before := time.Now()
	o := Deposit(t, b.store, data)
	if o.Size != uint64(len(data)) || o.CRC != vault.ChecksumOf(data) || o.Version == "" || o.ETag == "" {
		t.Errorf("the object is described as %+v", o)
	}
	if o.Mode != vault.Compliance || o.RetainUntil.Before(before.Add(b.config.Period)) || o.RetainUntil.After(time.Now().Add(b.config.Period+2*time.Second)) {
		t.Errorf("retained %q until %s", o.Mode, o.RetainUntil)
	}
	CheckBytes(t, b.store, o, data)
	if again := Deposit(t, b.store, data); again.Key == o.Key {
		t.Error("a key was used twice")
	}
	small := Deposit(t, b.store, []byte("x"))
	CheckBytes(t, b.store, small, []byte("x"))
}

func testPartLengths(t *testing.T, b *bench) {
	b.ready(t)
	u, err := b.store.Begin(t.Context(), 20*mib)
	if err != nil {
		t.Fatal(err)
	}
	for _, try := range []struct{ n, size int }{{0, 16 * mib}, {1, 16*mib - 1}, {1, 4 * mib}, {2, 16 * mib}, {3, 4 * mib}, {-1, 1}, {2, 0}} {
		if _, err := b.store.PutPart(t.Context(), u, try.n, make([]byte, try.size)); !errors.Is(err, vault.ErrParts) {
			t.Errorf("part %d of %d bytes: %v, want ErrParts", try.n, try.size, err)
		}
	}
	if _, err := b.store.Begin(t.Context(), 0); !errors.Is(err, vault.ErrSize) {
		t.Errorf("an empty object: %v, want ErrSize", err)
	}
	if _, err := b.store.Begin(t.Context(), vault.MaxSize+1); !errors.Is(err, vault.ErrSize) {
		t.Errorf("an object over the maximum: %v, want ErrSize", err)
	}
}

func testReplacedPart(t *testing.T, b *bench) {
	b.ready(t)
	u, err := b.store.Begin(t.Context(), 17*mib)
	if err != nil {
		t.Fatal(err)
	}
	PutAll(t, b.store, u, Bytes(2, 17*mib))
	data := Bytes(3, 17*mib)
	parts := PutAll(t, b.store, u, data)
	listed, err := b.store.ListParts(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	if len(listed) != len(parts) || listed[0] != parts[0] || listed[1] != parts[1] {
		t.Errorf("listed %+v, sent %+v", listed, parts)
	}
	o, err := b.store.Complete(t.Context(), u, listed)
	if err != nil {
		t.Fatal(err)
	}
	CheckBytes(t, b.store, o, data)
}

func testWrongChecksum(t *testing.T, b *bench) {
	b.ready(t)
	data := Bytes(4, 64<<10)
	u, err := b.store.Begin(t.Context(), uint64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.raw.PutObjectPart(t.Context(), b.config.Bucket, u.Key, u.ID, 1, bytes.NewReader(data), int64(len(data)), minio.PutObjectPartOptions{
		DisableContentSha256: true,
		CustomHeader:         http.Header{"X-Amz-Checksum-Crc64nvme": {(vault.ChecksumOf(data) ^ 1).String()}},
	})
	if err == nil {
		t.Error("it was taken")
	}
	_, err = b.raw.PutObjectPart(t.Context(), b.config.Bucket, u.Key, u.ID, 1, io.LimitReader(bytes.NewReader(data), 100), int64(len(data)), minio.PutObjectPartOptions{
		DisableContentSha256: true,
		CustomHeader:         http.Header{"X-Amz-Checksum-Crc64nvme": {vault.ChecksumOf(data).String()}},
	})
	if err == nil {
		t.Error("a part cut short was taken")
	}
	parts, err := b.store.ListParts(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	if len(parts) != 0 {
		t.Errorf("it is listed: %+v", parts)
	}
}

func testWrongParts(t *testing.T, b *bench) {
	b.ready(t)
	u, err := b.store.Begin(t.Context(), 33*mib)
	if err != nil {
		t.Fatal(err)
	}
	parts := PutAll(t, b.store, u, Bytes(5, 33*mib))
	for name, wrong := range map[string][]vault.Part{
		"too few":  parts[:2],
		"too many": append(append([]vault.Part{}, parts...), parts[2]),
		"swapped":  {parts[1], parts[0], parts[2]},
		"none":     nil,
	} {
		if _, err := b.store.Complete(t.Context(), u, wrong); !errors.Is(err, vault.ErrParts) {
			t.Errorf("%s: %v, want ErrParts", name, err)
		}
	}
	other := append([]vault.Part{}, parts...)
	other[1].CRC ^= 1
	if _, err := b.store.Complete(t.Context(), u, other); err == nil {
		t.Error("a part was completed under a checksum it doesn't have")
	}
	if _, err := b.store.Stat(t.Context(), u.Key, ""); !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("after refused completions the object is there: %v", err)
	}
	if _, err := b.store.Complete(t.Context(), u, parts); err != nil {
		t.Errorf("the right parts don't complete afterwards: %v", err)
	}
}

func testAbort(t *testing.T, b *bench) {
	b.ready(t)
	data := Bytes(6, 17*mib)
	u, err := b.store.Begin(t.Context(), uint64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	parts := PutAll(t, b.store, u, data)
	for range 2 { // the second time there is nothing to abort, which is no error
		if err := b.store.Abort(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.store.PutPart(t.Context(), u, 2, data[16*mib:]); !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("a part after the end: %v, want ErrNotFound", err)
	}
	if _, err := b.store.ListParts(t.Context(), u); !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("its parts: %v, want ErrNotFound", err)
	}
	if _, err := b.store.Complete(t.Context(), u, parts); !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("completed after the end: %v, want ErrNotFound", err)
	}
	pending, err := b.store.ListUploads(t.Context())
	if err != nil || len(pending) != 0 {
		t.Errorf("pending: %+v, %v", pending, err)
	}
	if n := b.versions(t, u.Key); n != 0 {
		t.Errorf("%d versions of an aborted object", n)
	}
}

func testRanges(t *testing.T, b *bench) {
	b.ready(t)
	data := Bytes(7, 17*mib+3)
	o := Deposit(t, b.store, data)
	size := uint64(len(data))
	for _, r := range []struct{ off, n uint64 }{{0, 1}, {size - 1, 1}, {16*mib - 7, 14}, {8 * mib, 8 * mib}, {1, size - 1}, {0, size}} {
		body, err := b.store.ReadRange(t.Context(), o.Key, o.Version, r.off, r.n)
		if err != nil {
			t.Errorf("%d at %d: %v", r.n, r.off, err)
			continue
		}
		got, err := io.ReadAll(body)
		body.Close()
		if err != nil || !bytes.Equal(got, data[r.off:r.off+r.n]) {
			t.Errorf("%d at %d: %d bytes that differ, %v", r.n, r.off, len(got), err)
		}
	}
	for _, r := range []struct{ off, n uint64 }{{size, 1}, {size - 1, 2}, {0, size + 1}, {0, 0}, {^uint64(0), 2}, {1 << 62, 1 << 62}} {
		if body, err := b.store.ReadRange(t.Context(), o.Key, o.Version, r.off, r.n); !errors.Is(err, vault.ErrSize) {
			t.Errorf("%d at %d, beyond the object: %v, want ErrSize", r.n, r.off, err)
			if err == nil {
				body.Close()
			}
		}
	}
	if _, err := b.store.ReadRange(t.Context(), o.Key+"0", "", 0, 1); !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("an unknown key: %v, want ErrNotFound", err)
	}
	if _, err := b.store.Stat(t.Context(), o.Key+"0", ""); !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("an unknown key: %v, want ErrNotFound", err)
	}
}

func testListUploads(t *testing.T, b *bench) {
	b.ready(t)
	want := map[string]string{}
	for range 3 {
		u, err := b.store.Begin(t.Context(), mib)
		if err != nil {
			t.Fatal(err)
		}
		want[u.Key] = u.ID
	}
	pending, err := b.store.ListUploads(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(pending) != len(want) {
		t.Errorf("%d pending, want %d", len(pending), len(want))
	}
	for _, p := range pending {
		if want[p.Key] != p.ID || p.Begun.IsZero() {
			t.Errorf("listed %+v", p)
		}
	}
}
