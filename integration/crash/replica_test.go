package crash

import (
	"sync"
	"testing"

	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// TestReplicasOpen opens the log again and again while somebody writes to it
// through another replica. What moves on meanwhile was not altered.
func TestReplicasOpen(t *testing.T) {
	s := newSite(t)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				t.Logf("%d cases were opened meanwhile", n)
				return
			default:
			}
			if _, err := s.open(t); err != nil {
				t.Errorf("case %d: %v", n, err)
				return
			}
		}
	})
	cfg := stage.LedgerConfig(t, s.data)
	for n := range 200 {
		l, err := ledger.Open(stage.Context(t), cfg)
		if err != nil {
			t.Errorf("replica %d: %v", n, err)
			break
		}
		l.Close()
	}
	close(stop)
	wg.Wait()
	stage.Check(t, s.data)
}
