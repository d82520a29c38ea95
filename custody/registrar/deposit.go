package registrar

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/evidence"
)

// FinishUpload implements Uploads. The order is what makes a crash harmless:
// digests compared, object completed under retention, its version remembered,
// event appended. Only the last is the commit point; before it there may be an
// object without a record, never a record without its bytes.
func (r *Registrar) FinishUpload(ctx context.Context, c Caller, id evidence.Digest, s Submission) (Deposit, error) {
	sub, st, err := read(s)
	if err != nil {
		return Deposit{}, err
	}
	u, err := r.session(ctx, c, id)
	if err != nil {
		return Deposit{}, err
	}
	body, ok := st.Predicate.Body.(*custody.Deposited)
	switch {
	case !ok:
		return Deposit{}, &Refused{Rule: "deposit.kind", Field: "predicate.kind", Message: "an upload is finished with an artifact.deposited"}
	case st.Predicate.Signer.Key != c.Key:
		return Deposit{}, &Forbidden{Rule: "signer.not-caller", Message: "a caller submits events signed by its own key only"}
	case body.Case != u.Case || !samePointer(body.Parent, u.Parent):
		return Deposit{}, &Refused{Rule: "deposit.other-session", Field: "predicate.body", Message: "the deposit is for another case or parent than the upload session"}
	}
	if again, err := r.depositReceipts(ctx, sub.Envelope.EventID(), body); err == nil {
		return again, nil
	} else if !errors.Is(err, docket.ErrNotFound) {
		return Deposit{}, fault("ledger", err)
	}
	done, err := r.finish(ctx, c, u, sub, body)
	if err != nil && ctx.Err() == nil {
		// The same finish, sent again, may have been carried out meanwhile, by
		// this replica or another; then what went wrong here is of no matter.
		if again, found := r.depositReceipts(ctx, sub.Envelope.EventID(), body); found == nil {
			return again, nil
		}
	}
	return done, err
}

// finish carries a finish out, one at a time for a session in this process.
func (r *Registrar) finish(ctx context.Context, c Caller, u docket.Upload, sub docket.Submission, body *custody.Deposited) (Deposit, error) {
	t := r.sessions.join(u.ID.String())
	defer r.sessions.leave(u.ID.String())
	if err := t.hold(ctx); err != nil {
		return Deposit{}, err
	}
	defer t.release()
	u, err := r.openSession(ctx, c, u.ID)
	if err != nil {
		return Deposit{}, err
	}
	if u.Frontier < partCount(u) {
		return Deposit{}, &Conflict{Code: CodeUploadIncomplete, Message: fmt.Sprintf("%d of %d parts are there; part %d is next", u.Frontier, partCount(u), u.Frontier+1)}
	}
	if len(u.Lost) > 0 {
		return Deposit{}, &Conflict{Code: CodeUploadIncomplete, Message: fmt.Sprintf("the store lacks %d parts that it acknowledged, the first of them part %d: send them again", len(u.Lost), u.Lost[0])}
	}
	return r.commit(ctx, c, u, sub, body)
}

func samePointer(a, b *custody.ID) bool {
	return (a == nil) == (b == nil) && (a == nil || *a == *b)
}

// depositReceipts answers a deposit that is in the log already. Both its
// events were appended together.
func (r *Registrar) depositReceipts(ctx context.Context, event custody.ID, body *custody.Deposited) (Deposit, error) {
	deposited, err := r.ledger.Receipt(ctx, event)
	if err != nil {
		return Deposit{}, err
	}
	events, err := r.ledger.ChainEvents(ctx, custody.Observations(body.Item))
	if err != nil {
		return Deposit{}, err
	}
	for _, e := range events {
		if e.Kind() == custody.KindReceived {
			received, err := r.ledger.Receipt(ctx, e.EventID)
			if err != nil {
				return Deposit{}, err
			}
			return r.deposit(ctx, deposited, received)
		}
	}
	return Deposit{}, fmt.Errorf("couldn't find the artifact.received of deposit %s", event.Short())
}

