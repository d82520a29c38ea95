package service

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/fixity"
	"github.com/evidence-custody/custodyd/custody/registrar"
	"github.com/evidence-custody/custodyd/evidence/parcel"
	"github.com/evidence-custody/custodyd/evidence/vault"
)

// shelf is the vault as the registrar knows it.
type shelf struct {
	store  *vault.Store
	bucket string
	mode   vault.Mode
}

var _ registrar.Vault = shelf{}

func (s shelf) Bucket() string { return s.bucket }

func (s shelf) upload(o registrar.Object) vault.Upload {
	return vault.Upload{Key: o.Key, ID: o.Upload, Size: o.Size, PartSize: o.PartSize, Mode: s.mode}
}

func (s shelf) Begin(ctx context.Context, size uint64) (registrar.Object, error) {
	u, err := s.store.Begin(ctx, size)
	return registrar.Object{Key: u.Key, Upload: u.ID, Size: u.Size, PartSize: u.PartSize}, full(err)
}

func (s shelf) PutPart(ctx context.Context, o registrar.Object, n int, content *parcel.Parcel) (registrar.StoredPart, error) {
	p, err := s.store.PutContent(ctx, s.upload(o), n, content)
	return registrar.StoredPart{Number: p.Number, Size: p.Size, ETag: p.ETag, CRC64: binary.BigEndian.AppendUint64(nil, uint64(p.CRC))}, full(err)
}

func (s shelf) Complete(ctx context.Context, o registrar.Object, parts []registrar.StoredPart) (registrar.StoredObject, error) {
	in := make([]vault.Part, len(parts))
	for i, p := range parts {
		if len(p.CRC64) != 8 {
			return registrar.StoredObject{}, fmt.Errorf("couldn't complete: part %d has no checksum on record", p.Number)
		}
		in[i] = vault.Part{Number: p.Number, Size: p.Size, ETag: p.ETag, CRC: vault.Checksum(binary.BigEndian.Uint64(p.CRC64))}
	}
	done, err := s.store.Complete(ctx, s.upload(o), in)
	return registrar.StoredObject{Version: done.Version, Mode: custody.RetentionMode(done.Mode), RetainUntil: done.RetainUntil}, full(err)
}

func (s shelf) Abort(ctx context.Context, o registrar.Object) error {
	return s.store.Abort(ctx, s.upload(o))
}

func (s shelf) ReadRange(ctx context.Context, key, version string, off, n uint64) (io.ReadCloser, error) {
	body, err := s.store.ReadRange(ctx, key, version, off, n)
	return body, s.kept(ctx, err)
}

// Size asks the store how long an object is.
func (s shelf) Size(ctx context.Context, key, version string) (uint64, error) {
	o, err := s.store.Stat(ctx, key, version)
	return o.Size, s.kept(ctx, err)
}

// kept gives fixity its own words for what the store says of an object. That
// it has none counts only where it shows the bucket: whatever else answers 404
// on the way, or for a bucket that is gone, says nothing of it.
func (s shelf) kept(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, vault.ErrNotFound):
		if there := s.store.CheckBucket(ctx); there != nil {
			return fmt.Errorf("couldn't find the object, nor the bucket as it should be: %w", there)
		}
		return fmt.Errorf("%w: %w", fixity.ErrMissing, err)
	case errors.Is(err, vault.ErrSize):
		return fmt.Errorf("%w: %w", fixity.ErrShort, err)
	}
	return err
}

// Ready asks whether the bucket is there and still locks.
func (s shelf) Ready(ctx context.Context) error { return s.store.CheckBucket(ctx) }

// full gives the registrar its own word for a full store.
func full(err error) error {
	if errors.Is(err, vault.ErrFull) {
		return fmt.Errorf("%w: %w", registrar.ErrVaultFull, err)
	}
	return err
}
