package registrar

import (
	"context"
	"errors"
	"hash"
	"io"
	"syscall"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/bulk"
	"github.com/evidence-custody/custodyd/evidence/parcel"
)

const (
	// maxInMemory is the largest part that is held in memory. S3 takes 10,000
	// parts of an object, so an image of more than 640 GB has larger ones.
	maxInMemory = 64 << 20
	// spoolPatience is how long a part waits for memory that slower ones have.
	spoolPatience = 5 * time.Second
	// spooled bounds the bytes of parts in files, for each of the two rooms: two
	// parts of the largest images.
	spooled = 4 << 30
	// largestPart is that of an image of 16 TiB.
	largestPart = 2 << 30
)

// room is where parts lie between their arrival and their commit.
type room struct {
	memory *bulk.Shelf
	files  *semaphore.Weighted // bytes
}

func newRoom(blocks int) room {
	return room{memory: bulk.NewShelf(evidence.BlockSize, blocks), files: semaphore.NewWeighted(spooled)}
}

// receive reads exactly the announced bytes and compares every digest that was
// announced with them.
func (r *Registrar) receive(ctx context.Context, in room, p Part, body io.Reader) (*parcel.Parcel, error) {
	if p.SHA256 == nil && p.Blocks == nil {
		return nil, &Malformed{Rule: "upload.part-digest", Field: "part", Message: "a part needs a digest"}
	}
	if p.Size > largestPart {
		return nil, &TooLarge{Limit: largestPart, Message: "no part is larger"}
	}
	var whole hash.Hash
	if p.SHA256 != nil {
		whole = evidence.NewSHA256()
	}
	content, err := r.keepMeanwhile(ctx, in, p.Size, body, whole)
	var short *parcel.Short
	switch {
	case errors.As(err, &short):
		return nil, &Truncated{Expected: short.Expected, Received: short.Received}
	case errors.Is(err, syscall.ENOSPC):
		return nil, &Full{Message: "the service's spool is full; nothing acknowledged is lost"}
	case err != nil:
		return nil, err
	}
	if err := announced(p, content, whole, body); err != nil {
		content.Drop()
		return nil, err
	}
	return content, nil
}

// keepMeanwhile reads the part into memory, or where it is too large for that,
// or memory is not to be had soon, into a file without a name.
func (r *Registrar) keepMeanwhile(ctx context.Context, in room, size int64, body io.Reader, whole hash.Hash) (*parcel.Parcel, error) {
	if n := parcel.Blocks(size); size <= r.inMemory && n <= in.memory.Pieces() {
		soon, cancel := context.WithTimeout(ctx, r.spoolAfter)
		blocks, err := in.memory.Take(soon, n)
		cancel()
		if err == nil {
			return parcel.Receive(body, size, in.memory, blocks, whole)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	if err := in.files.Acquire(ctx, size); err != nil {
		return nil, err
	}
	content, err := parcel.Spool(body, size, r.o.Spool, whole, func() { in.files.Release(size) })
	return content, err
}

// announced compares what arrived with what was said of it.
func announced(p Part, content *parcel.Parcel, whole hash.Hash, body io.Reader) error {
	if extra, _ := io.ReadFull(body, make([]byte, 1)); extra > 0 {
		return &Malformed{Rule: "upload.part-size", Field: "part", Message: "more bytes follow than the part has"}
	}
	var diffs []Difference
	if root := content.Root(); p.Blocks != nil && *p.Blocks != root {
		diffs = append(diffs, Difference{Name: "blocks", Declared: p.Blocks.String(), Received: root.String()})
	}
	if whole != nil {
		if got := evidence.Digest(whole.Sum(nil)); got != *p.SHA256 {
			diffs = append(diffs, Difference{Name: "sha256", Declared: p.SHA256.String(), Received: got.String()})
		}
	}
	if len(diffs) > 0 {
		return &DigestMismatch{Differences: diffs}
	}
	return nil
}