func (r *Registrar) commit(ctx context.Context, c Caller, u docket.Upload, sub docket.Submission, body *custody.Deposited) (Deposit, error) {
	h, err := hasherOf(u)
	if err != nil {
		return Deposit{}, err
	}
	m, err := measuredAs(h, sub, body)
	if err != nil {
		return Deposit{}, err
	}
	if err := computed(body.Declared, m); err != nil {
		return Deposit{}, err
	}
	if diffs := differences(body, m); len(diffs) > 0 {
		return Deposit{}, r.refuseDeposit(ctx, u, body, m, diffs)
	}
	if err := r.refuseDuplicate(ctx, c, body); err != nil {
		return Deposit{}, err
	}
	parts, err := r.ledger.UploadParts(ctx, u.ID)
	if err != nil {
		return Deposit{}, fault("ledger", err)
	}
	stored := make([]StoredPart, len(parts))
	var leaves []byte
	for i, p := range parts {
		stored[i] = StoredPart{Number: p.N, Size: uint64(p.Size), ETag: p.ETag, CRC64: p.CRC64}
		leaves = append(leaves, p.Leaves...)
	}
	if err := r.ledger.SetUpload(ctx, u.ID, docket.UploadCompleting, sub.Envelope.JSON(), ""); err != nil {
		return Deposit{}, fault("ledger", err)
	}
	// Again after a crash here: the vault finds the object it completed before.
	object, err := r.vault.Complete(ctx, objectOf(u), stored)
	if err != nil {
		if lost := r.lostParts(ctx, u, stored, err); lost != nil {
			return Deposit{}, lost
		}
		return Deposit{}, vaultFault(err)
	}
	sub.Effects = docket.Effects{Upload: &u.ID, Artifact: &docket.Artifact{Item: body.Item, Case: body.Case, SHA256: m.SHA256, Size: m.Size,
		BlockRoot: m.BlockRoot, SHA1: unhex(m.SHA1), MD5: unhex(m.MD5), Bucket: u.Bucket, Key: u.ObjectKey, Version: object.Version,
		Encoding: u.Encoding, Retention: object.Mode, Until: object.RetainUntil, Leaves: leaves, Stored: r.now()}}
	act := docket.Act{Body: &custody.Received{Artifact: body.Artifact, Encoding: u.Encoding, Item: body.Item,
		MD5: m.MD5, SHA1: m.SHA1,
		Retention: custody.Retention{Mode: object.Mode, Until: custody.NewTime(object.RetainUntil.UTC())}}}
	receipts, err := r.ledger.Deposit(ctx, sub, act)
	if err != nil {
		return Deposit{}, fault("ledger", err)
	}
	return r.deposit(ctx, receipts[0], receipts[1])
}

// lostParts looks, after an object could not be completed, whether the store
// has what it acknowledged. What it lacks is to be sent again; where it has
// nothing at all any more, the session is over. nil: that isn't why.
func (r *Registrar) lostParts(ctx context.Context, u docket.Upload, stored []StoredPart, cause error) error {
	if ctx.Err() != nil || errors.Is(cause, ErrVaultFull) {
		return nil
	}
	lost, err := r.vault.Lacking(ctx, objectOf(u), stored)
	switch {
	case errors.Is(err, docket.ErrNotFound):
		r.log.ErrorContext(ctx, "the store has nothing any more of an upload whose parts it acknowledged", "upload", u.ID.Short(), "error", cause)
		if err := r.abort(ctx, u); err != nil {
			return err
		}
		return &Conflict{Code: CodeUploadClosed, Message: "the store has nothing of this upload any more, though it acknowledged its parts; begin again"}
	case err != nil || len(lost) == 0:
		return nil
	}
	r.log.ErrorContext(ctx, "the store lacks parts that it acknowledged", "upload", u.ID.Short(), "parts", lost, "error", cause)
	if err := r.ledger.LoseParts(ctx, u.ID, lost); err != nil {
		return fault("ledger", err)
	}
	return &Conflict{Code: CodeUploadIncomplete, Message: fmt.Sprintf("the store lacks %d parts that it acknowledged, the first of them part %d: send them again", len(lost), lost[0])}
}

