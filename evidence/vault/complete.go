package vault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/minio/minio-go/v7"
)

// How long Complete looks for the object: long after an accepted request,
// since a server may still be putting large parts together, short after one
// whose outcome is unknown, since it is then sent again.
const (
	acceptedPatience = 10 * time.Minute
	unknownPatience  = 3 * time.Second
	completeTries    = 5
	maxPollInterval  = time.Second
)

// Complete makes one object of the parts, which must be all of the upload's,
// in order. It returns only what it has read back from the server: size,
// whole-object checksum, version and lock.
//
// The outcome of a request that broke is unknown; Complete then looks at the
// object before it asks again. It may be called again, with the same
// arguments, after any error and after a crash: it finds the object that the
// earlier call made. ErrNotFound means that neither the upload nor the object
// exists.
func (s *Store) Complete(ctx context.Context, u Upload, parts []Part) (Object, error) {
	crc, err := wholeChecksum(u, parts)
	if err != nil {
		return Object{}, fmt.Errorf("couldn't complete %s: %w", u.Key, err)
	}
	o, err := s.complete(ctx, u, parts, crc)
	if err != nil {
		return Object{}, fmt.Errorf("couldn't complete %s: %w", u.Key, err)
	}
	if o.Mode != u.Mode {
		return Object{}, &UnsafeStoreError{"lock-kept", fmt.Sprintf("%s was to be under %s, the server says %q", u.Key, u.Mode, o.Mode)}
	}
	// Retention was counted from Begin. A deposit that took days must not
	// have lost them, nor stand unlocked.
	if now, want := s.now(), s.until(); o.RetainUntil.Before(now) || want.Sub(o.RetainUntil) > time.Minute {
		if err := s.Extend(ctx, o.Key, o.Version, want); err != nil {
			return Object{}, err
		}
		if o, err = s.Stat(ctx, o.Key, o.Version); err != nil {
			return Object{}, err
		}
	}
	return o, nil
}

// wholeChecksum checks that the parts are the upload's and joins their checksums.
func wholeChecksum(u Upload, parts []Part) (Checksum, error) {
	if len(parts) != u.Parts() {
		return 0, fmt.Errorf("%w: %d given, %d needed", ErrParts, len(parts), u.Parts())
	}
	var crc Checksum
	for i, p := range parts {
		if p.Number != i+1 || p.Size != u.PartLen(p.Number) {
			return 0, fmt.Errorf("%w: number %d of %d bytes at place %d", ErrParts, p.Number, p.Size, i+1)
		}
		if i == 0 {
			crc = p.CRC
		} else {
			crc = crc.Joined(p.CRC, p.Size)
		}
	}
	return crc, nil
}

func (s *Store) complete(ctx context.Context, u Upload, parts []Part, crc Checksum) (Object, error) {
	list := make([]minio.CompletePart, len(parts))
	for i, p := range parts {
		list[i] = minio.CompletePart{PartNumber: p.Number, ETag: p.ETag, ChecksumCRC64NVME: p.CRC.String()}
	}
	var last error
	for range completeTries {
		info, err := s.once.CompleteMultipartUpload(ctx, s.bucket, u.Key, u.ID, list, minio.PutObjectOptions{
			// The server joins the parts' checksums too; given ours, it
			// refuses an object that came out different.
			UserMetadata: map[string]string{checksumHeader: crc.String(), "X-Amz-Checksum-Type": "FULL_OBJECT"},
		})
		patience := unknownPatience
		switch err = classed(err); {
		case err == nil:
			patience = acceptedPatience
		case gaveUp(ctx):
			return Object{}, err
		case errors.Is(err, ErrFull), refused(err) && !errors.Is(err, ErrNotFound):
			return Object{}, err
		}
		o, lookErr := s.await(ctx, u, info.VersionID, crc, patience)
		if lookErr == nil || errors.Is(lookErr, ErrChecksum) || gaveUp(ctx) {
			return o, lookErr
		}
		last = lookErr
		if err != nil {
			last = err
		}
		if errors.Is(err, ErrNotFound) && errors.Is(lookErr, ErrNotFound) {
			return Object{}, err // the server knows neither the upload nor the object
		}
	}
	return Object{}, last
}

// await looks at the object until it is there, whole. A size or checksum that
// differs is ErrChecksum at once: keys are never reused, so it is ours and
// damaged.
func (s *Store) await(ctx context.Context, u Upload, version string, crc Checksum, patience time.Duration) (Object, error) {
	deadline := time.Now().Add(patience)
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, maxPollInterval) {
		o, err := s.Stat(ctx, u.Key, version)
		switch {
		case err == nil && o.Size == u.Size && o.CRC == crc:
			return o, nil
		case err == nil:
			return Object{}, fmt.Errorf("%w: stored %d bytes with %s, sent %d bytes with %s", ErrChecksum, o.Size, o.CRC, u.Size, crc)
		case time.Now().Add(pause).After(deadline):
			return Object{}, err
		}
		select {
		case <-ctx.Done():
			return Object{}, fmt.Errorf("gave up waiting for the object: %w", ctx.Err())
		case <-time.After(pause):
		}
	}
}
