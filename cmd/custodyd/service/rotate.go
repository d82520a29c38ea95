package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/evidence-custody/custodyd/cmd/custodyd/keysafe"
	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
)

// EncryptionKey is a key-encryption key as the database knows it.
type EncryptionKey struct {
	ID      string     `json:"id"`
	File    string     `json:"file,omitempty"` // where its secret lies; "" in a KMS
	Made    time.Time  `json:"made"`
	Current bool       `json:"current"`           // new objects' keys are wrapped by it
	Wraps   uint64     `json:"wraps"`             // data keys
	Retired *time.Time `json:"retired,omitempty"` // nothing is wrapped by it any more
	Problem string     `json:"problem,omitempty"` // why it can't be used here
}

// Rotation is what wrapping all data keys anew came to.
type Rotation struct {
	Current   string          `json:"current"`
	Rewrapped uint64          `json:"rewrapped"` // data keys, by this run
	Retired   []string        `json:"retired"`   // key-encryption keys, by this run
	Problems  []Problem       `json:"problems"`  // objects whose data keys could not be wrapped anew
	Keys      []EncryptionKey `json:"keys"`      // as they stand now
}

// EncryptionKeys lists the key-encryption keys, oldest first, and tries those
// that are in use.
func EncryptionKeys(ctx context.Context, o Options) (all []EncryptionKey, err error) {
	err = withRecord(ctx, o, func(s *Service, l *ledger.Ledger) error {
		all, err = newStrongroom(l, s.place(), s.o.Log).list(ctx)
		return err
	})
	return all, err
}

func (s *strongroom) list(ctx context.Context) ([]EncryptionKey, error) {
	keys, err := s.book.WrappingKeys(ctx)
	if err != nil {
		return nil, err
	}
	all := []EncryptionKey{}
	for _, k := range keys {
		e := EncryptionKey{ID: k.ID, File: s.place.WrappingFile(k.ID), Made: k.Made.UTC(), Current: k.Current, Wraps: k.Wraps, Retired: k.Retired}
		if k.Retired == nil {
			if err := s.try(ctx, k); err != nil {
				e.Problem = err.Error()
			}
		}
		all = append(all, e)
	}
	return all, nil
}

// PrepareEncryptionKey makes the file of a new key-encryption key, which nobody
// uses yet: to be copied to every replica before RotateKey is told to use it.
func PrepareEncryptionKey(ctx context.Context, o Options) (id, file string, err error) {
	s := fresh(o)
	defer func() { err = errors.Join(err, s.leave(ctx)) }()
	if err := s.prepare(); err != nil {
		return "", "", err
	}
	if err := s.lived(); err != nil {
		return "", "", err
	}
	place := s.place()
	w, err := place.MakeWrapping(ctx, "")
	if err != nil {
		return "", "", err
	}
	return w.ID(), place.WrappingFile(w.ID()), nil
}

// rewrapStep is how many data keys are wrapped anew in one transaction.
const rewrapStep = 100

// RotateKey makes a new key-encryption key current, or the one prepared as to,
// and wraps every data key by it: a few in each transaction, while replicas
// serve. No object is touched. Where an earlier run was interrupted, or left
// something, it goes on with that and makes no new key.
func RotateKey(ctx context.Context, o Options, to string, progress Progress) (r *Rotation, err error) {
	err = withRecord(ctx, o, func(s *Service, l *ledger.Ledger) error {
		room := newStrongroom(l, s.place(), s.o.Log)
		r = &Rotation{Retired: []string{}, Problems: []Problem{}}
		if err := r.choose(ctx, room, s.o.EncryptionKey, to); err != nil {
			return err
		}
		if err := r.rewrap(ctx, room, l, progress); err != nil {
			return fmt.Errorf("couldn't wrap all data keys anew (run it again, and it goes on): %w", err)
		}
		r.Keys, err = room.list(ctx)
		return err
	})
	return r, err
}

