package registrar

import (
	"context"
	"errors"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// LogDocument implements Log.
func (r *Registrar) LogDocument(context.Context) (LogDocument, error) {
	b, id := r.ledger.LogDocument()
	doc, err := custody.ParseLogDocument(b)
	if err != nil {
		return LogDocument{}, err
	}
	return LogDocument{ID: id, Document: b, Origin: doc.Origin, Witnesses: r.o.Witnesses, Quorum: r.o.Quorum}, nil
}

// Checkpoint implements Log.
func (r *Registrar) Checkpoint(ctx context.Context) ([]byte, error) {
	cp, err := r.ledger.Cosigned(ctx)
	if errors.Is(err, docket.ErrNotFound) {
		return nil, &NotFound{What: "checkpoint that the witnesses have cosigned"}
	}
	return cp.Note, fault("ledger", err)
}

// CheckpointOver implements Log.
func (r *Registrar) CheckpointOver(ctx context.Context, index uint64) ([]byte, error) {
	cp, _, err := r.ledger.Witnessed(ctx, index+1)
	return cp.Note, fault("ledger", err)
}

// witnessed makes receipts of what was appended, or was there: under a
// checkpoint that the witnesses have cosigned, if they answer in time. The
// events are in the log either way.
func (r *Registrar) witnessed(ctx context.Context, wait bool, receipts ...docket.Receipt) ([]Receipt, error) {
	receipts, err := r.ledger.WitnessedReceipts(ctx, wait, receipts...)
	if err != nil {
		return nil, fault("ledger", err)
	}
	out := make([]Receipt, len(receipts))
	for i, d := range receipts {
		out[i] = Receipt{EventID: d.EventID, Index: d.Index, LeafHash: d.LeafHash, Inclusion: d.Inclusion, Checkpoint: d.Checkpoint, Timestamps: d.Timestamps}
		if r.o.Quorum > 0 {
			out[i].Witnessed = &d.Witnessed
		}
	}
	return out, nil
}

// Inclusion implements Log.
func (r *Registrar) Inclusion(ctx context.Context, index, size uint64) (Inclusion, error) {
	head, err := r.ledger.Checkpoint(ctx)
	if err != nil {
		return Inclusion{}, fault("ledger", err)
	}
	if index >= size || size > head.Size {
		return Inclusion{}, &Malformed{Rule: "log.range", Field: "index", Message: "index < size <= the newest checkpoint's size"}
	}
	e, err := r.ledger.EventAt(ctx, index)
	if err != nil {
		return Inclusion{}, fault("ledger", err)
	}
	path, err := r.ledger.Inclusion(ctx, index, size)
	return Inclusion{LeafHash: e.LeafHash, Path: path}, fault("ledger", err)
}

// Consistency implements Log.
func (r *Registrar) Consistency(ctx context.Context, from, to uint64) ([]evidence.Digest, error) {
	head, err := r.ledger.Checkpoint(ctx)
	if err != nil {
		return nil, fault("ledger", err)
	}
	if from > to || to > head.Size {
		return nil, &Malformed{Rule: "log.range", Field: "from", Message: "from <= to <= the newest checkpoint's size"}
	}
	p, err := r.ledger.Consistency(ctx, from, to)
	return p, fault("ledger", err)
}

// Tile implements Log.
func (r *Registrar) Tile(ctx context.Context, c Caller, path string) ([]byte, error) {
	t, err := tlog.ParseTilePath(path)
	if err != nil {
		return nil, &NotFound{What: "tile"}
	}
	member := c.Standing == StandingCertified || c.Standing == StandingRoot
	if t.Entries && !r.o.OpenEntries && !member && c.Auditor.IsZero() {
		return nil, &Forbidden{Rule: "log.entries", Message: "the log's entries are for members and auditors"}
	}
	b, err := r.o.Gallery.Tile(ctx, t)
	if errors.Is(err, docket.ErrNotFound) {
		return nil, &NotFound{What: "tile"}
	}
	return b, fault("log", err)
}

// Trust implements Log.
func (r *Registrar) Trust(ctx context.Context) (Trust, error) {
	doc, err := r.LogDocument(ctx)
	if err != nil {
		return Trust{}, err
	}
	chains, err := r.ledger.Organisations(ctx, docket.All())
	if err != nil {
		return Trust{}, fault("ledger", err)
	}
	t := Trust{Log: doc}
	for _, ch := range chains {
		p, err := published(ch)
		if err != nil {
			return Trust{}, err
		}
		t.Organisations = append(t.Organisations, p)
	}
	return t, nil
}

// published is an organisation as its own document has it.
func published(ch *docket.Chain) (PublishedOrganisation, error) {
	doc := ch.State.Org.Document
	b, id, err := doc.Encode()
	return PublishedOrganisation{ID: id, Document: b, Name: doc.Name, Class: string(doc.Class)}, err
}
