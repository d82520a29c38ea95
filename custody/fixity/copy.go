package fixity

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/bulk"
	"github.com/evidence-custody/custodyd/evidence/vault/strongbox"
)

// Store is what is needed of the object store. Errors other than the two below
// say nothing about the bytes.
type Store interface {
	// ReadRange reads n bytes from off of one version. ErrMissing: the store
	// says that there is no such version; ErrShort: that it can't give so many
	// bytes from there.
	ReadRange(ctx context.Context, key, version string, off, n uint64) (io.ReadCloser, error)
	// Bucket names where the objects are that it reads.
	Bucket() string
	// Size returns how many bytes the store says that a version has, or ErrMissing.
	Size(ctx context.Context, key, version string) (uint64, error)
	// DataKey returns the key that an object of encoding dare-blocks is encrypted
	// under, anew for each block: it may be destroyed meanwhile. ErrNoKey: there
	// is none.
	DataKey(ctx context.Context, object string) (*strongbox.DataKey, error)
}

// What a store says about the bytes themselves.
var (
	ErrMissing = errors.New("the store has no such object")
	ErrShort   = errors.New("the store can't give those bytes of the object")
)

// ErrNoKey: the key that an object is encrypted under is not there any more.
// Whether its item was disposed of, the record says.
var ErrNoKey = errors.New("the data key of the object is gone")

// ErrLeaves: the list of leaves kept for an artifact doesn't lead to the root
// that its depositor signed, so there is nothing to check a block with.
var ErrLeaves = errors.New("the leaves kept don't lead to the signed root")

// Rot: a block is not in the store as it was deposited. It was read twice
// before this was said, so that damage on the way is not taken for damage there.
type Rot struct {
	Block  uint64 // from 0
	Offset uint64 // of its first byte
	Length int    // bytes it should have
	Reason custody.FixityReason
	Cause  error
}

func (e *Rot) Error() string {
	return fmt.Sprintf("block %d (bytes %d to %d) is not as it was deposited: %s", e.Block, e.Offset, e.Offset+uint64(e.Length)-1, e.Reason)
}

func (e *Rot) Unwrap() error { return e.Cause }

// Copy is the store's copy of one artifact. It is safe for concurrent use.
type Copy struct {
	store    Store
	artifact docket.Artifact
	blocks   *evidence.Blocks
	log      *slog.Logger
}

// Open takes up an artifact's copy; ErrLeaves where the leaves kept are not
// those that the signed root was made of. It reads nothing of the store yet.
// log may be nil.
func Open(store Store, a docket.Artifact, log *slog.Logger) (*Copy, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	leaves, err := evidence.SplitLeaves(a.Leaves)
	if err != nil {
		return nil, fmt.Errorf("couldn't take up artifact %s: %w: %w", a.SHA256.Short(), ErrLeaves, err)
	}
	blocks, err := evidence.NewBlocks(a.Size, a.BlockRoot, leaves)
	if err != nil {
		return nil, fmt.Errorf("couldn't take up artifact %s: %w: %w", a.SHA256.Short(), ErrLeaves, err)
	}
	a.Leaves = nil // kept once, in blocks
	return &Copy{store: store, artifact: a, blocks: blocks, log: log}, nil
}

// Artifact is what the copy is of, without its leaves.
func (c *Copy) Artifact() docket.Artifact { return c.artifact }

// Item is the item whose artifact it is.
func (c *Copy) Item() custody.ID { return c.artifact.Item }

// Count is the number of blocks.
func (c *Copy) Count() uint64 { return c.blocks.Count() }

// Span returns the offset and length of block i.
func (c *Copy) Span(i uint64) (off uint64, n int) { return c.blocks.Span(i) }

// Block reads block i into buf, of BlockSize bytes or more, and returns its
// bytes once they were found to be those deposited; *Rot where they are not.
// Any other error says that it could not be found out.
func (c *Copy) Block(ctx context.Context, i uint64, buf []byte) ([]byte, error) {
	data, err := c.try(ctx, i, buf)
	var rot *Rot
	if !errors.As(err, &rot) || rot.Reason != custody.FixityMismatch {
		return data, err
	}
	// Bytes may be damaged on their way here, by memory or by a network. What
	// comes out right now is served, and said: such a machine is not well.
	if data, err = c.try(ctx, i, buf); err == nil {
		c.log.WarnContext(ctx, "a block came from the store damaged once and whole when read again; memory, disk or network of this machine or the store's may be failing",
			"item", c.artifact.Item.String(), "block", i)
	}
	return data, err
}

