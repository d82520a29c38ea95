package registrar

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/parcel"
)

// sessions are the uploads that somebody works on in this process. What counts
// is in the ledger, and its row lock decides between replicas; what is here
// only lets the parts of one upload be hashed and committed in their order
// while they arrive and are stored in any.
type sessions struct {
	mu  sync.Mutex
	all map[string]*session
}

// session is how far one upload is in this process. The whole-file digests run
// ahead of the ledger: part n+1 is hashed while part n is still being stored.
// Whoever finds that this can't be true any more throws the digests away, and
// they begin again at what the ledger has.
type session struct {
	of      *sessions // whose lock guards all below
	users   int
	busy    chan struct{} // one token: who holds it finishes the upload
	changed chan struct{} // closed and replaced when anything below changed

	hasher  *evidence.Hasher // of parts 1..hashed; nil: not read from the ledger yet
	hashed  int
	kept    int          // parts 1..kept are in the ledger, as far as known here
	working bool         // somebody is at the hasher, or reading it
	epoch   int          // how often the hasher was thrown away
	inHand  map[int]bool // parts that a request is storing
	placing int          // commits under way
}

func newSessions() *sessions { return &sessions{all: map[string]*session{}} }

// join returns the upload's session; leave must follow.
func (t *sessions) join(id string) *session {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.all[id]
	if s == nil {
		s = &session{of: t, busy: make(chan struct{}, 1), changed: make(chan struct{}), inHand: map[int]bool{}}
		t.all[id] = s
	}
	s.users++
	return s
}

func (t *sessions) leave(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.all[id]
	if s.users--; s.users == 0 {
		delete(t.all, id)
	}
}

