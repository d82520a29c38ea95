package vault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
)

// What a caller can branch on. Everything else is an error of the store or of
// the way to it, and may be tried again.
var (
	ErrNotFound    = errors.New("not in the vault")
	ErrLocked      = errors.New("protected by its retention")
	ErrChecksum    = errors.New("bytes don't match their checksum")
	ErrFull        = errors.New("the store is full")
	ErrParts       = errors.New("parts don't make up the object")
	ErrSize        = errors.New("size can't be stored")
	ErrUnsafeStore = errors.New("store is not safe for evidence")
)

// UnsafeStoreError names the promise a store does not keep.
type UnsafeStoreError struct {
	Check string // bucket-versioning, bucket-lock, wrong-checksum, truncated-part, aborted-part, read-back, lock-kept, delete-locked, shorten-locked, legal-hold
	Why   string
}

func (e *UnsafeStoreError) Error() string {
	return fmt.Sprintf("%v: %s: %s", ErrUnsafeStore, e.Check, e.Why)
}

// Is makes every UnsafeStoreError match ErrUnsafeStore.
func (e *UnsafeStoreError) Is(target error) bool { return target == ErrUnsafeStore }

// classed gives an answer of a server the class it has in this package, and
// keeps the answer beside it.
func classed(err error) error {
	if err == nil {
		return nil
	}
	var answer minio.ErrorResponse
	if !errors.As(err, &answer) {
		return err
	}
	var class error
	switch answer.Code {
	case "NoSuchKey", "NoSuchVersion", "NoSuchUpload", "NoSuchBucket", "NotFound":
		class = ErrNotFound
	case "BadDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch", "InvalidDigest":
		class = ErrChecksum
	case "InsufficientStorage", "XMinioStorageFull", "QuotaExceeded", "XMinioAdminBucketQuotaExceeded":
		class = ErrFull
	case "InvalidPart", "InvalidPartOrder", "EntityTooSmall", "EntityTooLarge":
		class = ErrParts
	case "ObjectLocked", "WORMProtected":
		class = ErrLocked
	default:
		switch answer.StatusCode {
		case http.StatusNotFound:
			class = ErrNotFound
		case http.StatusInsufficientStorage:
			class = ErrFull
		case http.StatusInternalServerError:
			// MinIO tells a disk that is full to the last byte by the system's
			// words alone.
			if !strings.Contains(answer.Message, "no space left on device") {
				return err
			}
			class = ErrFull
		default:
			return err
		}
	}
	return fmt.Errorf("%w: %w", class, err)
}

// refused reports whether the server answered and said no: repeating the
// request unchanged would be refused again.
func refused(err error) bool {
	var answer minio.ErrorResponse
	if !errors.As(err, &answer) {
		return false
	}
	return answer.StatusCode >= 400 && answer.StatusCode < 500 &&
		answer.StatusCode != http.StatusRequestTimeout &&
		answer.StatusCode != http.StatusTooManyRequests &&
		answer.StatusCode != http.StatusConflict
}

// gaveUp reports whether the caller, not the store, ended the request.
func gaveUp(ctx context.Context) bool { return ctx.Err() != nil }

// What may be repeated is, so many times in all, after pauses that double.
const (
	repeatTries = 4
	repeatPause = 50 * time.Millisecond
)

// final reports whether repeating the request would come to the same.
func final(ctx context.Context, err error) bool {
	return err == nil || refused(err) || gaveUp(ctx) || errors.Is(err, ErrChecksum) || errors.Is(err, ErrSize) || errors.Is(err, ErrUnsafeStore) || errors.Is(classed(err), ErrFull)
}

// insist repeats what is safe to repeat until the server answers.
func insist(ctx context.Context, do func() error) error {
	for try, pause := 1, repeatPause; ; try, pause = try+1, 2*pause {
		if err := do(); final(ctx, err) || try == repeatTries || !wait(ctx, pause) {
			return err
		}
	}
}

// wait reports whether the caller still waits after the pause.
func wait(ctx context.Context, pause time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(pause):
		return true
	}
}

// exactly is a body that must have n bytes: a shorter one ends in
// io.ErrUnexpectedEOF, never in a clean end.
type exactly struct {
	io.ReadCloser
	n int64
}

func (e *exactly) Read(p []byte) (int, error) {
	if e.n == 0 {
		return 0, io.EOF
	}
	n, err := e.ReadCloser.Read(p[:min(int64(len(p)), e.n)])
	e.n -= int64(n)
	switch {
	case e.n == 0:
		return n, nil // the next read reports the end
	case err == io.EOF:
		return n, io.ErrUnexpectedEOF
	}
	return n, err
}
