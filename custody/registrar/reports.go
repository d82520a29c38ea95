package registrar

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/report"
	"github.com/evidence-custody/custodyd/custody/report/pdf"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/evidence"
)

// IssueReport implements Reports. It gathers the dossier that the asker would
// be given, runs the verifier that a laboratory runs, under the operator's
// configured policy or none, and renders what that found: the report cannot
// claim more than `custody verify` reproduces.
func (r *Registrar) IssueReport(ctx context.Context, c Caller, req ReportRequest) (Report, error) {
	report, _, err := once(ctx, r, c, req.Once, []any{"report", req}, func() (Report, error) { return r.issueReport(ctx, c, req) })
	return report, err
}

func (r *Registrar) issueReport(ctx context.Context, c Caller, req ReportRequest) (Report, error) {
	s, err := r.sightOf(ctx, c, req.Case)
	if err != nil {
		return Report{}, err
	}
	if !s.any() {
		return Report{}, &NotFound{What: "case"}
	}
	chains, err := r.itemChains(ctx, req.Case, s)
	if err != nil {
		return Report{}, err
	}
	if len(req.Items) > 0 {
		if chains, err = only(chains, req.Items); err != nil {
			return Report{}, err
		}
	}
	v := r.viewFor(c, s, req.Case, chains)
	v.also = []custody.Party{{Org: c.Org, Person: c.Person}}
	d, err := r.gather(ctx, v)
	if err != nil {
		return Report{}, err
	}
	number, err := r.reportNumber()
	if err != nil {
		return Report{}, err
	}
	files, head, err := r.render(ctx, c, d, number)
	if err != nil {
		return Report{}, err
	}
	return r.recordReport(ctx, c, req, files, head)
}

func only(chains []*docket.Chain, items []custody.ID) ([]*docket.Chain, error) {
	var out []*docket.Chain
	for _, id := range custody.SortedIDs(items...) {
		i := slices.IndexFunc(chains, func(ch *docket.Chain) bool { return ch.ID == id })
		if i < 0 {
			return nil, &NotFound{What: "item"}
		}
		out = append(out, chains[i])
	}
	return out, nil
}

// reportNumber is unique without a counter: the date and 40 random bits.
func (r *Registrar) reportNumber() (string, error) {
	id, err := r.randomID()
	return fmt.Sprintf("CR-%s-%s", r.now().UTC().Format("20060102"), hex.EncodeToString(id[:5])), err
}

// render verifies the dossier and renders what was found.
func (r *Registrar) render(ctx context.Context, c Caller, d *dossier.Dossier, number string) ([]docket.ReportFile, custody.Seen, error) {
	policy, raw, err := r.policy()
	if err != nil {
		return nil, custody.Seen{}, fmt.Errorf("couldn't read the trust policy for reports: %w", err)
	}
	// Read back from its bytes, as everybody else has to read it.
	b, err := d.Encode()
	if err != nil {
		return nil, custody.Seen{}, err
	}
	read, malformed, err := verify.Read(bytes.NewReader(b), int64(len(b)), dossier.DefaultLimits)
	switch {
	case err != nil:
		return nil, custody.Seen{}, err
	case malformed != nil:
		return nil, custody.Seen{}, fmt.Errorf("couldn't read the dossier that was made: %s", malformed.Findings[0])
	}
	result, err := verify.Dossiers(ctx, policy, []*dossier.Dossier{read})
	if err != nil {
		return nil, custody.Seen{}, err
	}
	reading := result.Readings[0]
	logs, err := r.acquisitionLogs(ctx, c, reading)
	if err != nil {
		return nil, custody.Seen{}, err
	}
	doc, err := report.Compose(result, reading, report.Request{Number: number, GeneratedAt: r.now(), Zone: report.Zone{OffsetMinutes: r.o.ZoneMinutes},
		For: custody.Party{Org: c.Org, Person: c.Person}, Policy: policy, PolicyBytes: raw, FromFile: true, Logs: logs})
	if err != nil {
		return nil, custody.Seen{}, err
	}
	js, err := report.JSON(doc)
	if err != nil {
		return nil, custody.Seen{}, err
	}
	var page bytes.Buffer
	if err := pdf.Render(&page, doc); err != nil {
		return nil, custody.Seen{}, err
	}
	files := []docket.ReportFile{{Name: "report.json", SHA256: evidence.Sum(js), Bytes: js}, {Name: "report.pdf", SHA256: evidence.Sum(page.Bytes()), Bytes: page.Bytes()}}
	return files, custody.Seen{Size: reading.Checkpoint.Size, Root: reading.Checkpoint.Root}, nil
}

func (r *Registrar) recordReport(ctx context.Context, c Caller, req ReportRequest, files []docket.ReportFile, over custody.Seen) (Report, error) {
	who := custody.Party{Org: c.Org, Person: c.Person}
	body := &custody.ReportIssued{Case: req.Case, Files: custody.ReportFiles{JSON: files[0].SHA256, PDF: files[1].SHA256}, For: who, Items: custody.SortedIDs(req.Items...), Over: over}
	receipt, err := r.ledger.Observe(ctx, docket.Act{Body: body}, docket.Effects{Report: &docket.Report{Case: req.Case, For: who, Made: r.now(), Files: files}})
	if err != nil {
		return Report{}, fault("ledger", err)
	}
	receipts, err := r.witnessed(ctx, true, receipt)
	if err != nil {
		return Report{}, err
	}
	out := Report{ID: receipt.EventID, Receipt: receipts[0]}
	for _, f := range files {
		out.Files = append(out.Files, ReportFile{Name: f.Name, SHA256: f.SHA256, Size: int64(len(f.Bytes))})
	}
	return out, nil
}

// ReportFile implements Reports.
func (r *Registrar) ReportFile(ctx context.Context, c Caller, id evidence.Digest, name string) (File, error) {
	rep, err := r.ledger.Report(ctx, id)
	if err != nil {
		return File{}, found("report", err)
	}
	s, err := r.sightOf(ctx, c, rep.Case)
	if err != nil {
		return File{}, err
	}
	// A report may show more than another reader of the case may see.
	if !s.whole && (rep.For.Org != c.Org || rep.For.Person != c.Person) {
		return File{}, &NotFound{What: "report"}
	}
	types := map[string]string{"report.pdf": "application/pdf", "report.json": "application/json"}
	if types[name] == "" {
		return File{}, &NotFound{What: "report file"}
	}
	f, err := r.ledger.ReportFile(ctx, id, name)
	if err != nil {
		return File{}, found("report file", err)
	}
	return fileOf(name, types[name], f.Bytes), nil
}
