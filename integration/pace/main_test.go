// Package pace measures how fast evidence comes in and goes out, by the
// yardsticks of the machine it runs on, in the same minute: the hashes that its
// cores alone make beside a write that its disk alone takes, and what people do
// without us. What counts are the ratios; the figures beside them say only
// which machine it was.
//
//	CUSTODY_PACE_MIB=2048 go test -run - -bench . -benchtime 1x ./integration/pace
//
// Without CUSTODY_PACE_MIB a file has 64 MiB: enough to see that everything
// works, too little to say how fast it is.
package pace

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/cmd/custodyd/child"
	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
	"github.com/evidence-custody/custodyd/evidence/vault"
	"github.com/evidence-custody/custodyd/evidence/vault/locals3"
	"github.com/evidence-custody/custodyd/integration/stage"
)

func TestMain(m *testing.M) {
	code := stage.Main(m)
	if err := endBench(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// bench is what all measurements share: one disk, one S3 server on it, and one
// file of random bytes.
type bench struct {
	dir    string // everything lies below it
	file   string
	size   int64
	server *locals3.Server
	config vault.Config
}

var endBench = func() error { return nil }

var shared = sync.OnceValues(func() (*bench, error) {
	mebibytes := 64
	if s := os.Getenv("CUSTODY_PACE_MIB"); s != "" {
		var err error
		if mebibytes, err = strconv.Atoi(s); err != nil || mebibytes < 1 {
			return nil, fmt.Errorf("CUSTODY_PACE_MIB is %q, not a number of MiB", s)
		}
	}
	runner, err := child.NewRunner()
	if err != nil {
		return nil, err
	}
	b := &bench{size: int64(mebibytes) << 20}
	var remove func() error
	if b.dir, remove, err = runner.TempState(); err != nil {
		return nil, err
	}
	endBench = remove
	b.file = filepath.Join(b.dir, "image.dd")
	if err := writeRandom(b.file, b.size); err != nil {
		return nil, err
	}
	b.server, err = locals3.Start(context.Background(), locals3.Options{Dir: filepath.Join(b.dir, "store"), SocketDir: filepath.Join(b.dir, "run"),
		Args: []string{service.S3Command}, Runner: runner.WithDeathSignal(syscall.SIGKILL)})
	if err != nil {
		return nil, err
	}
	endBench = func() error { return errors.Join(b.server.Stop(context.Background()), remove()) }
	access, secret := b.server.Credentials()
	b.config = vault.Config{Socket: b.server.Socket(), Region: locals3.Region, AccessKey: access, SecretKey: secret, Mode: vault.Compliance, Period: time.Second}
	return b, nil
})

func setUp(t testing.TB) *bench {
	t.Helper()
	b, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeRandom(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, rand.NewChaCha8([32]byte{1}), size)
	return errors.Join(err, f.Sync(), f.Close())
}

var buckets atomic.Int64

// store opens the vault in a bucket of its own, and names that.
func (b *bench) store(t testing.TB) (s *vault.Store, bucket string) {
	t.Helper()
	c := b.config
	c.Bucket = fmt.Sprintf("pace-%d", buckets.Add(1))
	s, err := vault.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.EnsureBucket(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, c.Bucket
}

// large is from how many bytes on a measurement is worth something, and is
// warmed up for.
const large = 1 << 30

// warm reads the file, so that every measurement finds it in memory alike.
func (b *bench) warm(t testing.TB) {
	t.Helper()
	f, err := os.Open(b.file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.Copy(struct{ io.Writer }{io.Discard}, f); err != nil {
		t.Fatal(err)
	}
}

// measure times do, which handles the file's bytes once, and reports beside
// the rate what processor time it cost: of this process, and of the server.
//
// It is done once before that: a virtual machine may get its memory only as it
// is used, which takes longer than everything measured here, and would be
// charged to whoever goes through the page cache first.
func (b *bench) measure(t *testing.B, do func()) {
	t.Helper()
	b.warm(t)
	if b.size >= large {
		do()
	}
	t.SetBytes(b.size)
	mine, its := ownTime(t), processTime(t, b.server.PID())
	n := 0
	for t.Loop() {
		do()
		n++
	}
	gigabytes := float64(b.size) * float64(n) / 1e9
	t.ReportMetric((ownTime(t)-mine).Seconds()/gigabytes, "cpu-s/GB")
	t.ReportMetric((processTime(t, b.server.PID())-its).Seconds()/gigabytes, "store-cpu-s/GB")
}

// ownTime is the processor time of this process and of children it waited for.
func ownTime(t testing.TB) time.Duration {
	t.Helper()
	var sum time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var r syscall.Rusage
		if err := syscall.Getrusage(who, &r); err != nil {
			t.Fatal(err)
		}
		sum += time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	return sum
}

// processTime is the processor time of a running process, to 10 ms.
func processTime(t testing.TB, pid int) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(after)
	var ticks time.Duration
	for _, field := range fields[11:13] { // utime and stime
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		ticks += time.Duration(n)
	}
	return ticks * (time.Second / 100)
}
