package vault

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/evidence-custody/custodyd/evidence/vault/strongbox"
)

const (
	evidencePrefix = "evidence/"
	probePrefix    = "probe/"
	checksumHeader = "X-Amz-Checksum-Crc64nvme"
)

// ErrShorten reports an attempt to make a retention end earlier.
var ErrShorten = errors.New("retention is never shortened")

// Object is a stored object as its server describes it.
type Object struct {
	Key         string
	Version     string // the server's version id; reads and extensions name it
	Size        uint64
	ETag        string
	CRC         Checksum // of the whole object
	Mode        Mode
	RetainUntil time.Time // to the second
}

// EnsureBucket creates the bucket, with Object Lock, if there is none, and
// refuses with *UnsafeStoreError one without versioning or Object Lock: the
// lock can't be trusted to have held before it was switched on.
func (s *Store) EnsureBucket(ctx context.Context) error {
	there, err := s.core.BucketExists(ctx, s.bucket)
	if err != nil {
		return fmt.Errorf("couldn't look for bucket %q: %w", s.bucket, err)
	}
	if !there {
		err := s.core.MakeBucket(ctx, s.bucket, minio.MakeBucketOptions{Region: s.region, ObjectLocking: true})
		// Another replica may have made it in between; what it is like is
		// checked below in any case.
		if code := minio.ToErrorResponse(err).Code; err != nil && code != "BucketAlreadyOwnedByYou" && code != "BucketAlreadyExists" {
			return fmt.Errorf("couldn't create bucket %q: %w", s.bucket, err)
		}
	}
	return s.CheckBucket(ctx)
}

// CheckBucket refuses with *UnsafeStoreError a bucket without versioning or
// Object Lock. Without any bucket it is ErrNotFound: one that vanished took
// evidence with it, and is never made anew here.
func (s *Store) CheckBucket(ctx context.Context) error {
	if err := s.checkVersioning(ctx); err != nil {
		return err
	}
	return s.checkLock(ctx)
}

func (s *Store) checkVersioning(ctx context.Context) error {
	versioning, err := s.core.GetBucketVersioning(ctx, s.bucket)
	if err != nil {
		return fmt.Errorf("couldn't read the versioning of bucket %q: %w", s.bucket, classed(err))
	}
	if !versioning.Enabled() {
		return &UnsafeStoreError{"bucket-versioning", fmt.Sprintf("bucket %q doesn't keep versions", s.bucket)}
	}
	return nil
}

func (s *Store) checkLock(ctx context.Context) error {
	lock, _, _, _, err := s.core.GetObjectLockConfig(ctx, s.bucket)
	// A bucket that is gone, and credentials that may not ask, say nothing
	// about its lock.
	answer := minio.ToErrorResponse(err)
	if err != nil && (!refused(err) || answer.Code == "NoSuchBucket" || answer.StatusCode == http.StatusForbidden) {
		return fmt.Errorf("couldn't read the Object Lock of bucket %q: %w", s.bucket, classed(err))
	}
	if err != nil || lock != "Enabled" {
		return &UnsafeStoreError{"bucket-lock", fmt.Sprintf("bucket %q was created without Object Lock", s.bucket)}
	}
	return nil
}

// newKey returns a key nobody has used: 20 random bytes.
func (s *Store) newKey(prefix string) (string, error) {
	var b [20]byte
	if _, err := io.ReadFull(s.rand, b[:]); err != nil {
		return "", fmt.Errorf("couldn't make a key: %w", err)
	}
	return prefix + hex.EncodeToString(b[:]), nil
}

// until returns the end of a retention that begins now, to a full second and
// never short of the period.
func (s *Store) until() time.Time {
	return s.now().Add(s.period + time.Second - 1).UTC().Truncate(time.Second)
}

// Begin starts an object of size bytes under a key of its own. Its retention
// is fixed now, so that no moment exists in which the object stands unlocked.
// A size of 0 or over MaxSize is ErrSize.
func (s *Store) Begin(ctx context.Context, size uint64) (Upload, error) {
	key, err := s.newKey(evidencePrefix)
	if err != nil {
		return Upload{}, err
	}
	return s.begin(ctx, key, size, s.until())
}

