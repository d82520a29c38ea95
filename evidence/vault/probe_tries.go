package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/minio/minio-go/v7"
)

func (p *probe) versioning(ctx context.Context) error { return p.checkVersioning(ctx) }

func (p *probe) bucketLock(ctx context.Context) error { return p.checkLock(ctx) }

func (p *probe) wrongChecksum(ctx context.Context) error {
	const check = "wrong-checksum"
	err := insist(ctx, func() error {
		_, err := p.putPart(ctx, p.once, p.upload, 1, inMemory(p.data), ^ChecksumOf(p.data))
		return err
	})
	if err == nil {
		return &UnsafeStoreError{check, "a part whose checksum was wrong was accepted"}
	}
	if !refused(err) {
		return err
	}
	return p.nothingListed(ctx, check, p.upload, "a part that was refused for its checksum is listed")
}

// truncatedPart announces bytes and ends the connection after half of them,
// with a checksum and without one. The client's own error says nothing; what
// the server lists does, and for the second is asked once more by abortedPart,
// when it has had time to get it wrong.
func (p *probe) truncatedPart(ctx context.Context) error {
	const check = "truncated-part"
	for _, try := range []struct {
		upload Upload
		header http.Header
	}{
		{p.upload, http.Header{checksumHeader: {ChecksumOf(p.data).String()}}},
		{p.aborted, http.Header{}},
	} {
		_, err := p.once.PutObjectPart(ctx, p.bucket, try.upload.Key, try.upload.ID, 1,
			io.LimitReader(bytes.NewReader(p.data), int64(len(p.data)/2)), int64(len(p.data)),
			minio.PutObjectPartOptions{DisableContentSha256: true, CustomHeader: try.header})
		if err == nil {
			return &UnsafeStoreError{check, "a part cut short was acknowledged"}
		}
		if err := p.nothingListed(ctx, check, try.upload, "a part cut short is listed"); err != nil {
			return err
		}
	}
	return nil
}

func (p *probe) nothingListed(ctx context.Context, check string, u Upload, why string) error {
	page, err := p.core.ListObjectParts(ctx, p.bucket, u.Key, u.ID, 0, 10)
	if err != nil {
		return err
	}
	if len(page.ObjectParts) != 0 {
		return &UnsafeStoreError{check, why}
	}
	return nil
}

// abortedPart sends a whole part, takes the upload back, and then tries to
// complete it all the same.
func (p *probe) abortedPart(ctx context.Context) error {
	const check = "aborted-part"
	if err := p.nothingListed(ctx, check, p.aborted, "a part cut short is listed after a while"); err != nil {
		return err
	}
	data := []byte(p.aborted.Key)
	part, err := p.PutPart(ctx, p.aborted, 1, data)
	if err != nil {
		return err
	}
	if err := p.Abort(ctx, p.aborted); err != nil {
		return err
	}
	if left, err := p.ListParts(ctx, p.aborted); err == nil && len(left) != 0 {
		return &UnsafeStoreError{check, "a part of an aborted upload is still listed"}
	} else if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	err = insist(ctx, func() error {
		_, err := p.once.CompleteMultipartUpload(ctx, p.bucket, p.aborted.Key, p.aborted.ID,
			[]minio.CompletePart{{PartNumber: 1, ETag: part.ETag, ChecksumCRC64NVME: part.CRC.String()}}, minio.PutObjectOptions{})
		return err
	})
	if err != nil && !refused(err) {
		return err
	}
	switch _, there := p.Stat(ctx, p.aborted.Key, ""); {
	case there == nil:
		return &UnsafeStoreError{check, "an upload that was aborted became an object"}
	case !errors.Is(there, ErrNotFound):
		return there
	}
	return nil
}

func (p *probe) readBack(ctx context.Context) error {
	const check = "read-back"
	data := []byte(p.upload.Key)
	part, err := p.PutPart(ctx, p.upload, 1, data)
	if err != nil {
		return err
	}
	o, err := p.complete(ctx, p.upload, []Part{part}, ChecksumOf(data))
	if errors.Is(err, ErrChecksum) {
		return &UnsafeStoreError{check, err.Error()}
	}
	if err != nil {
		return err
	}
	if o.Version == "" || o.Version == "null" {
		return &UnsafeStoreError{"bucket-versioning", "a new object has no version id"}
	}
	p.object, p.made = o, true
	var got []byte
	err = insist(ctx, func() error {
		body, err := p.ReadRange(ctx, o.Key, o.Version, 0, o.Size)
		if err != nil {
			return err
		}
		defer body.Close()
		got, err = io.ReadAll(body)
		return err
	})
	if err != nil {
		return err
	}
	if !bytes.Equal(got, data) {
		return &UnsafeStoreError{check, "the object reads back different"}
	}
	return nil
}

func (p *probe) lockKept(context.Context) error {
	if o := p.object; o.Mode != p.mode || !o.RetainUntil.Equal(p.until) {
		return &UnsafeStoreError{"lock-kept", fmt.Sprintf("asked for %s until %s, got %q until %s", p.mode, p.until, o.Mode, o.RetainUntil)}
	}
	return nil
}

// deleteLocked tries it plainly, and under COMPLIANCE also with the request to
// pass over governance, which must not help there.
func (p *probe) deleteLocked(ctx context.Context) error {
	for _, bypass := range []bool{false, true} {
		if bypass && p.mode != Compliance {
			break
		}
		switch kept, err := p.survives(ctx, p.object, bypass); {
		case err != nil:
			return err
		case !kept:
			return &UnsafeStoreError{"delete-locked", "a locked version could be deleted"}
		}
	}
	return nil
}

// survives tries to delete a version and reports whether it is still there,
// and whether the server said no: a yes that is not meant is no answer either.
func (p *probe) survives(ctx context.Context, o Object, bypass bool) (bool, error) {
	err := p.core.RemoveObject(ctx, p.bucket, o.Key, minio.RemoveObjectOptions{VersionID: o.Version, GovernanceBypass: bypass})
	if err != nil && !refused(err) {
		return false, err
	}
	_, gone := p.Stat(ctx, o.Key, o.Version)
	if gone != nil && !errors.Is(gone, ErrNotFound) {
		return false, gone
	}
	return err != nil && gone == nil, nil
}

func (p *probe) shortenLocked(ctx context.Context) error {
	mode, earlier := minio.RetentionMode(p.mode), p.until.Add(-probeRetention/2)
	err := p.core.PutObjectRetention(ctx, p.bucket, p.object.Key, minio.PutObjectRetentionOptions{
		Mode: &mode, RetainUntilDate: &earlier, VersionID: p.object.Version,
	})
	if err != nil && !refused(err) {
		return err
	}
	now, statErr := p.Stat(ctx, p.object.Key, p.object.Version)
	if statErr != nil && !errors.Is(statErr, ErrNotFound) {
		return statErr
	}
	if err == nil || statErr != nil || now.RetainUntil.Before(p.until) {
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
		if s.now().Sub(old.LastModified) > probeRetention && s.remove(ctx, old.Key, old.VersionID) != nil {
			// An examination that was cut short may have left its hold.
			_ = s.hold(ctx, old.Key, old.VersionID, minio.LegalHoldDisabled)
			_ = s.remove(ctx, old.Key, old.VersionID)
		}
	}
}
