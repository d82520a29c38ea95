package locals3

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"

	"github.com/evidence-custody/custodyd/evidence/bulk"
)

// guard stands between the gateway's protocol half and its file system half
// and repairs what the package comment lists.
type guard struct {
	*posix.Posix
	attrs   *attributes
	uploads turns       // by upload id: who ends one, and who adds to it
	keys    turns       // by bucket and key: who makes an object where there must be none
	writers ones        // by upload id and part number
	strides *bulk.Shelf // of parts being written

	fetching *bulk.Shelf // of ranges being read
	now      func() time.Time
	step     func(name string) // has been made; a crash may follow
}

func newGuard(p *posix.Posix, a *attributes, step func(string)) *guard {
	return &guard{Posix: p, attrs: a, strides: bulk.NewShelf(stride, writingStrides), fetching: bulk.NewShelf(stride, readingStrides), now: time.Now, step: step}
}

var errUnverifiable = s3err.APIError{
	Code:           "InvalidRequest",
	Description:    "The body must come with its checksum in an x-amz-checksum-* header.",
	HTTPStatusCode: http.StatusBadRequest,
}

// answer keeps an S3 error as it is, though the gateway may have wrapped it,
// which would turn it into an internal error, and names a full disk.
func answer(err error) error {
	var known s3err.S3Error
	switch {
	case err == nil:
		return nil
	case full(err):
		return s3err.GetAPIError(s3err.ErrNoSpaceLeftOnDevice)
	case errors.As(err, &known):
		return known
	}
	return err
}

// uploadParent is where the gateway keeps the uploads of one key, relative to
// the bucket.
func uploadParent(key string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(posix.MetaTmpMultipartDir, hex.EncodeToString(sum[:]))
}

// UploadPart publishes a part when it is whole, as its checksum tells, and on
// the disk. Publishing takes turns with Complete and Abort: the gateway would
// make the directory of an aborted upload again for a part that comes late.
func (g *guard) UploadPart(ctx context.Context, in *s3.UploadPartInput) (*s3.UploadPartOutput, error) {
	if !anyOf(in.ChecksumCRC64NVME, in.ChecksumSHA256, in.ChecksumCRC32C, in.ChecksumCRC32, in.ChecksumSHA1, in.ChecksumSHA512) {
		return nil, errUnverifiable
	}
	dir := filepath.Join(*in.Bucket, uploadParent(*in.Key), *in.UploadId)
	switch r, err := openRegister(filepath.Join(dir, registerFile)); {
	case err == nil:
		defer r.close()
		out, err := g.putInPlace(ctx, in, r, dir)
		if full(err) { // the client hears why, once it has sent everything
			_, _ = io.Copy(io.Discard, in.Body)
		}
		return out, answer(err)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	release := func() {}
	defer func() { release() }()
	out, err := g.UploadPartWithPostFunc(ctx, in, func(f *os.File) error {
		if err := f.Sync(); err != nil {
			return err
		}
		release = g.uploads.share(*in.UploadId)
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			return s3err.GetNoSuchUploadErr(*in.UploadId)
		}
		return nil
	})
	if err != nil {
		return nil, answer(err)
	}
	return out, answer(g.attrs.settleIn(dir))
}

// CompleteMultipartUpload makes one caller at a time complete an upload. Who
// comes second gets what the first made, and a success only for an object made
// from this very upload.
func (g *guard) CompleteMultipartUpload(ctx context.Context, in *s3.CompleteMultipartUploadInput) (s3response.CompleteMultipartUploadResult, string, error) {
	if in.Bucket == nil || in.Key == nil || in.UploadId == nil {
		return s3response.CompleteMultipartUploadResult{}, "", s3err.GetAPIError(s3err.ErrInvalidRequest)
	}
	defer g.uploads.own(*in.UploadId)()
	dir := filepath.Join(*in.Bucket, uploadParent(*in.Key), *in.UploadId)
	switch r, err := openRegister(filepath.Join(dir, registerFile)); {
	case err == nil:
		defer r.close()
		res, version, err := g.completeInPlace(ctx, in, r, dir)
		return res, version, answer(err)
	case !errors.Is(err, fs.ErrNotExist):
		return s3response.CompleteMultipartUploadResult{}, "", err
	}
	_, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(*in.Bucket); errors.Is(err, fs.ErrNotExist) {
			return s3response.CompleteMultipartUploadResult{}, "", s3err.GetBucketErr(s3err.ErrNoSuchBucket, *in.Bucket)
		}
		return g.completed(*in.Bucket, *in.Key, *in.UploadId)
	}
	defer g.keys.share(*in.Bucket + "/" + *in.Key)()
	var parts assembly
	res, version, err := g.CompleteMultipartUploadWithCopy(ctx, in, parts.add)
	if err != nil {
		return res, version, answer(errors.Join(err, parts.failed))
	}
	return res, version, answer(g.attrs.settle(filepath.Dir(filepath.Join(*in.Bucket, *in.Key))))
}

