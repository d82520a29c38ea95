package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/minio/minio-go/v7"
)

// keptPrefix is of objects whose keys say what they are.
const keptPrefix = "log/"

// MaxKept is the largest object that Keep takes, in bytes.
const MaxKept = 32 << 20

// maxKeptName bounds a name, in bytes.
const maxKeptName = 512

// keptForm is what a name may be: a relative path of plain elements.
var keptForm = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*(/[a-z0-9][a-z0-9.-]*)*$`)

func keptName(name string) bool { return len(name) <= maxKeptName && keptForm.MatchString(name) }

// Keep stores b under a name that stands for these very bytes and for no
// others, with the checksum and retention of evidence, and returns the object
// as the server then describes it. Called again with the same bytes, also by
// another process, it finds what is there. Where other bytes are there, which
// nobody may have put there, it lays b above them as a newer version; under
// retention both stay. Names and sizes that are not allowed are ErrSize.
func (s *Store) Keep(ctx context.Context, name string, b []byte) (Object, error) {
	if !keptName(name) || len(b) == 0 || len(b) > MaxKept {
		return Object{}, fmt.Errorf("couldn't keep %d bytes as %.80q: %w", len(b), name, ErrSize)
	}
	var o Object
	err := insist(ctx, func() (err error) {
		o, err = s.keep(ctx, name, b)
		return err
	})
	return o, err
}

// keep is one try. An answer that was lost is found out by the next: it looks
// before it writes.
func (s *Store) keep(ctx context.Context, name string, b []byte) (Object, error) {
	key, crc := keptPrefix+name, ChecksumOf(b)
	there, err := s.Stat(ctx, key, "")
	switch {
	case err == nil && there.Size == uint64(len(b)) && there.CRC == crc && there.Mode != "":
		// A checksum on record says what the bytes were. What they are is read.
		old, err := s.Kept(ctx, name, len(b))
		if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrSize) {
			return Object{}, err
		}
		if bytes.Equal(old, b) {
			return there, nil
		}
	case err != nil && !errors.Is(err, ErrNotFound):
		return Object{}, err
	}
	until := s.until()
	info, err := s.core.PutObject(ctx, s.bucket, key, bytes.NewReader(b), int64(len(b)), "", "", minio.PutObjectOptions{
		ContentType:          "application/octet-stream",
		Mode:                 minio.RetentionMode(s.mode),
		RetainUntilDate:      until,
		DisableContentSha256: true, // the checksum header is what the server compares
		UserMetadata:         map[string]string{checksumHeader: crc.String()},
	})
	if err != nil {
		return Object{}, fmt.Errorf("couldn't keep %s: %w", name, classed(err))
	}
	// What the server says of it now is what counts, not that it took it.
	o, err := s.Stat(ctx, key, info.VersionID)
	switch {
	case err != nil:
		return Object{}, err
	case o.Size != uint64(len(b)) || o.CRC != crc:
		return Object{}, fmt.Errorf("couldn't keep %s: %w: the server has %d bytes with %s, sent were %d with %s", name, ErrChecksum, o.Size, o.CRC, len(b), crc)
	case o.Mode != s.mode || o.RetainUntil.Before(until):
		return Object{}, &UnsafeStoreError{"lock-kept", fmt.Sprintf("%s was accepted under a lock and is not under it", key)}
	}
	return o, nil
}

// Kept reads what Keep stored under this name: the newest version, whole. It
// is the caller who knows what it must be. Larger than limit bytes is ErrSize.
func (s *Store) Kept(ctx context.Context, name string, limit int) ([]byte, error) {
	if !keptName(name) {
		return nil, fmt.Errorf("couldn't read %.80q: %w", name, ErrNotFound)
	}
	var b []byte
	err := insist(ctx, func() (err error) {
		b, err = s.kept(ctx, name, limit)
		return err
	})
	return b, err
}

func (s *Store) kept(ctx context.Context, name string, limit int) ([]byte, error) {
	body, info, _, err := s.core.GetObject(ctx, s.bucket, keptPrefix+name, minio.GetObjectOptions{})
	if err != nil {
		return nil, fmt.Errorf("couldn't read %s: %w", name, classed(err))
	}
	defer body.Close()
	if info.Size < 0 || info.Size > int64(limit) {
		return nil, fmt.Errorf("couldn't read %s: it has %d bytes, and no more than %d are expected: %w", name, info.Size, limit, ErrSize)
	}
	b := make([]byte, info.Size)
	if _, err := io.ReadFull(body, b); err != nil {
		return nil, fmt.Errorf("couldn't read %s: %w", name, err)
	}
	return b, nil
}

// EachKept calls do for every version of every object that Keep stored, in the
// store's order, until it fails. Marks of deletion are no objects and left out.
func (s *Store) EachKept(ctx context.Context, do func(key, version string) error) error {
	for o := range s.core.ListObjectsIter(ctx, s.bucket, minio.ListObjectsOptions{Prefix: keptPrefix, Recursive: true, WithVersions: true}) {
		if o.Err != nil {
			return fmt.Errorf("couldn't list %s: %w", keptPrefix, classed(o.Err))
		}
		if o.IsDeleteMarker {
			continue
		}
		if err := do(o.Key, o.VersionID); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("couldn't list %s: %w", keptPrefix, err)
	}
	return nil
}
