package recovery

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/ledger/localpg"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/integration/stage"
	"github.com/evidence-custody/custodyd/migrations"
)

// site is a service on a database and a store of others, with people who have
// receipts.
type site struct {
	o        *stage.Outside
	svc      *service.Service
	cast     *stage.Cast
	kase     evidence.Digest
	exhibit  evidence.Digest
	receipts []desk.Recorded
	images   map[evidence.Digest]string
}

func (s *site) data() string { return filepath.Join(s.o.Dir, "data") }

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{o: stage.NewOutside(t), images: map[evidence.Digest]string{}}
	s.svc = stage.Serve(t, s.o.Options(s.data(), ""))
	token, _, err := s.svc.FirstToken(stage.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	s.cast = stage.NewCast(t, s.svc.URL(), token)
	s.kase = s.cast.Investigator.OpenCase(t)
	s.exhibit = s.cast.Investigator.Register(t, s.kase)
	return s
}

// work makes a deposit and hands the exhibit over and back.
func (s *site) work(t *testing.T, size int64) {
	t.Helper()
	officer, analyst := s.cast.Investigator, s.cast.Analyst
	path := stage.File(t, size)
	d := officer.Deposit(t, s.kase, &s.exhibit, path)
	s.receipts, s.images[d.Item] = append(s.receipts, d.Recorded), path
	for _, way := range [][2]*stage.Person{{officer, analyst}, {analyst, officer}} {
		handing := []desk.Handing{{Item: s.exhibit}}
		released, err := way[0].Desk.Release(stage.Context(t), desk.Release{Items: handing, To: custody.Recipient{Org: way[1].ID()}, Purpose: custody.PurposeExamination})
		if err != nil {
			t.Fatal(err)
		}
		accepted, err := way[1].Desk.Accept(stage.Context(t), desk.Acceptance{Items: handing})
		if err != nil {
			t.Fatal(err)
		}
		s.receipts = append(s.receipts, released, accepted)
	}
}

// dump is BACKUP.md's first step, while the service serves.
func (s *site) dump(t *testing.T, name string) string {
	t.Helper()
	file := filepath.Join(s.o.Dir, name+".dump")
	s.o.Tool(t, "pg_dump", "--format=custom", "--file="+file, "--dbname="+s.o.DSN(localpg.Database, localpg.Superuser))
	return file
}

// restore puts a dump into a database that did not exist.
func (s *site) restore(t *testing.T, dump, database string) {
	t.Helper()
	s.o.SQL(t, localpg.Database, "CREATE DATABASE "+database+" OWNER custody_owner")
	s.o.Tool(t, "pg_restore", "--exit-on-error", "--single-transaction", "--dbname="+s.o.DSN(database, localpg.Superuser), dump)
}

// options are those of a service on restored parts.
func (s *site) options(database, data string) service.Options {
	o := s.o.Options(data, "")
	o.Database = &service.Database{App: s.o.DSN(database, migrations.RoleApp), Migrator: s.o.DSN(database, migrations.RoleMigrator)}
	return o
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	if out, err := exec.Command(stage.Need(t, "cp"), "-a", from, to).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v\n%s", err, out)
	}
}

func check(t *testing.T, o service.Options) *service.CheckResult {
	t.Helper()
	r, err := service.Check(stage.Context(t), o, true, func(uint64, uint64) {})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func refused(t *testing.T, name string, o service.Options, says string) {
	t.Helper()
	svc, err := service.Start(stage.Context(t), o)
	if err == nil {
		stage.Stop(t, svc)
	}
	var altered *docket.Altered
	if !errors.As(err, &altered) || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "BACKUP.md") {
		t.Errorf("%s: %v, want %q", name, err, says)
	}
}