func (r *Registrar) deposit(ctx context.Context, deposited, received docket.Receipt) (Deposit, error) {
	out, err := r.witnessed(ctx, true, deposited, received)
	if err != nil {
		return Deposit{}, err
	}
	return Deposit{Deposited: out[0], Received: out[1], Created: deposited.Created}, nil
}

// computed refuses a deposit that declares a digest for which the session was
// not begun: nothing would stand beside it.
func computed(d custody.Declared, m evidence.Measured) error {
	for _, c := range []struct{ name, declared, measured string }{{"sha1", d.SHA1, m.SHA1}, {"md5", d.MD5, m.MD5}} {
		if c.declared != "" && c.measured == "" {
			return &Refused{Rule: "deposit.not-computed", Field: "predicate.body.declared." + c.name,
				Message: "the upload was begun without " + c.name + ": begin one with it, or don't declare it"}
		}
	}
	return nil
}

// unhex returns the bytes of a digest; nil for none.
func unhex(digest string) []byte {
	b, err := hex.DecodeString(digest)
	if err != nil || len(b) == 0 {
		return nil
	}
	return b
}

// differences compares what the depositor signed with what was measured.
func differences(b *custody.Deposited, m evidence.Measured) []Difference {
	var out []Difference
	compare := func(name, declared, received string) {
		if declared != "" && declared != received {
			out = append(out, Difference{Name: name, Declared: declared, Received: received})
		}
	}
	compare("sha256", b.Artifact.SHA256.String(), m.SHA256.String())
	compare("size", strconv.FormatUint(b.Artifact.Size, 10), strconv.FormatUint(m.Size, 10))
	compare("blockRoot", b.Artifact.BlockRoot.String(), m.BlockRoot.String())
	compare("sha1", b.Declared.SHA1, m.SHA1)
	compare("md5", b.Declared.MD5, m.MD5)
	return out
}

// refuseDeposit records both hashes and gives the upload up.
func (r *Registrar) refuseDeposit(ctx context.Context, u docket.Upload, b *custody.Deposited, m evidence.Measured, diffs []Difference) error {
	about := u.Case
	if u.Parent != nil {
		about = *u.Parent
	}
	body := &custody.DepositRefused{About: about, Case: u.Case, Reason: custody.RefuseMismatch,
		Declared: custody.Measured{BlockRoot: &b.Artifact.BlockRoot, MD5: b.Declared.MD5, SHA1: b.Declared.SHA1, SHA256: b.Artifact.SHA256, Size: b.Artifact.Size},
		Received: custody.Measured{BlockRoot: &m.BlockRoot, MD5: m.MD5, SHA1: m.SHA1, SHA256: m.SHA256, Size: m.Size}}
	receipt, err := r.ledger.Observe(ctx, docket.Act{Body: body}, docket.Effects{})
	if err != nil {
		return fault("ledger", err)
	}
	if err := r.abort(ctx, u); err != nil {
		return err
	}
	return &DigestMismatch{Differences: diffs, Recorded: &receipt.EventID}
}

// refuseDuplicate tells who has the same bytes already, but only of items that
// the caller may see: others are none of its business, and pass.
func (r *Registrar) refuseDuplicate(ctx context.Context, c Caller, b *custody.Deposited) error {
	same, err := r.ledger.ArtifactsBySHA256(ctx, b.Artifact.SHA256)
	if err != nil {
		return fault("ledger", err)
	}
	for _, a := range same {
		s, err := r.sightOf(ctx, c, a.Case)
		if err != nil {
			return err
		}
		if s.item(a.Item) {
			return &Conflict{Code: CodeArtifactExists, Message: "the same bytes are deposited already as item " + a.Item.String(), Existing: a.Item}
		}
	}
	return nil
}
