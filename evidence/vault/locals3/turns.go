package locals3

import "sync"

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
