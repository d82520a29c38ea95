package registrar

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

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
	if n > u.Frontier+window {
		return PartReceipt{}, &OutOfWindow{Next: u.Frontier + 1}
	}
	pool := r.ahead
	if n <= u.Frontier+1 {
		pool = r.next
	}
	content, err := receive(ctx, pool, p, body)
	if err != nil {
		return PartReceipt{}, err
	}
	defer content.Drop()
	if n <= u.Frontier {
		return r.samePart(ctx, u, p, content)
	}
	return r.placePart(ctx, u, p, content)
}

// receive reads exactly the announced bytes and compares every digest that was
// announced with them.
func receive(ctx context.Context, pool *parcel.Pool, p Part, body io.Reader) (*parcel.Parcel, error) {
	if p.SHA256 == nil && p.Blocks == nil {
		return nil, &Malformed{Rule: "upload.part-digest", Field: "part", Message: "a part needs a digest"}
	}
	room, err := pool.Take(ctx, parcel.Blocks(p.Size))
	if err != nil {
		return nil, err
	}
	var whole hash.Hash
	if p.SHA256 != nil {
		whole = sha256.New()
	}
	content, err := parcel.Receive(body, p.Size, pool, room, whole)
	var short *parcel.Short
	if errors.As(err, &short) {
		return nil, &Truncated{Expected: short.Expected, Received: short.Received}
	}
	if err != nil {
		return nil, err
	}
	if err := announced(p, content, whole, body); err != nil {
		content.Drop()
		return nil, err
	}
	return content, nil
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
		if sum := evidence.Digest(whole.Sum(nil)); sum != *p.SHA256 {
			diffs = append(diffs, Difference{Name: "sha256", Declared: p.SHA256.String(), Received: sum.String()})
		}
	}
	if len(diffs) > 0 {
		return &DigestMismatch{Differences: diffs}
	}
	return nil
}

// samePart answers a part that is there already.
func (r *Registrar) samePart(ctx context.Context, u docket.Upload, p Part, content *parcel.Parcel) (PartReceipt, error) {
	parts, err := r.ledger.UploadParts(ctx, u.ID)
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
		return PartReceipt{Number: p.Number, Size: p.Size, Blocks: content.Root(), Next: u.Frontier + 1}, nil
	}
	return PartReceipt{}, fmt.Errorf("couldn't find part %d below the frontier %d", p.Number, u.Frontier)
}

// placePart stores the part while it waits for its place, then hashes it there.
func (r *Registrar) placePart(ctx context.Context, u docket.Upload, p Part, content *parcel.Parcel) (PartReceipt, error) {
	t := r.turns.join(u.ID.String())
	defer r.turns.leave(u.ID.String())
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
	var receipt PartReceipt
	group.Go(func() error {
		now, err := r.awaitTurn(gctx, t, u.ID, p.Number)
		if err != nil {
			return err
		}
		defer t.release()
		if now.Frontier >= p.Number {
			receipt, err = r.samePart(gctx, now, p, content)
			return err
		}
		receipt, err = r.hashPart(gctx, now, p, content, stored)
		if err == nil {
			r.turns.moved(t)
		}
		return err
	})
	return receipt, group.Wait()
}

// awaitTurn returns with the session's token held and part n next, or already
// there.
func (r *Registrar) awaitTurn(ctx context.Context, t *turn, id custody.ID, n int) (docket.Upload, error) {
	patience := time.NewTimer(partPatience)
	defer patience.Stop()
	for {
		if err := t.hold(ctx); err != nil {
			return docket.Upload{}, err
		}
		changed := r.turns.change(t)
		u, err := r.ledger.Upload(ctx, id)
		switch {
		case err != nil:
			t.release()
			return u, found("upload", err)
		case u.Status != docket.UploadOpen:
			t.release()
			return u, &Conflict{Code: CodeUploadClosed, Message: "the upload is finished, aborted or expired"}
		case u.Frontier >= n-1:
			return u, nil
		}
		t.release()
		select {
		case <-changed:
		case <-time.After(pollEvery):
		case <-patience.C:
			return u, &OutOfWindow{Next: u.Frontier + 1}
		case <-ctx.Done():
			return u, ctx.Err()
		}
	}
}

// hashPart takes the part into the digests and commits it with their state.
func (r *Registrar) hashPart(ctx context.Context, u docket.Upload, p Part, content *parcel.Parcel, stored <-chan StoredPart) (PartReceipt, error) {
	h, err := hasherOf(u)
	if err != nil {
		return PartReceipt{}, err
	}
	for i, leaf := range content.Leaves() {
		block, err := content.Block(i, nil)
		if err != nil {
			return PartReceipt{}, err
		}
		if err := h.Take(block, leaf); err != nil {
			return PartReceipt{}, err
		}
	}
	state, err := h.MarshalBinary()
	if err != nil {
		return PartReceipt{}, err
	}
	var part StoredPart
	select {
	case part = <-stored:
	case <-ctx.Done():
		return PartReceipt{}, ctx.Err()
	}
	row := docket.UploadPart{N: p.Number, ETag: part.ETag, CRC64: part.CRC64, Size: p.Size, Leaves: evidence.JoinLeaves(content.Leaves())}
	if err := r.ledger.AddPart(ctx, u.ID, row, state, r.now().Add(r.o.UploadLife)); err != nil {
		if errors.Is(err, docket.ErrClosed) {
			return PartReceipt{}, &OutOfWindow{Next: u.Frontier + 1} // another replica placed a part meanwhile, or closed it
		}
		return PartReceipt{}, fault("ledger", err)
	}
	return PartReceipt{Number: p.Number, Size: p.Size, Blocks: content.Root(), Next: p.Number + 1}, nil
}
