package vaulttest

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/evidence-custody/custodyd/evidence/vault"
)

func testKeep(t *testing.T, b *bench) {
	b.ready(t)
	const name = "3f/tile/0/x001/234.example"
	if _, err := b.store.Kept(t.Context(), name, 8192); !errors.Is(err, vault.ErrNotFound) {
		t.Fatalf("what was not kept is %v", err)
	}
	data := Bytes(20, 8192)
	first, err := b.store.Keep(t.Context(), name, data)
	if err != nil {
		t.Fatal(err)
	}
	if first.Size != 8192 || first.CRC != vault.ChecksumOf(data) || first.Mode != vault.Compliance || first.RetainUntil.IsZero() || first.Version == "" {
		t.Errorf("it is kept as %+v", first)
	}
	read := func(want []byte) {
		t.Helper()
		if got, err := b.store.Kept(t.Context(), name, 8192); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes come back (%v), not those that were kept", len(got), err)
		}
	}
	read(data)
	again, err := b.store.Keep(t.Context(), name, data)
	if err != nil || again != first || b.versions(t, first.Key) != 1 {
		t.Errorf("kept again it is %+v, %v, with %d versions", again, err, b.versions(t, first.Key))
	}
	if _, err := b.store.Kept(t.Context(), name, 8191); !errors.Is(err, vault.ErrSize) {
		t.Errorf("more than was expected: %v", err)
	}
	if err := b.raw.RemoveObject(t.Context(), b.config.Bucket, first.Key, minio.RemoveObjectOptions{VersionID: first.Version}); err == nil {
		t.Error("it could be deleted")
	}
	// Somebody else's bytes above it, then a delete marker: each time it comes
	// back to the top, and nothing that lay there is gone.
	forged := Bytes(21, 8192)
	if _, err := b.raw.PutObject(t.Context(), b.config.Bucket, first.Key, bytes.NewReader(forged), 8192, "", "", minio.PutObjectOptions{
		UserMetadata: map[string]string{"X-Amz-Checksum-Crc64nvme": vault.ChecksumOf(forged).String()}}); err != nil {
		t.Fatal(err)
	}
	read(forged) // the vault cannot know; its caller does
	if o, err := b.store.Keep(t.Context(), name, data); err != nil || o.Version == first.Version {
		t.Fatalf("kept above another's it is %+v, %v", o, err)
	}
	read(data)
	listed := map[string]bool{}
	if err := b.store.EachKept(t.Context(), func(key, version string) error {
		listed[version] = key == first.Key
		return nil
	}); err != nil || len(listed) != 3 || !listed[first.Version] {
		t.Errorf("of three versions there are listed %v: %v", listed, err)
	}
	if err := b.raw.RemoveObject(t.Context(), b.config.Bucket, first.Key, minio.RemoveObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.store.Kept(t.Context(), name, 8192); !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("under a delete marker it is %v", err)
	}
	// versitygw with a sidecar takes an object above a delete marker and then
	// hides it: then Keep must say so, and not that it is kept.
	if o, err := b.store.Keep(t.Context(), name, data); err == nil {
		read(data)
		if n := b.versions(t, first.Key); n != 5 {
			t.Errorf("%d versions, want all five", n)
		}
	} else if got, readErr := b.store.Kept(t.Context(), name, 8192); readErr == nil {
		t.Errorf("kept above a delete marker it is %+v, %v, and %d bytes can be read", o, err, len(got))
	}
	for _, bad := range []string{"", "/a", "a/", "a//b", "../a", "a/../b", ".", "A", "a b", "a\n", strings.Repeat("a/", 256) + "a"} {
		if _, err := b.store.Keep(t.Context(), bad, data); !errors.Is(err, vault.ErrSize) {
			t.Errorf("the name %q: %v", bad, err)
		}
		if _, err := b.store.Kept(t.Context(), bad, 1); !errors.Is(err, vault.ErrNotFound) {
			t.Errorf("reading %q: %v", bad, err)
		}
	}
	if _, err := b.store.Keep(t.Context(), "empty", nil); !errors.Is(err, vault.ErrSize) {
		t.Errorf("no bytes at all: %v", err)
	}
}
