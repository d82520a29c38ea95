package locals3

import (
	"context"
	"sync"
	"time"
)

// turns are read-write locks by name, kept only while somebody uses them.
type turns struct {
	mu    sync.Mutex
	locks map[string]*turn
}

type turn struct {
	sync.RWMutex
	users int
}

func (t *turns) enter(name string) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.locks == nil {
		t.locks = map[string]*turn{}
	}
	l := t.locks[name]
	if l == nil {
		l = &turn{}
		t.locks[name] = l
	}
	l.users++
	return l
}

func (t *turns) leave(name string, l *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l.users--; l.users == 0 {
		delete(t.locks, name)
	}
}

// own waits for everybody else and returns how to let go.
func (t *turns) own(name string) (release func()) {
	l := t.enter(name)
	l.Lock()
	return func() { l.Unlock(); t.leave(name, l) }
}

// share waits for an owner only.
func (t *turns) share(name string) (release func()) {
	l := t.enter(name)
	l.RLock()
	return func() { l.RUnlock(); t.leave(name, l) }
}

// ones lets one at a time do what has a name, and who comes second wait, but
// not for ever.
type ones struct {
	mu   sync.Mutex
	busy map[string]chan struct{} // closed when the one is done
}

// enter waits until nobody else does it, at most busyPatience: then it is
// errBusy.
func (o *ones) enter(ctx context.Context, name string) (done func(), err error) {
	limit := time.NewTimer(busyPatience)
	defer limit.Stop()
	for {
		o.mu.Lock()
		other, taken := o.busy[name]
		if !taken {
			if o.busy == nil {
				o.busy = map[string]chan struct{}{}
			}
			mine := make(chan struct{})
			o.busy[name] = mine
			o.mu.Unlock()
			return func() {
				o.mu.Lock()
				delete(o.busy, name)
				o.mu.Unlock()
				close(mine)
			}, nil
		}
		o.mu.Unlock()
		select {
		case <-other:
		case <-limit.C:
			return nil, errBusy
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
