package witness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"
)

// Bounds of a server's requests. One takes a signature check and a write to the
// disk, so that none waits long; those over the bound are told to come back.
const (
	maxAtOnce   = 64
	readTimeout = 10 * time.Second
	sizeType    = "text/x.tlog.size"
	textType    = "text/plain; charset=utf-8"
)

// Handler serves the protocol: POST /add-checkpoint, GET /HASH/checkpoint where
// HASH is OriginHash, and, for people, GET /.
func (w *Witness) Handler() http.Handler {
	mux := http.NewServeMux()
	slots := make(chan struct{}, maxAtOnce)
	mux.HandleFunc("POST /add-checkpoint", func(rw http.ResponseWriter, r *http.Request) {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		default:
			rw.Header().Set("Retry-After", "1")
			answer(rw, http.StatusServiceUnavailable, textType, "too many requests at once\n")
			return
		}
		w.serveAdd(rw, r)
	})
	mux.HandleFunc("GET /{hash}/checkpoint", w.serveHead)
	mux.HandleFunc("GET /{$}", w.serveAbout)
	return mux
}

// NewServer bounds what a client can make a witness wait for.
func NewServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: readTimeout, ReadTimeout: readTimeout, WriteTimeout: 2 * readTimeout,
		IdleTimeout: 5 * time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
}

func (w *Witness) serveAdd(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxRequest))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		answer(rw, http.StatusRequestEntityTooLarge, textType, fmt.Sprintf("a request has at most %d bytes\n", maxRequest))
		return
	}
	if err != nil {
		answer(rw, http.StatusBadRequest, textType, "the request did not arrive whole\n")
		return
	}
	// A client that hangs up does not leave the state half decided.
	sig, err := w.AddCheckpoint(context.WithoutCancel(r.Context()), body)
	var no *Refusal
	switch {
	case err == nil:
		answer(rw, http.StatusOK, textType, sig.String())
	case !errors.As(err, &no):
		w.log.ErrorContext(r.Context(), "couldn't answer", "error", err)
		answer(rw, http.StatusInternalServerError, textType, "the witness is in trouble; its operator's log says why\n")
	case no.Status == http.StatusConflict:
		answer(rw, no.Status, sizeType, fmt.Sprintf("%d\n", no.Size))
	default:
		answer(rw, no.Status, textType, no.Error()+"\n")
	}
}

// serveHead shows the newest head cosigned (C2SP tlog-witness, monitor retrieval).
func (w *Witness) serveHead(rw http.ResponseWriter, r *http.Request) {
	logs, err := w.shelf.Logs()
	if err != nil {
		w.log.ErrorContext(r.Context(), "couldn't read the logs", "error", err)
		answer(rw, http.StatusInternalServerError, textType, "the witness is in trouble; its operator's log says why\n")
		return
	}
	for _, l := range logs {
		if OriginHash(l.Origin) == r.PathValue("hash") && len(l.Note) > 0 {
			rw.Header().Set("Cache-Control", "max-age=1")
			answer(rw, http.StatusOK, textType, string(l.Note))
			return
		}
	}
	answer(rw, http.StatusNotFound, textType, "nothing of such a log was cosigned here\n")
}

// serveAbout tells people what to put into a trust policy. It is not where they
// should take it from: a key is compared over another way.
func (w *Witness) serveAbout(rw http.ResponseWriter, r *http.Request) {
	logs, err := w.shelf.Logs()
	if err != nil {
		w.log.ErrorContext(r.Context(), "couldn't read the logs", "error", err)
		answer(rw, http.StatusInternalServerError, textType, "the witness is in trouble; its operator's log says why\n")
		return
	}
	text := fmt.Sprintf("witness %s\nkey     %s\n", w.signer.Name(), w.signer.VerifierKey())
	for _, l := range logs {
		text += fmt.Sprintf("log     %s  %d leaves", l.Origin, l.Size)
		if !l.Cosigned.IsZero() {
			text += ", cosigned " + l.Cosigned.UTC().Format(time.RFC3339)
		}
		text += "\n"
	}
	answer(rw, http.StatusOK, textType, text)
}

func answer(rw http.ResponseWriter, status int, contentType, body string) {
	rw.Header().Set("Content-Type", contentType)
	rw.Header().Set("X-Content-Type-Options", "nosniff")
	rw.WriteHeader(status)
	_, _ = io.WriteString(rw, body) // who hung up does not hear it
}