// try reads and checks once. It is the only place where bytes of evidence come
// from the store.
func (c *Copy) try(ctx context.Context, i uint64, buf []byte) ([]byte, error) {
	off, n := c.blocks.Span(i)
	if n == 0 {
		return nil, fmt.Errorf("couldn't read block %d of %d of artifact %s: %w", i, c.blocks.Count(), c.artifact.SHA256.Short(), evidence.ErrBlock)
	}
	if err := c.here(); err != nil {
		return nil, err
	}
	rot := func(why custody.FixityReason, err error) error {
		return &Rot{Block: i, Offset: off, Length: n, Reason: why, Cause: err}
	}
	data, err := c.fetch(ctx, i, off, buf[:n], rot)
	if err != nil {
		return nil, err
	}
	if err := c.blocks.Check(i, data); err != nil {
		return nil, rot(custody.FixityMismatch, err)
	}
	return data, nil
}

// fetch reads a block as it was deposited into data, whatever the store keeps
// in its place.
func (c *Copy) fetch(ctx context.Context, i, off uint64, data []byte, rot func(custody.FixityReason, error) error) ([]byte, error) {
	if c.artifact.Encoding != custody.EncodingDARE {
		return data, c.read(ctx, i, off, data, rot)
	}
	key, err := c.store.DataKey(ctx, c.artifact.Key)
	if err != nil {
		return nil, fmt.Errorf("couldn't open block %d of artifact %s: %w", i, c.artifact.SHA256.Short(), err)
	}
	memory := sealed.Take()
	defer sealed.Give(memory)
	in := memory[:strongbox.Sealed(uint64(len(data)))]
	if err := c.read(ctx, i, i*strongbox.BlockSize, in, rot); err != nil {
		return nil, err
	}
	out, err := key.Open(data[:0], i, c.blocks.Leaf(i), in, len(data))
	if errors.Is(err, strongbox.ErrSealed) {
		return nil, rot(custody.FixityMismatch, err)
	}
	return out, err
}

var sealed = bulk.NewStock(strongbox.BlockSize)

// read fills data from off of the object on.
func (c *Copy) read(ctx context.Context, i, off uint64, data []byte, rot func(custody.FixityReason, error) error) error {
	n := len(data)
	body, err := c.store.ReadRange(ctx, c.artifact.Key, c.artifact.Version, off, uint64(n))
	switch {
	case errors.Is(err, ErrMissing):
		return rot(custody.FixityMissing, err)
	case errors.Is(err, ErrShort):
		// A server that is wrong about ranges alone says nothing of the bytes.
		size, asked := c.Size(ctx)
		if asked == nil && size < off+uint64(n) {
			return rot(custody.FixityShort, err)
		}
		return fmt.Errorf("couldn't read block %d of artifact %s, of which the store says that it has %d bytes: %w", i, c.artifact.SHA256.Short(), size, errors.Join(err, asked))
	case err != nil:
		return fmt.Errorf("couldn't read block %d of artifact %s: %w", i, c.artifact.SHA256.Short(), err)
	}
	defer body.Close()
	if _, err := io.ReadFull(body, data); err != nil {
		if errors.Is(err, io.EOF) { // never a clean end of a short body
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("couldn't read block %d of artifact %s: %w", i, c.artifact.SHA256.Short(), err)
	}
	return nil
}

// Failed is the event's body of a copy that is not as it was deposited: of so
// many blocks looked at so many are bad, the first of them these.
func (c *Copy) Failed(bad []uint64, count, checked uint64, why custody.FixityReason) *custody.FixityFailed {
	if why == custody.FixityMissing {
		bad, count, checked = nil, c.Count(), c.Count()
	}
	return &custody.FixityFailed{Artifact: c.artifact.SHA256, Blocks: append([]uint64{}, bad[:min(len(bad), custody.MaxBadBlocks)]...), Checked: checked, Count: count,
		Item: c.artifact.Item, Reason: why}
}

// here refuses to look for an object in another bucket than it is in, where it
// would be missed.
func (c *Copy) here() error {
	if b := c.store.Bucket(); b != c.artifact.Bucket {
		return fmt.Errorf("couldn't look for artifact %s: it lies in bucket %s, and the store configured is %s", c.artifact.SHA256.Short(), c.artifact.Bucket, b)
	}
	return nil
}

// Stored is how many bytes the store must have of the artifact.
func (c *Copy) Stored() uint64 {
	if c.artifact.Encoding == custody.EncodingDARE {
		return strongbox.Sealed(c.artifact.Size)
	}
	return c.artifact.Size
}

// Size asks the store how many bytes the copy has.
func (c *Copy) Size(ctx context.Context) (uint64, error) {
	if err := c.here(); err != nil {
		return 0, err
	}
	return c.store.Size(ctx, c.artifact.Key, c.artifact.Version)
}

var buffers = bulk.NewStock(evidence.BlockSize)

// Buffer lends the memory of one block; Return gives it back.
func Buffer() []byte { return buffers.Take() }

// Return takes memory back; nothing may read it any more.
func Return(b []byte) { buffers.Give(b) }
