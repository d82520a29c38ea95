// Package auditing lets strangers audit a log: tools that nobody here wrote and
// our own, over the read API of a running service.
package auditing

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/api/wire"
	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/ledger/ledgertest"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/integration/stage"
)

func TestMain(m *testing.M) { os.Exit(stage.Main(m)) }

const origin = "log.auditing.example"

// site is a service with a busy log, and its ledger opened a second time.
type site struct {
	options service.Options
	service *service.Service
	ledger  *ledger.Ledger
	officer *rulingtest.Key
	vkey    string // of the log
	id      custody.ID
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{options: stage.Options(filepath.Join(stage.Dir(t), "data"))}
	s.options.Origin, s.options.MetricsListen = origin, "127.0.0.1:0"
	s.options.Log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	s.start(t)
	s.officer = ledgertest.Officer(t, s.ledger)
	document, id := s.ledger.LogDocument()
	doc, err := custody.ParseLogDocument(document)
	if err != nil {
		t.Fatal(err)
	}
	key, err := tlog.ParseLogKey(doc.Keys[0].Key)
	if err != nil {
		t.Fatal(err)
	}
	if s.vkey, err = note.NewEd25519VerifierKey(doc.Origin, key); err != nil {
		t.Fatal(err)
	}
	s.id = id
	return s
}

// start also opens the ledger, as another replica would.
func (s *site) start(t *testing.T) {
	t.Helper()
	s.service = stage.Serve(t, s.options)
	var err error
	if s.ledger, err = ledger.Open(stage.Context(t), stage.LedgerConfig(t, s.options.Data)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.ledger.Close() })
}

func (s *site) stop(t *testing.T) {
	t.Helper()
	s.ledger.Close()
	stage.Stop(t, s.service)
}

// shelved waits until every complete tile and bundle is in the store.
func (s *site) shelved(t *testing.T, within time.Duration) {
	t.Helper()
	ctx := t.Context()
	for end := time.Now().Add(within); ; time.Sleep(50 * time.Millisecond) {
		cp, err := s.ledger.Checkpoint(ctx)
		if err != nil {
			t.Fatal(err)
		}
		known, err := s.ledger.Shelved(ctx)
		if err != nil {
			t.Fatal(err)
		}
		want := tlog.FullTiles(0, cp.Size)
		if known[docket.BundleLevel] == want && known[0] == want && known[1] == tlog.FullTiles(1, cp.Size) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("of %d full tiles %v are in the store", want, known)
		}
	}
}

// auditor issues a token as the operator does, while the service runs.
func (s *site) auditor(t *testing.T, name string) (string, service.Auditor) {
	t.Helper()
	secret, a, err := service.IssueAuditor(stage.Context(t), s.options, name, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return secret, a
}

// get asks the service; token may be empty.
func get(ctx context.Context, t *testing.T, url, token string) (int, http.Header, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header, b
}

// code is the problem's.
func code(t *testing.T, b []byte) string {
	t.Helper()
	var p wire.Problem
	if err := json.Unmarshal(b, &p); err != nil {
		t.Fatalf("%v: %.200s", err, b)
	}
	return p.Code
}
