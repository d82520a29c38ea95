package locals3_test

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/evidence-custody/custodyd/evidence/vault"
	"github.com/evidence-custody/custodyd/evidence/vault/vaulttest"
)

// TestLargeRanges reads ranges that begin and end anywhere, many at once, while
// some that were asked for are not taken: they hold up nobody else.
func TestLargeRanges(t *testing.T) {
	c := config(newPlace(t).start(t))
	store := open(t, c)
	data := vaulttest.Bytes(60, 25*mib+77)
	o := vaulttest.Deposit(t, store, data)
	size := uint64(len(data))
	for range 12 {
		body, err := store.ReadRange(t.Context(), o.Key, o.Version, 0, size)
		if err != nil {
			t.Fatal(err)
		}
		defer body.Close()
	}
	var wg sync.WaitGroup
	for _, r := range []struct{ off, n uint64 }{
		{0, size}, {1, size - 1}, {4096, 9 * mib}, {8 * mib, 8 * mib}, {8*mib + 4096, 8*mib + 4096}, {16*mib - 7, 5*mib + 13},
		{size - mib, mib}, {size - mib - 1, mib + 1}, {4095, 4*mib + 2}, {12345, 1 << 20}, {size - 4096, 4096},
	} {
		wg.Go(func() {
			body, err := store.ReadRange(t.Context(), o.Key, o.Version, r.off, r.n)
			if err != nil {
				t.Errorf("%d at %d: %v", r.n, r.off, err)
				return
			}
			defer body.Close()
			if got, err := io.ReadAll(body); err != nil || !bytes.Equal(got, data[r.off:r.off+r.n]) {
				t.Errorf("%d at %d: %d bytes that differ, %v", r.n, r.off, len(got), err)
			}
		})
	}
	wg.Wait()
	for _, r := range []struct{ off, n uint64 }{{size, 2 * mib}, {size - mib, 2 * mib}} {
		if _, err := store.ReadRange(t.Context(), o.Key, o.Version, r.off, r.n); !errors.Is(err, vault.ErrSize) {
			t.Errorf("%d at %d, beyond the object: %v, want ErrSize", r.n, r.off, err)
		}
	}
}

// TestRangesOfOlderVersions are read from where the gateway keeps those.
func TestRangesOfOlderVersions(t *testing.T) {
	c := config(newPlace(t).start(t))
	store, raw := open(t, c), vaulttest.Client(t, c)
	data, newer := vaulttest.Bytes(61, 3*mib), vaulttest.Bytes(62, 2*mib)
	o := vaulttest.Deposit(t, store, data)
	info, err := raw.PutObject(t.Context(), c.Bucket, o.Key, bytes.NewReader(newer), int64(len(newer)), "", "", minio.PutObjectOptions{
		UserMetadata: map[string]string{"X-Amz-Checksum-Crc64nvme": vault.ChecksumOf(newer).String()}})
	if err != nil {
		t.Fatal(err)
	}
	vaulttest.CheckBytes(t, store, o, data)
	vaulttest.CheckBytes(t, store, vault.Object{Key: o.Key, Version: info.VersionID}, newer)
	if _, err := store.ReadRange(t.Context(), o.Key, "01HZZZZZZZZZZZZZZZZZZZZZZZ", 0, 2*mib); !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("a version that isn't: %v, want ErrNotFound", err)
	}
}
