package keyring

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"

	"github.com/evidence-custody/custodyd/custody/keyring/safefile"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// Head is a signed head of a log whose signature the caller has checked.
type Head struct {
	Size uint64          `json:"size"`
	Root evidence.Digest `json:"root"`
	// Note is the signed checkpoint as it was published: with another of
	// the same log that is inconsistent with it, proof of a split view.
	Note string `json:"note"`
}

// SplitViewError says that a log showed this person two heads of which
// neither continues the other. Both notes are kept in the file beside the
// store's own, for whoever has to prove it.
type SplitViewError struct {
	Log       evidence.Digest
	Seen, New Head
	Kept      string
	cause     error
}

func (e *SplitViewError) Error() string {
	return fmt.Sprintf("the log %s showed a head of size %d that does not continue (or precede) the head of size %d seen before: "+
		"its history was changed, or others are shown another one; both signed heads are kept in %s: %v",
		e.Log.Short(), e.New.Size, e.Seen.Size, e.Kept, e.cause)
}

func (e *SplitViewError) Unwrap() error { return e.cause }

// Consistency fetches the proof that the log's first from leaves are the same
// at both sizes.
type Consistency func(from, to uint64) ([]evidence.Digest, error)

// ErrShorter is what a Consistency's error wraps where the log says that it
// never had as many leaves as a head that it signed before.
var ErrShorter = errors.New("the log has fewer leaves than it has signed: it was put back to an older state")

// SeenStore remembers for every log the newest head that this person has
// checked to continue all heads before it.
type SeenStore struct {
	dir string
}

// OpenSeen opens the directory of seen heads.
func OpenSeen(dir string, now time.Time) (*SeenStore, error) {
	if err := safefile.Dir(dir); err != nil {
		return nil, fmt.Errorf("couldn't open seen heads: %w", err)
	}
	if err := safefile.Sweep(dir, now); err != nil {
		return nil, fmt.Errorf("couldn't open seen heads: %w", err)
	}
	return &SeenStore{dir: dir}, nil
}

// Last returns the newest checked head of a log; ok is false if there is none.
func (s *SeenStore) Last(log evidence.Digest) (head Head, ok bool, err error) {
	b, err := os.ReadFile(s.path(log))
	if errors.Is(err, fs.ErrNotExist) {
		return Head{}, false, nil
	}
	if err != nil {
		return Head{}, false, fmt.Errorf("couldn't read seen head: %w", err)
	}
	if err := decodeStrict(b, &head); err != nil || head.Size == 0 {
		return Head{}, false, errors.Join(errors.New("couldn't read seen head: garbled file "+s.path(log)), err)
	}
	return head, true, nil
}

// Advance checks that head and the newest head seen before are of one history
// and remembers the larger of them, which it returns. fetch is called only if
// their sizes differ; its answer is checked here, not believed.
//
// A log of which nothing was seen is taken at its word: what it says first is
// what everything later is held against.
func (s *SeenStore) Advance(log evidence.Digest, head Head, fetch Consistency) (Head, error) {
	if head.Size == 0 || head.Size > tlog.MaxSize {
		return Head{}, errors.New("couldn't accept a head of an empty log")
	}
	unlock, err := lockedfile.MutexAt(filepath.Join(s.dir, "lock")).Lock()
	if err != nil {
		return Head{}, fmt.Errorf("couldn't lock seen heads: %w", err)
	}
	defer unlock()
	last, ok, err := s.Last(log)
	if err != nil {
		return Head{}, err
	}
	if !ok {
		return head, s.store(s.path(log), head)
	}
	older, newer := last, head
	if older.Size > newer.Size {
		older, newer = newer, older
	}
	if older.Size == newer.Size {
		if older.Root == newer.Root {
			return last, nil
		}
		return Head{}, s.split(log, last, head, errors.New("same size, different roots"))
	}
	proof, err := fetch(older.Size, newer.Size)
	if errors.Is(err, ErrShorter) {
		return Head{}, s.split(log, last, head, err)
	}
	if err != nil {
		return Head{}, fmt.Errorf("couldn't check that the log continues what was seen: %w", err)
	}
	if err := tlog.VerifyConsistency(older.Size, older.Root, newer.Size, newer.Root, proof); err != nil {
		return Head{}, s.split(log, last, head, err)
	}
	if newer == last {
		return last, nil
	}
	return newer, s.store(s.path(log), newer)
}

// split keeps both heads before it reports: the operator may not show the
// second one again. A wrong proof for two honest heads looks the same from
// here, which is why the notes are kept and the store is not moved.
func (s *SeenStore) split(log evidence.Digest, seen, new Head, cause error) error {
	kept := filepath.Join(s.dir, fmt.Sprintf("%s.split-%d-%s.json", log, new.Size, new.Root.Short()))
	e := &SplitViewError{Log: log, Seen: seen, New: new, Kept: kept, cause: cause}
	if err := s.store(kept, []Head{seen, new}); err != nil {
		return errors.Join(e, err)
	}
	return e
}

// Restart goes on from head although it does not continue seen, the newest head
// seen before: the log has said, signed and for all to see, that it lost that
// history, and the caller has checked it and knows of it. Both heads stay in the
// file that it returns. Where another head than seen is the newest by now,
// nothing is changed.
func (s *SeenStore) Restart(log evidence.Digest, seen, head Head) (kept string, err error) {
	unlock, err := lockedfile.MutexAt(filepath.Join(s.dir, "lock")).Lock()
	if err != nil {
		return "", fmt.Errorf("couldn't lock seen heads: %w", err)
	}
	defer unlock()
	last, ok, err := s.Last(log)
	if err != nil {
		return "", err
	}
	if !ok || last != seen {
		return "", errors.New("couldn't go on from another head: what was seen last has changed meanwhile")
	}
	kept = filepath.Join(s.dir, fmt.Sprintf("%s.lost-%d.json", log, seen.Size))
	if err := s.store(kept, []Head{seen, head}); err != nil {
		return "", err
	}
	return kept, s.store(s.path(log), head)
}

func (s *SeenStore) path(log evidence.Digest) string {
	return filepath.Join(s.dir, log.String()+".json")
}

func (s *SeenStore) store(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("couldn't encode seen head: %w", err)
	}
	if err := safefile.Replace(path, append(b, '\n')); err != nil {
		return fmt.Errorf("couldn't remember seen head: %w", err)
	}
	return nil
}
