package service

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/evidence-custody/custodyd/cmd/custodyd/keysafe"
	"github.com/evidence-custody/custodyd/custody/fixity"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/vault/strongbox"
)

// keyBook is what the strongroom needs of the ledger.
type keyBook interface {
	DataKey(ctx context.Context, object string) (docket.DataKey, error)
	WrappingKey(ctx context.Context, id string) (docket.WrappingKey, error)
	WrappingKeys(ctx context.Context) ([]docket.WrappingKey, error)
	AddWrappingKey(ctx context.Context, was string, prepare func() (docket.WrappingKey, error)) (docket.WrappingKey, error)
}

// strongroom draws, wraps and unwraps data keys: the book says how each is
// wrapped, the key-encryption keys are where the service's other keys are.
// Which key-encryption key is current is asked for each new object, so that
// replicas follow a rotation while they serve.
type strongroom struct {
	book  keyBook
	place keysafe.Place
	log   *slog.Logger
	now   func() time.Time

	mu    sync.Mutex
	found map[string]keysafe.Wrapping
	// What a KMS unwrapped, for a moment: a download asks for each block.
	open map[evidence.Digest]unwrapped
}

type unwrapped struct {
	key   *strongbox.DataKey
	until time.Time
}

// openFor is how long a key that a KMS unwrapped is kept in memory, and how
// many are. Whether its row is still there is asked each time.
const (
	openFor   = time.Minute
	openLimit = 256
)

func newStrongroom(book keyBook, place keysafe.Place, log *slog.Logger) *strongroom {
	return &strongroom{book: book, place: place, log: log, now: time.Now, found: map[string]keysafe.Wrapping{}, open: map[evidence.Digest]unwrapped{}}
}

// wrapping finds a key-encryption key, and keeps it.
func (s *strongroom) wrapping(ctx context.Context, id string) (keysafe.Wrapping, error) {
	s.mu.Lock()
	w := s.found[id]
	s.mu.Unlock()
	if w != nil {
		return w, nil
	}
	w, err := s.place.FindWrapping(ctx, id)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.found[id] = w
	return w, nil
}

// draw makes the data key of a new object, wrapped by the current
// key-encryption key.
func (s *strongroom) draw(ctx context.Context, object string) (docket.DataKey, error) {
	current, err := s.book.WrappingKey(ctx, "")
	if err != nil {
		return docket.DataKey{}, fmt.Errorf("couldn't find the current key-encryption key: %w", err)
	}
	w, err := s.wrapping(ctx, current.ID)
	if err != nil {
		return docket.DataKey{}, err
	}
	k, err := strongbox.NewDataKey(rand.Reader)
	if err != nil {
		return docket.DataKey{}, err
	}
	defer k.Forget()
	wrapped, err := w.Wrap(ctx, object, k)
	return docket.DataKey{Object: object, Wrapping: current.ID, Wrapped: wrapped}, err
}

// DataKey unwraps the data key of an object; fixity.ErrNoKey where it has none.
func (s *strongroom) DataKey(ctx context.Context, object string) (*strongbox.DataKey, error) {
	row, err := s.book.DataKey(ctx, object)
	if errors.Is(err, docket.ErrNotFound) {
		return nil, fmt.Errorf("couldn't find the data key of %s: %w", object, fixity.ErrNoKey)
	}
	if err != nil {
		return nil, err
	}
	return s.unwrap(ctx, row)
}

func (s *strongroom) unwrap(ctx context.Context, row docket.DataKey) (*strongbox.DataKey, error) {
	w, err := s.wrapping(ctx, row.Wrapping)
	if err != nil {
		return nil, err
	}
	if !keysafe.InKMS(row.Wrapping) {
		return w.Unwrap(ctx, row.Object, row.Wrapped)
	}
	name := evidence.Sum(fmt.Appendf(nil, "%q %q %x", row.Object, row.Wrapping, row.Wrapped))
	s.mu.Lock()
	kept, ok := s.open[name]
	s.mu.Unlock()
	if ok && s.now().Before(kept.until) {
		return kept.key, nil
	}
	k, err := w.Unwrap(ctx, row.Object, row.Wrapped)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, old := range s.open {
		if len(s.open) >= openLimit || !s.now().Before(old.until) {
			delete(s.open, id)
		}
	}
	s.open[name] = unwrapped{k, s.now().Add(openFor)}
	return k, nil
}

