package witness

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/custody/tlog"
)

// Witness cosigns heads. It keeps nothing in memory: whatever another process
// on the same shelf cosigned, this one knows. It is safe for concurrent use.
type Witness struct {
	signer *tlog.Cosigner
	shelf  Shelf
	clock  func() time.Time
	log    *slog.Logger
}

// New makes a witness of a key and a shelf. clock is read for each cosignature;
// log may be nil.
func New(signer *tlog.Cosigner, shelf Shelf, clock func() time.Time, log *slog.Logger) *Witness {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Witness{signer: signer, shelf: shelf, clock: clock, log: log}
}

// Refusal is an answer other than a cosignature: its HTTP status, and why.
type Refusal struct {
	Status int
	Size   uint64 // of the newest head cosigned; only with 409
	why    string
}

func (r *Refusal) Error() string { return r.why }

func refuse(status int, format string, args ...any) error {
	return &Refusal{Status: status, why: fmt.Sprintf(format, args...)}
}

// AddCheckpoint answers the body of an add-checkpoint request with the
// cosignature, or with a *Refusal. Any other error is the witness's own
// trouble, after which nothing was cosigned.
func (w *Witness) AddCheckpoint(ctx context.Context, body []byte) (tlog.Signature, error) {
	r, err := parseRequest(body)
	if err != nil {
		return tlog.Signature{}, refuse(http.StatusBadRequest, "%v", err)
	}
	origin, _, _ := strings.Cut(string(r.Note), "\n")
	var out tlog.Signature
	var size uint64
	// Reading the head, deciding and writing the new one are one step: two
	// requests at once must not both go on from the same head, or the slower one
	// would roll the faster one back.
	err = w.shelf.Update(origin, func(l *Log) error {
		cp, text, err := l.open(r.Note)
		if err != nil {
			return err
		}
		if err := l.judge(r, cp); err != nil {
			w.suspect(ctx, l, r, cp, err)
			return err
		}
		if out, err = w.signer.Cosign(text, w.clock()); err != nil {
			return err
		}
		size = cp.Size
		l.Size, l.Root, l.Cosigned = cp.Size, cp.Root, out.Time()
		l.Note, err = l.kept(text, r.Note, out)
		return err
	})
	if errors.Is(err, ErrUnknownLog) {
		return tlog.Signature{}, refuse(http.StatusNotFound, "this witness does not know the log %.80q", origin)
	}
	if err != nil {
		// Where the write failed it may have succeeded all the same; the
		// cosignature stays here in either case.
		return tlog.Signature{}, err
	}
	w.log.InfoContext(ctx, "cosigned", "origin", origin, "size", size, "old", r.Old)
	return out, nil
}

// open verifies the note by the log's keys. A witness knows no other keys, and
// a signature of a known key that does not hold spoils the note.
func (l *Log) open(msg []byte) (tlog.Checkpoint, []byte, error) {
	keys, err := l.verifiers()
	if err != nil {
		return tlog.Checkpoint{}, nil, err
	}
	n, err := note.Open(msg, keys)
	var unverified *note.UnverifiedNoteError
	var invalid *note.InvalidSignatureError
	switch {
	case errors.As(err, &unverified):
		return tlog.Checkpoint{}, nil, refuse(http.StatusForbidden, "not signed by a key of the log that this witness knows")
	case errors.As(err, &invalid):
		return tlog.Checkpoint{}, nil, refuse(http.StatusForbidden, "a signature of the log's key does not hold")
	case err != nil:
		return tlog.Checkpoint{}, nil, refuse(http.StatusBadRequest, "not a signed note")
	}
	cp, err := tlog.ParseForeignCheckpoint([]byte(n.Text))
	if err != nil || cp.Origin != l.Origin {
		return tlog.Checkpoint{}, nil, refuse(http.StatusBadRequest, "not a checkpoint of %.80q", l.Origin)
	}
	return cp, []byte(n.Text), nil
}

// judge holds a head that the log signed to the one cosigned before.
func (l *Log) judge(r request, cp tlog.Checkpoint) error {
	switch {
	case r.Old > cp.Size:
		return refuse(http.StatusBadRequest, "the old size is over the checkpoint's")
	case r.Old != l.Size:
		return &Refusal{Status: http.StatusConflict, Size: l.Size, why: fmt.Sprintf("this witness has cosigned %d leaves", l.Size)}
	case cp.Size == 0 && cp.Root != tlog.EmptyRoot:
		return refuse(http.StatusUnprocessableEntity, "no leaves have another root")
	case r.Old == 0 && len(r.Proof) > 0:
		return refuse(http.StatusUnprocessableEntity, "a proof from no leaves")
	case r.Old == cp.Size && r.Old > 0 && cp.Root != l.Root:
		return refuse(http.StatusUnprocessableEntity, "this witness has cosigned another root of %d leaves", l.Size)
	}
	if r.Old == 0 {
		return nil // every log goes on from nothing
	}
	if err := tlog.VerifyConsistency(l.Size, l.Root, cp.Size, cp.Root, r.Proof); err != nil {
		return refuse(http.StatusUnprocessableEntity, "not shown to go on from the %d leaves cosigned before", l.Size)
	}
	return nil
}

// suspect keeps a head that the log signed and that does not go on from the one
// cosigned: with the same size it proves by itself that the log has forked.
func (w *Witness) suspect(ctx context.Context, l *Log, r request, cp tlog.Checkpoint, why error) {
	var no *Refusal
	if !errors.As(why, &no) || no.Status == http.StatusBadRequest {
		return
	}
	fork := cp.Size == l.Size && cp.Root != l.Root && l.Size > 0
	if no.Status == http.StatusConflict && !fork {
		return // the usual way to ask for the size
	}
	w.log.WarnContext(ctx, "refused a head that the log signed", "origin", l.Origin, "size", cp.Size, "root", cp.Root.Short(), "cosigned", l.Size, "fork", fork, "why", no.why)
	if err := w.shelf.Keep(Suspect{Origin: l.Origin, Size: cp.Size, Root: cp.Root, Fork: fork, Note: r.Note}); err != nil {
		w.log.ErrorContext(ctx, "couldn't keep a refused head", "origin", l.Origin, "error", err)
	}
}

// kept is the note to show to who asks: the signatures of the log that were
// verified, and ours.
func (l *Log) kept(text, msg []byte, ours tlog.Signature) ([]byte, error) {
	keys, err := l.verifiers()
	if err != nil {
		return nil, err
	}
	n, err := note.Open(msg, keys)
	if err != nil {
		return nil, err
	}
	out := append(text, '\n')
	for _, s := range n.Sigs {
		out = append(out, "\u2014 "+s.Name+" "+s.Base64+"\n"...)
	}
	return append(out, ours.String()...), nil
}
