package images_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/lib/pq"
	"github.com/ory/dockertest/v3"
	"github.com/ory/dockertest/v3/docker"

	"github.com/evidence-custody/custodyd/integration/images"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// Postgres answers as the image whose place it takes: database, password from
// a file, a script run once, checksums by initdb's arguments, and the data
// still there after a kill.
func TestPostgres(t *testing.T) {
	pool := images.Docker(t)
	dir := stage.Dir(t)
	files := map[string]string{"password": "only for this test\n", "init.sh": "#!/bin/sh\nset -eu\npsql -U \"$POSTGRES_USER\" -d \"$POSTGRES_DB\" -c 'CREATE TABLE once (n int)'\n"}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	repository, tag := images.Split(images.Postgres(t))
	c, err := pool.RunWithOptions(&dockertest.RunOptions{Repository: repository, Tag: tag,
		Env:    []string{"POSTGRES_DB=custody", "POSTGRES_PASSWORD_FILE=/run/secrets/password", "POSTGRES_INITDB_ARGS=--data-checksums --auth-host=scram-sha-256"},
		Mounts: []string{dir + "/password:/run/secrets/password", dir + "/init.sh:/docker-entrypoint-initdb.d/init.sh"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pool.Purge(c); err != nil {
			t.Error(err)
		}
	})
	pool.MaxWait = time.Minute
	count := func(want int) {
		t.Helper()
		var n int
		var checksums string
		err := pool.Retry(func() error {
			db, err := sql.Open("postgres", fmt.Sprintf("host=127.0.0.1 port=%s user=postgres dbname=custody sslmode=disable password='only for this test'", c.GetPort("5432/tcp")))
			if err != nil {
				return err
			}
			defer db.Close()
			if _, err := db.Exec(`INSERT INTO once VALUES (1)`); err != nil {
				return err
			}
			return db.QueryRow(`SELECT count(*), current_setting('data_checksums') FROM once`).Scan(&n, &checksums)
		})
		if err != nil {
			t.Fatal(err)
		}
		if n != want || checksums != "on" {
			t.Errorf("%d rows, want %d; data_checksums = %s", n, want, checksums)
		}
	}
	count(1)
	if err := pool.Client.KillContainer(docker.KillContainerOptions{ID: c.Container.ID}); err != nil {
		t.Fatal(err)
	}
	if err := pool.Client.StartContainer(c.Container.ID, nil); err != nil {
		t.Fatal(err)
	}
	again, err := pool.Client.InspectContainer(c.Container.ID)
	if err != nil {
		t.Fatal(err)
	}
	c.Container = again // its port is another one
	count(2)
}

func TestNames(t *testing.T) {
	for name, get := range map[string]func(testing.TB) string{"minio": images.MinIO, "postgres": images.Postgres} {
		first := get(t)
		if !strings.HasPrefix(first, "custody-test/"+name+":") || first != get(t) {
			t.Errorf("%s: %q, then %q", name, first, get(t))
		}
	}
}
