// Package stores puts every kind of store the service is run on through the
// vault's conformance suite: a MinIO in a container, as Silo is, and the
// embedded server behind a line that breaks.
package stores

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ory/dockertest/v3"
	"github.com/ory/dockertest/v3/docker"

	"github.com/evidence-custody/custodyd/cmd/custodyd/child"
	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
	"github.com/evidence-custody/custodyd/evidence/vault"
	"github.com/evidence-custody/custodyd/evidence/vault/locals3"
	"github.com/evidence-custody/custodyd/integration/images"
	"github.com/evidence-custody/custodyd/integration/stage"
)

func TestMain(m *testing.M) {
	code := stage.Main(m)
	if err := endEmbedded(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

const access, secret = "custody-test", "only-for-this-test"

var buckets atomic.Int64

func bucket() string { return fmt.Sprintf("evidence-%d", buckets.Add(1)) }

// minio starts a MinIO in a container on a free port, and returns how to reach
// it, without a bucket.
func minio(t *testing.T, more ...func(*docker.HostConfig)) (vault.Config, *dockertest.Pool, *dockertest.Resource) {
	t.Helper()
	pool := images.Docker(t)
	pool.MaxWait = time.Minute
	repository, tag := images.Split(images.MinIO(t))
	c, err := pool.RunWithOptions(&dockertest.RunOptions{Repository: repository, Tag: tag, Cmd: []string{"server", "/data"},
		Env: []string{"MINIO_ROOT_USER=" + access, "MINIO_ROOT_PASSWORD=" + secret, "MINIO_UPDATE=off", "MINIO_CI_CD=1"}}, more...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pool.Purge(c); err != nil {
			t.Error(err)
		}
	})
	config := vault.Config{Endpoint: c.GetHostPort("9000/tcp"), AccessKey: access, SecretKey: secret, Mode: vault.Compliance, Period: time.Minute}
	await(t, pool, config)
	return config, pool, c
}

// await waits until the server answers.
func await(t *testing.T, pool *dockertest.Pool, config vault.Config) {
	t.Helper()
	config.Bucket = "nobody-makes-this-one"
	s, err := vault.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	err = pool.Retry(func() error {
		if err := s.CheckBucket(t.Context()); err != nil && !isNotFound(err) {
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// endEmbedded stops the embedded server, if it was started.
var endEmbedded = func() error { return nil }

// embedded starts the service's own S3 server, once for the test process.
var embedded = sync.OnceValues(func() (*locals3.Server, error) {
	runner, err := child.NewRunner()
	if err != nil {
		return nil, err
	}
	dir, remove, err := runner.TempState()
	if err != nil {
		return nil, err
	}
	endEmbedded = remove
	s, err := locals3.Start(context.Background(), locals3.Options{Dir: filepath.Join(dir, "store"), SocketDir: filepath.Join(dir, "run"),
		Args: []string{service.S3Command}, Runner: runner.WithDeathSignal(syscall.SIGKILL)})
	if err == nil {
		endEmbedded = func() error { return errors.Join(s.Stop(context.Background()), remove()) }
	}
	return s, err
})
