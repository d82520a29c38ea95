package vault

import (
	"context"
	"fmt"
	"time"

	"github.com/minio/minio-go/v7"
)

const (
	// holdRetention is that of the two objects of the legal hold's check: long
	// enough to complete both before it ends.
	holdRetention = 4 * time.Second
	// holdPatience is how long after it the store may still call it locked.
	holdPatience = 30 * time.Second
)

// legalHold stores two objects under a retention of seconds and holds one. The
// other shows, by becoming deletable, that the store itself takes the
// retention for expired: clocks differ. Then the held one must still stand.
func (p *probe) legalHold(ctx context.Context) error {
	const check = "legal-hold"
	held, err := p.short(ctx)
	if err != nil {
		return err
	}
	defer func() {
		ctx := context.WithoutCancel(ctx)
		_ = p.hold(ctx, held.Key, held.Version, minio.LegalHoldDisabled)
		_ = p.remove(ctx, held.Key, held.Version)
	}()
	if err := p.hold(ctx, held.Key, held.Version, minio.LegalHoldEnabled); err != nil {
		if refused(err) {
			return &UnsafeStoreError{check, fmt.Sprintf("a legal hold is not taken: %v", err)}
		}
		return err
	}
	free, err := p.short(ctx)
	if err != nil {
		return err
	}
	deadline := time.Now().Add(holdRetention + holdPatience)
	for {
		err := p.remove(ctx, free.Key, free.Version)
		if err == nil {
			break
		}
		if !refused(err) {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s after its retention expired, a version is still locked; compare this machine's clock with the store's: %w", holdPatience, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second / 4):
		}
	}
	for _, bypass := range []bool{false, true} {
		switch kept, err := p.survives(ctx, held, bypass); {
		case err != nil:
			return err
		case !kept:
			return &UnsafeStoreError{check, "a version under legal hold could be deleted once its retention had expired"}
		}
	}
	return nil
}

// short stores an object whose retention ends in seconds.
func (p *probe) short(ctx context.Context) (Object, error) {
	key, err := p.newKey(probePrefix)
	if err != nil {
		return Object{}, err
	}
	data := []byte(key)
	u, err := p.Store.begin(ctx, key, uint64(len(data)), p.now().Add(holdRetention+time.Second).UTC().Truncate(time.Second))
	if err != nil {
		return Object{}, err
	}
	part, err := p.PutPart(ctx, u, 1, data)
	if err != nil {
		return Object{}, err
	}
	return p.complete(ctx, u, []Part{part}, ChecksumOf(data))
}

func (s *Store) hold(ctx context.Context, key, version string, status minio.LegalHoldStatus) error {
	return s.core.PutObjectLegalHold(ctx, s.bucket, key, minio.PutObjectLegalHoldOptions{Status: &status, VersionID: version})
}

func (s *Store) remove(ctx context.Context, key, version string) error {
	return s.core.RemoveObject(ctx, s.bucket, key, minio.RemoveObjectOptions{VersionID: version})
}
