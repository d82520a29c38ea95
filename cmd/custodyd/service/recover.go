package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/cmd/custodyd/keysafe"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/custody/witness"
	"github.com/evidence-custody/custodyd/evidence"
)

// Head is how far the log was signed, as somebody outside the database says.
type Head struct {
	Source  string           `json:"source"` // "checkpoint beside the keys", or a witness's name
	URL     string           `json:"url,omitempty"`
	Size    uint64           `json:"size"`              // events; 0 where it did not say
	Root    *evidence.Digest `json:"root,omitempty"`    // where it showed a head that the log's key signed
	Proven  bool             `json:"proven"`            // the log's signature over that head was verified
	Problem string           `json:"problem,omitempty"` // why it did not say
	// How it stands to the database: "same", "ahead" (it has seen more), "other"
	// (it has seen other events), "given-up" (more, or others, of a history whose
	// loss is recorded), "unknown".
	Stands string `json:"stands"`
}

// Loss is what is known of the log outside the database, against what is in it.
type Loss struct {
	Log     custody.ID `json:"log"`
	Events  uint64     `json:"events"`  // that the database holds
	GivenUp uint64     `json:"givenUp"` // how far the histories reached whose loss is recorded already
	Heads   []Head     `json:"heads"`

	Lost     bool     `json:"lost"`               // somebody has seen more than the database holds
	Signed   uint64   `json:"signed"`             // the largest head known; what --accept-loss must name
	Forked   bool     `json:"forked"`             // somebody has seen other events: no record of a loss can mend that
	MarkOnly bool     `json:"markOnly"`           // the loss is recorded; only the checkpoint beside the keys is of before
	Recorded uint64   `json:"recorded,omitempty"` // index of the log.recovered now written
	Event    string   `json:"event,omitempty"`    // its id, which trust policies list once people know of it
	Archived []string `json:"archived,omitempty"` // where the checkpoints beside the keys went
}

// Recovery is an operator's word to go on from an older copy.
type Recovery struct {
	AcceptLoss *uint64 // the size up to which events were signed and are lost; nil: only look
	Cause      custody.RecoveryCause
}

// ErrUnrecoverable reports a database for which a new log is the only way.
var ErrUnrecoverable = errors.New("this log cannot go on from this database")

// Recover compares the database with everything known of the log outside of it:
// the checkpoint beside the keys, and every witness. Where the operator accepts
// the loss, by its number, it records a signed log.recovered, which every dossier
// shows from then on, and archives the checkpoint beside the keys. No replica
// may serve meanwhile.
func Recover(ctx context.Context, o Options, r Recovery) (loss *Loss, err error) {
	s := fresh(o)
	defer func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
		defer cancel()
		err = errors.Join(err, s.Stop(stop))
	}()
	if err := s.prepare(); err != nil {
		return nil, err
	}
	dsn, err := s.startDatabase(ctx)
	if err != nil {
		return nil, err
	}
	document, err := founding(ctx, dsn)
	if err != nil {
		return nil, err
	}
	place := s.place()
	if document == nil {
		return nil, fmt.Errorf("%w: it holds no log at all: restore a copy of its database, or begin a new log whose document names the old one", ErrUnrecoverable)
	}
	mark, err := keysafe.OpenMark(s.o.Log, place.Dir, s.data)
	if err != nil {
		return nil, err
	}
	k, err := keysafe.Open(ctx, place, false)
	if err == nil {
		err = k.Fit(document)
	}
	if err != nil {
		return nil, explainKeys(err, place, document)
	}
	l, err := ledger.Open(ctx, ledger.Config{DSN: named(dsn, s.name), Service: k.Service, LogKey: k.Log, LogMLDSA: k.LogMLDSA, Logger: s.o.Log, Witnesses: verifiers(s.o.Witnesses)})
	if err != nil {
		return nil, err
	}
	s.started("ledger", func(context.Context) error { return l.Close() })
	if loss, err = s.compare(ctx, l, document, mark); err != nil {
		return nil, err
	}
	if r.AcceptLoss == nil || loss.Forked || !loss.Lost && !loss.MarkOnly {
		return loss, nil
	}
	return loss, s.accept(ctx, l, mark, loss, r)
}

// compare asks everybody.
func (s *Service) compare(ctx context.Context, l *ledger.Ledger, document []byte, mark *keysafe.Mark) (*Loss, error) {
	doc, err := custody.ParseLogDocument(document)
	if err != nil {
		return nil, err
	}
	keys, err := tlog.LogVerifiers(doc)
	if err != nil {
		return nil, err
	}
	loss := &Loss{Log: evidence.Sum(document), Heads: []Head{}}
	cp, err := l.Checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	loss.Events = cp.Size
	if loss.GivenUp, err = l.Recovered(ctx); err != nil {
		return nil, err
	}
	if signed := mark.Signed(); signed != nil {
		head, err := markHead(ctx, l, signed, doc.Origin, keys, loss)
		if err != nil {
			return nil, err
		}
		loss.add(head)
		loss.MarkOnly = head.Stands == givenUp
	}
	for _, p := range s.o.Witnesses {
		loss.add(witnessHead(ctx, l, witness.NewClient(p, nil), cp, doc.Origin, keys, loss))
	}
	loss.MarkOnly = loss.MarkOnly && !loss.Lost && !loss.Forked
	return loss, nil
}

