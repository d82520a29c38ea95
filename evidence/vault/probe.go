package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"
)

const (
	// probeRetention is how long a probe's object is locked: long enough for
	// clocks that differ by minutes, short enough to leave nothing behind for long.
	probeRetention = 5 * time.Minute
	probeCleanup   = 32 // old probes removed per start
)

// Probe stores one object of a few bytes and tries on it what must not work.
// A store that lets it is refused with *UnsafeStoreError; an error of another
// kind means that the store could not be asked. It takes about fifteen small
// requests, so it is run at every start.
//
// Checked: the bucket keeps versions and locks; a part with a wrong checksum
// and a part cut short are not taken; the object reads back as it was sent,
// under the lock that was asked for; that version can neither be deleted nor
// its retention shortened.
func (s *Store) Probe(ctx context.Context) error {
	if err := s.checkBucket(ctx); err != nil {
		return err
	}
	s.removeOldProbes(ctx)
	key, err := s.newKey(probePrefix)
	if err != nil {
		return err
	}
	until := s.now().Add(probeRetention).UTC().Truncate(time.Second)
	data := []byte(key)
	u, err := s.begin(ctx, key, uint64(len(data)), until)
	if err != nil {
		return fmt.Errorf("couldn't probe the store: %w", err)
	}
	defer s.Abort(context.WithoutCancel(ctx), u) // leaves a completed object alone
	if err := s.probeParts(ctx, u, data); err != nil {
		return err
	}
	part, err := s.putPart(ctx, s.core, u, 1, data, ChecksumOf(data))
	if err != nil {
		return fmt.Errorf("couldn't probe the store: %w", classed(err))
	}
	o, err := s.complete(ctx, u, []Part{part}, ChecksumOf(data))
	if errors.Is(err, ErrChecksum) {
		return &UnsafeStoreError{"read-back", err.Error()}
	}
	if err != nil {
		return fmt.Errorf("couldn't probe the store: %w", err)
	}
	return s.probeObject(ctx, o, data, until)
}

// probeParts sends two parts a safe store doesn't take.
func (s *Store) probeParts(ctx context.Context, u Upload, data []byte) error {
	_, err := s.putPart(ctx, s.once, u, 1, data, ^ChecksumOf(data))
	if err == nil {
		return &UnsafeStoreError{"wrong-checksum", "a part whose checksum was wrong was accepted"}
	}
	if !refused(err) {
		return fmt.Errorf("couldn't probe the store: %w", err)
	}
	// Half the announced bytes, then the connection ends. The client's own
	// error says nothing; what the server lists does.
	_, err = s.once.PutObjectPart(ctx, s.bucket, u.Key, u.ID, 1,
		io.LimitReader(bytes.NewReader(data), int64(len(data)/2)), int64(len(data)),
		minio.PutObjectPartOptions{
			DisableContentSha256: true,
			CustomHeader:         http.Header{checksumHeader: {ChecksumOf(data).String()}},
		})
	if err == nil {
		return &UnsafeStoreError{"truncated-part", "a part cut short was acknowledged"}
	}
	parts, err := s.ListParts(ctx, u)
	if err != nil {
		return fmt.Errorf("couldn't probe the store: %w", err)
	}
	if len(parts) != 0 {
		return &UnsafeStoreError{"truncated-part", "a refused or truncated part is listed"}
	}
	return nil
}

// probeObject checks the object and then tries to get rid of it.
func (s *Store) probeObject(ctx context.Context, o Object, data []byte, until time.Time) error {
	if o.Version == "" || o.Version == "null" {
		return &UnsafeStoreError{"bucket-versioning", "a new object has no version id"}
	}
	if o.Mode != s.mode || !o.RetainUntil.Equal(until) {
		return &UnsafeStoreError{"lock-kept", fmt.Sprintf("asked for %s until %s, got %q until %s", s.mode, until, o.Mode, o.RetainUntil)}
	}
	body, err := s.ReadRange(ctx, o.Key, o.Version, 0, o.Size)
	if err != nil {
		return fmt.Errorf("couldn't probe the store: %w", err)
	}
	got, err := io.ReadAll(body)
	body.Close()
	if err != nil {
		return fmt.Errorf("couldn't probe the store: %w", err)
	}
	if !bytes.Equal(got, data) {
		return &UnsafeStoreError{"read-back", "the object reads back different"}
	}

	err = s.once.RemoveObject(ctx, s.bucket, o.Key, minio.RemoveObjectOptions{VersionID: o.Version})
	if err != nil && !refused(err) {
		return fmt.Errorf("couldn't probe the store: %w", err)
	}
	if _, gone := s.Stat(ctx, o.Key, o.Version); err == nil || errors.Is(gone, ErrNotFound) {
		return &UnsafeStoreError{"delete-locked", "a locked version could be deleted"}
	}

	mode, earlier := minio.RetentionMode(s.mode), until.Add(-probeRetention/2)
	err = s.once.PutObjectRetention(ctx, s.bucket, o.Key, minio.PutObjectRetentionOptions{
		Mode: &mode, RetainUntilDate: &earlier, VersionID: o.Version,
	})
	if err != nil && !refused(err) {
		return fmt.Errorf("couldn't probe the store: %w", err)
	}
	now, statErr := s.Stat(ctx, o.Key, o.Version)
	if statErr != nil {
		return fmt.Errorf("couldn't probe the store: %w", statErr)
	}
	if err == nil || now.RetainUntil.Before(until) {
		return &UnsafeStoreError{"shorten-locked", "the retention of a locked version could be shortened"}
	}
	return nil
}

// removeOldProbes deletes what earlier starts left. Those still locked stay,
// and any failure only leaves a few bytes for the next start.
func (s *Store) removeOldProbes(ctx context.Context) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	n := 0
	for old := range s.core.ListObjectsIter(ctx, s.bucket, minio.ListObjectsOptions{
		Prefix: probePrefix, Recursive: true, WithVersions: true,
	}) {
		if n++; old.Err != nil || n > probeCleanup {
			return
		}
		if s.now().Sub(old.LastModified) > probeRetention {
			_ = s.once.RemoveObject(ctx, s.bucket, old.Key, minio.RemoveObjectOptions{VersionID: old.VersionID})
		}
	}
}
