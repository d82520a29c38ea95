package desk

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/keyring"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/evidence"
)

// verifyBytes runs the offline verifier over one dossier.
func verifyBytes(ctx context.Context, policy *verify.Policy, b []byte) (*verify.Result, []byte, error) {
	d, malformed, err := verify.Read(bytes.NewReader(b), int64(len(b)), dossier.DefaultLimits)
	if err != nil || malformed != nil {
		return malformed, nil, err
	}
	result, err := verify.Dossiers(ctx, policy, []*dossier.Dossier{d})
	return result, d.Checkpoint, err
}

// asked is what a report must be of: this case and these items, for whoever asks,
// and issued after the log had so many leaves.
type asked struct {
	ofCase evidence.Digest
	items  []evidence.Digest
	whom   custody.Party
	after  uint64
}

// is holds a recorded report to what was asked for: another true report, of
// another case or of last year, must not pass for it.
func (a asked) is(b *custody.ReportIssued, index uint64) error {
	switch {
	case b.Case != a.ofCase:
		return fmt.Errorf("the report that was issued is on case %s, not %s: %w", b.Case.Short(), a.ofCase.Short(), ErrEvidence)
	case !slices.Equal(b.Items, custody.SortedIDs(a.items...)):
		return fmt.Errorf("the report that was issued is on other items than were asked for: %w", ErrEvidence)
	case b.For != a.whom:
		return fmt.Errorf("the report that was issued is for somebody else: %w", ErrEvidence)
	case index < a.after:
		return fmt.Errorf("the report was issued as event %d, before it was asked for in a log of %d: %w", index, a.after, ErrEvidence)
	}
	return nil
}

// reportReceipt checks the receipt of report.issued: the event itself is
// fetched, because its leaf follows from the sealed bytes and nothing else.
func (d *Desk) reportReceipt(ctx context.Context, report Report, a asked) (Recorded, error) {
	e, err := d.Service.Event(ctx, report.ID)
	if err != nil {
		return Recorded{}, fmt.Errorf("couldn't get the report's event: %w", err)
	}
	env, err := seal.ParseEnvelope(e.Envelope)
	if err != nil {
		return Recorded{}, fmt.Errorf("couldn't read the report's event: %w", err)
	}
	key, err := seal.ParseSPKI(e.PublicKey)
	if err != nil {
		return Recorded{}, fmt.Errorf("couldn't read the service's key: %w", err)
	}
	if err := key.Verify(env); err != nil {
		return Recorded{}, fmt.Errorf("the report's event: %w: %w", ErrReceipt, err)
	}
	l, err := d.identifyLog(ctx)
	if err != nil {
		return Recorded{}, err
	}
	s, err := custody.Decode(env.Payload)
	if err != nil {
		return Recorded{}, fmt.Errorf("couldn't read the report's event: %w", err)
	}
	body, ok := s.Predicate.Body.(*custody.ReportIssued)
	if !ok || env.EventID() != report.ID || !l.document.ServiceKey(key.ID()) {
		return Recorded{}, fmt.Errorf("the report's event is not one of this log's service: %w", ErrReceipt)
	}
	for name, want := range map[string]evidence.Digest{"report.json": body.Files.JSON, "report.pdf": body.Files.PDF} {
		if report.Files[name].SHA256 != want {
			return Recorded{}, fmt.Errorf("%s: the answer states SHA-256 %s, the recorded event %s: %w",
				name, report.Files[name].SHA256.Short(), want.Short(), ErrEvidence)
		}
	}
	r, err := d.included(ctx, env, key, report.Receipt)
	if err != nil {
		return Recorded{}, err
	}
	return r, a.is(body, r.Index)
}

// included checks that an event's leaf is in the log under a checkpoint that
// continues those seen before.
func (d *Desk) included(ctx context.Context, env seal.Envelope, key seal.PublicKey, r Receipt) (Recorded, error) {
	leaf := tlog.LeafHash(tlog.Leaf(env, key))
	if r.EventID != env.EventID() || r.LeafHash != leaf {
		return Recorded{}, fmt.Errorf("%w: it is for event %s, leaf %s; expected were event %s, leaf %s", ErrReceipt,
			r.EventID.Short(), r.LeafHash.Short(), env.EventID().Short(), leaf.Short())
	}
	cp, err := d.openCheckpoint(ctx, []byte(r.Checkpoint))
	if err != nil {
		return Recorded{}, fmt.Errorf("%w: %w", ErrReceipt, err)
	}
	if err := tlog.VerifyInclusion(leaf, r.Index, cp.Size, r.Inclusion, cp.Root); err != nil {
		return Recorded{}, fmt.Errorf("%w: %w", ErrReceipt, err)
	}
	if _, err := d.advance(ctx, keyring.Head{Size: cp.Size, Root: cp.Root, Note: r.Checkpoint}); err != nil {
		return Recorded{}, fmt.Errorf("%w: %w", ErrReceipt, err)
	}
	witnessed, err := d.witnessed(r)
	if err != nil {
		return Recorded{}, fmt.Errorf("%w: %w", ErrReceipt, err)
	}
	return Recorded{EventID: r.EventID, Leaf: leaf, Index: r.Index, Size: cp.Size, Witnessed: witnessed}, nil
}

// witnessed counts the cosignatures of a receipt's checkpoint under the person's
// own policy. One whose policy asks for no witness is told what the service says.
func (d *Desk) witnessed(r Receipt) (*bool, error) {
	if d.Policy == nil || d.Policy.Quorum == nil || *d.Policy.Quorum == 0 {
		return r.Witnessed, nil
	}
	var keys []note.Verifier
	for _, w := range d.Policy.Witnesses {
		v, err := tlog.NewWitnessVerifier(w.Key)
		if err != nil {
			return nil, err
		}
		keys = append(keys, v)
	}
	enough := tlog.CountWitnesses([]byte(r.Checkpoint), keys) >= *d.Policy.Quorum
	return &enough, nil
}
