package api

import (
	"context"
	"fmt"

	"github.com/evidence-custody/custodyd/api/wire"
	"github.com/evidence-custody/custodyd/custody/registrar"
)

// events answers for the record itself.
type events struct{ use registrar.Events }

func (h events) AppendEvent(ctx context.Context, r wire.AppendEventRequestObject) (wire.AppendEventResponseObject, error) {
	got, err := h.use.AppendEvent(ctx, callerOf(ctx), submission(r.Body))
	if err != nil {
		return nil, fmt.Errorf("couldn't append an event: %w", err)
	}
	if got.Created {
		return wire.AppendEvent201JSONResponse(receipt(got.Receipt)), nil
	}
	return wire.AppendEvent200JSONResponse(receipt(got.Receipt)), nil
}

func (h events) GetEvent(ctx context.Context, r wire.GetEventRequestObject) (wire.GetEventResponseObject, error) {
	id, err := digest("eventId", r.EventId)
	if err != nil {
		return nil, err
	}
	e, err := h.use.Event(ctx, callerOf(ctx), id)
	if err != nil {
		return nil, fmt.Errorf("couldn't find an event: %w", err)
	}
	return wire.GetEvent200JSONResponse(event(e)), nil
}

func (h events) GetChain(ctx context.Context, r wire.GetChainRequestObject) (wire.GetChainResponseObject, error) {
	id, err := digest("chainId", r.ChainId)
	if err != nil {
		return nil, err
	}
	c, err := h.use.Chain(ctx, callerOf(ctx), id)
	if err != nil {
		return nil, fmt.Errorf("couldn't find a chain: %w", err)
	}
	return wire.GetChain200JSONResponse{Id: hexOf(c.ID), Type: c.Type, Seq: int64(c.Seq), Leaf: hexOf(c.Leaf),
		Index: int64(c.Index), State: c.State}, nil
}
