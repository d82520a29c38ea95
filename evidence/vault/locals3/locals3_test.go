package locals3_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/encrypt"

	"github.com/evidence-custody/custodyd/evidence/vault"
	"github.com/evidence-custody/custodyd/evidence/vault/locals3"
	"github.com/evidence-custody/custodyd/evidence/vault/vaulttest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	s := newPlace(t).start(t)
	vaulttest.Run(t, func(*testing.T) vault.Config { return config(s) })
}

// TestConformanceOfTheGateway is the same for parts that are files of the
// gateway's.
func TestConformanceOfTheGateway(t *testing.T) {
	t.Parallel()
	s := newPlace(t).start(t)
	vaulttest.Run(t, func(*testing.T) vault.Config { return plain(config(s)) })
}

// TestConformanceWithSidecar is the same where extended attributes are missing.
func TestConformanceWithSidecar(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	side := p.giveSidecar(t)
	s := p.start(t)
	vaulttest.Run(t, func(*testing.T) vault.Config { return config(s) })
	if entries, err := os.ReadDir(side); err != nil || len(entries) == 0 {
		t.Errorf("the sidecar holds nothing: %v", err)
	}
}

func TestRunsUnderItsOwnAccount(t *testing.T) {
	p := newPlace(t)
	s := p.start(t)
	vaulttest.Deposit(t, open(t, config(s)), []byte("evidence"))
	want := uint32(os.Geteuid())
	if want == 0 {
		want = uint32(newRunner(t).uid)
	}
	for _, root := range []string{p.options.Dir, p.options.SocketDir} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			if uid := info.Sys().(*syscall.Stat_t).Uid; uid != want {
				t.Errorf("%s belongs to %d, want %d", path, uid, want)
			}
			if info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s is open to others: %s", path, info.Mode())
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	status, err := os.ReadFile("/proc/" + itoa(s.PID()) + "/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	access, secret := s.Credentials()
	if strings.Contains(string(status), secret) || strings.Contains(string(status), access) {
		t.Error("credentials are on the command line")
	}
	if environ, err := os.ReadFile("/proc/" + itoa(s.PID()) + "/environ"); err == nil && strings.Contains(string(environ), secret) {
		t.Error("credentials are in the environment")
	}
	if !strings.Contains(readFile(t, "/proc/"+itoa(s.PID())+"/net/unix"), s.Socket()) {
		t.Error("the socket is not listed, so the check below would see nothing")
	}
	if inodes := listening(t, s.PID()); inodes != 0 {
		t.Errorf("%d TCP ports are open", inodes)
	}
}

func TestWrongCredentialsAreRefused(t *testing.T) {
	s := newPlace(t).start(t)
	c := config(s)
	c.SecretKey = "another"
	store, err := vault.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.EnsureBucket(t.Context()); err == nil {
		t.Error("a wrong secret was accepted")
	}
}

func TestStopIsClean(t *testing.T) {
	p := newPlace(t)
	s := p.start(t)
	c := config(s)
	o := vaulttest.Deposit(t, open(t, c), []byte("evidence"))
	if err := syscall.Kill(s.PID(), syscall.SIGTERM); err != nil { // as an init system would
		t.Fatal(err)
	}
	vaulttest.CheckBytes(t, open(t, c), o, []byte("evidence"))
	begun := time.Now()
	if err := s.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took > 3*time.Second {
		t.Errorf("it took %s, as if it had to be killed", took)
	}
	select {
	case <-s.Done():
	default:
		t.Error("Done is open after Stop")
	}
	again := p.start(t)
	c.AccessKey, c.SecretKey = again.Credentials()
	vaulttest.CheckBytes(t, open(t, c), o, []byte("evidence"))
}

func TestTwoServersDontShareADirectory(t *testing.T) {
	p := newPlace(t)
	p.start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	second := p.options
	second.SocketDir += "2"
	if s, err := locals3.Start(ctx, second); err == nil {
		t.Error("a second server started on the same directory")
		_ = s.Stop(context.Background())
	}
}

func TestStartSaysWhatIsWrong(t *testing.T) {
	p := newPlace(t)
	long := p.options
	long.SocketDir = filepath.Join(p.options.SocketDir, strings.Repeat("d", 100))
	if _, err := locals3.Start(t.Context(), long); err == nil || !strings.Contains(err.Error(), "shorter directory") {
		t.Errorf("a long socket path: %v", err)
	}
	wrong := p.options
	wrong.Args = []string{"-test.run=^$"} // a child that ends at once
	if _, err := locals3.Start(t.Context(), wrong); err == nil || !strings.Contains(err.Error(), "ended before it was ready") {
		t.Errorf("a child that ends: %v", err)
	}
}

func rawUpload(t *testing.T, raw *minio.Core, bucket, key string) string {
	t.Helper()
	id, err := raw.NewMultipartUpload(t.Context(), bucket, key, minio.PutObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestPartsWithoutChecksumAreRefused(t *testing.T) {
	c := config(newPlace(t).start(t))
	open(t, c)
	raw := vaulttest.Client(t, c)
	id := rawUpload(t, raw, c.Bucket, "k")
	data := vaulttest.Bytes(1, 100<<10)
	_, err := raw.PutObjectPart(t.Context(), c.Bucket, "k", id, 1, bytes.NewReader(data), int64(len(data)), minio.PutObjectPartOptions{DisableContentSha256: true})
	if minio.ToErrorResponse(err).Code != "InvalidRequest" {
		t.Errorf("a part: %v, want InvalidRequest", err)
	}
	_, err = raw.PutObject(t.Context(), c.Bucket, "o", bytes.NewReader(data), int64(len(data)), "", "", minio.PutObjectOptions{DisableContentSha256: true})
	if minio.ToErrorResponse(err).Code != "InvalidRequest" {
		t.Errorf("an object: %v, want InvalidRequest", err)
	}
	page, err := raw.ListObjectParts(t.Context(), c.Bucket, "k", id, 0, 10)
	if err != nil || len(page.ObjectParts) != 0 {
		t.Errorf("listed %+v, %v", page.ObjectParts, err)
	}
	if _, err := raw.StatObject(t.Context(), c.Bucket, "o", minio.StatObjectOptions{}); err == nil {
		t.Error("the refused object is there")
	}
}

func TestEncryptionAndBypassAreRefused(t *testing.T) {
	c := config(newPlace(t).start(t))
	store := open(t, c)
	raw := vaulttest.Client(t, c)
	_, err := raw.NewMultipartUpload(t.Context(), c.Bucket, "k", minio.PutObjectOptions{ServerSideEncryption: encrypt.NewSSE()})
	if minio.ToErrorResponse(err).Code != "NotImplemented" {
		t.Errorf("SSE: %v, want NotImplemented", err)
	}
	c.Mode = vault.Governance
	governed, err := vault.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	o := vaulttest.Deposit(t, governed, []byte("evidence"))
	err = raw.RemoveObject(t.Context(), c.Bucket, o.Key, minio.RemoveObjectOptions{VersionID: o.Version, GovernanceBypass: true})
	if minio.ToErrorResponse(err).StatusCode != http.StatusForbidden {
		t.Errorf("bypass: %v, want 403", err)
	}
	vaulttest.CheckBytes(t, store, o, []byte("evidence"))
}

func TestLegalHoldOutlastsRetention(t *testing.T) {
	c := config(newPlace(t).start(t))
	c.Period = time.Second
	store := open(t, c)
	raw := vaulttest.Client(t, c)
	held, free := vaulttest.Deposit(t, store, []byte("held")), vaulttest.Deposit(t, store, []byte("free"))
	on := minio.LegalHoldEnabled
	if err := raw.PutObjectLegalHold(t.Context(), c.Bucket, held.Key, minio.PutObjectLegalHoldOptions{Status: &on, VersionID: held.Version}); err != nil {
		t.Fatal(err)
	}
	last := held.RetainUntil
	if free.RetainUntil.After(last) {
		last = free.RetainUntil
	}
	time.Sleep(time.Until(last) + 100*time.Millisecond)
	if err := raw.RemoveObject(t.Context(), c.Bucket, held.Key, minio.RemoveObjectOptions{VersionID: held.Version}); err == nil {
		t.Error("an object under legal hold was deleted after its retention")
	}
	vaulttest.CheckBytes(t, store, held, []byte("held"))
	// The other shows that it is the hold that holds.
	if err := raw.RemoveObject(t.Context(), c.Bucket, free.Key, minio.RemoveObjectOptions{VersionID: free.Version}); err != nil {
		t.Errorf("an object whose retention has expired: %v", err)
	}
	if _, err := store.Stat(t.Context(), free.Key, free.Version); !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("it is still there: %v", err)
	}
	off := minio.LegalHoldDisabled
	if err := raw.PutObjectLegalHold(t.Context(), c.Bucket, held.Key, minio.PutObjectLegalHoldOptions{Status: &off, VersionID: held.Version}); err != nil {
		t.Fatal(err)
	}
}
