package stage

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	_ "github.com/lib/pq" // the driver

	"github.com/evidence-custody/custodyd/cmd/custodyd/child"
	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence/vault"
)

// patience bounds each preparation on the stage.
const patience = 3 * time.Minute

// Context is one that ends long before the package's time is up.
func Context(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// Options are those of a service for tests, on a free port.
func Options(data string) service.Options {
	return service.Options{Data: data, Listen: "127.0.0.1:0", Mode: custody.ModeTest, RetentionMode: vault.Compliance, RetentionPeriod: 24 * time.Hour,
		PolicyFile: filepath.Join(data, "trust.json")}
}

// Serve runs a service in this process until the test ends.
func Serve(t testing.TB, o service.Options) *service.Service {
	t.Helper()
	svc, err := service.Start(Context(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { Stop(t, svc) })
	return svc
}

// Stop stops a service; again is no error.
func Stop(t testing.TB, svc *service.Service) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := svc.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// DSN is how role reaches the private database of the service with this state
// directory: over its socket, as this process's user.
func DSN(t testing.TB, data, role string) string {
	t.Helper()
	return "host=" + SocketDir(t, data) + " port=5432 user=" + role + " dbname=custody sslmode=disable"
}

// SocketDir is where the private database's socket lies; psql takes it as host.
func SocketDir(t testing.TB, data string) string {
	t.Helper()
	runner, err := child.NewRunner()
	if err != nil {
		t.Fatal(err)
	}
	sockets, err := runner.RuntimeDir(data)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(sockets, "pg")
}

// Database connects to the private database as role.
func Database(t testing.TB, data, role string) *sql.DB {
	t.Helper()
	db, err := sql.Open("postgres", DSN(t, data, role))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if err := db.PingContext(Context(t)); err != nil {
		t.Fatalf("couldn't reach the private database as %s: %v", role, err)
	}
	return db
}
