package ledger

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"errors"
	"fmt"
	"io"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// NewLogDocument makes the founding document of a log that these keys serve.
// Origin is a bare lower-case host name and is never changed afterwards.
func NewLogDocument(origin string, mode custody.Mode, logKey ed25519.PublicKey, service seal.PublicKey, random io.Reader) ([]byte, error) {
	spki, err := x509.MarshalPKIXPublicKey(logKey)
	if err != nil {
		return nil, fmt.Errorf("couldn't encode the log key: %w", err)
	}
	doc := custody.LogDocument{Document: custody.DocLog, Keys: []custody.LogKey{{Algorithm: custody.LogEd25519, Key: spki}},
		Mode: mode, Origin: origin, ServiceKeys: [][]byte{service.SPKI()}}
	if _, err := io.ReadFull(random, doc.Salt[:]); err != nil {
		return nil, fmt.Errorf("couldn't draw a salt: %w", err)
	}
	b, _, err := doc.Encode()
	return b, err
}

// Found appends log.genesis for this log document, signed by the service key.
// A log that was founded with the same document answers with its receipt.
func (l *Ledger) Found(ctx context.Context, document []byte) (docket.Receipt, error) {
	if i := l.log.Load(); i != nil {
		if i.id != evidence.Sum(document) {
			return docket.Receipt{}, fmt.Errorf("couldn't found the log: it is founded, as log %s", i.id.Short())
		}
		e, err := l.EventAt(ctx, 0)
		if err != nil {
			return docket.Receipt{}, err
		}
		return l.Receipt(ctx, e.EventID)
	}
	if _, err := l.identify(document); err != nil {
		return docket.Receipt{}, err
	}
	body := &custody.Genesis{Document: evidence.Sum(document)}
	sub, err := l.sealAct(docket.Act{Body: body}, nil, custody.Seen{Root: tlog.EmptyRoot}, []custody.Link{{ID: body.Document}})
	if err != nil {
		return docket.Receipt{}, err
	}
	sub.Documents = [][]byte{document}
	p, err := l.prepare(ctx, &sub)
	if err != nil {
		return docket.Receipt{}, err
	}
	receipts, err := l.submit(ctx, &group{subs: []*prepared{p}, genesis: true, done: make(chan struct{})})
	if err != nil {
		var refused *custody.Refusal
		if errors.As(err, &refused) && l.log.Load() == nil {
			// Another replica founded it at the same moment.
			if i, again := l.readIdentity(ctx); again == nil && i.id == body.Document {
				l.log.Store(i)
				return l.Found(ctx, document)
			}
		}
		return docket.Receipt{}, err
	}
	return receipts[0], nil
}
