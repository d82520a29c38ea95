package registrar

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"strings"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/standing"
	"github.com/evidence-custody/custodyd/evidence"
)

// Prefixes of the three kinds of bearer secrets.
const (
	tokenPrefix   = "tok_"
	invitePrefix  = "inv_"
	AuditorPrefix = "aud_"
)

// caller finds where a key stands now.
func (r *Registrar) caller(ctx context.Context, key custody.ID) (Caller, *ecdsa.PublicKey, error) {
	k, err := r.ledger.Key(ctx, key)
	switch {
	case errors.Is(err, docket.ErrNotFound):
		return Caller{}, nil, &Unauthenticated{Reason: ReasonUnknown}
	case err != nil:
		return Caller{}, nil, fault("ledger", err)
	}
	public := k.Public.ECDSA()
	switch {
	case k.Standing == nil && len(k.RootOf) > 0:
		return Caller{Key: key, Org: k.RootOf[0], Root: true, Standing: StandingRoot}, public, nil
	case k.Standing == nil:
		return Caller{}, nil, &Unauthenticated{Reason: ReasonUnknown} // a service key asks for nothing
	case k.Standing.Status == standing.Revoked:
		return Caller{}, nil, &Unauthenticated{Reason: ReasonRevoked}
	}
	c := Caller{Key: key, Org: k.Standing.Org, Person: k.Standing.Person, Standing: StandingRequested}
	if k.Standing.Status == standing.Certified {
		c.Standing = StandingCertified
		for _, right := range k.Standing.Rights {
			c.Rights = append(c.Rights, Right(right))
		}
	}
	return c, public, nil
}

// Authenticate implements Entry.
func (r *Registrar) Authenticate(ctx context.Context, key evidence.Digest) (Assertor, error) {
	c, public, err := r.caller(ctx, key)
	if err != nil {
		return Assertor{}, err
	}
	return Assertor{Caller: c, Public: public}, nil
}

// IssueToken implements Entry.
func (r *Registrar) IssueToken(ctx context.Context, a Assertion) (Token, error) {
	secret, hash, err := r.secret(tokenPrefix)
	if err != nil {
		return Token{}, err
	}
	t := docket.Token{Hash: hash, Key: a.Key, Expires: r.now().Add(r.o.TokenLife)}
	err = r.ledger.SaveToken(ctx, t, a.JTI, a.Expires)
	switch {
	case errors.Is(err, docket.ErrSpent):
		return Token{}, &Unauthenticated{Reason: ReasonReplayed}
	case err != nil:
		return Token{}, fault("ledger", err)
	}
	return Token{Secret: secret, Expires: t.Expires}, nil
}

// Bearer implements Entry. Secrets are looked up by their SHA-256, so the
// comparison's time tells nothing of the secret.
func (r *Registrar) Bearer(ctx context.Context, secret string) (Caller, error) {
	hash := evidence.Sum([]byte(secret))
	if strings.HasPrefix(secret, invitePrefix) {
		i, err := r.ledger.Invitation(ctx, hash)
		switch {
		case errors.Is(err, docket.ErrNotFound), errors.Is(err, docket.ErrSpent):
			return Caller{}, &Unauthenticated{Reason: ReasonUnknown}
		case err != nil:
			return Caller{}, fault("ledger", err)
		case i.UsedAt != nil:
			return Caller{}, &Unauthenticated{Reason: ReasonSpent}
		case !r.now().Before(i.Expires):
			return Caller{}, &Unauthenticated{Reason: ReasonExpired}
		}
		inv := &Invitation{ID: i.Hash, Purpose: Purpose(i.Purpose), Expires: i.Expires}
		if i.Org != nil {
			inv.Organisation = *i.Org
		}
		return Caller{Invitation: inv}, nil
	}
	if strings.HasPrefix(secret, AuditorPrefix) {
		return r.auditor(ctx, hash)
	}
	t, err := r.ledger.Token(ctx, hash)
	switch {
	case errors.Is(err, docket.ErrNotFound), errors.Is(err, docket.ErrSpent):
		return Caller{}, &Unauthenticated{Reason: ReasonUnknown}
	case err != nil:
		return Caller{}, fault("ledger", err)
	case !r.now().Before(t.Expires):
		return Caller{}, &Unauthenticated{Reason: ReasonExpired}
	}
	c, _, err := r.caller(ctx, t.Key)
	return c, err
}

// auditor finds the holder of an auditor's token.
func (r *Registrar) auditor(ctx context.Context, hash evidence.Digest) (Caller, error) {
	a, err := r.ledger.Auditor(ctx, hash)
	switch {
	case errors.Is(err, docket.ErrNotFound):
		return Caller{}, &Unauthenticated{Reason: ReasonUnknown}
	case err != nil:
		return Caller{}, fault("ledger", err)
	case a.Revoked != nil:
		return Caller{}, &Unauthenticated{Reason: ReasonRevoked}
	case !r.now().Before(a.Expires):
		return Caller{}, &Unauthenticated{Reason: ReasonExpired}
	}
	return Caller{Auditor: hash}, nil
}

// Invite implements Entry.
func (r *Registrar) Invite(ctx context.Context, c Caller, req InvitationRequest) (IssuedInvitation, error) {
	if !c.May(RightCertify) {
		return IssuedInvitation{}, &Forbidden{Rule: "right.certify", Message: "invitations are issued with a root key or the right certify"}
	}
	switch req.Purpose {
	case InviteKey:
		if req.Organisation != c.Org {
			return IssuedInvitation{}, &Forbidden{Rule: "invite.other-org", Message: "keys are invited into one's own organisation only"}
		}
	case InviteOrganisation:
	default:
		return IssuedInvitation{}, &Malformed{Rule: "invite.purpose", Field: "purpose", Message: "organisation or key"}
	}
	var issued IssuedInvitation
	_, again, err := once(ctx, r, c, req.Once, []any{"invitation", req}, func() (Invitation, error) {
		issuer := c.Key
		var err error
		issued, err = r.invite(ctx, req, &issuer)
		return issued.Invitation, err // all that is kept: never the secret
	})
	if err == nil && again {
		err = &Conflict{Code: CodeConflict, Message: "the invitation was issued under this Idempotency-Key, and its secret is not kept: ask for another"}
	}
	return issued, err
}

// FirstInvitation makes the operator's one-time token for the first
// administrator. It opens the API and gives no trust.
func (r *Registrar) FirstInvitation(ctx context.Context) (IssuedInvitation, error) {
	return r.invite(ctx, InvitationRequest{Purpose: InviteOrganisation}, nil)
}

func (r *Registrar) invite(ctx context.Context, req InvitationRequest, issuer *custody.ID) (IssuedInvitation, error) {
	secret, hash, err := r.secret(invitePrefix)
	if err != nil {
		return IssuedInvitation{}, err
	}
	i := docket.Invitation{Hash: hash, Purpose: docket.InvitationPurpose(req.Purpose), Issuer: issuer, Expires: r.now().Add(r.o.InviteLife)}
	if req.Purpose == InviteKey {
		org := req.Organisation
		i.Org = &org
	}
	if err := r.ledger.SaveInvitation(ctx, i); err != nil {
		return IssuedInvitation{}, fault("ledger", err)
	}
	return IssuedInvitation{Invitation: Invitation{ID: hash, Purpose: req.Purpose, Organisation: req.Organisation, Expires: i.Expires}, Token: secret}, nil
}
