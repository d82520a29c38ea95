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
	Log      uint64    `json:"log"`      // objects of the log's published tree that are locked so long now, or were
	Problems []Problem `json:"problems"` // objects that could not be extended
}

// ExtendRetention makes every artifact's object, or those of these items, be
// locked at least until then; none is ever locked for shorter. With every
// artifact's, also the objects of the log's published tree are: what shows that an
// artifact is the one that was deposited must not be gone before it is. Run again it
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
		if err := everyArtifact(ctx, l, extend); err != nil {
			return result, err
		}
		return result, result.extendLog(ctx, shelf, until)
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
	switch extended, err := lengthen(ctx, sh.store, a.Key, a.Version, until); {
	case errors.Is(err, vault.ErrUnsafeStore), errors.Is(err, vault.ErrNotFound), errors.Is(err, vault.ErrLocked):
		problem("%v", err)
	case err != nil:
		return err
	case extended:
		x.Extended++
	default:
		x.Already++
	}
	return nil
}

// lengthen extends one object's retention, and says whether it was shorter.
func lengthen(ctx context.Context, store *vault.Store, key, version string, until time.Time) (bool, error) {
	now, err := store.Stat(ctx, key, version)
	switch {
	case errors.Is(err, vault.ErrNotFound):
		return false, fmt.Errorf("its object %s, version %s, is not in the store: %w", key, version, err)
	case err != nil:
		return false, err
	case !now.RetainUntil.Before(until):
		return false, nil
	}
	err = store.Extend(ctx, key, version, until)
	if errors.Is(err, vault.ErrShorten) { // somebody extended it further meanwhile
		return false, nil
	}
	return err == nil, err
}

// extendLog sees to every version of every object of the log's published tree.
func (x *Extension) extendLog(ctx context.Context, sh shelf, until time.Time) error {
	err := sh.store.EachKept(ctx, func(key, version string) error {
		switch _, err := lengthen(ctx, sh.store, key, version, until); {
		case errors.Is(err, vault.ErrUnsafeStore), errors.Is(err, vault.ErrNotFound), errors.Is(err, vault.ErrLocked):
			x.Problems = append(x.Problems, Problem{key, err.Error()})
		case err != nil:
			return err
		default:
			x.Log++
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("couldn't extend the retention of the log's published tree: %w", err)
	}
	return nil
}
