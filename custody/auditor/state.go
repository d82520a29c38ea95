package auditor

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/rogpeppe/go-internal/lockedfile"

	"github.com/evidence-custody/custodyd/custody/keyring/safefile"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// AuditFormat is the version of the auditor's state file.
const AuditFormat = "custody-audit/v1"

// auditState is what an auditor knows of one log between runs: the head that
// everything later is held against.
type auditState struct {
	Format string          `json:"format"`
	Log    evidence.Digest `json:"log"`
	Origin string          `json:"origin"`
	// Head is the newest signed note that was checked; "" before the first.
	Head string `json:"head"`
	// Keys says up to which index each watched key's uses were reported.
	Keys []watched `json:"keys"`
	// Refused is the absolute path of the file that proves this log forked. It is never lifted.
	Refused string `json:"refused,omitempty"`
	// Full is where an interrupted re-hash goes on: a tlog.Frontier.
	Full []byte `json:"full,omitempty"`
}

type watched struct {
	Key     evidence.Digest `json:"key"`
	Through uint64          `json:"through"` // entries below this index were looked at
}

// maxState bounds the state file, in bytes; maxWatched, the keys in it.
const (
	maxState   = 1 << 20
	maxWatched = 1 << 10
)

// ErrState reports a state file that cannot be used. It is never replaced: the
// head in it is what a log's history is held against.
var ErrState = errors.New("the auditor's state cannot be used")

// parseState reads exactly what encode writes.
func parseState(b []byte) (auditState, error) {
	var s auditState
	if len(b) > maxState {
		return auditState{}, fmt.Errorf("couldn't read %d bytes: %w", len(b), ErrState)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		return auditState{}, fmt.Errorf("couldn't read it: %w: %w", ErrState, err)
	}
	if again, err := s.encode(); err != nil || !bytes.Equal(again, b) || s.Format != AuditFormat {
		return auditState{}, fmt.Errorf("couldn't read it: not in the form of %s: %w", AuditFormat, ErrState)
	}
	if len(s.Keys) > maxWatched || !slices.IsSortedFunc(s.Keys, func(a, b watched) int {
		return cmp.Or(a.Key.Compare(b.Key), -1) // none stands twice
	}) {
		return auditState{}, fmt.Errorf("couldn't read it: its keys are not sorted, or more than %d: %w", maxWatched, ErrState)
	}
	if s.Full != nil {
		if err := new(tlog.Frontier).UnmarshalBinary(s.Full); err != nil {
			return auditState{}, fmt.Errorf("couldn't read it: %w: %w", ErrState, err)
		}
	}
	return s, nil
}

func (s auditState) encode() ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(s); err != nil {
		return nil, fmt.Errorf("couldn't encode the auditor's state: %w", err)
	}
	return buf.Bytes(), nil
}

// lockState keeps other auditors of the same log out until unlock.
func lockState(path string) (unlock func(), err error) {
	if err := safefile.Dir(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("couldn't keep the auditor's state: %w", err)
	}
	unlock, err = lockedfile.MutexAt(path + ".lock").Lock()
	if err != nil {
		return nil, fmt.Errorf("couldn't lock the auditor's state: %w", err)
	}
	return unlock, nil
}

func loadState(path string, log Log) (auditState, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return auditState{Format: AuditFormat, Log: log.ID, Origin: log.Origin, Keys: []watched{}}, nil
	}
	if err != nil {
		return auditState{}, fmt.Errorf("couldn't read the auditor's state: %w", err)
	}
	s, err := parseState(b)
	if err != nil {
		return auditState{}, fmt.Errorf("couldn't use %s: %w", path, err)
	}
	if s.Log != log.ID || s.Origin != log.Origin {
		return auditState{}, fmt.Errorf("couldn't use %s: it is of log %s (%s): %w", path, s.Log, s.Origin, ErrState)
	}
	return s, nil
}

// save replaces the file whole: after a crash the old head stands, or the new.
func (s auditState) save(path string) error {
	b, err := s.encode()
	if err != nil {
		return err
	}
	if err := safefile.Replace(path, b); err != nil {
		return fmt.Errorf("couldn't save the auditor's state: %w", err)
	}
	return nil
}

// through returns up to where a key's uses were reported: 0 for a new one.
func (s auditState) through(key evidence.Digest) uint64 {
	i := slices.IndexFunc(s.Keys, func(w watched) bool { return w.Key == key })
	if i < 0 {
		return 0
	}
	return s.Keys[i].Through
}

func (s *auditState) setThrough(key evidence.Digest, through uint64) {
	i, found := slices.BinarySearchFunc(s.Keys, key, func(w watched, k evidence.Digest) int { return w.Key.Compare(k) })
	if !found {
		s.Keys = slices.Insert(s.Keys, i, watched{Key: key})
	}
	s.Keys[i].Through = through
}
