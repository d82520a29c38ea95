package registrar

import (
	"context"
	"errors"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/fixity"
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
	if err := r.readable(ctx, b.Item); err != nil {
		return nil, docket.Artifact{}, err
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
	held, err := r.copies.open(a.Item, func() (*fixity.Copy, error) { return fixity.Open(r.vault, a, r.log) })
	if err != nil {
		return nil, err
	}
	// A segmented image's id is its manifest's SHA-256, not its bytes'.
	manifest, err := r.ledger.Blobs(ctx, a.SHA256)
	if err != nil {
		return nil, fault("ledger", err)
	}
	r.began(e, a.Size)
	return &artifactReader{r: r, request: e, copy: held, segmented: len(manifest) > 0}, nil
}

type artifactReader struct {
	r       *Registrar
	request *docket.Event
	copy    *fixity.Copy

	segmented bool
}

// Segmented implements ArtifactReader.
func (a *artifactReader) Segmented() bool { return a.segmented }

func (a *artifactReader) Size() int64 { return int64(a.copy.Artifact().Size) }

// Range implements ArtifactReader.
func (a *artifactReader) Range(ctx context.Context, offset, length int64) (Pieces, error) {
	if offset < 0 || length < 0 || offset > a.Size() || length > a.Size()-offset {
		return nil, &Malformed{Rule: "range", Field: "range", Message: "outside the artifact"}
	}
	return a.r.pieces(ctx, a.copy, uint64(offset), uint64(length)), nil
}

// Close implements ArtifactReader.
func (a *artifactReader) Close(ctx context.Context, sent int64, cause error) error {
	var outcome custody.Outcome
	gone := errors.Is(cause, ErrReaderGone) || errors.Is(cause, context.Canceled) || errors.Is(cause, context.DeadlineExceeded)
	var damaged *Damaged
	switch {
	case errors.As(cause, &damaged):
		outcome = custody.OutcomeFailed
	case sent == 0 && (cause == nil || gone):
		// nothing went out
	case gone:
		outcome = custody.OutcomePart
	case cause != nil:
		outcome = custody.OutcomeFailed
	default:
		outcome = custody.OutcomeWhole
	}
	return a.r.ended(ctx, a.request, uint64(sent), outcome)
}
