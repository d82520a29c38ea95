package verify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/evidence-custody/custodyd/custody"
)

// Policy is what a verifier trusts (SPEC, Trust policy). It comes from outside
// the dossier: made from what organisations published, after their fingerprints
// were compared with the organisations themselves. Nothing in a dossier or a
// log can add to it.
type Policy struct {
	Format        string          `json:"format"` // PolicyFormat
	Logs          []PolicyLog     `json:"logs"`
	Organisations []PolicyOrg     `json:"organisations"`
	Witnesses     []PolicyWitness `json:"witnesses,omitempty"`
	// Quorum is how many of the witnesses must have cosigned the dossier's
	// checkpoint. It must be written out, also where it is 0: then the verdict
	// carries the limitation "unwitnessed".
	Quorum *int `json:"quorum"`
	// TimestampAuthorities are believed about time, and nobody else is.
	TimestampAuthorities []PolicyAuthority `json:"timestampAuthorities,omitempty"`
	// Algorithms are those that are no longer believed by themselves.
	Algorithms []PolicyAlgorithm `json:"algorithms,omitempty"`
}

// PolicyFormat is the version of the policy file.
const PolicyFormat = "custody-policy/v1"

// PolicyLog pins one log by the SHA-256 of its log document, which holds its
// keys.
type PolicyLog struct {
	ID     custody.ID `json:"id"`
	Origin string     `json:"origin"` // for people; the document decides
	// Recoveries are the log.recovered events (by event id) that the policy's
	// owner knows of and accepts; sorted.
	Recoveries []custody.ID `json:"recoveries,omitempty"`
}

// PolicyOrg identifies one organisation by the SHA-256 of its document, which
// holds its root keys. Name is what the policy's owner calls it.
type PolicyOrg struct {
	ID   custody.ID `json:"id"`
	Name string     `json:"name"`
	// OldestStatus is the oldest org.status (by its times.signed) that is good
	// enough; nil where none is asked for.
	OldestStatus *custody.Time `json:"oldestStatus,omitempty"`
}

// PolicyWitness is a C2SP witness, by its note verifier key.
type PolicyWitness struct {
	Key string `json:"key"` // name+hash+base64 key, C2SP signed-note
}

// PolicyAuthority is a time-stamping authority (RFC 3161). Every certificate is
// an anchor: the authority's own, or one above it.
type PolicyAuthority struct {
	Name         string   `json:"name"`         // what the policy's owner calls it
	Certificates [][]byte `json:"certificates"` // X.509, DER
}

// PolicyAlgorithm says until when signatures of an algorithm count by
// themselves. After that date only those count that a checked timestamp shows
// to have existed by then. No clock is asked: whoever writes the entry says
// that the date has come.
type PolicyAlgorithm struct {
	Algorithm Algorithm    `json:"algorithm"`
	Until     custody.Time `json:"until"`
}

// Algorithm names a signature algorithm of the format.
type Algorithm string

// Algorithms.
const (
	AlgorithmP256    Algorithm = "ecdsa-p256-sha256" // of events
	AlgorithmEd25519 Algorithm = "ed25519"           // of checkpoints
)

// Encode returns the policy as an indented file.
func (p *Policy) Encode() ([]byte, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(p); err != nil {
		return nil, fmt.Errorf("couldn't encode policy: %w", err)
	}
	return buf.Bytes(), nil
}

// trustsLog reports whether the log is pinned. A nil policy trusts nothing.
func (p *Policy) trustsLog(id custody.ID) bool {
	return p != nil && slices.ContainsFunc(p.Logs, func(l PolicyLog) bool { return l.ID == id })
}

// Organisation returns the name that the policy gives an organisation.
func (p *Policy) Organisation(id custody.ID) (name string, ok bool) {
	if p == nil {
		return "", false
	}
	i := slices.IndexFunc(p.Organisations, func(o PolicyOrg) bool { return o.ID == id })
	if i < 0 {
		return "", false
	}
	return p.Organisations[i].Name, true
}
