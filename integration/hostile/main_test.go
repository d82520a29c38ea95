package hostile

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/api/client"
	"github.com/evidence-custody/custodyd/api/wire"
	"github.com/evidence-custody/custodyd/cmd/custodyd/child"
	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/integration/stage"
	"github.com/evidence-custody/custodyd/migrations"
)

// maxArtifact is the service's limit in these tests.
const maxArtifact = 1 << 30

// shared is the one service that all tests of the package are unkind to.
var shared struct {
	once   sync.Once
	svc    *service.Service
	token  string // the first administrator's, used by then
	cast   *stage.Cast
	people string // where their homes are
	db     *sql.DB
	remove func() error
}

func TestMain(m *testing.M) {
	code := stage.Main(m)
	if shared.db != nil {
		shared.db.Close()
	}
	if shared.svc != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := shared.svc.Stop(ctx); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	if shared.remove != nil {
		if err := shared.remove(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// house is the shared service with its cast.
func house(t *testing.T) *stage.Cast {
	t.Helper()
	shared.once.Do(func() {
		runner, err := child.NewRunner()
		if err != nil {
			t.Fatal(err)
		}
		var data string
		if data, shared.remove, err = runner.TempState(); err != nil {
			t.Fatal(err)
		}
		o := stage.Options(data)
		o.MaxArtifact = maxArtifact
		svc, err := service.Start(stage.Context(t), o)
		if err != nil {
			t.Fatal(err)
		}
		shared.svc = svc
		if shared.token, _, err = svc.FirstToken(stage.Context(t)); err != nil {
			t.Fatal(err)
		}
		shared.people = filepath.Join(data, "people")
		if err := os.Mkdir(shared.people, 0o700); err != nil {
			t.Fatal(err)
		}
		shared.cast = stage.NewCastIn(t, shared.people, svc.URL(), shared.token)
	})
	if shared.cast == nil {
		t.Fatal("the service or its people could not be set up")
	}
	return shared.cast
}

// size is how many events the log has but access.served, which the service
// records a moment after the reader has everything.
func size(t *testing.T) (n int) {
	t.Helper()
	if shared.db == nil {
		var err error
		if shared.db, err = sql.Open("postgres", stage.DSN(t, shared.svc.Data(), migrations.RoleAuditor)); err != nil {
			t.Fatal(err)
		}
	}
	if err := shared.db.QueryRowContext(stage.Context(t), `SELECT count(*) FROM custody.events WHERE kind <> 'access.served'`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// nothing wants act to leave the log as it is.
func nothing(t *testing.T, act func()) {
	t.Helper()
	before := size(t)
	act()
	if after := size(t); after != before {
		t.Errorf("the log has %d leaves, before it had %d", after, before)
	}
}

// refused holds an error to the service's answer.
func refused(t *testing.T, err error, status int, code, rule string) *wire.Problem {
	t.Helper()
	var no *client.Error
	if !errors.As(err, &no) {
		t.Errorf("the service should have answered %d %s %s: %v", status, code, rule, err)
		return &wire.Problem{}
	}
	if no.Status != status || no.Problem.Code != code || no.Problem.Rule != rule {
		t.Errorf("the service answered %d %s %q (%s), wanted %d %s %q", no.Status, no.Problem.Code, no.Problem.Rule, no.Problem.Detail, status, code, rule)
	}
	return &no.Problem
}

// submit sends a statement signed by p, as p.
func submit(t *testing.T, p *stage.Person, st *custody.Statement, documents ...[]byte) error {
	t.Helper()
	return send(t, p, stage.Seal(t, p.Desk.Key, st), documents...)
}

func send(t *testing.T, p *stage.Person, env seal.Envelope, documents ...[]byte) error {
	t.Helper()
	_, _, err := p.Client(t, shared.svc.URL()).AppendEvent(stage.Context(t), client.Submission{Envelope: env.JSON(), Documents: documents})
	return err
}

// opening drafts a case.opened by p.
func opening(t *testing.T, p *stage.Person) (*custody.Statement, []byte) {
	t.Helper()
	doc, id := stage.Founding(t, custody.DocCase, map[string]string{"title": "State v. unknown"})
	return stage.Draft(t, p, &custody.CaseOpened{Case: id}), doc
}

// handed lists items without seals for a release.
func handed(items ...evidence.Digest) (out []custody.HandedItem) {
	for _, id := range items {
		out = append(out, custody.HandedItem{Item: id, Seals: []custody.SealNumber{"NCCIA-000417"}, State: custody.SealIntact})
	}
	return out
}

// post sends a body written by hand.
func post(t *testing.T, bearer, path string, body []byte) (int, wire.Problem) {
	t.Helper()
	req, err := http.NewRequestWithContext(stage.Context(t), http.MethodPost, shared.svc.URL()+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	return do(t, bearer, req)
}

func do(t *testing.T, bearer string, req *http.Request) (int, wire.Problem) {
	t.Helper()
	req.Header.Set("Authorization", "Bearer "+bearer)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var p wire.Problem
	if res.StatusCode >= 300 {
		if err := json.NewDecoder(res.Body).Decode(&p); err != nil || p.TraceId == "" {
			t.Errorf("the answer %s is no problem document: %v", res.Status, err)
		}
	}
	return res.StatusCode, p
}
