package registrar

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/parcel"
)

// PutPart implements Uploads. A part is acknowledged once the store has it,
// the pipeline has hashed it in its place, and one transaction holds both: so
// acknowledged parts are always 1..frontier, and a crash loses none of them.
func (r *Registrar) PutPart(ctx context.Context, c Caller, p Part, body io.Reader) (PartReceipt, error) {
	u, err := r.openSession(ctx, c, p.Upload)
	if err != nil {
		return PartReceipt{}, err
	}
	n := p.Number
	if n < 1 || n > partCount(u) || p.Size != partLen(u, n) {
		return PartReceipt{}, &Malformed{Rule: "upload.part-size", Field: "part", Message: fmt.Sprintf("the upload has parts 1 to %d of %d bytes, the last of %d", partCount(u), u.PartSize, partLen(u, partCount(u)))}
	}
	if n > u.Frontier+window(u.PartSize) {
		return PartReceipt{}, &OutOfWindow{Next: u.Frontier + 1}
	}
	in := r.ahead
	if n <= u.Frontier+1 {
		in = r.next
	}
	defer r.receiving()()
	content, err := r.receive(ctx, in, p, body)
	if err != nil {
		return PartReceipt{}, err
	}
	defer content.Drop()
	if n <= u.Frontier {
		return r.samePart(ctx, u.ID, p, content)
	}
	return r.placePart(ctx, u, p, content)
}

// samePart answers a part that is there already.
func (r *Registrar) samePart(ctx context.Context, id custody.ID, p Part, content *parcel.Parcel) (PartReceipt, error) {
	u, err := r.ledger.Upload(ctx, id)
	if err != nil {
		return PartReceipt{}, found("upload", err)
	}
	parts, err := r.ledger.UploadParts(ctx, id)
	if err != nil {
		return PartReceipt{}, fault("ledger", err)
	}
	for _, have := range parts {
		if have.N != p.Number {
			continue
		}
		if !bytes.Equal(have.Leaves, evidence.JoinLeaves(content.Leaves())) {
			return PartReceipt{}, &Conflict{Code: CodePartConflict, Message: fmt.Sprintf("part %d is there with other content", p.Number)}
		}
		if slices.Contains(u.Lost, p.Number) {
			if err := r.storeAgain(ctx, u, have, content); err != nil {
				return PartReceipt{}, err
			}
			u.Lost = slices.DeleteFunc(u.Lost, func(n int) bool { return n == p.Number })
		}
		next := u.Frontier + 1
		if len(u.Lost) > 0 {
			next = slices.Min(u.Lost)
		}
		return PartReceipt{Number: p.Number, Size: p.Size, Blocks: content.Root(), Next: next}, nil
	}
	return PartReceipt{}, fmt.Errorf("couldn't find part %d below the frontier %d", p.Number, u.Frontier)
}

// storeAgain gives the store a part that it had acknowledged and lost. Its
// bytes are those in the digests, so nothing is hashed into them again.
func (r *Registrar) storeAgain(ctx context.Context, u docket.Upload, row docket.UploadPart, content *parcel.Parcel) error {
	part, err := r.vault.PutPart(ctx, objectOf(u), row.N, content)
	if err != nil {
		return vaultFault(err)
	}
	row.ETag, row.CRC64 = part.ETag, part.CRC64
	if err := r.ledger.RestorePart(ctx, u.ID, row); err != nil && !errors.Is(err, docket.ErrClosed) { // another request restored it
		return fault("ledger", err)
	}
	return nil
}

// placePart stores the part, takes it into the digests when its predecessors
// are, and commits both when they are: a crash before the commit loses nothing
// that was acknowledged, and what the store then has of the part is written
// again.
func (r *Registrar) placePart(ctx context.Context, u docket.Upload, p Part, content *parcel.Parcel) (PartReceipt, error) {
	s := r.sessions.join(u.ID.String())
	defer r.sessions.leave(u.ID.String())
	late := func(err error) error {
		if !errors.Is(err, errWaited) {
			return err
		}
		if now, err := r.ledger.Upload(ctx, u.ID); err == nil {
			u = now
		}
		return &OutOfWindow{Next: u.Frontier + 1}
	}
	done, err := s.take(ctx, p.Number)
	if err != nil {
		return PartReceipt{}, late(err)
	}
	defer done()
	// While the bytes arrived, or another request had the part in hand, it may
	// have been kept: then the store's copy is not to be touched.
	switch now, err := r.openSession(ctx, Caller{Key: u.Owner}, u.ID); {
	case err != nil:
		return PartReceipt{}, err
	case now.Frontier >= p.Number:
		return r.samePart(ctx, u.ID, p, content)
	}
	group, gctx := errgroup.WithContext(ctx)
	stored := make(chan StoredPart, 1)
	group.Go(func() error {
		part, err := r.vault.PutPart(gctx, objectOf(u), p.Number, content)
		if err != nil {
			return vaultFault(err)
		}
		stored <- part
		return nil
	})
	var there bool
	group.Go(func() (err error) {
		there, err = r.inItsPlace(gctx, s, u.ID, p, content, stored)
		return err
	})
	switch err := group.Wait(); {
	case err != nil:
		return PartReceipt{}, late(err)
	case there:
		return r.samePart(ctx, u.ID, p, content)
	}
	return PartReceipt{Number: p.Number, Size: p.Size, Blocks: content.Root(), Next: p.Number + 1}, nil
}

// inItsPlace takes the part into the digests and commits it, as often as what
// came before it is given up; there says that the ledger has it already.
func (r *Registrar) inItsPlace(ctx context.Context, s *session, id custody.ID, p Part, content *parcel.Parcel, stored <-chan StoredPart) (there bool, err error) {
	row := docket.UploadPart{N: p.Number, Size: p.Size, Leaves: evidence.JoinLeaves(content.Leaves())}
	for {
		at, err := r.hash(ctx, s, id, p.Number, content)
		if err != nil || at.there {
			return at.there, err
		}
		if row.ETag == "" {
			select {
			case part := <-stored:
				row.ETag, row.CRC64 = part.ETag, part.CRC64
			case <-ctx.Done():
				s.forget(at.epoch)
				return false, ctx.Err()
			}
		}
		if err := r.place(ctx, s, id, at, row); !errors.Is(err, errAgain) {
			return false, err
		}
	}
}
