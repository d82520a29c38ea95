package registrar

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/evidence"
)

// read parses a submission as far as its bytes alone tell.
func read(s Submission) (docket.Submission, *custody.Statement, error) {
	env, err := seal.ParseEnvelope(s.Envelope)
	if err != nil {
		return docket.Submission{}, nil, fault("ledger", err)
	}
	st, err := custody.Decode(env.Payload)
	var refusal *custody.Refusal
	if errors.As(err, &refusal) {
		return docket.Submission{}, nil, &Malformed{Rule: refusal.Rule, Field: refusal.Field, Message: refusal.Detail}
	}
	if err != nil {
		return docket.Submission{}, nil, err
	}
	for _, b := range s.Details {
		// A detail that isn't one is the ledger's to refuse.
		if d, err := custody.ParseDetail(b); err == nil && d.Field == custody.FieldFileName {
			if err := fileName("detail.file-name", "details.fileName", d.Value); err != nil {
				return docket.Submission{}, nil, err
			}
		}
	}
	return docket.Submission{Envelope: env, Details: s.Details, Documents: s.Documents}, st, nil
}

// fileName keeps out of the record what could lead somebody astray who saves
// the artifact under its name; careful clients never send it.
func fileName(rule, field, name string) error {
	if err := evidence.CheckFileName(name); err != nil {
		return &Refused{Rule: rule, Field: field, Message: err.Error()}
	}
	return nil
}

// AppendEvent implements Events.
func (r *Registrar) AppendEvent(ctx context.Context, c Caller, s Submission) (Appended, error) {
	sub, st, err := read(s)
	if err != nil {
		return Appended{}, err
	}
	refused := mayAppend(c, st)
	if refused == nil && st.Predicate.Kind == custody.KindDeposited {
		refused = &Refused{Rule: "artifact.not-uploaded", Field: "predicate.kind", Message: "a deposit is finished through its upload session, where its bytes are"}
	}
	if refused != nil {
		// What is in the log already has its receipt nevertheless. Otherwise the
		// ledger itself answers with it, and nothing need be asked before.
		again, err := r.original(ctx, c, sub, st)
		switch {
		case err != nil:
			return Appended{}, err
		case again != nil:
			return *again, nil
		}
		return Appended{}, refused
	}
	if c.Invitation != nil {
		id := c.Invitation.ID
		sub.Effects.Invitation = &id
	}
	receipts, err := r.ledger.Append(ctx, sub)
	if err != nil {
		return Appended{}, fault("ledger", err)
	}
	r.disposed(ctx, st)
	out, err := r.witnessed(ctx, true, receipts...)
	if err != nil {
		return Appended{}, err
	}
	return Appended{Receipt: out[0], Created: receipts[0].Created}, nil
}

// mayAppend: one's own events only, and with an invitation its one kind.
func mayAppend(c Caller, st *custody.Statement) error {
	p := &st.Predicate
	if p.Signer.Class != custody.ClassPerson {
		return &Forbidden{Rule: "signer.class", Message: "the service alone submits what it observed"}
	}
	if inv := c.Invitation; inv != nil {
		switch b := p.Body.(type) {
		case *custody.Founded:
			if inv.Purpose == InviteOrganisation {
				return nil
			}
		case *custody.KeyRequested:
			if inv.Purpose == InviteKey && inv.Organisation == b.Org {
				return nil
			}
		}
		return &Forbidden{Rule: "invite.other-act", Message: "the invitation permits one " + string(inv.Purpose) + " and nothing else"}
	}
	if p.Kind == custody.KindFounded || p.Kind == custody.KindRequested {
		return &Forbidden{Rule: "invite.required", Message: string(p.Kind) + " needs an invitation"}
	}
	if p.Signer.Key != c.Key {
		return &Forbidden{Rule: "signer.not-caller", Message: "a caller submits events signed by its own key only"}
	}
	return nil
}

// original answers an event that is in the log already with its receipt.
func (r *Registrar) original(ctx context.Context, c Caller, sub docket.Submission, st *custody.Statement) (*Appended, error) {
	e, err := r.ledger.Event(ctx, sub.Envelope.EventID())
	if errors.Is(err, docket.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fault("ledger", err)
	}
	if st.Predicate.Signer.Key != c.Key && c.Invitation == nil {
		if ok, err := r.seesEvent(ctx, c, e); err != nil || !ok {
			if err != nil {
				return nil, err
			}
			return nil, &Forbidden{Rule: "signer.not-caller", Message: "a caller submits events signed by its own key only"}
		}
	}
	receipt, err := r.ledger.Receipt(ctx, e.EventID)
	if err != nil {
		return nil, fault("ledger", err)
	}
	out, err := r.witnessed(ctx, true, receipt)
	if err != nil {
		return nil, err
	}
	return &Appended{Receipt: out[0]}, nil
}

