package ledger

import (
	"context"
	"errors"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// prepared is a submission of which everything is verified that does not
// depend on its place in the log.
type prepared struct {
	submission *docket.Submission
	statement  *custody.Statement
	eventID    custody.ID
	key        seal.PublicKey
	spki       []byte
	leafHash   custody.ID
	details    map[custody.ID]detail
	documents  map[custody.ID]docket.Blob
	keys       []seal.PublicKey // introduced by this event
}

type detail struct {
	field custody.Field
	bytes []byte
}

// typeKey is the document type of an SPKI.
const typeKey = "key"

// prepare decodes and verifies. Every rule broken is a *custody.Refusal.
func (l *Ledger) prepare(ctx context.Context, sub *docket.Submission) (*prepared, error) {
	st, err := custody.Decode(sub.Envelope.Payload)
	if err != nil {
		return nil, err
	}
	p := &prepared{submission: sub, statement: st, eventID: sub.Envelope.EventID()}
	known := func(id custody.ID) (string, error) { return l.documentType(ctx, id) }
	if err := p.readDocuments(sub.Documents, known); err != nil {
		return p, err
	}
	if err := p.readDetails(sub.Details); err != nil {
		return p, err
	}
	if p.key, err = l.verifyingKey(ctx, p); err != nil {
		return p, err
	}
	if err := l.verify(p.key, p.eventID, sub.Envelope.Signature); err != nil {
		return p, err
	}
	if err := l.checkSeen(ctx, st); err != nil {
		return p, err
	}
	p.spki = p.key.SPKI()
	var leaf [768]byte
	p.leafHash = tlog.LeafHash(tlog.AppendLeaf(leaf[:0], p.eventID, sub.Envelope.Signature, p.key))
	return p, nil
}

// verify checks the signature of the event of that id, on as many at once as
// there are processors.
func (l *Ledger) verify(key seal.PublicKey, event custody.ID, signature []byte) error {
	l.verifying <- struct{}{}
	defer func() { <-l.verifying }()
	return refusal(key.VerifyEventID(event, signature), "signature")
}

// refusal turns a seal.Error into the record's own kind of refusal.
func refusal(err error, field string) error {
	var e *seal.Error
	if errors.As(err, &e) {
		return custody.Refuse(e.Rule, field, "%s", e.Detail)
	}
	return err
}

// verifyingKey finds the key that the statement names. A key's id is the hash
// of its bytes, so wherever it is found it is the right one; what it may do is
// the judge's question.
func (l *Ledger) verifyingKey(ctx context.Context, p *prepared) (seal.PublicKey, error) {
	id := p.statement.Predicate.Signer.Key
	for _, k := range p.keys {
		if k.ID() == id {
			return k, nil
		}
	}
	k, err := l.publicKey(ctx, id)
	if errors.Is(err, docket.ErrNotFound) {
		return seal.PublicKey{}, custody.Refuse("signer.key-unknown", "predicate.signer.key", "this log knows no key %s", id.Short())
	}
	return k, err
}

// publicKey finds a key that some event introduced.
func (l *Ledger) publicKey(ctx context.Context, id custody.ID) (seal.PublicKey, error) {
	if k, ok := l.keys.at(id); ok {
		return k, nil
	}
	var spki []byte
	if err := l.db.QueryRowContext(ctx, `SELECT spki FROM custody.keys WHERE id = $1`, id[:]).Scan(&spki); err != nil {
		return seal.PublicKey{}, found(err)
	}
	k, err := seal.ParseSPKI(spki)
	if err != nil || k.ID() != id {
		return seal.PublicKey{}, docket.AlteredF("key %s cannot be read", id.Short())
	}
	l.keys.put(id, k)
	return k, nil
}

// checkSeen holds the checkpoints that a statement names to what this log
// published: otherwise a signer could be made to commit to a history that
// nobody can show.
func (l *Ledger) checkSeen(ctx context.Context, st *custody.Statement) error {
	if st.Predicate.Kind == custody.KindGenesis {
		return nil // the judge's: it has seen the empty tree
	}
	if b, ok := st.Predicate.Body.(*custody.LogTime); ok {
		if err := l.wasPublished(ctx, b.Checkpoint(), "predicate.body"); err != nil {
			return err
		}
	}
	return l.wasPublished(ctx, st.Predicate.Seen, "predicate.seen")
}

func (l *Ledger) wasPublished(ctx context.Context, seen custody.Seen, field string) error {
	root, ok := l.seen.at(seen.Size)
	if !ok {
		err := found(l.db.QueryRowContext(ctx, `SELECT root FROM custody.checkpoints WHERE size = $1`, int64(seen.Size)).Scan(idValue{&root}))
		switch {
		case errors.Is(err, docket.ErrNotFound):
			return custody.Refuse("seen.unknown", field, "this log never published a checkpoint of %d leaves", seen.Size)
		case err != nil:
			return err
		}
		l.seen.put(seen.Size, root)
	}
	if root != seen.Root {
		return custody.Refuse("seen.unknown", field, "the checkpoint of %d leaves that this log published has another root", seen.Size)
	}
	return nil
}

// readDetails: all of them present, none besides, each what it says it is.
func (p *prepared) readDetails(given [][]byte) error {
	want := map[custody.ID]custody.Field{}
	for f, id := range p.statement.Predicate.Details {
		want[id] = f
	}
	p.details = make(map[custody.ID]detail, len(given))
	for _, b := range given {
		id := evidence.Sum(b)
		field, ok := want[id]
		if !ok {
			return custody.Refuse("detail.superfluous", "details", "the statement commits to no detail with digest %s", id.Short())
		}
		d, err := custody.ParseDetail(b)
		if err != nil {
			return err
		}
		if d.Field != field {
			return custody.Refuse("detail.mismatch", "details", "the statement has detail %s as %s, the file says %.40q", id.Short(), field, string(d.Field))
		}
		p.details[id] = detail{field, b}
	}
	for id, f := range want {
		if _, ok := p.details[id]; !ok {
			return custody.Refuse("detail.missing", "details", "the bytes of detail %s (%s) are missing", f, id.Short())
		}
	}
	return nil
}
