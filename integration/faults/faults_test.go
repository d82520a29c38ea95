// Package faults runs the service on a database and a store in containers, and
// lets happen to these what happens to machines, while people work: they are
// killed, stand still, are restarted, lose their network, run out of room.
// The service has to come back by itself, and nothing it acknowledged may be
// missing afterwards.
package faults

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/evidence/vault"
)

// clients is how many hand over exhibits at once.
const clients = 64

// fault is something that happens to a container, and its end.
type fault struct {
	name       string
	begin, end func(*testing.T)
	lasts      time.Duration
	felt       func(*testing.T) // fails where the fault changes nothing: then nothing would be shown
}

func none(*testing.T) {}

func faultsOf(b *box, unanswered, full func(*testing.T)) []fault {
	return []fault{
		{b.name + " is killed", b.kill, b.start, 2 * time.Second, unanswered},
		{b.name + " stands still", b.pause, b.unpause, 4 * time.Second, unanswered},
		{b.name + " is restarted", b.restart, none, 0, none},
		{b.name + " loses its network", b.cut, b.join, 4 * time.Second, unanswered},
		{b.name + "'s disk is full", b.fill, func(t *testing.T) {
			b.empty(t)
			b.start(t) // a database may have stopped for it; whoever runs it starts it again
		}, 2 * time.Second, full},
	}
}

// faults are all that happens, and how it is felt.
func (s *site) faults(c *crowd) []fault {
	silent := func(t *testing.T) {
		time.Sleep(300 * time.Millisecond) // answers that were under way
		before, _ := c.count()
		time.Sleep(time.Second)
		if now, _ := c.count(); now != before {
			t.Errorf("without a database %d events were acknowledged", now-before)
		}
	}
	noRoom := func(t *testing.T) {
		_, before := c.count()
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
			if _, now := c.count(); now > before {
				return
			}
		}
		t.Error("on a full disk the database goes on writing")
	}
	away := func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.store(t).CheckBucket(ctx); err == nil {
			t.Error("the store answers")
		}
	}
	noSpace := func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		data := make([]byte, 8<<20)
		store := s.store(t)
		u, err := store.Begin(ctx, uint64(len(data)))
		if err == nil {
			_, err = store.PutPart(ctx, u, 1, data)
		}
		if !errors.Is(err, vault.ErrFull) {
			t.Errorf("the full store says: %v", err)
		}
	}
	all := append(faultsOf(s.postgres, silent, noRoom), faultsOf(s.minio, away, noSpace)...)
	return append(all, fault{"postgres moves", s.postgres.cut, s.postgres.move, 0, silent})
}

// TestFaults lets one fault after another happen to the same service.
func TestFaults(t *testing.T) {
	s := newSite(t)
	began := time.Now()
	depositors := []*depositor{newDepositor(t, s, "Hina Shah"), newDepositor(t, s, "Omar Sheikh")}
	c := newCrowd(t, s, clients)
	t.Logf("%d clients are at work after %s", clients, time.Since(began))
	c.recovered(t, time.Minute)
	all, ran := s.faults(c), 0
	for _, f := range all {
		ok := t.Run(f.name, func(t *testing.T) {
			ran++
			before, resent := c.count()
			var wg sync.WaitGroup
			defer wg.Wait()
			for _, d := range depositors {
				wg.Go(func() { d.deposit(t) })
			}
			time.Sleep(time.Second)
			f.begin(t)
			f.felt(t)
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
	refused := 0
	for line := range strings.Lines(string(s.log.Bytes())) {
		if strings.Contains(line, "route=/v1/uploads") && strings.Contains(line, "status=50") {
			refused++
		}
	}
	_, resent := c.count()
	t.Logf("%d requests of deposits were refused for a fault, %d events were sent again", refused, resent)
	if ran == len(all) && (resent == 0 || refused == 0) {
		t.Error("clients noticed nothing")
	}
	checking := time.Now()
	s.wholeCheck(t, c, receipts, deposits)
	t.Logf("the whole check took %s", time.Since(checking))
}
