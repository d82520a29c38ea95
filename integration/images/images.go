// Package images gives tests container images of an S3 server, of PostgreSQL
// and of this tree's service, built on this machine by build.sh: none has to
// be pulled. What was built once is kept, so the first use takes minutes and
// the others moments; CI builds them in a step of its own.
package images

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/ory/dockertest/v3"

	"github.com/evidence-custody/custodyd/integration/stage"
)

// Docker connects to Docker. Without it the test is skipped, or fails where
// everything is required.
func Docker(t testing.TB) *dockertest.Pool {
	t.Helper()
	pool, err := dockertest.NewPool("")
	if err == nil {
		err = pool.Client.Ping()
	}
	if err != nil {
		stage.Lacks(t, "Docker does not answer: %v", err)
	}
	return pool
}

// MinIO returns the image of an S3 server with Object Lock; its command is
// "server /data", its port 9000, its settings are MinIO's.
func MinIO(t testing.TB) string { return build(t, "minio") }

// Postgres returns the image of a PostgreSQL that takes the settings of the
// well-known image of that name.
func Postgres(t testing.TB) string {
	stage.Need(t, "debootstrap")
	return build(t, "postgres")
}

// Custodyd returns the image of the service as this tree has it.
func Custodyd(t testing.TB) string { return build(t, "custodyd") }

var built sync.Map // image → func() (name, log string, err error)

// build builds an image, once for the test process.
func build(t testing.TB, image string) string {
	t.Helper()
	Docker(t)
	type made struct {
		name, log string
		err       error
	}
	once, _ := built.LoadOrStore(image, sync.OnceValue(func() made {
		_, file, _, _ := runtime.Caller(0)
		cmd := exec.Command("bash", filepath.Join(filepath.Dir(file), "build.sh"), image)
		var out, log bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &log
		err := cmd.Run()
		return made{strings.TrimSpace(out.String()), log.String(), err}
	}))
	m := once.(func() made)()
	if m.err != nil || m.name == "" {
		stage.Lacks(t, "the image %s cannot be built: %v\n%s", image, m.err, m.log)
	}
	return m.name
}

// Split divides an image's name as dockertest wants it.
func Split(name string) (repository, tag string) {
	repository, tag, _ = strings.Cut(name, ":")
	return repository, tag
}
