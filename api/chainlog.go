package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/evidence-custody/custodyd/api/wire"
	"github.com/evidence-custody/custodyd/custody/registrar"
)

// chainLog answers for the public face of the log.
type chainLog struct{ use registrar.Log }

func (h chainLog) GetLog(ctx context.Context, _ wire.GetLogRequestObject) (wire.GetLogResponseObject, error) {
	l, err := h.use.LogDocument(ctx)
	if err != nil {
		return nil, fmt.Errorf("couldn't find the log's document: %w", err)
	}
	return wire.GetLog200JSONResponse(logDocument(l)), nil
}

func (h chainLog) GetCheckpoint(ctx context.Context, r wire.GetCheckpointRequestObject) (wire.GetCheckpointResponseObject, error) {
	var note []byte
	var err error
	if index := r.Params.Includes; index != nil {
		note, err = h.use.CheckpointOver(ctx, uint64(*index))
	} else {
		note, err = h.use.Checkpoint(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't find the checkpoint: %w", err)
	}
	return noteText(note), nil
}

// noteText is a signed note, whose bytes are UTF-8 beyond ASCII.
type noteText []byte

func (n noteText) VisitGetCheckpointResponse(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(n)))
	w.WriteHeader(http.StatusOK)
	_, err := io.WriteString(w, string(n))
	return err
}

func (h chainLog) GetInclusion(ctx context.Context, r wire.GetInclusionRequestObject) (wire.GetInclusionResponseObject, error) {
	p, err := h.use.Inclusion(ctx, uint64(r.Params.Index), uint64(r.Params.Size))
	if err != nil {
		return nil, fmt.Errorf("couldn't prove inclusion: %w", err)
	}
	return wire.GetInclusion200JSONResponse{LeafHash: hexOf(p.LeafHash), Inclusion: each(p.Path, hexOf)}, nil
}

func (h chainLog) GetConsistency(ctx context.Context, r wire.GetConsistencyRequestObject) (wire.GetConsistencyResponseObject, error) {
	p, err := h.use.Consistency(ctx, uint64(r.Params.From), uint64(r.Params.To))
	if err != nil {
		return nil, fmt.Errorf("couldn't prove consistency: %w", err)
	}
	return wire.GetConsistency200JSONResponse{Consistency: each(p, hexOf)}, nil
}

func (h chainLog) GetTrust(ctx context.Context, _ wire.GetTrustRequestObject) (wire.GetTrustResponseObject, error) {
	t, err := h.use.Trust(ctx)
	if err != nil {
		return nil, fmt.Errorf("couldn't list what organisations published: %w", err)
	}
	return wire.GetTrust200JSONResponse{Log: logDocument(t.Log), Organisations: each(t.Organisations, published)}, nil
}
