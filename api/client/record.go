package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/evidence-custody/custodyd/api/wire"
	"github.com/evidence-custody/custodyd/evidence"
)

// read asks for JSON with GET, which may always be tried again.
func read[T any](ctx context.Context, c *Client, public bool, build func() (*http.Request, error)) (T, error) {
	var out T
	_, err := c.ask(ctx, call{build: build, public: public, again: true}, &out)
	return out, err
}

// Ready asks once whether the service can do its work now, and which part
// can't. The error is of a service that doesn't say.
func (c *Client) Ready(ctx context.Context) (wire.Readiness, error) {
	var now wire.Readiness
	req, err := wire.NewReadyRequest(c.base)
	if err != nil {
		return now, fmt.Errorf("couldn't build a request: %w", err)
	}
	res, err := c.http.Do(req.WithContext(ctx))
	if err != nil {
		return now, fmt.Errorf("couldn't reach the service: %w", err)
	}
	if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusServiceUnavailable {
		return now, problemOf(res)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(&now); err != nil || len(now.Checks) == 0 {
		return wire.Readiness{}, fmt.Errorf("couldn't read the service's readiness (status %d)", res.StatusCode)
	}
	return now, nil
}

// Health asks whether the service is alive.
func (c *Client) Health(ctx context.Context) error {
	_, err := read[wire.Health](ctx, c, true, func() (*http.Request, error) { return wire.NewHealthRequest(c.base) })
	return err
}

// Log is the founding document of the log.
func (c *Client) Log(ctx context.Context) (wire.LogDocument, error) {
	return read[wire.LogDocument](ctx, c, true, func() (*http.Request, error) { return wire.NewGetLogRequest(c.base) })
}

// Checkpoint is the newest signed note that the quorum of witnesses has
// cosigned, exact bytes; where there is no quorum the newest.
func (c *Client) Checkpoint(ctx context.Context) ([]byte, error) {
	return c.checkpoint(ctx, &wire.GetCheckpointParams{})
}

// CheckpointOver is a published signed note that includes leaf index: cosigned
// if the witnesses answer in time, else the newest.
func (c *Client) CheckpointOver(ctx context.Context, index uint64) ([]byte, error) {
	at := int64(index)
	return c.checkpoint(ctx, &wire.GetCheckpointParams{Includes: &at})
}

func (c *Client) checkpoint(ctx context.Context, params *wire.GetCheckpointParams) ([]byte, error) {
	res, err := c.do(ctx, call{public: true, again: true, build: func() (*http.Request, error) { return wire.NewGetCheckpointRequest(c.base, params) }})
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxProblem))
	if err != nil {
		return nil, fmt.Errorf("couldn't read the checkpoint: %w", err)
	}
	return b, nil
}

// Inclusion proves leaf index in the tree of size leaves.
func (c *Client) Inclusion(ctx context.Context, index, size uint64) (wire.Inclusion, error) {
	return read[wire.Inclusion](ctx, c, true, func() (*http.Request, error) {
		return wire.NewGetInclusionRequest(c.base, &wire.GetInclusionParams{Index: int64(index), Size: int64(size)})
	})
}

// Consistency proves the tree of size from a prefix of that of size to.
func (c *Client) Consistency(ctx context.Context, from, to uint64) (wire.Consistency, error) {
	return read[wire.Consistency](ctx, c, true, func() (*http.Request, error) {
		return wire.NewGetConsistencyRequest(c.base, &wire.GetConsistencyParams{From: int64(from), To: int64(to)})
	})
}

// Trust is what organisations published: raw material for a policy, to be
// compared with fingerprints that came another way.
func (c *Client) Trust(ctx context.Context) (wire.Trust, error) {
	return read[wire.Trust](ctx, c, true, func() (*http.Request, error) { return wire.NewGetTrustRequest(c.base) })
}

// Submission is a signed event and everything it commits to. Keep it until the
// receipt is there: the same bytes may be sent again.
type Submission struct {
	Envelope  []byte   // the envelope's canonical JSON
	Details   [][]byte // exact bytes of each detail
	Documents [][]byte // exact bytes of each founding document introduced
}

func (s Submission) wire() wire.Submission {
	return wire.Submission{Envelope: s.Envelope, Details: s.Details, Documents: s.Documents}
}

// AppendEvent submits an event. It is tried again where the network fails:
// events are idempotent. created is false for the receipt of an event that had
// been appended before.
func (c *Client) AppendEvent(ctx context.Context, s Submission) (r wire.Receipt, created bool, err error) {
	status, err := c.ask(ctx, call{again: true, build: func() (*http.Request, error) {
		return wire.NewAppendEventRequest(c.base, s.wire())
	}}, &r)
	return r, status == http.StatusCreated, err
}

// Event finds an event by id.
func (c *Client) Event(ctx context.Context, id evidence.Digest) (wire.Event, error) {
	return read[wire.Event](ctx, c, false, func() (*http.Request, error) { return wire.NewGetEventRequest(c.base, id.String()) })
}

// Chain finds where a chain stands; CodeOf(err) "not-found" where no event has
// advanced it.
func (c *Client) Chain(ctx context.Context, id evidence.Digest) (wire.Chain, error) {
	return read[wire.Chain](ctx, c, false, func() (*http.Request, error) { return wire.NewGetChainRequest(c.base, id.String()) })
}

// Organisations are all organisations in the log.
func (c *Client) Organisations(ctx context.Context) ([]wire.Organisation, error) {
	return pages(func(cursor string) ([]wire.Organisation, string, error) {
		l, err := read[wire.OrganisationList](ctx, c, false, func() (*http.Request, error) {
			return wire.NewListOrganisationsRequest(c.base, &wire.ListOrganisationsParams{Cursor: given(cursor), Limit: given(pageSize)})
		})
		return l.Organisations, l.Next, err
	})
}

// Organisation finds one, with its keys.
func (c *Client) Organisation(ctx context.Context, id evidence.Digest) (wire.Organisation, error) {
	return read[wire.Organisation](ctx, c, false, func() (*http.Request, error) { return wire.NewGetOrganisationRequest(c.base, id.String()) })
}

// Key finds a key and where it stands.
func (c *Client) Key(ctx context.Context, id evidence.Digest) (wire.Key, error) {
	return read[wire.Key](ctx, c, false, func() (*http.Request, error) { return wire.NewGetKeyRequest(c.base, id.String()) })
}

// Invite makes a one-time invitation. It isn't tried again: a lost answer
// leaves an invitation that expires unused.
func (c *Client) Invite(ctx context.Context, purpose wire.InvitationPurpose, organisation *evidence.Digest) (wire.Invitation, error) {
	body := wire.InvitationRequest{Purpose: purpose}
	if organisation != nil {
		body.Organisation = organisation.String()
	}
	var out wire.Invitation
	_, err := c.ask(ctx, call{build: func() (*http.Request, error) {
		return wire.NewCreateInvitationRequest(c.base, &wire.CreateInvitationParams{}, body)
	}}, &out)
	return out, err
}

const pageSize = 200

// given points to an optional parameter, or is nil where v is zero: an empty
// parameter isn't an absent one.
func given[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// pages gathers every page. A service that never ends its list is cut off.
func pages[T any](page func(cursor string) ([]T, string, error)) ([]T, error) {
	var all []T
	cursor := ""
	for range 10_000 {
		list, next, err := page(cursor)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
		if next == "" {
			return all, nil
		}
		cursor = next
	}
	return nil, fmt.Errorf("couldn't list everything: the service's list has no end (%d entries so far)", len(all))
}
