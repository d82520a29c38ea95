package api

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/evidence-custody/custodyd/api/wire"
)

// Check is a part that the service can't work without.
type Check struct {
	Name    string
	Problem string // what everybody is told where Ask fails; Ask's own words go to the log
	Ask     func(ctx context.Context) error
}

const (
	checkPatience = 5 * time.Second
	readyFor      = time.Second // an answer serves all who ask within: anybody may ask, and it costs the parts something
)

// readiness asks all parts at once, for all callers together.
type readiness struct {
	checks []Check
	log    *slog.Logger
	clock  func() time.Time

	mu    sync.Mutex // held while parts are asked
	asked time.Time
	last  wire.Readiness
}

func (r *readiness) ask(ctx context.Context) wire.Readiness {
	r.mu.Lock()
	defer r.mu.Unlock()
	if since := r.clock().Sub(r.asked); len(r.last.Checks) > 0 && since >= 0 && since < readyFor {
		return r.last
	}
	// The answer is everybody's: that this caller hangs up is no failure of a part.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkPatience)
	defer cancel()
	faults := make([]error, len(r.checks))
	var all sync.WaitGroup
	for i, c := range r.checks {
		all.Go(func() { faults[i] = c.Ask(ctx) })
	}
	all.Wait()
	now := wire.Readiness{Ready: true, Checks: make([]wire.ReadinessCheck, len(r.checks))}
	for i, c := range r.checks {
		now.Checks[i] = wire.ReadinessCheck{Name: c.Name, Ok: faults[i] == nil}
		if faults[i] != nil {
			now.Ready, now.Checks[i].Problem = false, c.Problem
		}
		r.logChange(ctx, i, faults[i])
	}
	r.asked, r.last = r.clock(), now
	return now
}

// logChange says once that a part fails, and once that it doesn't any more.
func (r *readiness) logChange(ctx context.Context, i int, fault error) {
	was := len(r.last.Checks) == 0 || r.last.Checks[i].Ok
	switch {
	case was && fault != nil:
		r.log.WarnContext(ctx, "not ready", "check", r.checks[i].Name, "error", fault)
	case !was && fault == nil:
		r.log.InfoContext(ctx, "ready again", "check", r.checks[i].Name)
	}
}
