package registrar

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
)

// What one request of access is served in many ranges is recorded as one
// access.served: at once when all of the artifact went out or its copy failed,
// else when nothing was read for a while, and at the latest after a while more.
const (
	servedIdle = 2 * time.Second
	servedLong = time.Minute
)

// serving is what goes out for one request of access and isn't recorded yet.
type serving struct {
	request *docket.Event
	size    uint64 // of the artifact

	open       int // ranges being read
	bytes      uint64
	outcome    custody.Outcome // the worst so far; "" nothing went out
	began, end time.Time
	idle       *time.Timer
}

// servings are all of them, by the leaf of the request.
type servings struct {
	mu  sync.Mutex
	all map[custody.ID]*serving
}

// began takes note that a range is being read.
func (r *Registrar) began(request *docket.Event, size uint64) {
	r.servings.mu.Lock()
	defer r.servings.mu.Unlock()
	s := r.servings.all[request.LeafHash]
	if s == nil {
		s = &serving{request: request, size: size, began: r.now()}
		if r.servings.all == nil {
			r.servings.all = map[custody.ID]*serving{}
		}
		r.servings.all[request.LeafHash] = s
	}
	s.open++
	if s.idle != nil {
		s.idle.Stop()
	}
}

var worse = map[custody.Outcome]int{"": 0, custody.OutcomeWhole: 1, custody.OutcomePart: 2, custody.OutcomeFailed: 3}

// ended takes note of how reading a range ended.
func (r *Registrar) ended(ctx context.Context, request *docket.Event, sent uint64, outcome custody.Outcome) error {
	r.servings.mu.Lock()
	s := r.servings.all[request.LeafHash]
	if s == nil {
		r.servings.mu.Unlock()
		return errors.New("couldn't note what was served: no range is being read")
	}
	s.open--
	s.bytes, s.end = s.bytes+sent, r.now()
	if worse[outcome] > worse[s.outcome] {
		s.outcome = outcome
	}
	switch {
	case s.outcome == "" && s.open == 0:
		delete(r.servings.all, request.LeafHash)
	case s.outcome == custody.OutcomeFailed, s.open == 0 && s.bytes >= s.size, s.end.Sub(s.began) > servedLong:
		done := r.servings.take(s)
		r.servings.mu.Unlock()
		return r.record(ctx, done)
	case s.open == 0:
		if s.idle == nil {
			s.idle = time.AfterFunc(servedIdle, func() { r.rested(s) })
		} else {
			s.idle.Reset(servedIdle)
		}
	}
	r.servings.mu.Unlock()
	return nil
}

// take returns what is to be recorded; ranges that are still read go on from
// nothing.
func (all *servings) take(s *serving) serving {
	done := *s
	if s.open == 0 {
		delete(all.all, s.request.LeafHash)
	}
	s.bytes, s.outcome, s.began = 0, "", s.end
	return done
}

// rested records what nobody went on with.
func (r *Registrar) rested(s *serving) {
	r.servings.mu.Lock()
	if s.open > 0 || s.outcome == "" || r.servings.all[s.request.LeafHash] != s {
		r.servings.mu.Unlock()
		return
	}
	done := r.servings.take(s)
	r.servings.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := r.record(ctx, done); err != nil {
		r.log.Error("couldn't record that an artifact was served", "request", s.request.EventID.String(), "bytes", done.bytes, "error", err)
	}
}

func (r *Registrar) record(ctx context.Context, s serving) error {
	b := s.request.Statement.Predicate.Body.(*custody.AccessRequested)
	_, err := r.ledger.Observe(ctx, docket.Act{Basis: []custody.ID{s.request.LeafHash}, From: s.began, To: s.end,
		Body: &custody.Served{Artifact: b.Artifact, Bytes: s.bytes, Item: b.Item, Outcome: s.outcome, Request: s.request.LeafHash}}, docket.Effects{})
	return fault("ledger", err)
}

// Settle records all that was served and isn't recorded yet. It is called when
// nothing is served any more, before the ledger closes.
func (r *Registrar) Settle(ctx context.Context) error {
	r.servings.mu.Lock()
	var all []serving
	for _, s := range r.servings.all {
		if s.outcome != "" {
			all = append(all, r.servings.take(s))
		}
	}
	r.servings.mu.Unlock()
	var failed []error
	for _, s := range all {
		failed = append(failed, r.record(ctx, s))
	}
	return errors.Join(failed...)
}
