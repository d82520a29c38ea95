package pace

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence/vault"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// BenchmarkRetrieve is all of a retrieval: the request is signed, the service
// reads every block from its store and checks it, the people's command checks it
// once more, and the whole, and shows the file when it is durable. At
// BenchmarkDownload stands what it is to be compared with.
func BenchmarkRetrieve(t *testing.B) {
	b := setUp(t)
	for _, encryption := range []string{"off", "on"} {
		t.Run("encryption "+encryption, func(t *testing.B) {
			p := stage.ServeProcess(t, stage.Dir(t), "--mode", "test", "--encryption", encryption)
			who := stage.NewCast(t, p.URL, p.Token).Investigator
			kase := who.OpenCase(t)
			b.stamp(t)
			got, err := who.Desk.Deposit(stage.Context(t), desk.Depositing{Path: b.file, Case: kase, Role: custody.RoleMaster})
			if err != nil {
				t.Fatal(err)
			}
			processes := append(children(t, p.PID()), p.PID())
			used := func() (sum float64) {
				for _, pid := range processes {
					sum += processTime(t, pid).Seconds()
				}
				return sum + ownTime(t).Seconds()
			}
			out := filepath.Join(b.dir, "retrieved")
			retrieve := func() {
				if _, err := who.Desk.Retrieve(stage.Context(t), desk.Retrieval{Reading: desk.Reading{Item: got.Item, Purpose: custody.PurposeExamination}, Path: out}); err != nil {
					t.Fatal(err)
				}
			}
			remove := func() {
				if err := os.Remove(out); err != nil {
					t.Fatal(err)
				}
			}
			if b.size >= large { // as in measure
				retrieve()
				remove()
			}
			t.SetBytes(b.size)
			before, n := used(), 0
			for t.Loop() {
				retrieve()
				n++
				t.StopTimer()
				remove()
				t.StartTimer()
			}
			t.ReportMetric((used()-before)/(float64(b.size)*float64(n)/1e9), "all-cpu-s/GB")
		})
	}
}

// BenchmarkDownload is what people do without us: ranges of the object, from the
// same kind of server on the same disk, a few at a time into a file that is then
// synced; alone, and with sha256sum after it.
func BenchmarkDownload(t *testing.B) {
	b := setUp(t)
	s, _ := b.store(t)
	o := b.put(t, s)
	for _, hashed := range []bool{false, true} {
		name := map[bool]string{false: "alone", true: "then sha256sum"}[hashed]
		t.Run(name, func(t *testing.B) {
			b.measure(t, func() {
				path := filepath.Join(b.dir, "download")
				if err := download(t, s, o, path); err != nil {
					t.Fatal(err)
				}
				if hashed {
					if out, err := exec.Command(stage.Need(t, "sha256sum"), path).CombinedOutput(); err != nil {
						t.Fatalf("%v: %s", err, out)
					}
				}
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

func download(t testing.TB, s *vault.Store, o vault.Object, path string) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	const piece = 8 << 20
	var group errgroup.Group
	offsets := make(chan uint64)
	for range parallel {
		group.Go(func() error {
			var failed error
			for off := range offsets { // read to the end, or nobody would take the rest
				body, err := s.ReadRange(t.Context(), o.Key, o.Version, off, min(piece, o.Size-off))
				if err == nil {
					_, err = io.Copy(io.NewOffsetWriter(f, int64(off)), body)
					err = errors.Join(err, body.Close())
				}
				failed = errors.Join(failed, err)
			}
			return failed
		})
	}
	for off := uint64(0); off < o.Size; off += piece {
		offsets <- off
	}
	close(offsets)
	return errors.Join(group.Wait(), f.Sync())
}
