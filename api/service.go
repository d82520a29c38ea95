package api

import (
	"context"

	"github.com/evidence-custody/custodyd/api/wire"
)

// service answers for the service itself.
type service struct {
	readiness *readiness
	document  map[string]any
}

// Health asks nothing of any part: a service that can't reach its database is
// not helped by being started again.
func (h service) Health(context.Context, wire.HealthRequestObject) (wire.HealthResponseObject, error) {
	return wire.Health200JSONResponse{Status: "ok"}, nil
}

func (h service) Ready(ctx context.Context, _ wire.ReadyRequestObject) (wire.ReadyResponseObject, error) {
	if now := h.readiness.ask(ctx); now.Ready {
		return wire.Ready200JSONResponse(now), nil
	} else {
		return wire.Ready503JSONResponse(now), nil
	}
}

func (h service) Openapi(context.Context, wire.OpenapiRequestObject) (wire.OpenapiResponseObject, error) {
	return wire.Openapi200JSONResponse(h.document), nil
}
