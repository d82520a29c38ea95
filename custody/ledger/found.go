package ledger

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"errors"
	"fmt"
	"io"

	"filippo.io/mldsa"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// NewLogDocument makes the founding document of a log that these keys serve;
// postQuantum may be nil. Origin is a bare lower-case host name and is never
// changed afterwards.
func NewLogDocument(origin string, mode custody.Mode, logKey ed25519.PublicKey, postQuantum *mldsa.PublicKey, service seal.PublicKey, random io.Reader) ([]byte, error) {
	spki, err := x509.MarshalPKIXPublicKey(logKey)
	if err != nil {
		return nil, fmt.Errorf("couldn't encode the log key: %w", err)
	}
	doc := custody.LogDocument{Document: custody.DocLog, Keys: []custody.LogKey{{Algorithm: custody.LogEd25519, Key: spki}},
		Mode: mode, Origin: origin, ServiceKeys: [][]byte{service.SPKI()}}
	if postQuantum != nil {
		if spki, err = tlog.MLDSASPKI(postQuantum); err != nil {
			return nil, err
		}
		doc.Keys = append(doc.Keys, custody.LogKey{Algorithm: custody.LogMLDSA44, Key: spki})
	}
	if _, err := io.ReadFull(random, doc.Salt[:]); err != nil {
		return nil, fmt.Errorf("couldn't draw a salt: %w", err)
	}
	b, _, err := doc.Encode()
	return b, err
}

// Found appends log.genesis for this log document, signed by the service key.
// A log that was founded with the same document answers with its receipt.
func (l *Ledger) Found(ctx context.Context, document []byte) (docket.Receipt, error) {
	id := evidence.Sum(document)
	sub, err := l.sealAct(docket.Act{Body: &custody.Genesis{Document: id}}, nil, custody.Seen{Root: tlog.EmptyRoot}, []custody.Link{{ID: id}})
	if err != nil {
		return docket.Receipt{}, err
	}
	sub.Documents = [][]byte{document}
	return l.FoundWith(ctx, sub)
}

// FoundWith appends a log.genesis that was sealed already, with its document.
func (l *Ledger) FoundWith(ctx context.Context, genesis docket.Submission) (docket.Receipt, error) {
	if len(genesis.Documents) != 1 {
		return docket.Receipt{}, custody.Refuse("document.missing", "documents", "genesis comes with its log document and nothing else")
	}
	document := genesis.Documents[0]
	if _, err := l.identify(document); err != nil {
		return docket.Receipt{}, err
	}
	if r, founded, err := l.foundedAs(ctx, evidence.Sum(document)); founded || err != nil {
		return r, err
	}
	p, err := l.prepare(ctx, &genesis)
	if err != nil {
		return docket.Receipt{}, err
	}
	receipts, err := l.submit(ctx, &group{subs: []*prepared{p}, genesis: true, done: make(chan struct{})}, func() {})
	if err == nil {
		return receipts[0], nil
	}
	var refused *custody.Refusal
	if errors.As(err, &refused) && l.log.Load() == nil {
		// Another replica founded the log at the same moment.
		i, again := l.readIdentity(ctx)
		if again != nil {
			return docket.Receipt{}, err
		}
		l.log.Store(i)
		if r, founded, err := l.foundedAs(ctx, i.id); founded || err != nil {
			return r, err
		}
	}
	return docket.Receipt{}, err
}

// foundedAs returns the receipt of genesis where the log has it already.
func (l *Ledger) foundedAs(ctx context.Context, id custody.ID) (docket.Receipt, bool, error) {
	i := l.log.Load()
	if i == nil {
		return docket.Receipt{}, false, nil
	}
	if i.id != id {
		return docket.Receipt{}, true, fmt.Errorf("couldn't found the log: it is founded, as log %s", i.id.Short())
	}
	e, err := l.EventAt(ctx, 0)
	if err != nil {
		return docket.Receipt{}, true, err
	}
	r, err := l.Receipt(ctx, e.EventID)
	return r, true, err
}
