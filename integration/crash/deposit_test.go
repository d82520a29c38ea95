package crash

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// imageSize makes six parts of 16 MiB, the last of odd size.
const imageSize = 5*16<<20 + 12345

// TestKilledBetweenParts kills the service as soon as so many parts of a
// deposit are acknowledged, each time in another deposit on the same data.
func TestKilledBetweenParts(t *testing.T) {
	s := newSite(t)
	investigator := s.cast.Investigator
	for round, kill := range []int64{1, 3, 6} {
		path := stage.File(t, imageSize+int64(round))
		c := &counting{Service: investigator.Desk.Service}
		c.after = func(int) {
			if c.acknowledged.Load() == kill {
				s.process.Kill()
			}
		}
		investigator.Desk.Service = c
		_, err := investigator.Desk.Deposit(stage.Context(t), s.depositing(path))
		if !errors.Is(err, desk.ErrInterrupted) && !errors.Is(err, desk.ErrPending) {
			// After the last part there is a dossier to be fetched, which fails in its own words.
			if err == nil || kill < 6 {
				t.Fatalf("killed after %d parts, the deposit says: %v", kill, err)
			}
		}
		acknowledged := c.acknowledged.Load()
		s.start(t)
		again := &counting{Service: investigator.Desk.Service}
		investigator.Desk.Service = again
		d, err := investigator.Desk.Deposit(stage.Context(t), s.depositing(path))
		if err != nil {
			t.Fatalf("killed after %d parts, the deposit can't be taken up: %v", kill, err)
		}
		if sent := again.sent.Load(); sent > 6-acknowledged {
			t.Errorf("%d parts were acknowledged, and %d of 6 were sent again", acknowledged, sent)
		}
		investigator.Included(t, d.Recorded)
		if got := s.deposits(t); len(got) != round+1 {
			t.Fatalf("after %d deposits the case has artifact.deposited at %v", round+1, got)
		}
		s.retrieve(t, d.Item, path)
	}
	stage.Check(t, s.data)
}

// finishing is a service that is killed while it finishes a deposit.
type finishing struct {
	desk.Service
	moment time.Duration // after which it is killed; negative: not
	kill   func()
	took   time.Duration
	lost   bool // the answer is lost, though the service gave it
}

func (f *finishing) FinishUpload(ctx context.Context, upload string, s desk.Submission) (deposited, received desk.Receipt, err error) {
	if f.lost {
		_, _, err := f.Service.FinishUpload(ctx, upload, s)
		f.kill()
		return desk.Receipt{}, desk.Receipt{}, errors.Join(errors.New("the answer was lost"), err)
	}
	killed := make(chan struct{})
	if f.moment < 0 {
		close(killed)
	} else {
		time.AfterFunc(f.moment, func() {
			f.kill()
			close(killed)
		})
	}
	began := time.Now()
	deposited, received, err = f.Service.FinishUpload(ctx, upload, s)
	f.took = time.Since(began)
	<-killed
	return deposited, received, err
}

// TestKilledInFinish kills the service at several moments of finishing a
// deposit: comparing, completing the object, appending, answering. Whatever
// was done, the deposit ends in exactly one artifact.deposited.
func TestKilledInFinish(t *testing.T) {
	s := newSite(t)
	investigator := s.cast.Investigator
	// Undisturbed, it takes this long; the moments are parts of that.
	calm := &finishing{Service: investigator.Desk.Service, moment: -1}
	investigator.Desk.Service = calm
	before := []desk.Deposited{investigator.Deposit(t, s.kase, &s.exhibit, stage.File(t, 20<<20))}
	t.Logf("finishing takes %s", calm.took)
	for round, tenths := range []int{0, 1, 3, 5, 7, 8, 9, 10, 13, -1} {
		path := stage.File(t, 20<<20+int64(round)+1)
		moment := calm.took * time.Duration(tenths) / 10
		investigator.Desk.Service = &finishing{Service: calm.Service, moment: moment, kill: s.process.Kill, lost: tenths < 0}
		d, err := investigator.Desk.Deposit(stage.Context(t), s.depositing(path))
		outcome := "acknowledged"
		if err != nil {
			outcome = "not acknowledged"
		}
		s.start(t)
		calm.Service = investigator.Desk.Service
		if err != nil {
			d = s.takeUp(t, path)
		}
		before = append(before, d)
		t.Logf("killed after %s: %s, log index %d", moment, outcome, d.Index)
		investigator.Included(t, d.Recorded)
		if got := s.deposits(t); len(got) != len(before) {
			t.Fatalf("after %d deposits the case has artifact.deposited at %v", len(before), got)
		}
		s.retrieve(t, itemOf(t, s, d), path)
		if waiting, err := investigator.Home.Outbox.Pending(); err != nil || len(waiting) > 0 {
			t.Errorf("%d events still wait in the outbox (%v)", len(waiting), err)
		}
	}
	for _, d := range before {
		investigator.Included(t, d.Recorded)
	}
	stage.Check(t, s.data)
}

// takeUp does what the people's command does at its next start: what was
// signed is sent again, and only where that wasn't it, the deposit is resumed.
func (s *site) takeUp(t *testing.T, path string) desk.Deposited {
	t.Helper()
	investigator := s.cast.Investigator
	sent, err := investigator.Desk.Resend(stage.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range sent {
		if r.Err == nil {
			return desk.Deposited{Recorded: r.Recorded}
		}
		t.Logf("sent again: %v", r.Err)
	}
	d, err := investigator.Desk.Deposit(stage.Context(t), s.depositing(path))
	if err != nil {
		t.Fatal(fmt.Errorf("the deposit can't be taken up: %w", err))
	}
	return d
}