// choose says which key-encryption key is to wrap everything.
func (r *Rotation) choose(ctx context.Context, room *strongroom, uri, to string) error {
	keys, err := room.book.WrappingKeys(ctx)
	if err != nil {
		return err
	}
	current, unfinished := docket.WrappingKey{}, false
	for _, k := range keys {
		if k.Current {
			current = k
		}
		unfinished = unfinished || !k.Current && k.Retired == nil
	}
	if unfinished && (to == "" || to == current.ID) {
		r.Current = current.ID
		return room.try(ctx, current)
	}
	next, err := room.book.AddWrappingKey(ctx, current.ID, func() (docket.WrappingKey, error) {
		switch {
		case to != "":
			return room.adopt(ctx, to)
		case keysafe.InKMS(uri):
			return room.advance(ctx, uri, current.ID)
		}
		return room.prepare(ctx, "")
	})
	r.Current = next.ID
	return err
}

// adopt takes up a key-encryption key that was prepared.
func (s *strongroom) adopt(ctx context.Context, id string) (docket.WrappingKey, error) {
	w, err := s.place.FindWrapping(ctx, id)
	if err != nil {
		return docket.WrappingKey{}, err
	}
	return s.known(ctx, w)
}

// advance takes the newest version of a KMS's key, and has one made where that
// is the one in use.
func (s *strongroom) advance(ctx context.Context, uri, current string) (docket.WrappingKey, error) {
	w, err := s.place.MakeWrapping(ctx, uri)
	if err == nil && w.ID() == current {
		if err = s.place.RotateTransit(ctx, uri); err == nil {
			w, err = s.place.MakeWrapping(ctx, uri)
		}
	}
	if err != nil {
		return docket.WrappingKey{}, err
	}
	return s.known(ctx, w)
}

// rewrap wraps anew what is wrapped by any other key than the current one, and
// retires those that nothing is left under.
func (r *Rotation) rewrap(ctx context.Context, room *strongroom, l *ledger.Ledger, progress Progress) error {
	keys, err := l.WrappingKeys(ctx)
	if err != nil {
		return err
	}
	var all, done uint64
	for _, k := range keys {
		if !k.Current {
			all += k.Wraps
		}
	}
	next, err := room.wrapping(ctx, r.Current)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if k.Current || k.Retired != nil {
			continue
		}
		for after := ""; ; {
			some, err := l.DataKeysUnder(ctx, k.ID, after, rewrapStep)
			if err != nil {
				return err
			}
			if len(some) == 0 {
				break
			}
			after = some[len(some)-1].Object
			n, err := r.step(ctx, room, l, next, some)
			if err != nil {
				return err
			}
			r.Rewrapped += uint64(n)
			done += uint64(len(some))
			progress(done, max(all, done))
		}
		// What was begun meanwhile may still be under it: then it stays, and the
		// next run sees to it.
		switch err := l.RetireWrappingKey(ctx, k.ID); {
		case err == nil:
			r.Retired = append(r.Retired, k.ID)
		case !errors.Is(err, docket.ErrClosed):
			return err
		}
	}
	return r.forbid(ctx, room, l)
}

func (r *Rotation) step(ctx context.Context, room *strongroom, l *ledger.Ledger, next keysafe.Wrapping, some []docket.DataKey) (int, error) {
	var anew []ledger.Rewrap
	for _, was := range some {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		k, err := room.unwrap(ctx, was)
		if err != nil {
			r.Problems = append(r.Problems, Problem{was.Object, err.Error()})
			continue
		}
		now := docket.DataKey{Object: was.Object, Wrapping: next.ID()}
		if now.Wrapped, err = next.Wrap(ctx, was.Object, k); err != nil {
			return 0, err
		}
		// Before the only copy of the old wrapping goes.
		if again, err := next.Unwrap(ctx, was.Object, now.Wrapped); err != nil || *again != *k {
			return 0, fmt.Errorf("couldn't unwrap what %s has just wrapped: %w", next.ID(), err)
		}
		anew = append(anew, ledger.Rewrap{Was: was, Now: now})
	}
	return l.Rewrap(ctx, anew)
}

// forbid closes older versions in a KMS once nothing of ours needs them. It is
// a KMS's administrator's to permit.
func (r *Rotation) forbid(ctx context.Context, room *strongroom, l *ledger.Ledger) error {
	if !keysafe.InKMS(r.Current) || len(r.Retired) == 0 {
		return nil
	}
	keys, err := l.WrappingKeys(ctx)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if !k.Current && k.Retired == nil {
			return nil
		}
	}
	if err := room.place.ForbidBelow(ctx, r.Current); err != nil {
		room.log.Warn("older versions of the key-encryption key are still open in the KMS; nothing is wrapped by them", "error", err)
	}
	return nil
}
