package api

import (
	"context"
	"fmt"

	"github.com/evidence-custody/custodyd/api/wire"
	"github.com/evidence-custody/custodyd/custody/registrar"
)

// directory answers for organisations and keys.
type directory struct{ use registrar.Directory }

func (h directory) ListOrganisations(ctx context.Context, r wire.ListOrganisationsRequestObject) (wire.ListOrganisationsResponseObject, error) {
	list, next, err := h.use.Organisations(ctx, callerOf(ctx), page(r.Params.Cursor, r.Params.Limit))
	if err != nil {
		return nil, fmt.Errorf("couldn't list organisations: %w", err)
	}
	return wire.ListOrganisations200JSONResponse{Organisations: each(list, organisation), Next: string(next)}, nil
}

func (h directory) GetOrganisation(ctx context.Context, r wire.GetOrganisationRequestObject) (wire.GetOrganisationResponseObject, error) {
	id, err := digest("organisationId", r.OrganisationId)
	if err != nil {
		return nil, err
	}
	o, err := h.use.Organisation(ctx, callerOf(ctx), id)
	if err != nil {
		return nil, fmt.Errorf("couldn't find an organisation: %w", err)
	}
	return wire.GetOrganisation200JSONResponse(organisation(o)), nil
}

func (h directory) GetKey(ctx context.Context, r wire.GetKeyRequestObject) (wire.GetKeyResponseObject, error) {
	id, err := digest("keyId", r.KeyId)
	if err != nil {
		return nil, err
	}
	k, err := h.use.Key(ctx, callerOf(ctx), id)
	if err != nil {
		return nil, fmt.Errorf("couldn't find a key: %w", err)
	}
	return wire.GetKey200JSONResponse(key(k)), nil
}
