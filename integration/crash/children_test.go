package crash

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/integration/stage"
)

// TestKilledChildren kills the private database and the private object store
// under a running service: it says which, stops with an error, and the next
// start recovers.
func TestKilledChildren(t *testing.T) {
	s := newSite(t)
	path := stage.File(t, 1<<20)
	d := s.cast.Investigator.Deposit(t, s.kase, &s.exhibit, path)
	for _, tt := range []struct{ program, words string }{{"postgres", "private PostgreSQL"}, {"", "private S3 server"}} {
		pid := childOf(t, s.process.PID(), tt.program)
		began := time.Now()
		killPID(t, pid)
		select {
		case <-s.process.Done():
		case <-time.After(time.Minute):
			t.Fatalf("%s: a minute later the service still runs:\n%s", tt.words, s.process.Said())
		}
		t.Logf("%s: the service ended after %s", tt.words, time.Since(began))
		if said := s.process.Said(); s.process.Code() != 1 || !strings.Contains(said, tt.words+" ended") {
			t.Errorf("%s: exit code %d, and it says:\n%s", tt.words, s.process.Code(), said)
		}
		s.start(t)
		s.cast.Investigator.Included(t, d.Recorded)
		s.retrieve(t, d.Item, path)
		stage.Check(t, s.data)
	}
}

// TestKilledUnderLoad kills the service while somebody writes, again and
// again. What was acknowledged is in the log afterwards.
func TestKilledUnderLoad(t *testing.T) {
	s := newSite(t)
	var told []acknowledged
	for round := range 3 {
		var wg sync.WaitGroup
		stop := make(chan struct{})
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				a, err := s.open(t)
				if err != nil {
					return
				}
				told = append(told, a)
			}
		})
		time.Sleep(time.Duration(300+200*round) * time.Millisecond)
		s.process.Kill()
		close(stop)
		wg.Wait()
		s.start(t)
		if _, err := s.cast.Investigator.Desk.Resend(stage.Context(t)); err != nil {
			t.Fatal(err)
		}
	}
	if len(told) < 3 {
		t.Fatalf("only %d cases were opened: nothing is shown", len(told))
	}
	t.Logf("%d cases were acknowledged", len(told))
	for _, a := range told {
		s.cast.Investigator.Included(t, a.Recorded)
	}
	stage.Check(t, s.data)
}
