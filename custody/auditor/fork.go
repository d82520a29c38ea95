package auditor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// ForkFormat is the version of the file that proves a fork.
const ForkFormat = "custody-fork/v1"

// Fork is what proves to anybody that a log signed two histories (SPEC, "A
// fork, proven"): two notes by the log's own key, of which the larger does not
// continue the smaller. Where their sizes are equal, the two roots say it all;
// else Proof shows that the larger tree's first leaves have another root,
// Prefix, than the smaller note states.
type Fork struct {
	Format string            `json:"format"`
	Log    evidence.Digest   `json:"log"`    // SHA-256 of the log document, or the C2SP key id of a bare key
	Origin string            `json:"origin"` // both notes' first line
	Older  string            `json:"older"`  // signed note of the smaller tree
	Newer  string            `json:"newer"`  // signed note of the larger tree, or one of the same size
	Prefix evidence.Digest   `json:"prefix"` // root of the larger tree's first leaves, as many as the smaller has
	Proof  []evidence.Digest `json:"proof"`  // RFC 6962 consistency proof from Prefix to the larger root
}

// ErrNoFork reports a file that proves nothing.
var ErrNoFork = errors.New("not the proof of a fork of this log")

// maxFork bounds a fork's file: two notes and a proof, in bytes.
const maxFork = 256 << 10

// ReadFork reads a fork's file and holds it to be a proof against this log, by
// its own keys. Errors wrap ErrNoFork.
func ReadFork(b []byte, log Log) (Fork, error) {
	var f Fork
	if len(b) > maxFork {
		return Fork{}, fmt.Errorf("couldn't read %d bytes: %w", len(b), ErrNoFork)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		return Fork{}, fmt.Errorf("couldn't read fork: %w: %w", ErrNoFork, err)
	}
	if again, err := f.Encode(); err != nil || !bytes.Equal(again, b) {
		return Fork{}, fmt.Errorf("couldn't read fork: not in the form that is written: %w", ErrNoFork)
	}
	return f, f.check(log)
}

func (f Fork) check(log Log) error {
	if f.Format != ForkFormat || f.Log != log.ID || f.Origin != log.Origin {
		return fmt.Errorf("couldn't use format %.40q of log %.80q: %w", f.Format, f.Origin, ErrNoFork)
	}
	older, err := tlog.OpenCheckpoint([]byte(f.Older), log.Origin, log.Keys)
	if err != nil {
		return fmt.Errorf("couldn't open the older note: %w: %w", ErrNoFork, err)
	}
	newer, err := tlog.OpenCheckpoint([]byte(f.Newer), log.Origin, log.Keys)
	if err != nil {
		return fmt.Errorf("couldn't open the newer note: %w: %w", ErrNoFork, err)
	}
	if f.Prefix == older.Root {
		return fmt.Errorf("the newer head continues the older: %w", ErrNoFork)
	}
	if err := tlog.VerifyConsistency(older.Size, f.Prefix, newer.Size, newer.Root, f.Proof); err != nil {
		return fmt.Errorf("couldn't use the proof: %w: %w", ErrNoFork, err)
	}
	return nil
}

// Encode returns the file's bytes.
func (f Fork) Encode() ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(f); err != nil {
		return nil, fmt.Errorf("couldn't encode fork: %w", err)
	}
	return buf.Bytes(), nil
}

// relate holds two heads of one log to be of one history, by the tree that the
// source serves and not by any proof of its making. It returns the fork where
// they are not.
func relate(log Log, a, b head, tree func(head) (tlog.Reader, error)) (*Fork, error) {
	older, newer := a, b
	if older.Size > newer.Size {
		older, newer = newer, older
	}
	f := &Fork{Format: ForkFormat, Log: log.ID, Origin: log.Origin, Older: string(older.note), Newer: string(newer.note), Prefix: newer.Root, Proof: []evidence.Digest{}}
	if older.Size == newer.Size {
		if older.Root == newer.Root {
			return nil, nil
		}
		return f, nil
	}
	r, err := tree(newer)
	if err != nil {
		return nil, err
	}
	// Everything that r returns hashes to the newer head's root: what follows is
	// a computation, with nothing of the server's in it to believe.
	if f.Prefix, err = tlog.Root(older.Size, r); err != nil {
		return nil, fmt.Errorf("couldn't compute the root of the first %d of %d leaves: %w", older.Size, newer.Size, err)
	}
	if f.Prefix == older.Root {
		return nil, nil
	}
	proof, err := tlog.ProveConsistency(older.Size, newer.Size, r)
	if err != nil {
		return nil, fmt.Errorf("couldn't prove the fork: %w", err)
	}
	if older.Size > 0 {
		f.Proof = proof
	}
	// Nobody is accused by a proof that was not tried.
	if err := f.check(log); err != nil {
		return nil, fmt.Errorf("couldn't prove the fork: %w", err)
	}
	return f, nil
}
