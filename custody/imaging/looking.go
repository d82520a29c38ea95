package imaging

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/fixity"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/evidence/ewf"
)

// looking is one artifact being looked at.
type looking struct {
	r        *Reader
	turn     docket.Image
	began    time.Time
	deposit  *custody.Deposited
	artifact docket.Artifact
	bytes    uint64
}

// run looks and records. An error: nothing was recorded, and ctx ended or the
// ledger doesn't answer.
func (l *looking) run(ctx context.Context) (Result, error) {
	var err error
	if l.artifact, err = l.r.o.Ledger.Artifact(ctx, l.turn.Item); err != nil {
		return Result{}, err
	}
	first, err := l.r.o.Ledger.ChainEvents(ctx, l.turn.Item)
	if err != nil {
		return Result{}, err
	}
	var ok bool
	if len(first) == 0 {
		return Result{}, docket.AlteredF("item %s has an artifact and no events", l.turn.Item.Short())
	}
	if l.deposit, ok = first[0].Statement.Predicate.Body.(*custody.Deposited); !ok {
		return Result{}, docket.AlteredF("item %s has an artifact and no deposit", l.turn.Item.Short())
	}
	held, err := fixity.Open(l.r.o.Store, l.artifact, l.r.o.Log)
	if err != nil {
		return l.couldNot(ctx, nil, err)
	}
	s := &stored{ctx: ctx, copy: held, pace: l.r.o.Pace, busy: l.r.o.Busy, pause: l.r.o.Pause}
	said, found, told, err := l.decode(ctx, s)
	l.bytes = s.bytes
	// A store that fails may look like an image that ends: it goes first.
	if failed := s.close(); failed != nil {
		return l.couldNot(ctx, held, failed)
	}
	var refused *ewf.Error
	switch {
	case errors.As(err, &refused):
		reason, known := custody.ReasonOf(refused.Rule)
		if !known {
			return l.couldNot(ctx, held, err)
		}
		l.r.o.Log.WarnContext(ctx, "an image can't be decoded", "item", l.turn.Item.String(), "reason", reason, "error", err)
		return l.say(ctx, &custody.ImageRead{Artifact: l.artifact.SHA256, Item: l.turn.Item, Outcome: custody.ImageUnreadable, Reason: reason}, nil)
	case err != nil:
		return l.couldNot(ctx, held, err)
	case said == docket.ImageOther:
		return l.pass(ctx, said)
	}
	return l.say(ctx, custody.ImageDecoded(l.turn.Item, l.artifact.SHA256, found), told)
}

// decode decodes the image, if it is one: that is seen from its first bytes, or
// its depositor says so.
func (l *looking) decode(ctx context.Context, s *stored) (docket.ImageState, *custody.ImageFound, map[custody.Field]string, error) {
	head := make([]byte, min(ewf.HeadSize, l.artifact.Size))
	if _, err := s.ReadAt(head, 0); err != nil {
		return "", nil, nil, err
	}
	if !ewf.Marked(head) && l.deposit.Format != custody.FormatEWF {
		return docket.ImageOther, nil, nil, nil
	}
	m, err := ewf.Open(l.segments(s))
	if err != nil {
		return "", nil, nil, err
	}
	if m.Medium.Size > custody.MaxInteger {
		return "", nil, nil, &ewf.Error{Rule: string(custody.UnreadableLimit), Detail: fmt.Sprintf("a medium of %d bytes", m.Medium.Size)}
	}
	report, err := m.Verify(ctx, ewf.Options{MD5: true, SHA1: true, SHA256: true, Workers: l.r.o.Workers})
	if err != nil {
		return "", nil, nil, err
	}
	return "", foundIn(m, report), toldBy(m), nil
}

// segments are the image's files, as they were deposited one behind the other.
func (l *looking) segments(s *stored) []ewf.Segment {
	sizes := l.deposit.Segments
	if sizes == nil {
		sizes = []uint64{l.artifact.Size}
	}
	var out []ewf.Segment
	var off int64
	for i, n := range sizes {
		out = append(out, ewf.Segment{ReaderAt: io.NewSectionReader(s, off, int64(n)), Name: fmt.Sprintf("file %d", i+1), Size: int64(n)})
		off += int64(n)
	}
	return out
}

// couldNot has the image tried again later: nothing was found out about it. Rot
// in the copy is recorded as such.
func (l *looking) couldNot(ctx context.Context, held *fixity.Copy, cause error) (Result, error) {
	if ctx.Err() != nil {
		return Result{}, context.Cause(ctx)
	}
	if errors.Is(cause, fixity.ErrNoKey) {
		ch, err := l.r.o.Ledger.Chain(ctx, l.turn.Item)
		if err != nil {
			return Result{}, err
		}
		if it := ch.State.Item; it != nil && it.Phase == custody.PhaseDisposed {
			return l.pass(ctx, docket.ImageErased)
		}
	}
	var rot *fixity.Rot
	if errors.As(cause, &rot) {
		if err := fixity.Tell(ctx, l.r.o.Ledger, held, rot); err != nil {
			return Result{}, err
		}
	}
	wait := pauseAfter(l.turn.Tries)
	l.r.o.Log.WarnContext(ctx, "couldn't read an image to decode it", "item", l.turn.Item.String(), "again", wait, "error", cause)
	if err := l.r.o.Ledger.LetGoImage(ctx, l.r.o.Holder, l.turn.Item, wait, true); err != nil {
		return Result{}, err
	}
	return Result{Item: l.turn.Item, Bytes: l.bytes}, nil
}

func (l *looking) pass(ctx context.Context, why docket.ImageState) (Result, error) {
	return Result{Item: l.turn.Item, State: why, Bytes: l.bytes}, l.r.o.Ledger.PassImage(ctx, l.r.o.Holder, l.turn.Item, why)
}

// say records what was found.
func (l *looking) say(ctx context.Context, b *custody.ImageRead, told map[custody.Field]string) (Result, error) {
	received, err := l.received(ctx)
	if err != nil {
		return Result{}, err
	}
	act := docket.Act{Body: b, Basis: []custody.ID{received}, Told: told, From: l.began, To: l.r.o.Now()}
	_, err = l.r.o.Ledger.Observe(ctx, act, docket.Effects{Image: l.r.o.Holder})
	return Result{Item: l.turn.Item, State: docket.ImageState(b.Outcome), Body: b, Bytes: l.bytes}, err
}

// received is the service's own word on the bytes that it decoded.
func (l *looking) received(ctx context.Context) (custody.ID, error) {
	events, err := l.r.o.Ledger.ChainEvents(ctx, custody.Observations(l.turn.Item))
	if err != nil {
		return custody.ID{}, err
	}
	for _, e := range events {
		if e.Kind() == custody.KindReceived {
			return e.LeafHash, nil
		}
	}
	return custody.ID{}, docket.AlteredF("the artifact of item %s was never received", l.turn.Item.Short())
}