// TestDrill backs up, works on, loses database, store and machine, and
// restores: the newest copy serves on with every receipt good, an older one is
// recognised and not signed over.
func TestDrill(t *testing.T) {
	s := newSite(t)
	s.work(t, 9<<20+1)
	old := s.dump(t, "old")
	s.work(t, 8<<20+1)
	// Database first, store second: what the database names the store has.
	newest := s.dump(t, "newest")
	stage.Stop(t, s.svc)
	copyTree(t, filepath.Join(s.o.Dir, "s3"), filepath.Join(s.o.Dir, "s3-restored"))
	backup := filepath.Join(s.o.Dir, "keys-backup")
	copyTree(t, filepath.Join(s.data(), "keys"), backup)
	if _, err := os.Stat(filepath.Join(backup, "last-signed.checkpoint")); err != nil {
		t.Fatal(err)
	}

	// All else is lost. A new machine, a new database, a new store.
	store := s.o.Store(t, "s3-restored")
	machine := func(database string) service.Options {
		data := filepath.Join(s.o.Dir, "machine-"+database)
		if err := os.MkdirAll(data, 0o700); err != nil {
			t.Fatal(err)
		}
		copyTree(t, backup, filepath.Join(data, "keys"))
		o := s.options(database, data)
		o.Store = store
		return o
	}
	s.restore(t, old, "restored_old")
	behind := machine("restored_old")
	if r := check(t, behind); r.Whole() || len(r.Problems) != 1 || !strings.Contains(r.Problems[0].What, "it is an old copy") {
		t.Errorf("the old copy: %+v", r)
	}
	refused(t, "the old copy", behind, "an old copy was put back")
	s.o.SQL(t, localpg.Database, "CREATE DATABASE restored_nothing OWNER custody_owner")
	refused(t, "an empty database", machine("restored_nothing"), "the database holds none")

	s.restore(t, newest, "restored")
	whole := machine("restored")
	r := check(t, whole)
	if !r.Whole() || r.Artifacts != 2 || r.Bytes != 9<<20+8<<20+2 || r.Signed != r.Events {
		t.Fatalf("the newest copy: %+v", r)
	}
	svc := stage.Serve(t, whole)
	s.cast.Reach(t, svc.URL())
	for _, receipt := range s.receipts {
		s.cast.Investigator.Included(t, receipt)
	}
	for item, path := range s.images {
		back := filepath.Join(t.TempDir(), "back")
		if _, err := s.cast.Investigator.Desk.Retrieve(stage.Context(t), desk.Retrieval{Reading: desk.Reading{Item: item, Purpose: custody.PurposeExamination}, Path: back}); err != nil {
			t.Fatal(err)
		}
		same(t, path, back)
	}
	s.work(t, 5<<20+1)
	for _, receipt := range s.receipts {
		s.cast.Investigator.Included(t, receipt)
	}
	stage.Stop(t, svc)
	if r := check(t, whole); !r.Whole() || r.Artifacts != 3 {
		t.Errorf("after going on: %+v", r)
	}
}

// TestLostAndDamagedObjects: the check says what the store lacks, and which
// bytes are not those deposited.
func TestLostAndDamagedObjects(t *testing.T) {
	s := newSite(t)
	s.work(t, 5<<20+3)
	s.work(t, 5<<20+5)
	stage.Stop(t, s.svc)
	copyTree(t, filepath.Join(s.o.Dir, "s3"), filepath.Join(s.o.Dir, "s3-damaged"))
	objects := find(t, filepath.Join(s.o.Dir, "s3-damaged", "objects"), 5<<20)
	if len(objects) != 2 {
		t.Fatalf("the copy has objects %v", objects)
	}
	f, err := os.OpenFile(objects[0], os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteAt([]byte("x"), 4<<20)
		err = errors.Join(err, f.Close(), os.Remove(objects[1]))
	}
	if err != nil {
		t.Fatal(err)
	}
	o := s.o.Options(s.data(), "")
	o.Store = s.o.Store(t, "s3-damaged")
	quick, err := service.Check(stage.Context(t), o, false, func(uint64, uint64) {})
	if err != nil {
		t.Fatal(err)
	}
	if len(quick.Problems) != 1 || !strings.Contains(quick.Problems[0].What, "is not in the store") {
		t.Errorf("without reading bytes: %+v", quick.Problems)
	}
	r := check(t, o)
	if len(r.Problems) != 2 || !strings.Contains(r.Problems[0].What+r.Problems[1].What, "is not as it was deposited: digest-mismatch") {
		t.Errorf("with bytes: %+v", r.Problems)
	}
	// Where an artifact lies is kept outside the events; a superuser who makes
	// the database forget it is noticed, too.
	s.o.SQL(t, "custody", "SET session_replication_role = replica; ALTER TABLE custody.artifacts DISABLE TRIGGER ALL; DELETE FROM custody.artifacts")
	r = check(t, s.o.Options(s.data(), ""))
	if len(r.Problems) < 2 || !strings.Contains(r.Problems[0].What+r.Problems[1].What, "no longer says where they lie") {
		t.Errorf("with artifacts forgotten: %+v", r.Problems)
	}
}

// find lists the files of at least size bytes below dir.
func find(t *testing.T, dir string, size int64) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Size() >= size {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func same(t *testing.T, a, b string) {
	t.Helper()
	var sums [2]evidence.Measured
	for i, path := range []string{a, b} {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if sums[i], _, err = evidence.Measure(io.Reader(f)); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	if sums[0] != sums[1] {
		t.Errorf("%s and %s differ", a, b)
	}
}
