package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/evidence-custody/custodyd/api"
	"github.com/evidence-custody/custodyd/cmd/custodyd/child"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/registrar"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/custody/verify"
)

// Service is a running service.
type Service struct {
	o    Options
	data string

	runner    *child.Runner
	parts     []part // what to stop, in the order it was started
	ledger    *ledger.Ledger
	registrar *registrar.Registrar
	address   string

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
	if o.Announce == nil {
		o.Announce = io.Discard
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Mode == "" {
		o.Mode = custody.ModeProduction
	}
	s := &Service{o: o, failed: make(chan error, 4)}
	s.life, s.end = context.WithCancel(context.Background())
	if err := s.start(ctx); err != nil {
		stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
		defer cancel()
		return nil, errors.Join(err, s.Stop(stopCtx))
	}
	return s, nil
}

// stopPatience bounds an orderly stop.
const stopPatience = time.Minute

func (s *Service) start(ctx context.Context) error {
	if err := s.prepare(); err != nil {
		return err
	}
	dsn, err := s.startDatabase(ctx)
	if err != nil {
		return err
	}
	shelf, err := s.startStore(ctx)
	if err != nil {
		return err
	}
	if err := s.openLedger(ctx, dsn); err != nil {
		return err
	}
	s.registrar = registrar.New(registrar.Options{Ledger: s.ledger, Vault: shelf, Policy: s.policy, MaxArtifact: s.o.MaxArtifact,
		TokenLife: s.o.TokenLife, InviteLife: s.o.InviteLife, Log: s.o.Log})
	return s.serve(ctx)
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
	s.data, err = runner.MakeState(dir)
	return err
}

// openLedger opens the chain with the service's keys, and founds it if it is new.
func (s *Service) openLedger(ctx context.Context, dsn string) error {
	k, fresh, err := loadKeys(filepath.Join(s.data, "keys"))
	if err != nil {
		return err
	}
	signer, err := seal.NewSigner(k.service)
	if err != nil {
		return err
	}
	l, err := ledger.Open(ctx, ledger.Config{DSN: dsn, Service: signer, LogKey: k.log, Logger: s.o.Log})
	if err != nil {
		return err
	}
	s.ledger = l
	s.started("ledger", func(context.Context) error { return l.Close() })
	if l.Founded() {
		document, _ := l.LogDocument()
		if fresh {
			return errors.New("couldn't go on: the database holds a log, and the key directory was empty; restore its keys")
		}
		return k.fit(document)
	}
	document, err := k.document(s.o.Origin, s.o.Mode)
	if err != nil {
		return err
	}
	if _, err := l.Found(ctx, document); err != nil {
		return fmt.Errorf("couldn't found the log: %w", err)
	}
	return nil
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

func (s *Service) serve(ctx context.Context) error {
	_, id := s.ledger.LogDocument()
	handler, err := api.NewHandler(s.registrar, api.Config{LogID: id, Log: s.o.Log, Limits: api.Limits{Part: s.o.MaxPart, Submission: s.o.MaxSubmission}})
	if err != nil {
		return err
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", s.o.Listen)
	if err != nil {
		return fmt.Errorf("couldn't listen on %s: %w (another service there? choose with --listen)", s.o.Listen, err)
	}
	s.address = listener.Addr().String()
	server := api.NewServer(handler, s.o.Log)
	s.tasks.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.fail("HTTP server", err)
		}
	})
	s.started("HTTP server", server.Shutdown)
	s.tasks.Go(s.expire)
	s.say("API:            %s", s.URL())
	return nil
}

// expire gives up deposits that nobody goes on with.
func (s *Service) expire() {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		select {
		case <-s.life.Done():
			return
		case <-tick.C:
		}
		if n, err := s.registrar.ExpireUploads(s.life); err != nil {
			s.o.Log.Warn("couldn't expire uploads", "error", err)
		} else if n > 0 {
			s.o.Log.Info("expired uploads", "count", n)
		}
	}
}

// URL is where the API answers.
func (s *Service) URL() string { return "http://" + s.address }

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
