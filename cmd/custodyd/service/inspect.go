package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/ledger/localpg"
	"github.com/evidence-custody/custodyd/evidence/vault"
)

// inspect opens database and store for a command beside the service.
func inspect(ctx context.Context, o Options) (*Service, *ledger.Ledger, shelf, error) {
	s := fresh(o)
	l, sh, err := s.inspect(ctx)
	if err != nil {
		if errors.Is(err, localpg.ErrInUse) {
			err = fmt.Errorf("%w (a private database and store are their service's alone: stop it first; those configured from outside can be looked at while it serves)", err)
		}
		return nil, nil, shelf{}, errors.Join(err, s.leave(ctx))
	}
	return s, l, sh, nil
}

// leave stops what inspect started, also where ctx has ended.
func (s *Service) leave(ctx context.Context) error {
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
	defer cancel()
	return s.Stop(stopping)
}

func (s *Service) inspect(ctx context.Context) (*ledger.Ledger, shelf, error) {
	if err := s.prepare(); err != nil {
		return nil, shelf{}, err
	}
	if err := s.lived(); err != nil {
		return nil, shelf{}, err
	}
	dsn := ""
	if db := s.o.Database; db != nil {
		dsn = db.App
	} else {
		var err error
		if dsn, err = s.startDatabase(ctx); err != nil {
			return nil, shelf{}, err
		}
	}
	l, err := ledger.Inspect(ctx, named(dsn, s.name), s.o.Log)
	if err != nil {
		return nil, shelf{}, err
	}
	s.started("ledger", func(context.Context) error { return l.Close() })
	config := s.o.Store
	if config == nil {
		if config, err = s.startPrivateStore(ctx); err != nil {
			return nil, shelf{}, err
		}
	}
	store, err := vault.Open(ctx, *config)
	if err != nil {
		return nil, shelf{}, err
	}
	return l, shelf{store: store, bucket: config.Bucket, mode: config.Mode, keys: newStrongroom(l, s.place(), s.o.Log)}, nil
}

// lived refuses a place where no service has been: looking at it would make
// the private parts that are missing, and find them in order.
func (s *Service) lived() error {
	for dir, private := range map[string]bool{"postgres": s.o.Database == nil, "store": s.o.Store == nil} {
		if _, err := os.Stat(filepath.Join(s.data, dir)); private && errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("couldn't find the service's private parts in %s: say with --data or --config which service is meant", s.data)
		}
	}
	return nil
}

// step is how many artifacts are asked of the ledger at once.
const step = 256

// everyArtifact hands out all artifacts, in the order of their items.
func everyArtifact(ctx context.Context, l *ledger.Ledger, do func(a docket.Artifact, done, all uint64) error) error {
	all, err := l.CountArtifacts(ctx)
	if err != nil {
		return err
	}
	var after custody.ID
	for done := uint64(0); ; {
		some, err := l.Artifacts(ctx, after, step)
		if err != nil || len(some) == 0 {
			return err
		}
		for _, a := range some {
			done++
			if err := do(a, done, max(all, done)); err != nil {
				return err
			}
			after = a.Item
		}
	}
}
