package keyring

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"github.com/evidence-custody/custodyd/custody/keyring/safefile"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/evidence"
)

// Entry is one signed event with all that has to go with it. It is stored
// before it is sent, and what is sent, however often, are these bytes: a
// repeated send then gets the original receipt.
//
// Its details are personal data in clear; the file is its owner's alone and is
// replaced by the receipt once the event is recorded.
type Entry struct {
	EventID evidence.Digest `json:"eventId"`
	Kind    string          `json:"kind"`
	KeyName string          `json:"keyName"`
	KeyID   evidence.Digest `json:"keyId"`
	Server  string          `json:"server"`
	Log     evidence.Digest `json:"log,omitzero"`
	Created time.Time       `json:"created"`
	// Upload is the upload session that the event finishes, if it does.
	Upload    string   `json:"upload,omitempty"`
	Envelope  []byte   `json:"envelope"`
	Details   [][]byte `json:"details,omitempty"`
	Documents [][]byte `json:"documents,omitempty"`
}

// Sent is what remains of an event that the log took: its receipt, which
// proves later that it was taken.
type Sent struct {
	EventID  evidence.Digest `json:"eventId"`
	Kind     string          `json:"kind"`
	Server   string          `json:"server"`
	KeyID    evidence.Digest `json:"keyId"`
	Log      evidence.Digest `json:"log,omitzero"`
	Envelope []byte          `json:"envelope"`
	Receipt  json.RawMessage `json:"receipt"`
}

// Refused is an event that the server will never take: its rule, or a chain
// that moved on meanwhile. It was signed, so it is kept and shown.
type Refused struct {
	Entry
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// ErrNotPending reports an event that is not waiting in the outbox.
var ErrNotPending = errors.New("not waiting in the outbox")

// Outbox is a directory of events on their way. Several processes may use it:
// sending twice is harmless.
type Outbox struct {
	dir string
}

// OpenOutbox opens an outbox, making it if needed, and removes what a crash
// left half-written: such an event was never sent.
func OpenOutbox(dir string, now time.Time) (*Outbox, error) {
	for _, d := range []string{dir, filepath.Join(dir, pending), filepath.Join(dir, sent), filepath.Join(dir, refused)} {
		if err := safefile.Dir(d); err != nil {
			return nil, fmt.Errorf("couldn't open outbox: %w", err)
		}
		if err := safefile.Sweep(d, now); err != nil {
			return nil, fmt.Errorf("couldn't open outbox: %w", err)
		}
	}
	return &Outbox{dir: dir}, nil
}

const (
	pending = "pending"
	sent    = "sent"
	refused = "refused"
)

// Put stores an event before it is sent. When it returns, a crash can no
// longer separate the signature from its owner. The same event again is kept
// as it was first stored.
func (o *Outbox) Put(e Entry) error {
	if err := e.check(); err != nil {
		return err
	}
	b, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return fmt.Errorf("couldn't encode event: %w", err)
	}
	if err := safefile.WriteNew(o.path(pending, e.EventID), b); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("couldn't store event: %w", err)
	}
	return nil
}

// Pending returns the events that wait, the oldest first, so that those which
// build on one another go in order. An unreadable file does not hide the
// others: they come with a joined error about it.
func (o *Outbox) Pending() ([]Entry, error) {
	entries, err := list(o, pending, func(e Entry) (evidence.Digest, error) { return e.EventID, e.check() })
	sort.SliceStable(entries, func(i, j int) bool { return entries[i].Created.Before(entries[j].Created) })
	return entries, err
}

// Refusals returns the events that were signed and never recorded.
func (o *Outbox) Refusals() ([]Refused, error) {
	return list(o, refused, func(r Refused) (evidence.Digest, error) { return r.EventID, r.check() })
}

// Receipt returns what was kept of a recorded event.
func (o *Outbox) Receipt(id evidence.Digest) (Sent, error) {
	var s Sent
	if err := readStrict(o.path(sent, id), &s); err != nil {
		return Sent{}, err
	}
	if s.EventID != id {
		return Sent{}, errors.New("couldn't use receipt: it belongs to another event")
	}
	return s, nil
}

// Done replaces a waiting event by its receipt, which the caller has checked.
func (o *Outbox) Done(id evidence.Digest, receipt []byte) error {
	e, err := o.waiting(id)
	if err != nil {
		return err
	}
	s := Sent{EventID: id, Kind: e.Kind, Server: e.Server, KeyID: e.KeyID, Log: e.Log, Envelope: e.Envelope, Receipt: receipt}
	// The receipt first: a crash in between sends once more and gets the
	// same receipt.
	return o.move(sent, id, s)
}

// Refuse moves a waiting event aside: sending it again cannot help.
func (o *Outbox) Refuse(id evidence.Digest, reason string, now time.Time) error {
	e, err := o.waiting(id)
	if err != nil {
		return err
	}
	return o.move(refused, id, Refused{Entry: e, Reason: reason, At: now})
}

func (o *Outbox) waiting(id evidence.Digest) (Entry, error) {
	var e Entry
	err := readStrict(o.path(pending, id), &e)
	if errors.Is(err, fs.ErrNotExist) {
		return e, fmt.Errorf("couldn't find event %s: %w", id.Short(), ErrNotPending)
	}
	return e, err
}

func (o *Outbox) move(to string, id evidence.Digest, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("couldn't encode event: %w", err)
	}
	if err := safefile.Replace(o.path(to, id), b); err != nil {
		return fmt.Errorf("couldn't store event: %w", err)
	}
	if err := os.Remove(o.path(pending, id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("couldn't take event out of the outbox: %w", err)
	}
	return nil
}

func (o *Outbox) path(state string, id evidence.Digest) string {
	return filepath.Join(o.dir, state, id.String()+".json")
}

// check refuses an entry whose envelope is not the event it is filed under:
// a damaged file must not be sent as if it were what was signed.
func (e Entry) check() error {
	env, err := seal.ParseEnvelope(e.Envelope)
	if err != nil {
		return fmt.Errorf("couldn't use stored event %s: %w", e.EventID.Short(), err)
	}
	if env.EventID() != e.EventID {
		return fmt.Errorf("couldn't use stored event %s: its envelope is another event", e.EventID.Short())
	}
	return nil
}

func list[T any](o *Outbox, state string, check func(T) (evidence.Digest, error)) ([]T, error) {
	dir := filepath.Join(o.dir, state)
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("couldn't list outbox: %w", err)
	}
	var all []T
	var broken []error
	for _, f := range files {
		stem, ok := strings.CutSuffix(f.Name(), ".json")
		id, err := evidence.ParseDigest(stem)
		if !ok || err != nil {
			continue
		}
		var v T
		err = readStrict(filepath.Join(dir, f.Name()), &v)
		if errors.Is(err, fs.ErrNotExist) {
			continue // another process has just sent it
		}
		if err == nil {
			var found evidence.Digest
			if found, err = check(v); err == nil && found != id {
				err = errors.New("filed under another event's id")
			}
		}
		if err != nil {
			broken = append(broken, fmt.Errorf("%s: %w", f.Name(), err))
			continue
		}
		all = append(all, v)
	}
	return all, errors.Join(broken...)
}

func readStrict(path string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("couldn't read stored event: %w", err)
	}
	return decodeStrict(b, v)
}

// decodeStrict reads one JSON value of known members, and nothing after it.
func decodeStrict(b []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("couldn't read stored event: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("couldn't read stored event: something follows it")
	}
	return nil
}
