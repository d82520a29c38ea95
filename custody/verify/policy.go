package verify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/tlog"
)

// Policy is what a verifier trusts (FORMAT, TRUST). It comes from outside the
// dossier: made from what organisations published, after their fingerprints
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
}

// PolicyFormat is the version of the policy file.
const PolicyFormat = "custody-policy/v1"

// PolicyLog pins one log by the SHA-256 of its log document, which holds its
// keys.
type PolicyLog struct {
	ID     custody.ID `json:"id"`
	Origin string     `json:"origin"` // for people; the document decides
}

// PolicyOrg identifies one organisation by the SHA-256 of its document, which
// holds its root keys. Name is what the policy's owner calls it.
type PolicyOrg struct {
	ID   custody.ID `json:"id"`
	Name string     `json:"name"`
}

// PolicyWitness is a C2SP witness, by its note verifier key.
type PolicyWitness struct {
	Key string `json:"key"` // name+hash+base64 key, C2SP signed-note
}

// maxPolicy bounds a policy file, in bytes.
const maxPolicy = 4 << 20

// ParsePolicy reads a policy file. Unknown and duplicate members are refused;
// white space and member order are free, since people edit it.
func ParsePolicy(b []byte) (*Policy, error) {
	if len(b) > maxPolicy {
		return nil, fmt.Errorf("couldn't read policy: %d bytes, at most %d are allowed", len(b), maxPolicy)
	}
	if err := noDuplicates(b); err != nil {
		return nil, fmt.Errorf("couldn't read policy: %w", err)
	}
	var p Policy
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		return nil, fmt.Errorf("couldn't read policy: %w", err)
	}
	return &p, p.check()
}

func (p *Policy) check() error {
	switch {
	case p.Format != PolicyFormat:
		return fmt.Errorf("couldn't read policy: format is %.60q, not %q", p.Format, PolicyFormat)
	case len(p.Logs) == 0:
		return errors.New("couldn't read policy: it names no log")
	case len(p.Organisations) == 0:
		return errors.New("couldn't read policy: it names no organisation")
	case p.Quorum == nil:
		return errors.New(`couldn't read policy: "quorum" must be written out, also where it is 0`)
	case *p.Quorum < 0 || *p.Quorum > len(p.Witnesses):
		return fmt.Errorf("couldn't read policy: quorum %d of %d witnesses", *p.Quorum, len(p.Witnesses))
	}
	for _, w := range p.Witnesses {
		if _, err := tlog.NewWitnessVerifier(w.Key); err != nil {
			return fmt.Errorf("couldn't read policy: %w", err)
		}
	}
	for i, o := range p.Organisations {
		if slices.ContainsFunc(p.Organisations[:i], func(q PolicyOrg) bool { return q.ID == o.ID }) {
			return fmt.Errorf("couldn't read policy: organisation %s is listed twice", o.ID.Short())
		}
		if err := custody.CheckText(o.Name); err != nil || o.Name == "" {
			return fmt.Errorf("couldn't read policy: organisation %s has no name that can be shown", o.ID.Short())
		}
	}
	return nil
}

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

// policyMembers are all member names of a policy. encoding/json would also
// take "Quorum" for "quorum": a reader of the file would not.
var policyMembers = []string{"format", "logs", "organisations", "witnesses", "quorum", "id", "origin", "name", "key"}

// maxPolicyDepth is the nesting of a policy, with room.
const maxPolicyDepth = 8

// noDuplicates refuses an object with a member named twice, at any depth, and
// names in other letters than the policy's.
func noDuplicates(b []byte) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	if err := walkJSON(dec, maxPolicyDepth); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("bytes follow the value")
	}
	return nil
}

func walkJSON(dec *json.Decoder, depth int) error {
	tok, err := dec.Token()
	if err != nil {
		return err
	}
	open, ok := tok.(json.Delim)
	if !ok {
		return nil
	}
	if depth == 0 {
		return errors.New("nested too deep")
	}
	names := map[string]bool{}
	for dec.More() {
		if open == '{' {
			tok, err := dec.Token()
			if err != nil {
				return err
			}
			name, ok := tok.(string)
			if !ok || names[name] || !slices.Contains(policyMembers, name) {
				return fmt.Errorf("member %.60q is unknown or stands twice", fmt.Sprint(tok))
			}
			names[name] = true
		}
		if err := walkJSON(dec, depth-1); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}
