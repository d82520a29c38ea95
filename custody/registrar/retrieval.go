package registrar

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/evidence"
)

// reading finds what a request of access opens.
func (r *Registrar) reading(ctx context.Context, c Caller, artifact, request custody.ID) (*docket.Event, docket.Artifact, error) {
	none := &NotFound{What: "artifact"}
	e, err := r.ledger.Event(ctx, request)
	if err != nil {
		return nil, docket.Artifact{}, found("artifact", err)
	}
	b, ok := e.Statement.Predicate.Body.(*custody.AccessRequested)
	if !ok || b.Artifact != artifact || e.Statement.Predicate.Signer.Key != c.Key || c.Standing != StandingCertified {
		return nil, docket.Artifact{}, none
	}
	// The right is judged now, not when the request was signed: a grant may
	// have expired and custody may have moved since. Having held the item once
	// lets one see its record, not its bytes.
	if _, _, err := r.itemFor(ctx, c, b.Item); err != nil {
		return nil, docket.Artifact{}, none
	}
	ok, err = r.mayRead(ctx, c, b.Item)
	switch {
	case err != nil:
		return nil, docket.Artifact{}, err
	case !ok:
		return nil, docket.Artifact{}, &Forbidden{Rule: "access.not-granted", Message: "the item is not held by your organisation, and no unexpired grant of its bytes is to it"}
	}
	a, err := r.ledger.Artifact(ctx, b.Item)
	return e, a, found("artifact", err)
}

// mayRead: the caller's organisation holds the item or was granted its bytes.
func (r *Registrar) mayRead(ctx context.Context, c Caller, item custody.ID) (bool, error) {
	ch, err := r.ledger.Chain(ctx, item)
	if err != nil {
		return false, found("item", err)
	}
	if ch.State.Item.Holder.Org == c.Org {
		return true, nil
	}
	parts, err := r.ledger.Involvements(ctx, c.Org)
	if err != nil {
		return false, fault("ledger", err)
	}
	for _, p := range parts {
		if p.Part == docket.PartGranteeBytes && p.Item == item && (p.Person.IsZero() || p.Person == c.Person) && (p.Expires == nil || r.now().Before(*p.Expires)) {
			return true, nil
		}
	}
	return false, nil
}

// Blocks implements Artifacts.
func (r *Registrar) Blocks(ctx context.Context, c Caller, artifact, request evidence.Digest) (File, error) {
	_, a, err := r.reading(ctx, c, artifact, request)
	if err != nil {
		return File{}, err
	}
	return fileOf("blocks.bin", "application/octet-stream", a.Leaves), nil
}

// OpenArtifact implements Artifacts.
func (r *Registrar) OpenArtifact(ctx context.Context, c Caller, artifact, request evidence.Digest) (ArtifactReader, error) {
	e, a, err := r.reading(ctx, c, artifact, request)
	if err != nil {
		return nil, err
	}
	leaves, err := evidence.SplitLeaves(a.Leaves)
	if err != nil {
		return nil, err
	}
	blocks, err := evidence.NewBlocks(a.Size, a.BlockRoot, leaves)
	if err != nil {
		return nil, fmt.Errorf("couldn't trust the stored block tree of %s: %w", a.SHA256.Short(), err)
	}
	return &artifactReader{r: r, request: e, artifact: a, blocks: blocks}, nil
}

type artifactReader struct {
	r        *Registrar
	request  *docket.Event
	artifact docket.Artifact
	blocks   *evidence.Blocks
}

func (a *artifactReader) Size() int64 { return int64(a.artifact.Size) }

// Range implements ArtifactReader.
func (a *artifactReader) Range(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
	if offset < 0 || length < 0 || offset+length > a.Size() {
		return nil, &Malformed{Rule: "range", Field: "range", Message: "outside the artifact"}
	}
	ctx, cancel := context.WithCancel(ctx)
	b := &blockReader{a: a, cancel: cancel, skip: offset % evidence.BlockSize, left: length, ahead: make(chan chan block, readAhead)}
	go b.fetch(ctx, uint64(offset/evidence.BlockSize))
	return b, nil
}

// readAhead is how many blocks of 8 MiB are fetched before they are asked for.
const readAhead = 2

type block struct {
	data []byte
	err  error
}

// blockReader hands out bytes of checked blocks only.
type blockReader struct {
	a      *artifactReader
	cancel context.CancelFunc
	ahead  chan chan block
	now    []byte
	skip   int64
	left   int64
	err    error
}

// fetch reads blocks ahead, in parallel and delivered in order.
func (b *blockReader) fetch(ctx context.Context, from uint64) {
	defer close(b.ahead)
	end := (uint64(b.skip) + uint64(b.left) + evidence.BlockSize - 1) / evidence.BlockSize
	for i := from; i < from+end; i++ {
		slot := make(chan block, 1)
		select {
		case b.ahead <- slot:
		case <-ctx.Done():
			return
		}
		go func() {
			data, err := b.a.block(ctx, i)
			slot <- block{data, err}
		}()
	}
}

// block reads one block from the store and checks it against its leaf.
func (a *artifactReader) block(ctx context.Context, i uint64) ([]byte, error) {
	off, n := a.blocks.Span(i)
	body, err := a.r.vault.ReadRange(ctx, a.artifact.Key, a.artifact.Version, off, uint64(n))
	if err != nil {
		return nil, &Unavailable{What: "vault", After: retryAfter, Cause: err}
	}
	defer body.Close()
	data := make([]byte, n)
	if _, err := io.ReadFull(body, data); err != nil {
		return nil, fmt.Errorf("couldn't read block %d of artifact %s: %w", i, a.artifact.SHA256.Short(), err)
	}
	if err := a.blocks.Check(i, data); err != nil {
		return nil, fmt.Errorf("artifact %s at byte %d is not what was deposited: %w", a.artifact.SHA256.Short(), off, err)
	}
	return data, nil
}

func (b *blockReader) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if b.left == 0 {
		return 0, io.EOF
	}
	if len(b.now) == 0 {
		slot, ok := <-b.ahead
		if !ok {
			b.err = context.Canceled
			return 0, b.err
		}
		got := <-slot
		if got.err != nil {
			// Never io.EOF: a short body must not look whole.
			if errors.Is(got.err, io.EOF) {
				got.err = io.ErrUnexpectedEOF
			}
			b.err = got.err
			return 0, b.err
		}
		b.now, b.skip = got.data[b.skip:], 0
	}
	n := copy(p, b.now[:min(int64(len(b.now)), b.left)])
	b.now, b.left = b.now[n:], b.left-int64(n)
	return n, nil
}

func (b *blockReader) Close() error {
	b.cancel()
	return nil
}

// Close implements ArtifactReader.
func (a *artifactReader) Close(ctx context.Context, sent int64, cause error) error {
	if sent == 0 && cause == nil {
		return nil
	}
	outcome := custody.OutcomeWhole
	switch {
	case errors.Is(cause, context.Canceled) || errors.Is(cause, context.DeadlineExceeded):
		outcome = custody.OutcomePart
	case cause != nil:
		outcome = custody.OutcomeFailed
	}
	if outcome == custody.OutcomePart && sent == 0 {
		return nil
	}
	b := a.request.Statement.Predicate.Body.(*custody.AccessRequested)
	act := docket.Act{Basis: []custody.ID{a.request.LeafHash}, Body: &custody.Served{Artifact: b.Artifact, Bytes: uint64(sent), Item: b.Item, Outcome: outcome, Request: a.request.LeafHash}}
	_, err := a.r.ledger.Observe(ctx, act, docket.Effects{})
	return fault("ledger", err)
}
