package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/vault"
)

// Extension is what extending retention came to.
type Extension struct {
	Until    time.Time `json:"until"`
	Extended uint64    `json:"extended"` // objects that are locked for longer now
	Already  uint64    `json:"already"`  // objects that were locked until then, or for longer
	Problems []Problem `json:"problems"` // objects that could not be extended
}

// ExtendRetention makes every artifact's object, or those of these items, be
// locked at least until then; none is ever locked for shorter. Run again it
// goes on where it stopped. What one object refuses does not keep the others;
// an error means that it ended early.
func ExtendRetention(ctx context.Context, o Options, until time.Time, items []evidence.Digest, progress Progress) (result *Extension, err error) {
	s, l, shelf, err := inspect(ctx, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.leave(ctx)) }()
	result = &Extension{Until: until.UTC(), Problems: []Problem{}}
	extend := func(a docket.Artifact, done, all uint64) error {
		progress(done, all)
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := result.extend(ctx, shelf, a, until); err != nil {
			return fmt.Errorf("couldn't extend the retention of item %s: %w", a.Item.Short(), err)
		}
		return nil
	}
	if len(items) == 0 {
		return result, everyArtifact(ctx, l, extend)
	}
	return result, these(ctx, l, items, extend)
}

func these(ctx context.Context, l *ledger.Ledger, items []evidence.Digest, do func(a docket.Artifact, done, all uint64) error) error {
	var found []docket.Artifact
	for _, id := range items {
		a, err := l.Artifact(ctx, id)
		if errors.Is(err, docket.ErrNotFound) {
			return fmt.Errorf("no artifact is recorded for item %s; nothing was extended", id)
		}
		if err != nil {
			return err
		}
		found = append(found, a)
	}
	for i, a := range found {
		if err := do(a, uint64(i+1), uint64(len(found))); err != nil {
			return err
		}
	}
	return nil
}

func (x *Extension) extend(ctx context.Context, sh shelf, a docket.Artifact, until time.Time) error {
	problem := func(format string, args ...any) {
		x.Problems = append(x.Problems, Problem{a.Item.String(), fmt.Sprintf(format, args...)})
	}
	if a.Bucket != sh.bucket {
		problem("its object is in bucket %s, which is not the one configured", a.Bucket)
		return nil
	}
	now, err := sh.store.Stat(ctx, a.Key, a.Version)
	switch {
	case errors.Is(err, vault.ErrNotFound):
		problem("its object %s, version %s, is not in the store", a.Key, a.Version)
		return nil
	case err != nil:
		return err
	case !now.RetainUntil.Before(until):
		x.Already++
		return nil
	}
	switch err := sh.store.Extend(ctx, a.Key, a.Version, until); {
	case errors.Is(err, vault.ErrShorten): // somebody extended it further meanwhile
		x.Already++
	case errors.Is(err, vault.ErrUnsafeStore), errors.Is(err, vault.ErrNotFound), errors.Is(err, vault.ErrLocked):
		problem("%v", err)
	case err != nil:
		return err
	default:
		x.Extended++
	}
	return nil
}