// BeginSealed starts an object that holds size bytes of evidence encrypted
// block by block (package strongbox): its parts hold the same blocks as those
// of Begin, and each is longer by what encrypting adds, as Sealed says of it.
func (s *Store) BeginSealed(ctx context.Context, size uint64) (Upload, error) {
	key, err := s.newKey(evidencePrefix)
	if err != nil {
		return Upload{}, err
	}
	partSize, err := PartSize(size)
	if err != nil {
		return Upload{}, err
	}
	return s.beginParts(ctx, key, strongbox.Sealed(size), strongbox.Sealed(partSize), s.until())
}

func (s *Store) begin(ctx context.Context, key string, size uint64, until time.Time) (Upload, error) {
	partSize, err := PartSize(size)
	if err != nil {
		return Upload{}, err
	}
	return s.beginParts(ctx, key, size, partSize, until)
}

func (s *Store) beginParts(ctx context.Context, key string, size, partSize uint64, until time.Time) (Upload, error) {
	id, err := s.core.NewMultipartUpload(ctx, s.bucket, key, minio.PutObjectOptions{
		ContentType:     "application/octet-stream",
		Mode:            minio.RetentionMode(s.mode),
		RetainUntilDate: until,
		UserMetadata: map[string]string{
			"X-Amz-Checksum-Algorithm": "CRC64NVME",
			"X-Amz-Checksum-Type":      "FULL_OBJECT",
			// Our own server writes the parts in place if it knows these; to
			// others they are a note.
			"custody-size":      strconv.FormatUint(size, 10),
			"custody-part-size": strconv.FormatUint(partSize, 10),
		},
	})
	if err != nil {
		return Upload{}, fmt.Errorf("couldn't begin an object of %d bytes: %w", size, classed(err))
	}
	return Upload{Key: key, ID: id, Size: size, PartSize: partSize, Mode: s.mode}, nil
}

// Abort gives the upload up and frees its parts. An upload that is gone
// already is no error. A completed object is not touched.
func (s *Store) Abort(ctx context.Context, u Upload) error {
	err := s.core.AbortMultipartUpload(ctx, s.bucket, u.Key, u.ID)
	if err = classed(err); err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("couldn't abort the upload of %s: %w", u.Key, err)
	}
	return nil
}

// Pending is an upload the server holds that was neither completed nor aborted.
type Pending struct {
	Key, ID string
	Begun   time.Time
}

// ListUploads returns the pending uploads of evidence that the server tells of,
// in the order of their keys. MinIO tells only of those begun since its own
// start, so what is pending is the caller's to remember.
func (s *Store) ListUploads(ctx context.Context) ([]Pending, error) {
	var all []Pending
	for key, id := "", ""; ; {
		// Asked for a prefix, MinIO takes it for a whole key and finds nothing.
		page, err := s.core.ListMultipartUploads(ctx, s.bucket, "", key, id, "", 1000)
		if err != nil {
			return nil, fmt.Errorf("couldn't list the pending uploads: %w", classed(err))
		}
		for _, u := range page.Uploads {
			if strings.HasPrefix(u.Key, evidencePrefix) {
				all = append(all, Pending{Key: u.Key, ID: u.UploadID, Begun: u.Initiated})
			}
		}
		if !page.IsTruncated || (page.NextKeyMarker == key && page.NextUploadIDMarker == id) {
			slices.SortFunc(all, func(a, b Pending) int { return strings.Compare(a.Key, b.Key) })
			return all, nil
		}
		key, id = page.NextKeyMarker, page.NextUploadIDMarker
	}
}

// Stat returns what the server says of one version, or of the newest if
// version is empty. What does not exist is ErrNotFound.
func (s *Store) Stat(ctx context.Context, key, version string) (Object, error) {
	info, err := s.core.StatObject(ctx, s.bucket, key, minio.StatObjectOptions{VersionID: version, Checksum: true})
	if err != nil {
		return Object{}, fmt.Errorf("couldn't look at %s: %w", key, classed(err))
	}
	o, err := described(key, info)
	if err != nil {
		return Object{}, fmt.Errorf("couldn't look at %s: %w", key, err)
	}
	return o, nil
}