func (g *guard) completed(bucket, key, uploadID string) (s3response.CompleteMultipartUploadResult, string, error) {
	none := s3response.CompleteMultipartUploadResult{}
	if !g.attrs.madeFrom(bucket, key, uploadID) {
		return none, "", s3err.GetNoSuchUploadErr(uploadID)
	}
	etag, err := g.attrs.RetrieveAttribute(nil, bucket, key, "etag")
	if err != nil {
		return none, "", fmt.Errorf("couldn't read the completed object: %w", err)
	}
	version, err := g.attrs.RetrieveAttribute(nil, bucket, key, versionAttribute)
	if err != nil {
		return none, "", fmt.Errorf("couldn't read the completed object: %w", err)
	}
	tag := string(etag)
	return s3response.CompleteMultipartUploadResult{Bucket: &bucket, Key: &key, ETag: &tag}, string(version), nil
}

// madeFrom reports whether the newest version of key was made from the upload.
func (a *attributes) madeFrom(bucket, key, uploadID string) bool {
	if _, err := os.Stat(filepath.Join(bucket, key)); err != nil {
		return false
	}
	raw, err := a.RetrieveAttribute(nil, bucket, key, partsAttribute)
	if err != nil {
		return false
	}
	list, err := backend.UnmarshalMpUploadMetadata(raw, false)
	return err == nil && list.UploadID == uploadID
}

func (g *guard) AbortMultipartUpload(ctx context.Context, in *s3.AbortMultipartUploadInput) error {
	if in.UploadId != nil {
		defer g.uploads.own(*in.UploadId)()
	}
	return g.Posix.AbortMultipartUpload(ctx, in)
}

func (g *guard) PutObject(ctx context.Context, in s3response.PutObjectInput) (s3response.PutObjectOutput, error) {
	if !anyOf(in.ChecksumCRC64NVME, in.ChecksumSHA256, in.ChecksumCRC32C, in.ChecksumCRC32, in.ChecksumSHA1, in.ChecksumSHA512) {
		return s3response.PutObjectOutput{}, errUnverifiable
	}
	defer g.keys.share(*in.Bucket + "/" + *in.Key)()
	out, err := g.PutObjectWithPostFunc(ctx, in, (*os.File).Sync)
	if err != nil {
		return out, answer(err)
	}
	return out, answer(g.attrs.settle(filepath.Join(*in.Bucket, *in.Key)))
}

// GetObjectRetention hides a retention that has expired. The gateway, when it
// finds one, takes the object for free and doesn't ask for a legal hold.
func (g *guard) GetObjectRetention(ctx context.Context, bucket, object, version string) ([]byte, error) {
	raw, err := g.Posix.GetObjectRetention(ctx, bucket, object, version)
	if err != nil {
		return nil, err
	}
	retention, err := auth.ParseObjectLockRetentionOutput(raw)
	if err != nil {
		return nil, err
	}
	if retention.RetainUntilDate != nil && retention.RetainUntilDate.Before(g.now()) {
		return nil, s3err.GetAPIError(s3err.ErrNoSuchObjectLockConfiguration)
	}
	return raw, nil
}

// HeadObject adds the lock of an older version, which the gateway looks for in
// the wrong bucket and then leaves out.
func (g *guard) HeadObject(ctx context.Context, in *s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
	out, err := g.Posix.HeadObject(ctx, in)
	if err != nil || in.VersionId == nil || *in.VersionId == "" || out.ObjectLockMode != "" {
		return out, err
	}
	raw, err := g.Posix.GetObjectRetention(ctx, *in.Bucket, *in.Key, *in.VersionId)
	var none s3err.S3Error
	if errors.As(err, &none) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	retention, err := auth.ParseObjectLockRetentionOutput(raw)
	if err != nil {
		return nil, err
	}
	out.ObjectLockMode = types.ObjectLockMode(retention.Mode)
	out.ObjectLockRetainUntilDate = retention.RetainUntilDate
	return out, nil
}

// DeleteObject makes durable what it moved: under versioning the gateway keeps
// the newest version by copying it aside.
func (g *guard) DeleteObject(ctx context.Context, in *s3.DeleteObjectInput) (*s3.DeleteObjectOutput, error) {
	defer g.keys.share(*in.Bucket + "/" + *in.Key)()
	out, err := g.Posix.DeleteObject(ctx, in)
	return out, g.syncAll(err)
}

// DeleteObjects is DeleteObject for many.
func (g *guard) DeleteObjects(ctx context.Context, in *s3.DeleteObjectsInput) (s3response.DeleteResult, error) {
	if in.Bucket != nil && in.Delete != nil {
		for _, o := range in.Delete.Objects {
			if o.Key != nil {
				defer g.keys.share(*in.Bucket + "/" + *o.Key)()
			}
		}
	}
	out, err := g.Posix.DeleteObjects(ctx, in)
	return out, g.syncAll(err)
}

// Copies are refused: they have no checksum of their own to compare.

func (g *guard) CopyObject(context.Context, s3response.CopyObjectInput) (s3response.CopyObjectOutput, error) {
	return s3response.CopyObjectOutput{}, s3err.GetAPIError(s3err.ErrNotImplemented)
}

func (g *guard) UploadPartCopy(context.Context, *s3.UploadPartCopyInput) (s3response.CopyPartResult, error) {
	return s3response.CopyPartResult{}, s3err.GetAPIError(s3err.ErrNotImplemented)
}

func anyOf(sums ...*string) bool {
	for _, s := range sums {
		if s != nil && *s != "" {
			return true
		}
	}
	return false
}
