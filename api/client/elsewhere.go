package client

import (
	"context"
	"net/url"

	"github.com/evidence-custody/custodyd/evidence"
)

// Elsewhere returns what another HTTP client needs to read an artifact for the
// caller's own access.requested: its address, and the value of the header
// Authorization, which opens the API until the token expires. Whoever has it
// acts as the caller; keep it as a secret.
func (c *Client) Elsewhere(ctx context.Context, sha256, request evidence.Digest) (address, authorization string, err error) {
	token, err := c.bearer(ctx)
	if err != nil {
		return "", "", err
	}
	return c.base + "v1/artifacts/" + sha256.String() + "/content?" + url.Values{"request": {request.String()}}.Encode(), "Bearer " + token, nil
}
