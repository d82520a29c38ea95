package service

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/cmd/custodyd/metrics"
	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/custody/witness"
	"github.com/evidence-custody/custodyd/evidence"
)

// notary shows the ledger to the gatherer of cosignatures.
type notary struct{ ledger atomic.Pointer[ledger.Ledger] }

var _ witness.Source = (*notary)(nil)

// Newest implements witness.Source.
func (n *notary) Newest(ctx context.Context) (uint64, []byte, error) {
	cp, err := n.ledger.Load().Checkpoint(ctx)
	if errors.Is(err, docket.ErrNotFound) {
		return 0, nil, nil // nothing is founded yet
	}
	return cp.Size, cp.Note, err
}

// Prove implements witness.Source.
func (n *notary) Prove(ctx context.Context, from, to uint64) ([]evidence.Digest, error) {
	return n.ledger.Load().Proven(ctx, from, to)
}

// Last implements witness.Source.
func (n *notary) Last(ctx context.Context, p witness.Peer) (uint64, time.Time, error) {
	c, err := n.ledger.Load().LastCosignature(ctx, p.Verifier())
	if errors.Is(err, docket.ErrNotFound) {
		return 0, time.Time{}, nil
	}
	return c.Size, c.Line.Time(), err
}

// Keep implements witness.Source.
func (n *notary) Keep(ctx context.Context, size uint64, line tlog.Signature) error {
	return n.ledger.Load().KeepCosignature(ctx, size, line)
}

// GivenUp implements witness.Source.
func (n *notary) GivenUp(ctx context.Context) (uint64, error) { return n.ledger.Load().Recovered(ctx) }

// Stop implements witness.Source: nothing more is appended until somebody has
// looked, and started the service anew.
func (n *notary) Stop(_ context.Context, why error) { n.ledger.Load().Distrust(contradicted(why)) }

// contradicted says what a witness's word means here.
func contradicted(err error) *docket.Altered {
	return docket.AlteredF("%v: an old copy was put back, or the log's key was used elsewhere", err)
}

// witnessPatience is how long a start waits for the witnesses to say how far
// they are. One that does not answer is asked before the next cosigning.
const witnessPatience = 5 * time.Second

// askWitnesses refuses a database that holds less than a witness has cosigned,
// or something else.
func askWitnesses(ctx context.Context, n *notary, l *ledger.Ledger, g *witness.Gatherer) error {
	n.ledger.Store(l)
	ctx, cancel := context.WithTimeout(ctx, witnessPatience)
	defer cancel()
	if err := g.First(ctx); err != nil {
		return contradicted(err)
	}
	return nil
}

func witnessKeys(peers []witness.Peer) []string {
	var all []string
	for _, p := range peers {
		all = append(all, p.Key)
	}
	return all
}

func verifiers(peers []witness.Peer) []note.Verifier {
	var all []note.Verifier
	for _, p := range peers {
		all = append(all, p.Verifier())
	}
	return all
}

// witnessesStand is how it stands with each, for the operator's metrics.
func (s *Service) witnessesStand(context.Context) ([]metrics.Witness, error) {
	var all []metrics.Witness
	for _, w := range s.gatherer.States() {
		all = append(all, metrics.Witness{Name: w.Name, Size: w.Size, At: w.At, Problem: w.Problem != ""})
	}
	return all, nil
}

// witnessedSize is the newest checkpoint with a quorum.
func (s *Service) witnessedSize(ctx context.Context) (uint64, error) {
	cp, err := s.ledger.Cosigned(ctx)
	if errors.Is(err, docket.ErrNotFound) {
		return 0, nil
	}
	return cp.Size, err
}