// ready makes the first key-encryption key where evidence is to be encrypted,
// and finds out whether all that are in use are at hand: now, and not when
// somebody wants to read. It returns the current one's id, or "".
func (s *strongroom) ready(ctx context.Context, encrypt bool, uri string) (string, error) {
	if encrypt {
		if _, err := s.book.AddWrappingKey(ctx, "", func() (docket.WrappingKey, error) {
			w, err := s.place.FirstWrapping(ctx, uri)
			if err != nil {
				return docket.WrappingKey{}, err
			}
			return s.known(ctx, w)
		}); err != nil {
			return "", fmt.Errorf("couldn't make the key-encryption key: %w", err)
		}
	}
	keys, err := s.book.WrappingKeys(ctx)
	if err != nil {
		return "", err
	}
	current := ""
	for _, k := range keys {
		if k.Current {
			current = k.ID
		}
		if k.Retired != nil || k.Wraps == 0 && !(k.Current && encrypt) {
			continue
		}
		if err := s.try(ctx, k); err != nil {
			return "", s.explain(k, err)
		}
	}
	return current, nil
}

// prepare makes a new key-encryption key, or finds the KMS's newest, with the
// value by which it is known again.
func (s *strongroom) prepare(ctx context.Context, uri string) (docket.WrappingKey, error) {
	w, err := s.place.MakeWrapping(ctx, uri)
	if err != nil {
		return docket.WrappingKey{}, err
	}
	return s.known(ctx, w)
}

// known is a key-encryption key as the database will know it.
func (s *strongroom) known(ctx context.Context, w keysafe.Wrapping) (docket.WrappingKey, error) {
	nothing, err := strongbox.NewDataKey(rand.Reader)
	if err != nil {
		return docket.WrappingKey{}, err
	}
	check, err := w.Wrap(ctx, docket.CheckObject, nothing)
	return docket.WrappingKey{ID: w.ID(), Check: check, Made: s.now()}, err
}

// try has a key-encryption key unwrap what it once wrapped.
func (s *strongroom) try(ctx context.Context, k docket.WrappingKey) error {
	w, err := s.wrapping(ctx, k.ID)
	if err != nil {
		return err
	}
	_, err = w.Unwrap(ctx, docket.CheckObject, k.Check)
	return err
}

// explain says in one line what to do about a key-encryption key that is not
// here, or not the one.
func (s *strongroom) explain(k docket.WrappingKey, err error) error {
	where := "copy " + s.place.WrappingFile(k.ID) + " (mode 600) from a running replica, or from the backup of the keys"
	if keysafe.InKMS(k.ID) {
		where = "see that VAULT_ADDR and the token reach the KMS that has it"
	}
	return fmt.Errorf("couldn't open the evidence's keys: those of %d objects are wrapped by key-encryption key %s, and every replica needs it: %w: %s", k.Wraps, k.ID, err, where)
}

// openStrongroom has every key-encryption key at hand before anything is served.
func (s *Service) openStrongroom(ctx context.Context) error {
	s.shelf.keys = newStrongroom(s.ledger, s.place(), s.o.Log)
	current, err := s.shelf.keys.ready(ctx, !s.o.Plain, s.o.EncryptionKey)
	switch {
	case err != nil:
		return err
	case s.o.Plain:
		s.say("encryption:     off: what is deposited is stored in plain")
	default:
		s.say("encryption:     each object under a key of its own, wrapped by %s", current)
	}
	return nil
}
