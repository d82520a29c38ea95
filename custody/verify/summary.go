package verify

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
)

// SummaryFormat is the version of a result's JSON form.
const SummaryFormat = "custody-verification/v1"

// Summary is a result as JSON tells it. The same dossiers, policy and files
// give the same bytes.
type Summary struct {
	Format   string           `json:"format"` // SummaryFormat
	Verdict  Verdict          `json:"verdict"`
	Exit     int              `json:"exit"`
	Findings []Finding        `json:"findings"`
	Dossiers []DossierSummary `json:"dossiers"` // those that could be decoded, in the order given
}

// DossierSummary is what one dossier shows.
type DossierSummary struct {
	Log           custody.ID      `json:"log"`
	Origin        string          `json:"origin,omitempty"` // absent where the log document cannot be read
	Size          uint64          `json:"size"`             // leaves at the checkpoint
	Root          evidence.Digest `json:"root"`
	Case          custody.ID      `json:"case"`
	Agency        *custody.ID     `json:"agency,omitempty"`
	Events        int             `json:"events"`   // in the dossier
	Admitted      int             `json:"admitted"` // held and broke no rule
	Organisations []OrgSummary    `json:"organisations"`
	Items         []ItemSummary   `json:"items"`
}

// OrgSummary is an organisation, and whether the policy names it.
type OrgSummary struct {
	ID         custody.ID `json:"id"`
	Name       string     `json:"name"`
	Identified bool       `json:"identified"`
	// Status is the newest org.status shown.
	Status *StatusSummary `json:"status,omitempty"`
}

// StatusSummary is an organisation's list of its revoked keys.
type StatusSummary struct {
	Event   uint64       `json:"event"`   // log index
	Revoked int          `json:"revoked"` // keys listed
	Signed  custody.Time `json:"signed"`  // as its signer claims
	Size    uint64       `json:"size"`    // leaves of the checkpoint that the signer saw: what came later it does not speak of
}

// ConfirmedSummary is a custodian's newest signed statement of an item's head.
type ConfirmedSummary struct {
	By    custody.Party `json:"by"`
	Event uint64        `json:"event"` // log index
	Seq   uint64        `json:"seq"`   // complete to this place of the item's chain, according to them
}

// ItemSummary is an item in scope at the end of the dossier.
type ItemSummary struct {
	ID       custody.ID        `json:"id"`
	Class    custody.ItemClass `json:"class"`
	Phase    custody.Phase     `json:"phase"`
	Holder   custody.Party     `json:"holder"`
	Seq      uint64            `json:"seq"` // of the item's chain
	Head     custody.ID        `json:"head"`
	Artifact *custody.Artifact `json:"artifact,omitempty"`
	Bytes    BytesCheck        `json:"bytes,omitempty"` // class digital only

	Confirmed *ConfirmedSummary `json:"confirmed,omitempty"`
}

// Summary returns the result's JSON form.
func (r *Result) Summary() Summary {
	s := Summary{Format: SummaryFormat, Verdict: r.Verdict, Exit: r.Verdict.ExitCode(), Findings: r.Findings, Dossiers: []DossierSummary{}}
	if s.Findings == nil {
		s.Findings = []Finding{}
	}
	for _, reading := range r.Readings {
		s.Dossiers = append(s.Dossiers, reading.summary())
	}
	return s
}

func (r *Reading) summary() DossierSummary {
	d := DossierSummary{Log: r.LogID, Origin: r.Log.Origin, Size: r.Checkpoint.Size, Root: r.Checkpoint.Root, Case: r.Case,
		Events: r.Shown, Admitted: len(r.Events), Organisations: []OrgSummary{}, Items: []ItemSummary{}}
	if r.CaseState != nil {
		d.Agency = &r.CaseState.Agency
	}
	for _, id := range slices.SortedFunc(maps.Keys(r.Orgs), custody.ID.Compare) {
		o := OrgSummary{ID: id, Name: r.Orgs[id].Name, Identified: r.Orgs[id].Identified}
		if s := r.Orgs[id].Status; s != nil {
			o.Status = &StatusSummary{Event: s.Event.Index, Revoked: s.Revoked, Signed: s.Event.Statement.Predicate.Times.Signed, Size: s.Size}
		}
		d.Organisations = append(d.Organisations, o)
	}
	for _, it := range r.Items {
		i := ItemSummary{ID: it.ID, Class: it.State.Class, Phase: it.State.Phase, Holder: it.State.Holder,
			Seq: r.Heads[it.ID].Seq, Head: r.Heads[it.ID].Leaf, Artifact: it.State.Artifact}
		if i.Artifact != nil {
			i.Bytes = it.Bytes
		}
		if c := it.Confirmed; c != nil {
			i.Confirmed = &ConfirmedSummary{By: c.Event.Signer, Event: c.Event.Index, Seq: c.Seq}
		}
		d.Items = append(d.Items, i)
	}
	founded := map[custody.ID]uint64{}
	for _, e := range r.Events {
		for _, a := range e.Statement.Predicate.Advances() {
			if a.Founds {
				founded[a.ID] = e.Index
			}
		}
	}
	slices.SortFunc(d.Items, func(a, b ItemSummary) int { return cmp.Compare(founded[a.ID], founded[b.ID]) })
	return d
}

// Encode returns the summary's bytes: indented, members in this order.
func (s Summary) Encode() ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(s); err != nil {
		return nil, fmt.Errorf("couldn't encode the result: %w", err)
	}
	return buf.Bytes(), nil
}
