package registrar

import (
	"context"
	"sync"
	"time"
)

// turns lets the parts of one deposit take their places in order within this
// process. Another replica may have taken the place before, so a waiter also
// looks at the ledger now and then; the ledger's row lock decides.
type turns struct {
	mu       sync.Mutex
	sessions map[string]*turn
}

type turn struct {
	users   int
	busy    chan struct{} // one token: who holds it works on the frontier
	changed chan struct{} // closed and replaced when the frontier moved
}

func newTurns() *turns { return &turns{sessions: map[string]*turn{}} }

// join returns the session's turn; leave must follow.
func (t *turns) join(id string) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.sessions[id]
	if s == nil {
		s = &turn{busy: make(chan struct{}, 1), changed: make(chan struct{})}
		t.sessions[id] = s
	}
	s.users++
	return s
}

func (t *turns) leave(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.sessions[id]
	if s.users--; s.users == 0 {
		delete(t.sessions, id)
	}
}

// moved wakes everybody who waits for the frontier.
func (t *turns) moved(s *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
}

func (t *turns) change(s *turn) <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return s.changed
}

// hold takes the session's token.
func (s *turn) hold(ctx context.Context) error {
	select {
	case s.busy <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *turn) release() { <-s.busy }

// pollEvery is how often a waiter looks whether another replica moved on.
const pollEvery = 250 * time.Millisecond
