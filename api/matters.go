package api

import (
	"context"
	"fmt"

	"github.com/evidence-custody/custodyd/api/wire"
	"github.com/evidence-custody/custodyd/custody/registrar"
)

// matters answers for cases and items.
type matters struct{ use registrar.Matters }

func (h matters) ListCases(ctx context.Context, r wire.ListCasesRequestObject) (wire.ListCasesResponseObject, error) {
	list, next, err := h.use.Cases(ctx, callerOf(ctx), page(r.Params.Cursor, r.Params.Limit))
	if err != nil {
		return nil, fmt.Errorf("couldn't list cases: %w", err)
	}
	return wire.ListCases200JSONResponse{Cases: each(list, caseOf), Next: string(next)}, nil
}

func (h matters) GetCase(ctx context.Context, r wire.GetCaseRequestObject) (wire.GetCaseResponseObject, error) {
	id, err := digest("caseId", r.CaseId)
	if err != nil {
		return nil, err
	}
	c, err := h.use.Case(ctx, callerOf(ctx), id)
	if err != nil {
		return nil, fmt.Errorf("couldn't find a case: %w", err)
	}
	return wire.GetCase200JSONResponse(caseOf(c)), nil
}

func (h matters) GetCaseDossier(ctx context.Context, r wire.GetCaseDossierRequestObject) (wire.GetCaseDossierResponseObject, error) {
	id, err := digest("caseId", r.CaseId)
	if err != nil {
		return nil, err
	}
	f, err := h.use.CaseDossier(ctx, callerOf(ctx), id)
	if err != nil {
		return nil, fmt.Errorf("couldn't gather the dossier of a case: %w", err)
	}
	return fileAnswer{f}, nil
}

func (h matters) ListItems(ctx context.Context, r wire.ListItemsRequestObject) (wire.ListItemsResponseObject, error) {
	ofCase, err := optionalDigest("case", given(r.Params.Case))
	if err != nil {
		return nil, err
	}
	list, next, err := h.use.Items(ctx, callerOf(ctx), ofCase, page(r.Params.Cursor, r.Params.Limit))
	if err != nil {
		return nil, fmt.Errorf("couldn't list items: %w", err)
	}
	return wire.ListItems200JSONResponse{Items: each(list, item), Next: string(next)}, nil
}

func (h matters) GetItem(ctx context.Context, r wire.GetItemRequestObject) (wire.GetItemResponseObject, error) {
	id, err := digest("itemId", r.ItemId)
	if err != nil {
		return nil, err
	}
	i, err := h.use.Item(ctx, callerOf(ctx), id)
	if err != nil {
		return nil, fmt.Errorf("couldn't find an item: %w", err)
	}
	return wire.GetItem200JSONResponse(item(i)), nil
}

func (h matters) GetItemDossier(ctx context.Context, r wire.GetItemDossierRequestObject) (wire.GetItemDossierResponseObject, error) {
	id, err := digest("itemId", r.ItemId)
	if err != nil {
		return nil, err
	}
	f, err := h.use.ItemDossier(ctx, callerOf(ctx), id)
	if err != nil {
		return nil, fmt.Errorf("couldn't gather the dossier of an item: %w", err)
	}
	return fileAnswer{f}, nil
}
