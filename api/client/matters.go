package client

import (
	"context"
	"net/http"

	"github.com/evidence-custody/custodyd/api/wire"
	"github.com/evidence-custody/custodyd/evidence"
)

// Cases are the cases the caller may see.
func (c *Client) Cases(ctx context.Context) ([]wire.Case, error) {
	return pages(func(cursor string) ([]wire.Case, string, error) {
		l, err := read[wire.CaseList](ctx, c, false, func() (*http.Request, error) {
			return wire.NewListCasesRequest(c.base, &wire.ListCasesParams{Cursor: given(cursor), Limit: given(pageSize)})
		})
		return l.Cases, l.Next, err
	})
}

// Case finds one.
func (c *Client) Case(ctx context.Context, id evidence.Digest) (wire.Case, error) {
	return read[wire.Case](ctx, c, false, func() (*http.Request, error) { return wire.NewGetCaseRequest(c.base, id.String()) })
}

// Items are the items the caller may see, of one case if ofCase isn't nil.
func (c *Client) Items(ctx context.Context, ofCase *evidence.Digest) ([]wire.Item, error) {
	params := wire.ListItemsParams{Limit: given(pageSize)}
	if ofCase != nil {
		params.Case = given(ofCase.String())
	}
	return pages(func(cursor string) ([]wire.Item, string, error) {
		params.Cursor = given(cursor)
		l, err := read[wire.ItemList](ctx, c, false, func() (*http.Request, error) { return wire.NewListItemsRequest(c.base, &params) })
		return l.Items, l.Next, err
	})
}

// Item finds one, with its chronology.
func (c *Client) Item(ctx context.Context, id evidence.Digest) (wire.Item, error) {
	return read[wire.Item](ctx, c, false, func() (*http.Request, error) { return wire.NewGetItemRequest(c.base, id.String()) })
}

// CaseDossier downloads the dossier of a case.
func (c *Client) CaseDossier(ctx context.Context, id evidence.Digest) (*Download, error) {
	return c.download(ctx, func() (*http.Request, error) { return wire.NewGetCaseDossierRequest(c.base, id.String()) })
}

// ItemDossier downloads the dossier of an item.
func (c *Client) ItemDossier(ctx context.Context, id evidence.Digest) (*Download, error) {
	return c.download(ctx, func() (*http.Request, error) { return wire.NewGetItemDossierRequest(c.base, id.String()) })
}

// IssueReport issues a custody report on a case, or on some items of it.
func (c *Client) IssueReport(ctx context.Context, ofCase evidence.Digest, items []evidence.Digest) (wire.Report, error) {
	body := wire.ReportRequest{Case: ofCase.String()}
	for _, id := range items {
		body.Items = append(body.Items, id.String())
	}
	once, err := onceKey()
	if err != nil {
		return wire.Report{}, err
	}
	var out wire.Report
	_, err = c.ask(ctx, call{again: true, build: func() (*http.Request, error) {
		return wire.NewIssueReportRequest(c.base, &wire.IssueReportParams{IdempotencyKey: &once}, body)
	}}, &out)
	return out, err
}

// ReportFile downloads one file of a report.
func (c *Client) ReportFile(ctx context.Context, report evidence.Digest, name string) (*Download, error) {
	return c.download(ctx, func() (*http.Request, error) { return wire.NewGetReportFileRequest(c.base, report.String(), name) })
}
