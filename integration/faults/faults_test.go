// Package faults runs the service on a database and a store in containers, and
// lets happen to these what happens to machines, while people work: they are
// killed, stand still, are restarted, lose their network, run out of room.
// The service has to come back by itself, and nothing it acknowledged may be
// missing afterwards.
package faults

import (
	"sync"
	"testing"
	"time"
)

// clients is how many hand over exhibits at once.
const clients = 64

// fault is something that happens to a container, and its end.
type fault struct {
	name       string
	begin, end func(*testing.T)
	lasts      time.Duration
}

func faultsOf(b *box) []fault {
	none := func(*testing.T) {}
	return []fault{
		{b.name + " is killed", b.kill, b.start, 2 * time.Second},
		{b.name + " stands still", b.pause, b.unpause, 6 * time.Second},
		{b.name + " is restarted", b.restart, none, 0},
		{b.name + " loses its network", b.cut, b.join, 6 * time.Second},
		{b.name + "'s disk is full", b.fill, func(t *testing.T) {
			b.empty(t)
			b.start(t) // a database may have stopped for it; whoever runs it starts it again
		}, 6 * time.Second},
	}
}

// TestFaults lets one fault after another happen to the same service.
func TestFaults(t *testing.T) {
	s := newSite(t)
	began := time.Now()
	depositors := []*depositor{newDepositor(t, s, "Hina Shah"), newDepositor(t, s, "Omar Sheikh")}
	c := newCrowd(t, s, clients)
	t.Logf("%d clients are at work after %s", clients, time.Since(began))
	c.recovered(t, time.Minute)
	for _, f := range append(append(faultsOf(s.postgres), faultsOf(s.minio)...), fault{"postgres moves", s.postgres.cut, s.postgres.move, time.Second}) {
		ok := t.Run(f.name, func(t *testing.T) {
			before, resent := c.count()
			var wg sync.WaitGroup
			defer wg.Wait()
			for _, d := range depositors {
				wg.Go(func() { d.deposit(t) })
			}
			time.Sleep(time.Second)
			f.begin(t)
			time.Sleep(f.lasts)
			during, _ := c.count()
			f.end(t)
			took := c.recovered(t, time.Minute)
			wg.Wait()
			after, again := c.count()
			t.Logf("all %d clients served again %s after its end; acknowledged %d before its end and %d after, sent again %d times", clients, took.Round(100*time.Millisecond), during-before, after-during, again-resent)
			select {
			case err := <-s.service.Failed():
				t.Errorf("the service gave itself up: %v", err)
			default:
			}
		})
		if !ok {
			break
		}
	}
	receipts := c.stop(t)
	var deposits []deposited
	again := 0
	for _, d := range depositors {
		deposits, again = append(deposits, d.done...), again+d.again
	}
	t.Logf("%d deposits, taken up again %d times", len(deposits), again)
	checking := time.Now()
	s.wholeCheck(t, c, receipts, deposits)
	t.Logf("the whole check took %s", time.Since(checking))
}
