package faults

import (
	"bytes"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/ory/dockertest/v3/docker"

	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
	"github.com/evidence-custody/custodyd/evidence/vault"
	"github.com/evidence-custody/custodyd/integration/images"
	"github.com/evidence-custody/custodyd/integration/stage"
	"github.com/evidence-custody/custodyd/migrations"
)

func TestMain(m *testing.M) { os.Exit(stage.Main(m)) }

const password = "only-for-this-test"

// site is a service with a database and a store of its operator's own, which
// stand in containers.
type site struct {
	data            string
	postgres, minio *box
	config          vault.Config
	service         *service.Service
	cast            *stage.Cast
	log             safeBuffer
}

func newSite(t *testing.T) *site {
	t.Helper()
	y := newYard(t, map[string]string{"postgres": "256m", "minio": "1g"})
	s := &site{data: stage.Dir(t)}
	s.postgres = y.box(t, "postgres", 10, "/var/lib/postgresql/data", &docker.Config{Image: images.Postgres(t), StopSignal: "SIGINT", Cmd: []string{"postgres",
		"-c", "max_connections=60", "-c", "shared_buffers=32MB", "-c", "min_wal_size=8MB", "-c", "max_wal_size=48MB"},
		Env: []string{"POSTGRES_DB=custody", "POSTGRES_PASSWORD=" + password, "POSTGRES_INITDB_ARGS=--data-checksums --wal-segsize=1"}})
	s.minio = y.box(t, "minio", 11, "/data", &docker.Config{Image: images.MinIO(t), Cmd: []string{"server", "/data"},
		Env: []string{"MINIO_ROOT_USER=custody-test", "MINIO_ROOT_PASSWORD=" + password, "MINIO_UPDATE=off", "MINIO_CI_CD=1"}})
	s.config = vault.Config{Endpoint: s.minio.address + ":9000", Bucket: "evidence", AccessKey: "custody-test", SecretKey: password,
		Mode: vault.Compliance, Period: 24 * time.Hour}
	s.prepareDatabase(t)
	store := s.store(t)
	if err := y.pool.Retry(func() error { return store.EnsureBucket(t.Context()) }); err != nil {
		t.Fatal(err)
	}
	o := stage.Options(s.data)
	o.Database = &service.Database{App: s.dsn(migrations.RoleApp), Migrator: s.dsn(migrations.RoleMigrator)}
	o.Store = &s.config
	o.Log = slog.New(slog.NewTextHandler(&s.log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the service's log:\n%s", stage.Lines(s.log.Bytes(), 60))
		}
	})
	s.service = stage.Serve(t, o)
	token, _, err := s.service.FirstToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.cast = stage.NewCast(t, s.service.URL(), token)
	return s
}

// store is one's own way to the store, beside the service's.
func (s *site) store(t *testing.T) *vault.Store {
	t.Helper()
	store, err := vault.Open(t.Context(), s.config)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// dsn names both addresses that the database may have.
func (s *site) dsn(role string) string {
	return fmt.Sprintf("host=%s port=5432 user=%s password=%s dbname=custody sslmode=disable connect_timeout=5", s.postgres.address+","+s.postgres.other, role, password)
}

// prepareDatabase does what an administrator does once, as package migrations
// asks.
func (s *site) prepareDatabase(t *testing.T) {
	t.Helper()
	db, err := sql.Open("postgres", s.dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := s.postgres.y.pool.Retry(func() error { return db.PingContext(t.Context()) }); err != nil {
		t.Fatal(err)
	}
	login := "LOGIN PASSWORD '" + password + "'"
	for _, stmt := range []string{"CREATE ROLE custody_owner NOLOGIN", "CREATE ROLE custody_migrator IN ROLE custody_owner " + login,
		"CREATE ROLE custody_app " + login, "CREATE ROLE custody_auditor " + login, "GRANT CREATE ON DATABASE custody TO custody_owner"} {
		if _, err := db.Exec(stmt); err != nil {
			t.Fatalf("%s: %v", stmt, err)
		}
	}
}

// safeBuffer is a log that is read while it is written.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) Bytes() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.b.Bytes())
}
