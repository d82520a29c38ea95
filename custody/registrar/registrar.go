// Package registrar is the use cases: who may do what, in which order. It
// holds no transport and no storage: the edge (package api) calls it, and it
// calls the ledger and the vault through the interfaces of ports.go.
package registrar

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/evidence"
)

// Options are what a Registrar is made of.
type Options struct {
	Ledger Ledger
	Vault  Vault
	// Gallery serves tiles and entry bundles; OpenEntries serves the latter to
	// everybody.
	Gallery     Gallery
	OpenEntries bool
	// Witnesses and Quorum are what the ledger was opened with, as verifier keys.
	Witnesses []string
	Quorum    int
	// Policy returns the trust policy under which reports are verified, with
	// its exact bytes; nil where the operator has configured none: a report
	// then says that its signers are unidentified. It is read for every report.
	Policy func() (*verify.Policy, []byte, error)

	ZoneMinutes int // offset from UTC in which reports show times beside UTC

	MaxArtifact uint64        // bytes; 0: what the vault takes
	TokenLife   time.Duration // access tokens; 0: 15 minutes
	InviteLife  time.Duration // invitations; 0: an hour
	UploadLife  time.Duration // of an idle upload session; 0: 7 days
	PartMemory  int           // blocks of 8 MiB in which parts are held, over all sessions, from 10 on; 0: 12
	FixityEvery time.Duration // so often the service reads each copy back; 0: only when somebody asks
	Spool       string        // directory for parts that are not held in memory; "": the system\'s for temporary files

	Now  func() time.Time
	Rand io.Reader
	Log  *slog.Logger
}

// Registrar carries out the use cases.
type Registrar struct {
	ledger   Ledger
	vault    Vault
	policy   func() (*verify.Policy, []byte, error)
	o        Options
	now      func() time.Time
	rand     io.Reader
	log      *slog.Logger
	sessions *sessions
	// Memory of parts. The next part of a session waits for nobody, so it has a
	// pool of its own: parts ahead of it can never keep it out and wait for it at
	// once.
	next, ahead room
	inMemory    int64         // bytes of the largest part held in memory
	spoolAfter  time.Duration // how long a part waits for memory
	early       chan struct{} // one token for each block read before it is asked for
	copies      copies        // being read
	servings    servings      // not recorded yet
	intake      intake
	rot         sync.Mutex // one bad block is recorded at a time, and once
}

var _ UseCases = (*Registrar)(nil)

// New returns a Registrar.
func New(o Options) *Registrar {
	if o.TokenLife == 0 {
		o.TokenLife = 15 * time.Minute
	}
	if o.InviteLife == 0 {
		o.InviteLife = time.Hour
	}
	if o.UploadLife == 0 {
		o.UploadLife = 7 * 24 * time.Hour
	}
	if o.PartMemory == 0 {
		o.PartMemory = 12
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Policy == nil {
		o.Policy = func() (*verify.Policy, []byte, error) { return nil, nil, nil }
	}
	return &Registrar{ledger: o.Ledger, vault: o.Vault, policy: o.Policy, o: o, now: o.Now, rand: o.Rand, log: o.Log,
		sessions: newSessions(), next: newRoom(maxInMemory / evidence.BlockSize), ahead: newRoom(o.PartMemory - maxInMemory/evidence.BlockSize), inMemory: maxInMemory, spoolAfter: spoolPatience, early: make(chan struct{}, readAheadAll)}
}

// Ready reports whether ledger and vault answer.
func (r *Registrar) Ready(ctx context.Context) error {
	if err := r.ledger.Ready(ctx); err != nil {
		return fault("ledger", err)
	}
	if err := r.vault.Ready(ctx); err != nil {
		return &Unavailable{What: "vault", After: retryAfter, Cause: err}
	}
	return nil
}

const retryAfter = 2 * time.Second

// fault turns the ledger's errors into the edge's. What it does not know
// passes through and is answered opaquely.
func fault(what string, err error) error {
	var (
		refusal     *custody.Refusal
		malformed   *seal.Error
		stale       *docket.Stale
		unavailable *docket.Unavailable
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &stale):
		out := &Stale{}
		for _, h := range stale.Heads {
			out.Heads = append(out.Heads, Head{ID: h.ID, Seq: h.Seq, Leaf: h.Leaf})
		}
		return out
	case errors.As(err, &refusal):
		if strings.HasPrefix(refusal.Rule, "statement.") {
			return &Malformed{Rule: refusal.Rule, Field: refusal.Field, Message: refusal.Detail}
		}
		return &Refused{Rule: refusal.Rule, Field: refusal.Field, Message: refusal.Detail}
	case errors.As(err, &malformed):
		return &Malformed{Rule: malformed.Rule, Field: "envelope", Message: malformed.Detail}
	case errors.Is(err, docket.ErrSpent):
		return &Unauthenticated{Reason: ReasonSpent}
	case errors.As(err, &unavailable):
		return &Unavailable{What: what, After: retryAfter, Cause: err}
	}
	return err
}

// found is fault, with what is absent named.
func found(what string, err error) error {
	if errors.Is(err, docket.ErrNotFound) {
		return &NotFound{What: what}
	}
	return fault("ledger", err)
}

// secret returns a 256-bit bearer secret and its stored hash.
func (r *Registrar) secret(prefix string) (string, evidence.Digest, error) {
	var b [32]byte
	if _, err := io.ReadFull(r.rand, b[:]); err != nil {
		return "", evidence.Digest{}, err
	}
	s := prefix + base64.RawURLEncoding.EncodeToString(b[:])
	return s, evidence.Sum([]byte(s)), nil
}

func (r *Registrar) randomID() (custody.ID, error) {
	var id custody.ID
	_, err := io.ReadFull(r.rand, id[:])
	return id, err
}

// cursor reads a page's cursor as the log index after which it goes on.
func cursor(p Page) (docket.Page, error) {
	out := docket.Page{After: -1, Limit: p.Limit}
	if p.Cursor == "" {
		return out, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(string(p.Cursor))
	if err == nil {
		out.After, err = strconv.ParseInt(string(raw), 10, 64)
	}
	if err != nil || out.After < 0 {
		return out, &Malformed{Rule: "page.cursor", Field: "cursor", Message: "not a cursor of this service"}
	}
	return out, nil
}

func nextCursor(after uint64) Next {
	return Next(base64.RawURLEncoding.EncodeToString(strconv.AppendUint(nil, after, 10)))
}

// paged cuts a full list at the page: entries come with the log index by which
// they are ordered.
func paged[T any](all []T, index func(T) uint64, p Page) ([]T, Next, error) {
	from, err := cursor(p)
	if err != nil {
		return nil, "", err
	}
	var out []T
	for _, t := range all {
		if int64(index(t)) <= from.After {
			continue
		}
		if len(out) == p.Limit {
			return out, nextCursor(index(out[len(out)-1])), nil
		}
		out = append(out, t)
	}
	return out, "", nil
}
