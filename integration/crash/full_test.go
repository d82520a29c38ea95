package crash

import (
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// smallDisk mounts a disk of its own on dir.
func smallDisk(t *testing.T, dir, size string) {
	t.Helper()
	if os.Geteuid() != 0 {
		stage.Lacks(t, "a small disk can only be mounted by root")
	}
	if err := os.MkdirAll(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("none", dir, "tmpfs", 0, "mode=0711,size="+size); err != nil {
		stage.Lacks(t, "couldn't mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// TestFullDisk fills the disk that all state is on. The deposit is refused for
// what it is, nothing acknowledged is lost, and with room made it is resumed.
func TestFullDisk(t *testing.T) {
	data := stage.Dir(t)
	smallDisk(t, data, "260m")
	s := &site{data: data}
	s.start(t)
	s.cast = stage.NewCast(t, s.process.URL, s.process.Token)
	s.kase = s.cast.Investigator.OpenCase(t)
	s.exhibit = s.cast.Investigator.Register(t, s.kase)
	investigator := s.cast.Investigator

	type deposit struct {
		path string
		desk.Deposited
	}
	var kept []deposit
	var refused string
	for range 10 {
		path := stage.File(t, 40<<20+int64(len(kept)))
		d, err := investigator.Desk.Deposit(stage.Context(t), s.depositing(path))
		if err != nil {
			t.Logf("after %d deposits: %v", len(kept), err)
			var no *desk.Answer
			if !errors.As(err, &no) || no.Code != "storage-full" {
				// The database may be what finds no room: then the service stops.
				if !s.ended(5 * time.Second) {
					t.Errorf("the disk is full, and the answer is: %v\n%s", err, s.process.Said())
				}
			}
			refused = path
			break
		}
		kept = append(kept, deposit{path, d})
	}
	if refused == "" || len(kept) == 0 {
		t.Fatalf("%d deposits were taken, refused: %q", len(kept), refused)
	}
	// Full as it is, what was acknowledged can be read, if the service runs.
	if !s.ended(0) {
		for _, k := range kept {
			investigator.Included(t, k.Recorded)
		}
	}
	if err := unix.Mount("none", data, "tmpfs", unix.MS_REMOUNT, "size=1g"); err != nil {
		t.Fatal(err)
	}
	if s.ended(0) {
		s.start(t)
	}
	items := map[evidence.Digest]bool{}
	for _, k := range kept {
		investigator.Included(t, k.Recorded)
		s.retrieve(t, k.Item, k.path)
		items[k.Item] = true
	}
	d := s.takeUp(t, refused)
	s.retrieve(t, itemOf(t, s, d), refused)
	if got := s.deposits(t); len(got) != len(items)+1 {
		t.Errorf("after %d deposits the case has artifact.deposited at %v", len(items)+1, got)
	}
	stage.Check(t, s.data)
}

// ended reports whether the service has ended, or does so soon.
func (s *site) ended(soon time.Duration) bool {
	select {
	case <-s.process.Done():
		return true
	case <-time.After(soon):
		return false
	}
}
