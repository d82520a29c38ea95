package service

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"time"

	"github.com/evidence-custody/custodyd/custody/ledger/localpg"
	"github.com/evidence-custody/custodyd/evidence/vault"
	"github.com/evidence-custody/custodyd/evidence/vault/locals3"
	"github.com/evidence-custody/custodyd/evidence/vault/strongbox"
	"github.com/evidence-custody/custodyd/migrations"
)

// startDatabase brings a database up to this program's version and returns
// the application's connection string.
func (s *Service) startDatabase(ctx context.Context) (string, error) {
	if db := s.o.Database; db != nil {
		migrator := db.Migrator
		if migrator == "" {
			migrator = db.App
		}
		if err := migrations.Up(ctx, migrator); err != nil {
			return "", err
		}
		s.say("database:       as configured")
		return db.App, s.inspectDatabase(ctx, db.App)
	}
	sockets, err := s.runner.RuntimeDir(s.data)
	if err != nil {
		return "", err
	}
	pg, err := localpg.Start(ctx, localpg.Options{Dir: filepath.Join(s.data, "postgres"), SocketDir: filepath.Join(sockets, "pg"),
		BinDir: s.o.PGBinDir, Runner: s.runner})
	if err != nil {
		return "", err
	}
	s.started("private PostgreSQL", pg.Stop)
	s.watch("private PostgreSQL", pg.Done(), pg.Err)
	if err := migrations.Up(ctx, pg.DSN(localpg.Superuser)); err != nil {
		return "", err
	}
	s.say("database:       private PostgreSQL %d in %s, as %s, no port", pg.Major(), filepath.Join(s.data, "postgres"), s.runner.Account().Name)
	return pg.DSN(migrations.RoleApp), s.inspectDatabase(ctx, pg.DSN(migrations.RoleApp))
}

// inspectDatabase refuses a database that would not protect the record.
func (s *Service) inspectDatabase(ctx context.Context, dsn string) error {
	found, err := migrations.Inspect(ctx, dsn)
	if err != nil {
		return err
	}
	for _, f := range found {
		if f.Warning {
			s.o.Log.Warn("the database protects the record less than it could", "rule", f.Rule, "why", f.Why)
		}
	}
	return migrations.Unsafe(found)
}

// startStore opens the vault and refuses one that would not protect evidence.
// A log whose bucket is gone has lost its evidence: only a new log, in the
// database at dsn, gets a new bucket.
func (s *Service) startStore(ctx context.Context, dsn string) (shelf, error) {
	config := s.o.Store
	if config == nil {
		var err error
		if config, err = s.startPrivateStore(ctx); err != nil {
			return shelf{}, err
		}
	} else {
		s.say("object store:   %s, bucket %s", config.Endpoint, config.Bucket)
	}
	timed := *config
	if timed.Now == nil {
		timed.Now = s.o.Now
	}
	store, err := vault.Open(ctx, timed)
	if err != nil {
		return shelf{}, err
	}
	founded, err := migrations.Founded(ctx, dsn)
	if err != nil {
		return shelf{}, err
	}
	if founded {
		if err = store.CheckBucket(ctx); errors.Is(err, vault.ErrNotFound) {
			err = fmt.Errorf("the database holds a log, and the bucket %q of its evidence is gone: restore it, or name the one that is meant: %w", config.Bucket, err)
		}
	} else {
		err = store.EnsureBucket(ctx)
	}
	if err != nil {
		return shelf{}, err
	}
	if err := store.Probe(ctx); err != nil {
		return shelf{}, err
	}
	s.say("retention:      %s, %s", config.Mode, config.Period)
	return shelf{store: store, bucket: config.Bucket, mode: config.Mode, plain: s.o.Plain, bench: strongbox.NewBench(benchBlocks)}, nil
}

func (s *Service) startPrivateStore(ctx context.Context) (*vault.Config, error) {
	sockets, err := s.runner.RuntimeDir(s.data)
	if err != nil {
		return nil, err
	}
	args := s.o.S3Args
	if args == nil {
		args = []string{S3Command}
	}
	s3, err := locals3.Start(ctx, locals3.Options{Dir: filepath.Join(s.data, "store"), SocketDir: filepath.Join(sockets, "s3"), Args: args,
		Runner: s.runner.WithDeathSignal(syscall.SIGKILL)}) // it ignores the polite signals, which a terminal sends to us too
	if err != nil {
		return nil, err
	}
	s.started("private S3 server", s3.Stop)
	s.watch("private S3 server", s3.Done(), s3.Err)
	s.say("object store:   private S3 server in %s, as %s, no port", filepath.Join(s.data, "store"), s.runner.Account().Name)
	access, secret := s3.Credentials()
	config := &vault.Config{Socket: s3.Socket(), Region: locals3.Region, Bucket: "evidence", AccessKey: access, SecretKey: secret,
		Mode: s.o.RetentionMode, Period: s.o.RetentionPeriod}
	if config.Mode == "" {
		config.Mode = vault.Compliance
	}
	if config.Period == 0 {
		config.Period = DefaultRetention
	}
	return config, nil
}

// DefaultRetention is how long the private store keeps evidence where nothing
// else is configured; it can be extended, never shortened.
const DefaultRetention = 365 * 24 * time.Hour

// watch reports a child that ends before it is stopped.
func (s *Service) watch(name string, done <-chan struct{}, why func() error) {
	s.tasks.Go(func() {
		select {
		case <-done:
			if s.life.Err() == nil {
				s.fail(name, orUnexpected(why()))
			}
		case <-s.life.Done():
		}
	})
}

func orUnexpected(err error) error {
	if err == nil {
		return errors.New("it exited by itself")
	}
	return err
}