const (
	same    = "same"
	ahead   = "ahead"
	other   = "other"
	givenUp = "given-up"
	unknown = "unknown"
)

func (loss *Loss) add(h Head) {
	loss.Heads = append(loss.Heads, h)
	switch h.Stands {
	case ahead:
		loss.Lost = true
		loss.Signed = max(loss.Signed, h.Size)
	case other:
		loss.Forked = true
	}
}

// stands compares a head of a known root with the database.
func stands(ctx context.Context, l *ledger.Ledger, size uint64, root evidence.Digest, loss *Loss) (string, error) {
	if size <= loss.Events {
		ours, err := l.RootAt(ctx, size)
		if err != nil || ours == root {
			return same, err
		}
		if size <= loss.GivenUp {
			return givenUp, nil
		}
		return other, nil
	}
	if size <= loss.GivenUp {
		return givenUp, nil
	}
	return ahead, nil
}

func markHead(ctx context.Context, l *ledger.Ledger, signed []byte, origin string, keys note.Verifiers, loss *Loss) (Head, error) {
	cp, err := tlog.OpenCheckpoint(signed, origin, keys)
	if err != nil {
		return Head{}, fmt.Errorf("the checkpoint kept beside the keys is not one of this log: %w", err)
	}
	h := Head{Source: "checkpoint beside the keys", Size: cp.Size, Root: &cp.Root, Proven: true}
	h.Stands, err = stands(ctx, l, cp.Size, cp.Root, loss)
	return h, err
}

// witnessHead asks a witness how far it is, and to show what the log has signed.
func witnessHead(ctx context.Context, l *ledger.Ledger, c *witness.Client, cp docket.Checkpoint, origin string, keys note.Verifiers, loss *Loss) Head {
	ctx, cancel := context.WithTimeout(ctx, witnessPatience)
	defer cancel()
	h := Head{Source: c.Peer().Name(), URL: c.Peer().URL, Stands: unknown}
	_, err := c.Cosign(ctx, cp.Note, l.Proven)
	var isAhead *witness.Ahead
	var inconsistent *witness.Inconsistent
	switch {
	case err == nil:
		h.Size, h.Stands = cp.Size, same
		return h
	case errors.As(err, &isAhead):
		h.Size, h.Stands = isAhead.Size, ahead
	case errors.As(err, &inconsistent):
		h.Size, h.Stands = inconsistent.Old, other
	default:
		h.Problem = err.Error()
		return h
	}
	if h.Size <= loss.GivenUp {
		h.Stands = givenUp
	}
	if shown, err := c.Shown(ctx, origin, keys); err == nil && shown.Size == h.Size {
		h.Root, h.Proven = &shown.Root, true
	}
	return h
}

// accept records the loss. The event first, the mark second: a crash between the
// two leaves a log that says what it lost and a mark that says so, too; the same
// command ends it.
func (s *Service) accept(ctx context.Context, l *ledger.Ledger, mark *keysafe.Mark, loss *Loss, r Recovery) error {
	if loss.Lost {
		if *r.AcceptLoss != loss.Signed {
			return fmt.Errorf("couldn't accept a loss up to %d events: the largest head known to be signed has %d", *r.AcceptLoss, loss.Signed)
		}
		if slices.ContainsFunc(loss.Heads, func(h Head) bool { return h.Stands == unknown }) {
			s.o.Log.Warn("a witness did not say how far it is: the loss may be larger than recorded")
		}
		signed := custody.SignedHead{Size: loss.Signed}
		for _, h := range loss.Heads {
			if h.Stands == ahead && h.Size == loss.Signed && h.Proven {
				signed.Root = h.Root
			}
		}
		cause := r.Cause
		if cause == "" {
			cause = custody.RecoveryBackup
		}
		receipt, err := l.Observe(ctx, docket.Act{Body: &custody.LogRecovered{Cause: cause, Log: loss.Log, Signed: signed}}, docket.Effects{})
		if err != nil {
			return fmt.Errorf("couldn't record the loss: %w", err)
		}
		loss.Recorded, loss.Event = receipt.Index, receipt.EventID.String()
	} else if *r.AcceptLoss != loss.GivenUp {
		return fmt.Errorf("couldn't accept a loss up to %d events: the one recorded is up to %d", *r.AcceptLoss, loss.GivenUp)
	}
	var err error
	if loss.Archived, err = mark.Archive(time.Now()); err != nil {
		return err
	}
	cp, err := l.Checkpoint(ctx)
	if err != nil {
		return err
	}
	mark.Note(cp.Size, cp.Note)
	return mark.Write()
}
