package client

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/evidence-custody/custodyd/api/wire"
	"github.com/evidence-custody/custodyd/evidence"
)

// ErrNoSigner: the call needs a token, and the client has no way to get one.
var ErrNoSigner = errors.New("no key to sign in with")

const (
	assertionLife = 2 * time.Minute
	renewBefore   = time.Minute // a token is renewed so long before its end
)

// bearer is the token to present; one is asked for where there is none or its
// end is near.
func (c *Client) bearer(ctx context.Context) (string, error) {
	if c.fixed != "" {
		return c.fixed, nil
	}
	if c.signer == nil {
		return "", &unsendable{ErrNoSigner}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token != "" && c.clock().Before(c.expiry) {
		return c.token, nil
	}
	id, err := c.logIDLocked(ctx)
	if err != nil {
		return "", &unsendable{err} // it was tried as often as it is worth
	}
	var token wire.Token
	// Each try carries a new assertion: its jti is good once.
	_, err = c.ask(ctx, call{public: true, again: true, build: func() (*http.Request, error) {
		assertion, err := c.assertion(id)
		if err != nil {
			return nil, err
		}
		return wire.NewIssueTokenRequestWithFormdataBody(c.base, wire.TokenRequest{GrantType: wire.JWTBearer, Assertion: assertion})
	}}, &token)
	if err != nil {
		return "", &unsendable{fmt.Errorf("couldn't sign in: %w", err)} // it was tried as often as it is worth
	}
	if token.AccessToken == "" || token.ExpiresIn <= 0 {
		return "", errors.New("couldn't sign in: the service's answer holds no token")
	}
	life := time.Duration(token.ExpiresIn) * time.Second
	c.token, c.expiry = token.AccessToken, c.clock().Add(max(life-renewBefore, life/2))
	return c.token, nil
}

func (c *Client) dropToken() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.token = ""
}

// assertion is a JWT (RFC 7523) by the signer's key, for the log.
func (c *Client) assertion(log evidence.Digest) (string, error) {
	var jti [16]byte
	if _, err := rand.Read(jti[:]); err != nil {
		return "", fmt.Errorf("couldn't draw a jti: %w", err)
	}
	id := c.signer.KeyID().String()
	now := c.clock()
	header, err := json.Marshal(map[string]string{"alg": "ES256", "typ": "JWT", "kid": id})
	if err != nil {
		return "", err
	}
	claims, err := json.Marshal(map[string]any{"iss": id, "sub": id, "aud": log.String(), "iat": now.Unix(),
		"exp": now.Add(assertionLife).Unix(), "jti": base64.RawURLEncoding.EncodeToString(jti[:])})
	if err != nil {
		return "", err
	}
	input := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(claims)
	rs, err := c.signer.SignJWT([]byte(input))
	if err != nil {
		return "", fmt.Errorf("couldn't sign an assertion: %w", err)
	}
	if len(rs) != 64 {
		return "", fmt.Errorf("couldn't sign an assertion: the signature has %d bytes, not 64", len(rs))
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(rs), nil
}
