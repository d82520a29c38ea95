package api

import (
	"context"
	"fmt"

	"github.com/evidence-custody/custodyd/api/wire"
	"github.com/evidence-custody/custodyd/custody/registrar"
	"github.com/evidence-custody/custodyd/evidence"
)

// reports answers for custody reports.
type reports struct{ use registrar.Reports }

func (h reports) IssueReport(ctx context.Context, r wire.IssueReportRequestObject) (wire.IssueReportResponseObject, error) {
	ofCase, err := digest("case", r.Body.Case)
	if err != nil {
		return nil, err
	}
	items := make([]evidence.Digest, 0, len(r.Body.Items))
	for i, text := range r.Body.Items {
		id, err := digest(fmt.Sprintf("items[%d]", i), text)
		if err != nil {
			return nil, err
		}
		items = append(items, id)
	}
	got, err := h.use.IssueReport(ctx, callerOf(ctx), registrar.ReportRequest{Case: ofCase, Items: items,
		Once: registrar.IdempotencyKey(given(r.Params.IdempotencyKey))})
	if err != nil {
		return nil, fmt.Errorf("couldn't issue a report: %w", err)
	}
	return wire.IssueReport201JSONResponse{Id: hexOf(got.ID), Receipt: receipt(got.Receipt),
		Files: each(got.Files, func(f registrar.ReportFile) wire.ReportFile {
			return wire.ReportFile{Name: f.Name, Sha256: hexOf(f.SHA256), Size: f.Size}
		})}, nil
}

func (h reports) GetReportFile(ctx context.Context, r wire.GetReportFileRequestObject) (wire.GetReportFileResponseObject, error) {
	id, err := digest("reportId", r.ReportId)
	if err != nil {
		return nil, err
	}
	f, err := h.use.ReportFile(ctx, callerOf(ctx), id, r.File)
	if err != nil {
		return nil, fmt.Errorf("couldn't find a file of a report: %w", err)
	}
	return fileAnswer{f}, nil
}
