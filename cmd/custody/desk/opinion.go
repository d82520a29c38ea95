package desk

import (
	"context"
	"fmt"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/standing"
	"github.com/evidence-custody/custodyd/evidence"
)

// Filing is an expert's conclusion; its words are the detail opinion.
type Filing struct {
	Case    evidence.Digest
	Items   []evidence.Digest
	Telling Telling
}

// Filed is an opinion that was filed.
type Filed struct {
	Recorded
	Capacity custody.Capacity `json:"capacity"`
}

// FileOpinion signs an opinion. In which capacity is not for the signer to
// choose: in-house where the organisation is the case's agency or controlled by
// it, by what the organisations' documents say, else section 40.
func (d *Desk) FileOpinion(ctx context.Context, in Filing) (Filed, error) {
	var capacity custody.Capacity
	r, err := d.perform(ctx, func() (act, error) {
		verified, err := d.VerifyItems(ctx, in.Items...)
		if err != nil {
			return act{}, err
		}
		var basis []evidence.Digest
		for _, item := range in.Items {
			leaf, _, err := d.standing(verified, item)
			if err != nil {
				return act{}, err
			}
			basis = append(basis, leaf)
		}
		if capacity, err = d.capacity(ctx, verified); err != nil {
			return act{}, err
		}
		return act{body: &custody.Opinion{Capacity: capacity, Case: in.Case, Items: custody.SortedIDs(in.Items...)},
			basis: basis, telling: in.Telling, verified: verified}, nil
	})
	return Filed{Recorded: r, Capacity: capacity}, err
}

func (d *Desk) capacity(ctx context.Context, v *Dossier) (custody.Capacity, error) {
	state := v.Readings[0].CaseState
	if state == nil {
		return "", fmt.Errorf("couldn't tell the case's agency from the dossier: %w", ErrNotChecked)
	}
	published, err := d.Service.Published(ctx)
	if err != nil {
		return "", fmt.Errorf("couldn't get the organisations' documents: %w", err)
	}
	documents := map[evidence.Digest]*custody.OrgDocument{}
	for _, b := range published.Organisations {
		doc, err := custody.ParseOrgDocument(b)
		if err != nil {
			continue // an owner without a readable document counts as control
		}
		documents[evidence.Sum(b)] = &doc
	}
	controlled, err := standing.Controlled(d.Key.Organisation, state.Agency,
		func(id custody.ID) (*custody.OrgDocument, error) { return documents[id], nil })
	if err != nil {
		return "", fmt.Errorf("couldn't tell who controls the organisation: %w", err)
	}
	if controlled {
		return custody.InHouse, nil
	}
	return custody.Section40, nil
}

// Correcting replaces details of an earlier event of the desk's organisation.
type Correcting struct {
	Case     evidence.Digest
	Corrects evidence.Digest // leaf hash, or event id, of the event corrected
	Telling  Telling         // Details are the new words
}

// Correct signs a correction; the old words stay visible beside the new.
func (d *Desk) Correct(ctx context.Context, in Correcting) (Recorded, error) {
	return d.perform(ctx, func() (act, error) {
		verified, err := d.VerifyCase(ctx, in.Case)
		if err != nil {
			return act{}, err
		}
		leaf, ok := verified.leaf(in.Corrects)
		if !ok {
			return act{}, fmt.Errorf("couldn't find event %s in the case's dossier: %w", in.Corrects.Short(), ErrUnknown)
		}
		return act{body: &custody.Correction{Case: in.Case, Corrects: leaf}, basis: []evidence.Digest{leaf},
			telling: in.Telling, verified: verified}, nil
	})
}

// leaf finds an event by leaf hash or event id.
func (v *Dossier) leaf(id evidence.Digest) (evidence.Digest, bool) {
	for _, r := range v.Readings {
		for _, e := range r.Events {
			if e.Leaf == id || e.ID == id {
				return e.Leaf, true
			}
		}
	}
	return evidence.Digest{}, false
}

// Issued is a custody report with its files, whose digests were compared with
// what the service recorded.
type Issued struct {
	ID       evidence.Digest            `json:"report"`
	Recorded Recorded                   `json:"recorded"`
	Digests  map[string]evidence.Digest `json:"files"`
	Files    map[string][]byte          `json:"-"`
}

// RequestReport lets the service issue a report on a case, or some of its
// items, and fetches it.
func (d *Desk) RequestReport(ctx context.Context, ofCase evidence.Digest, items []evidence.Digest) (Issued, error) {
	head, err := d.Checkpoint(ctx)
	if err != nil {
		return Issued{}, err
	}
	report, err := d.Service.IssueReport(ctx, ofCase, items)
	if err != nil {
		return Issued{}, fmt.Errorf("couldn't get a report: %w", err)
	}
	recorded, err := d.reportReceipt(ctx, report, asked{ofCase: ofCase, items: items, whom: d.Identity(), after: head.Size})
	if err != nil {
		return Issued{}, err
	}
	out := Issued{ID: report.ID, Recorded: recorded, Files: map[string][]byte{}, Digests: map[string]evidence.Digest{}}
	for name, f := range report.Files {
		b, err := d.Service.ReportFile(ctx, report.ID, name)
		if err != nil {
			return Issued{}, fmt.Errorf("couldn't get %s: %w", name, err)
		}
		if evidence.Sum(b) != f.SHA256 {
			return Issued{}, fmt.Errorf("%s is not the file whose SHA-256 the service stated: %w", name, ErrEvidence)
		}
		out.Files[name], out.Digests[name] = b, f.SHA256
	}
	return out, nil
}
