package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/evidence-custody/custodyd/api"
	"github.com/evidence-custody/custodyd/cmd/custodyd/certificate"
	"github.com/evidence-custody/custodyd/cmd/custodyd/child"
	"github.com/evidence-custody/custodyd/cmd/custodyd/metrics"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/registrar"
	"github.com/evidence-custody/custodyd/custody/timekeeper"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/custody/witness"
)

// Service is a running service.
type Service struct {
	o    Options
	data string
	name string // of this process's connections to the database

	runner    *child.Runner
	parts     []part // what to stop, in the order it was started
	ledger    *ledger.Ledger
	shelf     shelf
	gatherer  *witness.Gatherer // of cosignatures
	registrar *registrar.Registrar
	keeper    *timekeeper.Keeper // nil: nobody is asked for the time
	pair      *certificate.Pair  // nil: plain HTTP
	metrics   *metrics.Set       // nil: nobody asks
	address   string
	metricsAt string

	failed chan error
	stop   sync.Once
	life   context.Context
	end    context.CancelFunc
	tasks  sync.WaitGroup
}

// part is something started that must be stopped.
type part struct {
	name string
	stop func(context.Context) error
}

// Start brings everything up, or nothing: where a part fails, those before it
// are stopped again. ctx bounds the start only.
func Start(ctx context.Context, o Options) (*Service, error) {
	s := fresh(o)
	if err := s.start(ctx); err != nil {
		stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
		defer cancel()
		return nil, errors.Join(err, s.Stop(stopCtx))
	}
	return s, nil
}

// fresh is a service of which nothing is started yet.
func fresh(o Options) *Service {
	if o.Announce == nil {
		o.Announce = io.Discard
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Log = slog.New(api.Traced(o.Log.Handler()))
	if o.Drain == 0 {
		o.Drain = DefaultDrain
	}
	if o.TimestampEvery == 0 {
		o.TimestampEvery = DefaultTimestampEvery
	}
	if o.Mode == "" {
		o.Mode = custody.ModeProduction
	}
	s := &Service{o: o, name: processName(), failed: make(chan error, 4)}
	s.life, s.end = context.WithCancel(context.Background())
	return s
}

// stopPatience bounds an orderly stop after a start that failed.
const stopPatience = time.Minute

func (s *Service) start(ctx context.Context) error {
	if err := s.prepare(); err != nil {
		return err
	}
	if s.o.CertFile != "" {
		var err error
		if s.pair, err = certificate.Load(s.o.CertFile, s.o.KeyFile, s.o.Log); err != nil {
			return err
		}
	}
	dsn, err := s.startDatabase(ctx)
	if err != nil {
		return err
	}
	if s.shelf, err = s.startStore(ctx, dsn); err != nil {
		return err
	}
	if err := s.openLedger(ctx, dsn); err != nil {
		return err
	}
	if err := s.openStrongroom(ctx); err != nil {
		return err
	}
	if err := s.findAuthorities(); err != nil {
		return err
	}
	var chain registrar.Ledger = s.ledger
	var vault registrar.Vault = s.shelf
	if s.o.MetricsListen != "" {
		if err := s.serveMetrics(ctx, dsn); err != nil {
			return err
		}
		chain, vault = s.metrics.Ledger(chain), s.metrics.Vault(vault)
	}
	spool, err := s.spool()
	if err != nil {
		return err
	}
	gallery := s.gallery()
	s.registrar = registrar.New(registrar.Options{Ledger: chain, Vault: vault, Witnesses: witnessKeys(s.o.Witnesses), Quorum: s.o.Quorum, Gallery: gallery, OpenEntries: s.o.OpenEntries, Policy: s.policy, MaxArtifact: s.o.MaxArtifact,
		TokenLife: s.o.TokenLife, InviteLife: s.o.InviteLife, FixityEvery: s.o.FixityEvery, Spool: spool, Now: s.o.Now, Log: s.o.Log})
	s.started("record of access", s.registrar.Settle)
	if err := s.serve(ctx); err != nil {
		return err
	}
	s.tasks.Go(func() { gallery.Run(s.life, shelveEvery) })
	s.tasks.Go(func() { s.finishDisposals(s.life) })
	s.keepTime()
	s.keepCopies(vault)
	return nil
}

// prepare finds the state directory and the account that children run as.
func (s *Service) prepare() error {
	runner, err := child.NewRunner()
	if err != nil {
		return err
	}
	s.runner = runner
	dir := s.o.Data
	if dir == "" {
		if dir, err = child.StateDir(); err != nil {
			return err
		}
	}
	if s.o.Database != nil && s.o.Store != nil {
		// Nothing runs in it under another account: it may be closed to all others.
		if s.data, err = filepath.Abs(dir); err != nil {
			return fmt.Errorf("couldn't resolve the data directory %s: %w", dir, err)
		}
		if err := os.MkdirAll(s.data, 0o711); err != nil {
			return fmt.Errorf("couldn't make the data directory: %w", err)
		}
		return nil
	}
	s.data, err = runner.MakeState(dir)
	return err
}

// spool makes the directory of parts that are too large for memory. What a
// killed service left in it is of no use to anybody.
func (s *Service) spool() (string, error) {
	dir := filepath.Join(s.data, "spool")
	if err := os.RemoveAll(dir); err != nil {
		return "", fmt.Errorf("couldn't clear the spool: %w", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", fmt.Errorf("couldn't make the spool: %w", err)
	}
	return dir, nil
}

// policy reads the trust policy for reports.
func (s *Service) policy() (*verify.Policy, []byte, error) {
	if s.o.PolicyFile == "" {
		return nil, nil, nil
	}
	b, err := os.ReadFile(s.o.PolicyFile)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, nil // not made yet: reports say that nobody is identified
	}
	if err != nil {
		return nil, nil, err
	}
	p, err := verify.ParsePolicy(b)
	return p, b, err
}

// Data is the state directory.
func (s *Service) Data() string { return s.data }

// FirstToken makes the one-time token for a first administrator. It opens the
// API, never trust.
func (s *Service) FirstToken(ctx context.Context) (token string, expires time.Time, err error) {
	i, err := s.registrar.FirstInvitation(ctx)
	return i.Token, i.Expires, err
}

// Empty reports whether no organisation was founded yet.
func (s *Service) Empty(ctx context.Context) (bool, error) {
	orgs, err := s.ledger.Organisations(ctx, docket.Page{After: -1, Limit: 1})
	return len(orgs) == 0, err
}

// Failed says when a part ended that should not have: stop then.
func (s *Service) Failed() <-chan error { return s.failed }

func (s *Service) fail(name string, err error) {
	select {
	case s.failed <- fmt.Errorf("%s ended: %w", name, err):
	default:
	}
}

func (s *Service) started(name string, stop func(context.Context) error) {
	s.parts = append(s.parts, part{name, stop})
}

func (s *Service) say(format string, args ...any) {
	fmt.Fprintf(s.o.Announce, format+"\n", args...)
}

// Stop stops everything in the opposite order, each part even where another
// fails. It is safe to call again.
func (s *Service) Stop(ctx context.Context) error {
	var all []error
	s.stop.Do(func() {
		s.end()
		for i := len(s.parts) - 1; i >= 0; i-- {
			if err := s.parts[i].stop(ctx); err != nil {
				all = append(all, fmt.Errorf("couldn't stop the %s: %w", s.parts[i].name, err))
			}
		}
		s.tasks.Wait()
	})
	return errors.Join(all...)
}
