package api

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/gorilla/mux"

	"github.com/evidence-custody/custodyd/api/wire"
	"github.com/evidence-custody/custodyd/custody/registrar"
	"github.com/evidence-custody/custodyd/evidence"
)

// Config is what the edge needs to know. The zero value of every member but
// LogID has a default.
type Config struct {
	LogID  evidence.Digest  // the log's id: the audience of assertions
	Log    *slog.Logger     // default: discard
	Clock  func() time.Time // default: time.Now
	Random io.Reader        // default: crypto/rand.Reader; trace ids
	Limits Limits

	OpenEntries bool // the log's entries are for everybody, without a token

	Ready   []Check        // what /readyz asks, all at once; default: the use cases' own word
	Observe func(Answered) // told of every answer when it was given; default: nobody
}

// Limits bound what one request may cost.
type Limits struct {
	Body       int64         // bytes of a JSON or form body; default 64 KiB
	Submission int64         // bytes of a submission: payload, details and documents in base64; default 1 MiB
	Part       int64         // bytes of an upload part, whatever its session says; default 2 GiB
	Idle       time.Duration // a read or write may take so long; default 30 s
	Grace      time.Duration // before MinRate counts; default 30 s
	MinRate    int64         // bytes per second a peer must sustain in either direction; default 1 KiB
}

func (l Limits) orDefaults() Limits {
	def(&l.Body, 64<<10)
	def(&l.Submission, 1<<20)
	def(&l.Part, 2<<30)
	def(&l.Idle, 30*time.Second)
	def(&l.Grace, 30*time.Second)
	def(&l.MinRate, 1<<10)
	return l
}

func def[T int64 | time.Duration](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}

// handlers satisfies the generated server interface, one resource each.
type handlers struct {
	entry
	events
	chainLog
	directory
	matters
	uploads
	artifacts
	reports
	service
}

var _ wire.StrictServerInterface = handlers{}

// NewHandler puts the API in front of the use cases.
func NewHandler(use registrar.UseCases, cfg Config) (http.Handler, error) {
	e, router, err := newEdge(use, cfg)
	if err != nil {
		return nil, err
	}
	return e.around(router), nil
}

// edge is what all requests share.
type edge struct {
	cfg   Config
	entry registrar.Entry
	doc   *openapi3.T
}

// newEdge also returns the bare router, which a test walks.
func newEdge(use registrar.UseCases, cfg Config) (*edge, *mux.Router, error) {
	if cfg.LogID.IsZero() {
		return nil, nil, errors.New("couldn't build the API: the log's id is not set")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.Log = slog.New(Traced(cfg.Log.Handler()))
	if len(cfg.Ready) == 0 {
		cfg.Ready = []Check{{Name: "service", Problem: "it cannot do its work", Ask: use.Ready}}
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Random == nil {
		cfg.Random = rand.Reader
	}
	cfg.Limits = cfg.Limits.orDefaults()
	doc, err := wire.Description()
	if err != nil {
		return nil, nil, fmt.Errorf("couldn't build the API: %w", err)
	}
	published, err := asMap(doc)
	if err != nil {
		return nil, nil, fmt.Errorf("couldn't build the API: %w", err)
	}
	e := &edge{cfg: cfg, entry: use, doc: doc}
	h := handlers{
		entry:     entry{use: use, logID: cfg.LogID, clock: cfg.Clock},
		events:    events{use: use},
		chainLog:  chainLog{use: use},
		directory: directory{use: use},
		matters:   matters{use: use},
		uploads:   uploads{use: use, maxPart: cfg.Limits.Part},
		artifacts: artifacts{use: use},
		reports:   reports{use: use},
		service:   service{readiness: &readiness{checks: cfg.Ready, log: cfg.Log, clock: cfg.Clock}, document: published},
	}
	strict := wire.NewStrictHandlerWithOptions(h, nil, wire.StrictHTTPServerOptions{
		RequestErrorHandlerFunc:  e.badRequest,
		ResponseErrorHandlerFunc: e.exit,
	})
	r := mux.NewRouter().SkipClean(true)
	r.Use(e.authenticate, e.validate)
	r.NotFoundHandler = http.HandlerFunc(e.noRoute)
	r.MethodNotAllowedHandler = http.HandlerFunc(e.noMethod)
	t := tiles{use: use, edge: e}
	for path, answer := range map[string]http.HandlerFunc{"/checkpoint": t.checkpoint, tilePath: t.tile, entriesPath: t.tile} {
		r.HandleFunc(path, answer).Methods(http.MethodGet, http.MethodHead)
	}
	wire.HandlerWithOptions(strict, wire.GorillaServerOptions{BaseRouter: r, ErrorHandlerFunc: e.badRequest})
	return e, r, nil
}

// NewServer is an http.Server fit for this handler: it bounds how long headers
// may take and how long a connection may idle. Bodies are bounded by the
// handler itself, read by read, since an image may take hours.
func NewServer(h http.Handler, log *slog.Logger) *http.Server {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

func (e *edge) newTrace() string {
	var b [16]byte
	if _, err := io.ReadFull(e.cfg.Random, b[:]); err != nil {
		return "unavailable" // a request is better served without a name than not
	}
	return hex.EncodeToString(b[:])
}
