// Package replicas runs several services on one database and one store, behind
// a balancer that knows nothing of who asks what.
package replicas

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/custody/ledger/localpg"
	"github.com/evidence-custody/custodyd/integration/stage"
	"github.com/evidence-custody/custodyd/migrations"
)

func TestMain(m *testing.M) {
	if of := os.Getenv(replicaVariable); of != "" {
		os.Exit(play(of))
	}
	os.Exit(stage.Main(m))
}

// balancer sends each request to the next replica, whoever asks and whether or
// not it is there; one that is not answers 502.
type balancer struct {
	*httptest.Server
	to   []atomic.Pointer[url.URL]
	next atomic.Uint64
	sent []atomic.Int64
}

func newBalancer(t *testing.T, n int) *balancer {
	b := &balancer{to: make([]atomic.Pointer[url.URL], n), sent: make([]atomic.Int64, n)}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			i := int(b.next.Add(1) % uint64(n))
			b.sent[i].Add(1)
			r.SetURL(b.to[i].Load())
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	b.Server = httptest.NewServer(proxy)
	t.Cleanup(b.Close)
	return b
}

// fleet is replicas behind a balancer.
type fleet struct {
	outside  *stage.Outside
	services []*service.Service
	balancer *balancer
	cast     *stage.Cast
}

func newFleet(t *testing.T, n int) *fleet {
	t.Helper()
	f := &fleet{outside: stage.NewOutside(t), services: make([]*service.Service, n)}
	f.balancer = newBalancer(t, n)
	for i := range n {
		if i > 0 {
			stage.CopyKeys(t, f.keys(0), f.keys(i))
		}
		f.start(t, i)
	}
	token, _, err := f.services[n-1].FirstToken(stage.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	f.cast = stage.NewCast(t, f.balancer.URL, token)
	return f
}

func (f *fleet) data(i int) string { return filepath.Join(f.outside.Dir, fmt.Sprint("replica", i)) }
func (f *fleet) keys(i int) string { return filepath.Join(f.data(i), "keys") }

func (f *fleet) start(t *testing.T, i int) {
	t.Helper()
	f.services[i] = stage.Serve(t, f.outside.Options(f.data(i), f.keys(i)))
	to, err := url.Parse(f.services[i].URL())
	if err != nil {
		t.Fatal(err)
	}
	f.balancer.to[i].Store(to)
}

// check reads the whole record, and sees that every replica had its share.
func (f *fleet) check(t *testing.T) {
	t.Helper()
	for i := range f.balancer.sent {
		if n := f.balancer.sent[i].Load(); n == 0 {
			t.Errorf("replica %d was asked nothing", i)
		}
	}
	result, err := service.Check(stage.Context(t), f.outside.Options(f.data(0), f.keys(0)), true, func(uint64, uint64) {})
	if err != nil {
		t.Fatal(err)
	}
	if !result.Whole() {
		t.Errorf("not whole: %+v", result.Problems)
	}
	if result.Signed == 0 {
		t.Error("no checkpoint is kept beside the keys")
	}
	t.Logf("%d events, %d artifacts, %d bytes", result.Events, result.Artifacts, result.Bytes)
}

func (f *fleet) size(t *testing.T) uint64 {
	t.Helper()
	l, err := ledger.Inspect(stage.Context(t), f.outside.DSN(localpg.Database, migrations.RoleApp), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	n, err := l.Size(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return n
}