// Event implements Events.
func (r *Registrar) Event(ctx context.Context, c Caller, id evidence.Digest) (Event, error) {
	e, err := r.ledger.Event(ctx, id)
	if errors.Is(err, docket.ErrNotFound) {
		e, err = r.ledger.EventByLeaf(ctx, id)
	}
	if err != nil {
		return Event{}, found("event", err)
	}
	ok, err := r.seesEvent(ctx, c, e)
	if err != nil {
		return Event{}, err
	}
	if !ok {
		return Event{}, &NotFound{What: "event"}
	}
	return r.event(ctx, c, e)
}

// event is an event with what the caller may read of its words.
func (r *Registrar) event(ctx context.Context, c Caller, e *docket.Event) (Event, error) {
	receipt, err := r.ledger.Receipt(ctx, e.EventID)
	if err != nil {
		return Event{}, fault("ledger", err)
	}
	signer, err := r.signer(ctx, e)
	if err != nil {
		return Event{}, err
	}
	p := &e.Statement.Predicate
	receipts, err := r.witnessed(ctx, false, receipt)
	if err != nil {
		return Event{}, err
	}
	out := Event{Receipt: receipts[0], Kind: string(p.Kind), Class: string(p.Signer.Class), Key: p.Signer.Key,
		Signer: signer, PublicKey: e.Key.SPKI(), Envelope: e.Envelope.JSON(), Appended: e.Appended}
	show, err := r.discloses(ctx, c, e)
	if err != nil {
		return Event{}, err
	}
	if out.Details, err = r.details(ctx, e, show); err != nil {
		return Event{}, err
	}
	ids := slices.SortedFunc(maps.Keys(custody.FoundingOf(p.Body)), custody.ID.Compare)
	if b, ok := p.Body.(*custody.Founded); ok {
		ids, show = []custody.ID{b.Org}, true // public
	}
	blobs := map[evidence.Digest][]byte{}
	if show && len(ids) > 0 {
		if blobs, err = r.ledger.Blobs(ctx, ids...); err != nil {
			return Event{}, fault("ledger", err)
		}
	}
	for _, id := range ids {
		out.Documents = append(out.Documents, Document{ID: id, Bytes: blobs[id]})
	}
	return out, nil
}

// signer says for whom the event's key acted.
func (r *Registrar) signer(ctx context.Context, e *docket.Event) (Party, error) {
	p := &e.Statement.Predicate
	if p.Signer.Class == custody.ClassService {
		return Party{}, nil
	}
	switch b := p.Body.(type) {
	case *custody.Founded:
		return Party{Org: b.Org}, nil
	case *custody.KeyRequested:
		return Party{Org: b.Org, Person: b.Person}, nil
	}
	k, err := r.ledger.Key(ctx, p.Signer.Key)
	if err != nil {
		return Party{}, fault("ledger", err)
	}
	if k.Standing != nil {
		return Party{Org: k.Standing.Org, Person: k.Standing.Person}, nil
	}
	if len(k.RootOf) > 0 {
		return Party{Org: k.RootOf[0]}, nil
	}
	return Party{}, nil
}

// details lists an event's details, in clear where show.
func (r *Registrar) details(ctx context.Context, e *docket.Event, show bool) ([]Detail, error) {
	p := &e.Statement.Predicate
	var ids []evidence.Digest
	for _, id := range p.Details {
		ids = append(ids, id)
	}
	blobs := map[evidence.Digest][]byte{}
	if show && len(ids) > 0 {
		var err error
		if blobs, err = r.ledger.Blobs(ctx, ids...); err != nil {
			return nil, fault("ledger", err)
		}
	}
	var out []Detail
	for _, field := range sortedFields(p.Details) {
		d := Detail{Event: e.EventID, Field: string(field), SHA256: p.Details[field]}
		if b, ok := blobs[d.SHA256]; ok {
			d.Bytes, d.Value = b, valueOf(b)
		}
		out = append(out, d)
	}
	return out, nil
}

// Chain implements Events.
func (r *Registrar) Chain(ctx context.Context, c Caller, id evidence.Digest) (Chain, error) {
	ch, err := r.ledger.Chain(ctx, id)
	if err != nil {
		return Chain{}, found("chain", err)
	}
	ok, err := r.seesChain(ctx, c, ch)
	if err != nil {
		return Chain{}, err
	}
	if !ok {
		return Chain{}, &NotFound{What: "chain"}
	}
	return Chain{Head: Head{ID: ch.ID, Seq: ch.Seq, Leaf: ch.Head}, Type: string(ch.Type), Index: ch.Index, State: stateWord(ch)}, nil
}

func stateWord(c *docket.Chain) string {
	switch {
	case c.State.Item != nil:
		return string(c.State.Item.Phase)
	case c.State.Key != nil:
		return string(c.State.Key.Status)
	case c.State.Case != nil:
		return "open"
	}
	return ""
}
