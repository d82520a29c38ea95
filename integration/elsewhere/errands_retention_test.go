package elsewhere

import (
	"context"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/cmd/custodyd/child"
	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
	"github.com/evidence-custody/custodyd/custody/ledger/localpg"
	"github.com/evidence-custody/custodyd/evidence/vault"
	"github.com/evidence-custody/custodyd/evidence/vault/locals3"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// extends locks what is stored, evidence and complete tiles of the log, for
// longer: what the store itself says of them is what counts.
func (o *office) extends(t *testing.T) {
	item, _, _ := o.deposit(t, 1<<20)
	var key, version string
	db := stage.Database(t, o.data, localpg.Superuser)
	if err := db.QueryRowContext(stage.Context(t), `SELECT key, version FROM custody.artifacts WHERE item = $1`, item[:]).Scan(&key, &version); err != nil {
		t.Fatal(err)
	}
	o.fills(t, 256) // a tile's width
	tile := filepath.Join(o.data, "store")
	for end := time.Now().Add(time.Minute); !hasTile(t, tile); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no complete tile comes into the store")
		}
	}
	until := time.Now().UTC().AddDate(2, 0, 0)
	date := until.Format(time.DateOnly)
	if d := o.custodyd(t, 1, "extend-retention", "--until", date); !strings.Contains(string(d.Stderr), "stop it first") {
		t.Errorf("beside a running service: %s", d.Stderr)
	}
	db.Close()
	o.process.Interrupt(t)
	x := read[service.Extension](t, o.custodyd(t, 0, "extend-retention", "--until", date, "--json"))
	if len(x.Problems) != 0 || x.Extended == 0 || x.Already != 0 || x.Log < 2 {
		t.Errorf("%+v", x)
	}
	if again := read[service.Extension](t, o.custodyd(t, 0, "extend-retention", "--until", date, "--json")); again.Extended != 0 || again.Already != x.Extended || again.Log != x.Log {
		t.Errorf("again: %+v after %+v", again, x)
	}

	store := openStore(t, o.data)
	locked := func(key, version string) {
		t.Helper()
		now, err := store.Stat(stage.Context(t), key, version)
		if err != nil || now.Mode != vault.Compliance || now.RetainUntil.Format(time.DateOnly) != date {
			t.Errorf("%s is locked %s until %s: %v", key, now.Mode, now.RetainUntil, err)
		}
	}
	locked(key, version)
	tiles := uint64(0)
	if err := store.EachKept(stage.Context(t), func(key, version string) error {
		locked(key, version)
		tiles++
		return nil
	}); err != nil || tiles != x.Log {
		t.Errorf("%d objects of the log were looked at, %d extended: %v", tiles, x.Log, err)
	}
}

// fills lets the log grow to n events.
func (o *office) fills(t *testing.T, n int64) {
	t.Helper()
	var newest atomic.Int64
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for newest.Load() < n {
				r, err := o.Investigator.Desk.OpenCase(stage.Context(t), desk.Opening{Fields: map[string]string{"title": "State v. unknown"}})
				if err != nil {
					t.Error(err)
					return
				}
				if at := int64(r.Index); at > newest.Load() {
					newest.Store(at)
				}
			}
		})
	}
	all.Wait()
}

// hasTile: the private store keeps objects of the log's published tree.
func hasTile(t *testing.T, store string) (found bool) {
	t.Helper()
	err := filepath.WalkDir(store, func(path string, e fs.DirEntry, err error) error {
		found = found || err == nil && e.Type().IsRegular() && strings.Contains(filepath.ToSlash(path), "/log/")
		return nil // what is being written comes and goes
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// openStore opens the private store of a service that was stopped.
func openStore(t *testing.T, data string) *vault.Store {
	t.Helper()
	runner, err := child.NewRunner()
	if err != nil {
		t.Fatal(err)
	}
	sockets, err := runner.RuntimeDir(data)
	if err != nil {
		t.Fatal(err)
	}
	s3, err := locals3.Start(stage.Context(t), locals3.Options{Dir: filepath.Join(data, "store"), SocketDir: filepath.Join(sockets, "s3"),
		Args: []string{service.S3Command}, Runner: runner.WithDeathSignal(syscall.SIGKILL)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s3.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	access, secret := s3.Credentials()
	store, err := vault.Open(stage.Context(t), vault.Config{Socket: s3.Socket(), Region: locals3.Region, Bucket: "evidence", AccessKey: access, SecretKey: secret,
		Mode: vault.Compliance, Period: 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return store
}
