package api

import (
	"context"

	"github.com/evidence-custody/custodyd/api/wire"
	"github.com/evidence-custody/custodyd/custody/registrar"
)

// service answers for the service itself.
type service struct {
	use      registrar.Health
	document map[string]any
}

func (h service) Health(ctx context.Context, _ wire.HealthRequestObject) (wire.HealthResponseObject, error) {
	if err := h.use.Ready(ctx); err != nil {
		return nil, &registrar.Unavailable{What: "service", Cause: err}
	}
	return wire.Health200JSONResponse{Status: "ok"}, nil
}

func (h service) Openapi(context.Context, wire.OpenapiRequestObject) (wire.OpenapiResponseObject, error) {
	return wire.Openapi200JSONResponse(h.document), nil
}
