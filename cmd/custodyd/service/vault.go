package service

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/fixity"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/registrar"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/parcel"
	"github.com/evidence-custody/custodyd/evidence/vault"
	"github.com/evidence-custody/custodyd/evidence/vault/strongbox"
)

// shelf is the vault as the registrar knows it.
type shelf struct {
	store  *vault.Store
	bucket string
	mode   vault.Mode

	keys  *strongroom
	plain bool             // new objects are stored as they are
	bench *strongbox.Bench // where parts are encrypted
}

// benchBlocks bounds the memory in which parts are encrypted: four of 16 MiB at
// once, or one of 64 MiB. Larger ones are encrypted by the block as they are sent.
const benchBlocks = 8

var _ registrar.Vault = shelf{}

func (s shelf) Bucket() string { return s.bucket }

func (s shelf) upload(o registrar.Object) vault.Upload {
	u := vault.Upload{Key: o.Key, ID: o.Upload, Size: o.Size, PartSize: o.PartSize, Mode: s.mode}
	if o.Encoding == custody.EncodingDARE {
		u.Size, u.PartSize = strongbox.Sealed(u.Size), strongbox.Sealed(u.PartSize)
	}
	return u
}

func (s shelf) Begin(ctx context.Context, size uint64) (registrar.Object, error) {
	if s.plain {
		u, err := s.store.Begin(ctx, size)
		return registrar.Object{Key: u.Key, Upload: u.ID, Size: u.Size, PartSize: u.PartSize, Encoding: custody.EncodingPlain}, full(err)
	}
	partSize, err := vault.PartSize(size)
	if err != nil {
		return registrar.Object{}, err
	}
	u, err := s.store.BeginSealed(ctx, size)
	if err != nil {
		return registrar.Object{}, full(err)
	}
	o := registrar.Object{Key: u.Key, Upload: u.ID, Size: size, PartSize: partSize, Encoding: custody.EncodingDARE}
	k, err := s.keys.draw(ctx, o.Key)
	if err != nil {
		_ = s.store.Abort(context.WithoutCancel(ctx), u) // it holds no bytes
		return registrar.Object{}, err
	}
	o.DataKey = &k
	return o, nil
}

// content is a part as the store is to have it; drop it when it is stored.
func (s shelf) content(ctx context.Context, o registrar.Object, n int, p *parcel.Parcel) (c vault.Content, drop func(), err error) {
	if o.Encoding != custody.EncodingDARE {
		return p, func() {}, nil
	}
	k, err := s.keys.DataKey(ctx, o.Key)
	if err != nil {
		return nil, nil, err
	}
	part, err := s.bench.Seal(ctx, k, uint64(n-1)*o.PartSize/evidence.BlockSize, p)
	if err != nil {
		return nil, nil, err
	}
	return part, part.Drop, nil
}

func (s shelf) PutPart(ctx context.Context, o registrar.Object, n int, p *parcel.Parcel) (registrar.StoredPart, error) {
	content, drop, err := s.content(ctx, o, n, p)
	if err != nil {
		return registrar.StoredPart{}, fmt.Errorf("couldn't encrypt part %d: %w", n, err)
	}
	defer drop()
	part, err := s.store.PutContent(ctx, s.upload(o), n, content)
	return registrar.StoredPart{Number: part.Number, Size: uint64(p.Size()), ETag: part.ETag, CRC64: binary.BigEndian.AppendUint64(nil, uint64(part.CRC))}, full(err)
}

func (s shelf) Complete(ctx context.Context, o registrar.Object, parts []registrar.StoredPart) (registrar.StoredObject, error) {
	in, err := acknowledged(o, parts)
	if err != nil {
		return registrar.StoredObject{}, err
	}
	done, err := s.store.Complete(ctx, s.upload(o), in)
	return registrar.StoredObject{Version: done.Version, Mode: custody.RetentionMode(done.Mode), RetainUntil: done.RetainUntil}, full(err)
}

// acknowledged are the parts as the store has them.
func acknowledged(o registrar.Object, parts []registrar.StoredPart) ([]vault.Part, error) {
	out := make([]vault.Part, len(parts))
	for i, p := range parts {
		if len(p.CRC64) != 8 {
			return nil, fmt.Errorf("couldn't complete: part %d has no checksum on record", p.Number)
		}
		out[i] = vault.Part{Number: p.Number, Size: p.Size, ETag: p.ETag, CRC: vault.Checksum(binary.BigEndian.Uint64(p.CRC64))}
		if o.Encoding == custody.EncodingDARE {
			out[i].Size = strongbox.Sealed(p.Size)
		}
	}
	return out, nil
}

func (s shelf) Lacking(ctx context.Context, o registrar.Object, parts []registrar.StoredPart) ([]int, error) {
	in, err := acknowledged(o, parts)
	if err != nil {
		return nil, err
	}
	lacking, err := s.store.Lacking(ctx, s.upload(o), in)
	if errors.Is(err, vault.ErrNotFound) {
		// Only a bucket that is there says anything of what is in it.
		if there := s.store.CheckBucket(ctx); there != nil {
			return nil, there
		}
		err = fmt.Errorf("%w: %w", docket.ErrNotFound, err)
	}
	return lacking, err
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

// Locked asks the store how long an object is locked.
func (s shelf) Locked(ctx context.Context, key, version string) (custody.RetentionMode, time.Time, error) {
	o, err := s.store.Stat(ctx, key, version)
	return custody.RetentionMode(o.Mode), o.RetainUntil, s.kept(ctx, err)
}

// DataKey unwraps the key that an object is encrypted under.
func (s shelf) DataKey(ctx context.Context, object string) (*strongbox.DataKey, error) {
	return s.keys.DataKey(ctx, object)
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
