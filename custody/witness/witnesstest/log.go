// Package witnesstest holds witnesses to the C2SP tlog-witness protocol, ours
// and those that nobody here wrote alike, and plays the logs that they see.
package witnesstest

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// Log is a log whose keeper may be a liar: it signs whatever head is asked for.
type Log struct {
	Origin string
	key    ed25519.PrivateKey
	leaves []evidence.Digest
}

// NewLog makes a log of n leaves. The same origin has the same key; another
// story has other leaves from leaf "from" on, so that logs of one origin can be
// forks of each other.
func NewLog(origin string, n int, story string, from int) *Log {
	seed := sha256.Sum256([]byte("witnesstest:" + origin))
	l := &Log{Origin: origin, key: ed25519.NewKeyFromSeed(seed[:])}
	for i := range n {
		leaf := fmt.Sprintf("leaf %d", i)
		if i >= from {
			leaf += " as " + story + " tells it"
		}
		l.leaves = append(l.leaves, tlog.LeafHash([]byte(leaf)))
	}
	return l
}

// VerifierKey is the log's key as C2SP signed-note writes it.
func (l *Log) VerifierKey() string {
	k, err := note.NewEd25519VerifierKey(l.Origin, l.key.Public().(ed25519.PublicKey))
	if err != nil {
		panic(err) // an origin of this package's tests
	}
	return k
}

func (l *Log) tree(n uint64) *tlog.Tree {
	t := &tlog.Tree{}
	for _, h := range l.leaves[:n] {
		t.Append(h)
	}
	return t
}

// Head is the head of the first n leaves.
func (l *Log) Head(t testing.TB, n uint64) tlog.Checkpoint {
	t.Helper()
	root, err := l.tree(n).Root(n)
	if err != nil {
		t.Fatal(err)
	}
	return tlog.Checkpoint{Origin: l.Origin, Size: n, Root: root}
}

// Sign signs any head, or any text, with the log's key.
func (l *Log) Sign(text []byte) []byte {
	line := tlog.Signature{Name: l.Origin, KeyHash: tlog.KeyHash(l.Origin, l.key.Public().(ed25519.PublicKey)), Bytes: ed25519.Sign(l.key, text)}
	return append(append([]byte(nil), text...), "\n"+line.String()...)
}

// Signed is the signed head of n leaves.
func (l *Log) Signed(t testing.TB, n uint64) []byte {
	t.Helper()
	return l.Sign(l.Head(t, n).Body())
}

// Prove is a witness.Prover.
func (l *Log) Prove(_ context.Context, from, to uint64) ([]evidence.Digest, error) {
	return tlog.ProveConsistency(from, to, l.tree(to))
}

// Request is an add-checkpoint request from old to size leaves.
func (l *Log) Request(t testing.TB, old, size uint64) string {
	t.Helper()
	var proof []evidence.Digest
	if old < size {
		var err error
		if proof, err = l.Prove(t.Context(), old, size); err != nil {
			t.Fatal(err)
		}
	}
	return Request(old, proof, l.Signed(t, size))
}

// Request writes an add-checkpoint request, whatever it says.
func Request(old uint64, proof []evidence.Digest, msg []byte) string {
	b := fmt.Sprintf("old %d\n", old)
	for _, h := range proof {
		b += base64.StdEncoding.EncodeToString(h[:]) + "\n"
	}
	return b + "\n" + string(msg)
}
