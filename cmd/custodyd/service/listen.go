package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/evidence-custody/custodyd/api"
	"github.com/evidence-custody/custodyd/cmd/custodyd/certificate"
	"github.com/evidence-custody/custodyd/cmd/custodyd/metrics"
)

// serve opens the API to the world, after all it needs.
func (s *Service) serve(ctx context.Context) error {
	_, id := s.ledger.LogDocument()
	config := api.Config{LogID: id, OpenEntries: s.o.OpenEntries, Log: s.o.Log, Ready: s.checks(), Limits: api.Limits{Part: s.o.MaxPart, Submission: s.o.MaxSubmission, Idle: s.o.Idle}, Clock: s.o.Now}
	if s.metrics != nil {
		config.Observe = s.metrics.Observe
	}
	handler, err := api.NewHandler(s.registrar, config)
	if err != nil {
		return err
	}
	listener, err := listen(ctx, s.o.Listen, "--listen")
	if err != nil {
		return err
	}
	s.address = listener.Addr().String()
	hand := &inHand{next: handler}
	server := api.NewServer(hand, s.o.Log)
	run := func() error { return server.Serve(listener) }
	if s.pair != nil {
		server.TLSConfig = s.pair.Config()
		run = func() error { return server.ServeTLS(listener, "", "") }
		s.tasks.Go(func() { s.pair.Watch(s.life, certificate.Interval) })
	}
	s.tasks.Go(func() {
		if err := run(); !errors.Is(err, http.ErrServerClosed) {
			s.fail("HTTP server", err)
		}
	})
	s.started("HTTP server", func(ctx context.Context) error { return drain(ctx, server, hand, s.o.Drain, s.o.Log) })
	s.tasks.Go(s.expire)
	s.say("API:            %s", s.URL())
	return nil
}

func listen(ctx context.Context, address, flag string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("couldn't listen on %s: %w (another service there? choose with %s)", address, err, flag)
	}
	return l, nil
}

// URL is where the API answers.
func (s *Service) URL() string {
	if s.pair != nil {
		return "https://" + s.address
	}
	return "http://" + s.address
}

// inHand counts the requests being answered.
type inHand struct {
	next http.Handler
	mu   sync.Mutex
	n    int
	none chan struct{} // closed once n is 0; nil while nobody waits
}

func (h *inHand) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	h.n++
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.n--; h.n == 0 && h.none != nil {
			close(h.none)
			h.none = nil
		}
	}()
	h.next.ServeHTTP(w, r)
}

// count is how many there are, and a channel that closes when there is none.
// One caller at a time.
func (h *inHand) count() (int, <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	none := make(chan struct{})
	if h.n == 0 {
		close(none)
	} else {
		h.none = none
	}
	return h.n, none
}

// lastWords bounds how long handlers may take to notice that their connection
// was cut, before the parts below them are stopped.
const lastWords = 10 * time.Second

// drain refuses new requests at once and lets those in hand end, for so long.
// Then it cuts them: the parts of an upload that were acknowledged are kept,
// and a cut one is sent again.
func drain(ctx context.Context, server *http.Server, hand *inHand, patience time.Duration, log *slog.Logger) error {
	within, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := server.Shutdown(within)
	if err == nil || within.Err() == nil {
		return err
	}
	n, none := hand.count()
	log.Warn("cut the requests that did not end in time", "count", n, "after", patience)
	_ = server.Close() // its listener is closed already, which is all that can fail
	select {
	case <-none:
		return nil
	case <-time.After(lastWords):
		return fmt.Errorf("%d requests went on after their connections were cut", n)
	}
}

// serveMetrics starts counting, on a listener of its own: what it tells is for
// the operator, and a stuck API doesn't hold it up.
func (s *Service) serveMetrics(ctx context.Context, dsn string) error {
	m, err := openMonitor(dsn, s.name)
	if err != nil {
		return err
	}
	s.started("monitor", func(context.Context) error { return m.db.Close() })
	from := metrics.Sources{OpenUploads: m.openUploads, Connections: m.connections,
		Checkpoint: func(ctx context.Context) (uint64, time.Time, error) {
			cp, err := s.ledger.Checkpoint(ctx)
			return cp.Size, cp.Published, err
		}}
	if s.pair != nil {
		from.Certificate = s.pair.NotAfter
	}
	from.Copies = func(ctx context.Context) (metrics.Copies, error) {
		state, err := s.copiesState(ctx)
		return metrics.Copies{Artifacts: state.Artifacts, Due: state.Due, Failed: state.Failed, Unchecked: state.Unchecked, Oldest: state.Oldest}, err
	}
	from.Images = func(ctx context.Context) (metrics.Images, error) {
		c, err := s.ledger.Images(ctx)
		return metrics.Images{Waiting: c.Waiting, Failing: c.Failing, Damaged: c.Damaged}, err
	}
	if s.keeper != nil {
		from.Timestamps = s.timestampsWaiting
	}
	if len(s.o.Witnesses) > 0 {
		from.Witnesses = s.witnessesStand
	}
	if s.o.Quorum > 0 {
		from.WitnessedSize = s.witnessedSize
	}
	s.metrics = metrics.New(from)
	listener, err := listen(ctx, s.o.MetricsListen, "--metrics-listen")
	if err != nil {
		return err
	}
	s.metricsAt = "http://" + listener.Addr().String() + "/metrics"
	server := &http.Server{Handler: s.metrics.Handler(s.o.Log), ReadTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(s.o.Log.Handler(), slog.LevelWarn)}
	s.tasks.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.fail("metrics server", err)
		}
	})
	s.started("metrics server", func(context.Context) error { return server.Close() })
	s.say("metrics:        %s", s.metricsAt)
	return nil
}

// MetricsURL is where Prometheus asks; "" where it can't.
func (s *Service) MetricsURL() string { return s.metricsAt }
