package api

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/evidence-custody/custodyd/api/wire"
	"github.com/evidence-custody/custodyd/custody/registrar"
	"github.com/evidence-custody/custodyd/evidence"
)

// Bounds of an assertion (RFC 7523).
const (
	assertionLife   = 5 * time.Minute  // exp - iat at most
	assertionLeeway = 60 * time.Second // how far clocks may differ
	minJTI, maxJTI  = 16, 128          // bytes
)

// entry answers for tokens and invitations.
type entry struct {
	use   registrar.Entry
	logID evidence.Digest
	clock func() time.Time
}

func (h entry) IssueToken(ctx context.Context, r wire.IssueTokenRequestObject) (wire.IssueTokenResponseObject, error) {
	body := r.JSONBody
	if body == nil {
		body = r.FormdataBody
	}
	if body == nil {
		return nil, malformed("request.schema", "", "the grant is missing")
	}
	a, err := h.checkAssertion(ctx, body.Assertion)
	if err != nil {
		return nil, err
	}
	token, err := h.use.IssueToken(ctx, a)
	if err != nil {
		return nil, fmt.Errorf("couldn't issue a token: %w", err)
	}
	return wire.IssueToken200JSONResponse{AccessToken: token.Secret, TokenType: "Bearer",
		ExpiresIn: int(token.Expires.Sub(h.clock()) / time.Second)}, nil
}

func refuseAssertion(rule, detail string) *edgeError {
	return &edgeError{code: "unauthenticated", rule: "assertion." + rule, detail: detail}
}

// checkAssertion holds an assertion to everything but its single use. An
// unknown key and a bad signature look the same from outside.
func (h entry) checkAssertion(ctx context.Context, assertion string) (registrar.Assertion, error) {
	var claims jwt.RegisteredClaims
	var fault error // of the key look-up, which is not the caller's
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodES256.Alg()}), // never none, never a MAC
		jwt.WithAudience(h.logID.String()),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(),
		jwt.WithLeeway(assertionLeeway), jwt.WithTimeFunc(h.clock), jwt.WithStrictDecoding())
	var key evidence.Digest
	_, err := parser.ParseWithClaims(assertion, &claims, func(t *jwt.Token) (any, error) {
		if _, ok := t.Header["crit"]; ok {
			return nil, errors.New("critical header parameters aren't understood")
		}
		id, err := evidence.ParseDigest(claims.Issuer)
		if err != nil || claims.Subject != claims.Issuer {
			return nil, errors.New("iss and sub aren't one key id")
		}
		assertor, err := h.use.Authenticate(ctx, id)
		if err != nil {
			var unknown *registrar.Unauthenticated
			if !errors.As(err, &unknown) {
				fault = err
			}
			return nil, err
		}
		key = id
		return (*ecdsa.PublicKey)(assertor.Public), nil
	})
	switch {
	case fault != nil:
		return registrar.Assertion{}, fmt.Errorf("couldn't find the key of an assertion: %w", fault)
	case errors.Is(err, jwt.ErrTokenExpired), errors.Is(err, jwt.ErrTokenUsedBeforeIssued), errors.Is(err, jwt.ErrTokenNotValidYet):
		return registrar.Assertion{}, refuseAssertion("time", "expired or not valid yet; the service's time is "+h.clock().UTC().Format(time.RFC3339))
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return registrar.Assertion{}, refuseAssertion("claims", "iss, sub, aud, iat, exp and jti are all needed")
	case errors.Is(err, jwt.ErrTokenInvalidAudience):
		return registrar.Assertion{}, refuseAssertion("audience", "the assertion is for another log than "+h.logID.String())
	case err != nil:
		return registrar.Assertion{}, refuseAssertion("signature", "it cannot be read, or no known key signed it with ES256")
	}
	return checkClaims(claims, key)
}

// checkClaims is what the JWT library doesn't look at.
func checkClaims(claims jwt.RegisteredClaims, key evidence.Digest) (registrar.Assertion, error) {
	switch {
	case claims.IssuedAt == nil:
		return registrar.Assertion{}, refuseAssertion("claims", "iss, sub, aud, iat, exp and jti are all needed")
	case claims.ExpiresAt.Sub(claims.IssuedAt.Time) > assertionLife:
		return registrar.Assertion{}, refuseAssertion("time", "exp is more than five minutes after iat")
	case len(claims.Audience) != 1:
		return registrar.Assertion{}, refuseAssertion("audience", "there is more than one audience")
	case len(claims.ID) < minJTI || len(claims.ID) > maxJTI:
		return registrar.Assertion{}, refuseAssertion("jti", "jti has between 16 and 128 characters")
	}
	return registrar.Assertion{Key: key, JTI: claims.ID, Expires: claims.ExpiresAt.Add(assertionLeeway)}, nil
}

func (h entry) CreateInvitation(ctx context.Context, r wire.CreateInvitationRequestObject) (wire.CreateInvitationResponseObject, error) {
	org, err := optionalDigest("organisation", r.Body.Organisation)
	if err != nil {
		return nil, err
	}
	if (r.Body.Purpose == wire.InvitationPurposeKey) == org.IsZero() {
		return nil, malformed("invitation.organisation", "organisation", "purpose key names its organisation, purpose organisation names none")
	}
	inv, err := h.use.Invite(ctx, callerOf(ctx), registrar.InvitationRequest{Purpose: registrar.Purpose(r.Body.Purpose),
		Organisation: org, Once: registrar.IdempotencyKey(given(r.Params.IdempotencyKey))})
	if err != nil {
		return nil, fmt.Errorf("couldn't invite: %w", err)
	}
	return wire.CreateInvitation201JSONResponse{Id: hexOf(inv.ID), Token: inv.Token, Purpose: wire.InvitationPurpose(inv.Purpose),
		Organisation: optional(inv.Organisation), Expires: inv.Expires.UTC().Truncate(time.Second)}, nil
}
