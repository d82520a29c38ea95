package pace

import (
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/evidence-custody/custodyd/evidence/bulk"
	"github.com/evidence-custody/custodyd/evidence/vault/vaulttest"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// BenchmarkIdeal is the best that anybody could do: the file is hashed once,
// and beside it the same bytes are written once to the same disk, and synced.
// Through the page cache, as programs do, and past it.
func BenchmarkIdeal(t *testing.B) {
	b := setUp(t)
	for name, flag := range map[string]int{"through the page cache": 0, "past it": unix.O_DIRECT} {
		t.Run(name, func(t *testing.B) {
			b.measure(t, func() {
				var both errgroup.Group
				both.Go(func() error { return hashFile(b.file) })
				both.Go(func() error { return copyDirect(b.file, filepath.Join(b.dir, "ideal"), flag) })
				if err := both.Wait(); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

func hashFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.CopyBuffer(h, struct{ io.Reader }{f}, make([]byte, 1<<20))
	return err
}

func copyDirect(from, to string, flag int) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	_ = os.Remove(to)
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL|flag, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close(), os.Remove(to)) }()
	if err := unix.Fallocate(int(out.Fd()), 0, 0, info.Size()); err != nil {
		return err
	}
	memory := bulk.NewStock(4 << 20) // at huge pages: a disk takes it in few long pieces
	defer memory.Close()
	buf := memory.Take()
	defer memory.Give(buf)
	for at := int64(0); at < info.Size(); { // whole MiB, so whole pages
		n, err := in.ReadAt(buf[:min(int64(len(buf)), info.Size()-at)], at)
		if err != nil && err != io.EOF {
			return err
		}
		if _, err := out.WriteAt(buf[:n], at); err != nil {
			return err
		}
		at += int64(n)
	}
	return unix.Fdatasync(int(out.Fd()))
}

// stockOptions are the client's own, but that each part brings a checksum in
// its header, without which our server takes none, and that parts are sent in
// parallel all the same.
func stockOptions() minio.PutObjectOptions {
	return minio.PutObjectOptions{AutoChecksum: minio.ChecksumCRC32C, ConcurrentStreamParts: true, NumThreads: 4, PartSize: 16 << 20,
		UserMetadata: map[string]string{"X-Amz-Checksum-Algorithm": "CRC32C"}}
}

// BenchmarkStock is what people do without us: openssl hashes the file, then a
// stock client uploads it to the same server with its own settings.
func BenchmarkStock(t *testing.B) {
	openssl := stage.Need(t, "openssl")
	b := setUp(t)
	_, bucket := b.store(t)
	client, err := minio.New("localhost", &minio.Options{
		Creds:  credentials.NewStaticV4(b.config.AccessKey, b.config.SecretKey, ""),
		Region: b.config.Region, Transport: vaulttest.Transport(b.config), BucketLookup: minio.BucketLookupPath,
	})
	if err != nil {
		t.Fatal(err)
	}
	var last string
	b.measure(t, func() {
		if last != "" { // its room on the disk and in memory is for the next
			if err := client.RemoveObject(t.Context(), bucket, "stock", minio.RemoveObjectOptions{VersionID: last}); err != nil {
				t.Fatal(err)
			}
		}
		if out, err := exec.Command(openssl, "dgst", "-sha256", b.file).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		info, err := client.FPutObject(t.Context(), bucket, "stock", b.file, stockOptions())
		if err != nil || info.Size != b.size {
			t.Fatalf("%d bytes, %v", info.Size, err)
		}
		last = info.VersionID
	})
}