// described reads the lock from the headers of HEAD: some servers answer the
// retention request itself in a form minio-go can't read.
func described(key string, info minio.ObjectInfo) (Object, error) {
	o := Object{Key: key, Version: info.VersionID, Size: uint64(info.Size), ETag: info.ETag}
	if sum := info.ChecksumCRC64NVME; sum != "" {
		crc, err := ParseChecksum(sum)
		if err != nil {
			return Object{}, err
		}
		o.CRC = crc
	}
	o.Mode = Mode(info.Headers.Get("X-Amz-Object-Lock-Mode"))
	if date := info.Headers.Get("X-Amz-Object-Lock-Retain-Until-Date"); date != "" {
		t, err := time.Parse(time.RFC3339, date)
		if err != nil {
			return Object{}, fmt.Errorf("couldn't read the retention date: %w", err)
		}
		o.RetainUntil = t.UTC()
	}
	return o, nil
}

// ReadRange opens n bytes from offset off of one version. The reader gives
// exactly n bytes or ends in an error; the caller closes it. A range beyond
// the object is ErrSize.
func (s *Store) ReadRange(ctx context.Context, key, version string, off, n uint64) (io.ReadCloser, error) {
	if n == 0 || off+n < off || off+n > maxObject {
		return nil, fmt.Errorf("couldn't read %d bytes at %d: %w", n, off, ErrSize)
	}
	opts := minio.GetObjectOptions{VersionID: version}
	if err := opts.SetRange(int64(off), int64(off+n-1)); err != nil {
		return nil, fmt.Errorf("couldn't read %d bytes at %d: %w", n, off, err)
	}
	body, info, _, err := s.core.GetObject(ctx, s.bucket, key, opts)
	if err != nil {
		if minio.ToErrorResponse(err).StatusCode == http.StatusRequestedRangeNotSatisfiable {
			return nil, fmt.Errorf("couldn't read %d bytes at %d of %s: %w", n, off, key, ErrSize)
		}
		return nil, fmt.Errorf("couldn't read %d bytes at %d of %s: %w", n, off, key, classed(err))
	}
	// A server that ignores the range would answer with other bytes of the
	// object under a status that looks well; the length alone tells.
	if uint64(info.Size) != n {
		body.Close()
		return nil, fmt.Errorf("couldn't read %d bytes at %d of %s, the server has %d: %w", n, off, key, info.Size, ErrSize)
	}
	return &exactly{ReadCloser: body, n: int64(n)}, nil
}

// Extend makes the retention of one version end no earlier than until. An end
// before the present one is ErrShorten; nothing is sent then.
func (s *Store) Extend(ctx context.Context, key, version string, until time.Time) error {
	now, err := s.Stat(ctx, key, version)
	if err != nil {
		return err
	}
	until = until.Add(time.Second - 1).UTC().Truncate(time.Second)
	switch until.Compare(now.RetainUntil) {
	case -1:
		return fmt.Errorf("couldn't retain %s until %s, it is retained until %s: %w",
			key, until.Format(time.RFC3339), now.RetainUntil.Format(time.RFC3339), ErrShorten)
	case 0:
		return nil
	}
	mode := minio.RetentionMode(now.Mode)
	if mode == "" {
		mode = minio.RetentionMode(s.mode)
	}
	err = s.core.PutObjectRetention(ctx, s.bucket, key, minio.PutObjectRetentionOptions{
		Mode: &mode, RetainUntilDate: &until, VersionID: version,
	})
	if err != nil {
		return fmt.Errorf("couldn't retain %s until %s: %w", key, until.Format(time.RFC3339), classed(err))
	}
	if now, err = s.Stat(ctx, key, version); err != nil {
		return err
	}
	if now.RetainUntil.Before(until) {
		return &UnsafeStoreError{"lock-kept", fmt.Sprintf("the retention of %s was accepted but not kept", key)}
	}
	return nil
}