// hold takes the session's token for finishing.
func (s *session) hold(ctx context.Context) error {
	select {
	case s.busy <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *session) release() { <-s.busy }

// moved wakes everybody who waits; the lock is held.
func (s *session) moved() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// forget throws the digests away, unless somebody did since epoch.
func (s *session) forget(epoch int) {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	if s.epoch == epoch {
		s.hasher, s.epoch = nil, s.epoch+1
		s.moved()
	}
}

// pollEvery is how often a waiter looks whether another replica moved on.
const pollEvery = 250 * time.Millisecond

// errWaited reports that nothing moved for as long as a part waits.
var errWaited = errors.New("nothing came before it")

// when waits until ready, called under the lock, says so. It gives up after
// partPatience in which nothing of the session moved. look, if not nil, is
// called now and then: another replica may have moved it.
func (s *session) when(ctx context.Context, ready func() bool, look func() error) error {
	patience := time.NewTimer(partPatience)
	defer patience.Stop()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		s.of.mu.Lock()
		if ready() {
			s.of.mu.Unlock()
			return nil
		}
		changed := s.changed
		s.of.mu.Unlock()
		select {
		case <-changed:
			patience.Reset(partPatience)
		case <-poll.C:
			if look == nil {
				continue
			}
			if err := look(); err != nil {
				return err
			}
		case <-patience.C:
			return errWaited
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// take gives one request the right to store part n; done gives it back. Two
// requests with other bytes under one number would else leave the store with
// what the record doesn't have.
func (s *session) take(ctx context.Context, n int) (done func(), err error) {
	err = s.when(ctx, func() bool {
		if s.inHand[n] {
			return false
		}
		s.inHand[n] = true
		return true
	}, nil)
	return func() {
		s.of.mu.Lock()
		defer s.of.mu.Unlock()
		delete(s.inHand, n)
		s.moved()
	}, err
}

// taken is a part that is in the digests: their state after it.
type taken struct {
	epoch int
	state []byte
	there bool // the ledger has the part already
}

// hash waits for part n's predecessors and takes it into the digests.
func (r *Registrar) hash(ctx context.Context, s *session, id custody.ID, n int, content *parcel.Parcel) (taken, error) {
	for {
		var h *evidence.Hasher
		var epoch int
		var there bool
		err := s.when(ctx, func() bool {
			switch {
			case s.working:
				return false
			case s.hasher == nil:
				s.working = true
			case s.kept >= n:
				there = true
			case s.hashed == n-1:
				s.working, h, epoch = true, s.hasher, s.epoch
			default:
				return false
			}
			return true
		}, func() error { return r.elsewhere(ctx, s, id) })
		switch {
		case err != nil:
			return taken{}, err
		case there:
			return taken{there: true}, nil
		case h == nil:
			if err := r.catchUp(ctx, s, id); err != nil {
				return taken{}, err
			}
			continue
		}
		state, err := advance(h, content)
		s.of.mu.Lock()
		s.working = false
		switch {
		case s.epoch != epoch: // what came before was given up meanwhile
		case err != nil:
			s.hasher, s.epoch = nil, s.epoch+1
		default:
			s.hashed = n
		}
		again := err == nil && s.epoch != epoch
		s.moved()
		s.of.mu.Unlock()
		if !again {
			return taken{epoch: epoch, state: state}, err
		}
	}
}

// advance takes a part into the digests of the whole, block by block.
func advance(h *evidence.Hasher, content *parcel.Parcel) ([]byte, error) {
	var scratch []byte
	if !content.InMemory() {
		scratch = make([]byte, evidence.BlockSize)
	}
	for i, leaf := range content.Leaves() {
		block, err := content.Block(i, scratch)
		if err != nil {
			return nil, err
		}
		if err := h.Take(block, leaf); err != nil {
			return nil, err
		}
	}
	return h.MarshalBinary()
}

// catchUp reads from the ledger how far the upload is; the caller has set
// working.
func (r *Registrar) catchUp(ctx context.Context, s *session, id custody.ID) error {
	u, err := r.ledger.Upload(ctx, id)
	var h *evidence.Hasher
	switch {
	case err != nil:
		err = found("upload", err)
	case u.Status != docket.UploadOpen:
		err = &Conflict{Code: CodeUploadClosed, Message: "the upload is finished, aborted or expired"}
	default:
		h, err = hasherOf(u)
	}
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	s.working = false
	if err == nil {
		s.hasher, s.hashed, s.kept = h, u.Frontier, u.Frontier
	}
	s.moved()
	return err
}

// elsewhere looks whether another replica has gone further than this one, and
// forgets the digests if so.
func (r *Registrar) elsewhere(ctx context.Context, s *session, id custody.ID) error {
	s.of.mu.Lock()
	epoch, kept, placing := s.epoch, s.kept, s.placing
	s.of.mu.Unlock()
	if placing > 0 {
		return nil // what is new in the ledger may be of this process
	}
	u, err := r.ledger.Upload(ctx, id)
	switch {
	case err != nil:
		return found("upload", err)
	case u.Status != docket.UploadOpen:
		return &Conflict{Code: CodeUploadClosed, Message: "the upload is finished, aborted or expired"}
	case u.Frontier > kept:
		s.of.mu.Lock()
		behind := s.placing == 0 && s.kept == kept
		s.of.mu.Unlock()
		if behind {
			s.forget(epoch)
		}
	}
	return nil
}

// errAgain: the digests that a part was taken into were given up.
var errAgain = errors.New("what came before was given up")

// place waits until the parts before n are in the ledger and puts part n
// there, with the digests' state after it, in one transaction.
func (r *Registrar) place(ctx context.Context, s *session, id custody.ID, at taken, row docket.UploadPart) error {
	var given bool
	err := s.when(ctx, func() bool {
		if given = s.epoch != at.epoch; given {
			return true
		}
		if s.kept != row.N-1 {
			return false
		}
		s.placing++
		return true
	}, nil)
	if err == nil && given {
		return errAgain
	}
	if err == nil {
		err = r.ledger.AddPart(ctx, id, row, at.state, r.now().Add(r.o.UploadLife))
		s.of.mu.Lock()
		s.placing--
		if err == nil && s.epoch == at.epoch {
			s.kept = row.N
		}
		s.moved()
		s.of.mu.Unlock()
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, docket.ErrClosed): // another replica placed a part meanwhile, or closed it
		s.forget(at.epoch)
		return errAgain
	}
	s.forget(at.epoch)
	if errors.Is(err, errWaited) || ctx.Err() != nil {
		return err
	}
	return fault("ledger", fmt.Errorf("couldn't keep part %d: %w", row.N, err))
}
