package verify

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/tlog"
)

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
	return errors.Join(p.checkParties(), p.checkTime())
}

// checkParties: everybody named once, by a name that can be shown.
func (p *Policy) checkParties() error {
	for i, l := range p.Logs {
		if slices.ContainsFunc(p.Logs[:i], func(q PolicyLog) bool { return q.ID == l.ID }) {
			return fmt.Errorf("couldn't read policy: log %s is listed twice", l.ID.Short())
		}
		if !slices.IsSortedFunc(l.Recoveries, func(a, b custody.ID) int { return cmp.Or(a.Compare(b), -1) }) {
			return fmt.Errorf("couldn't read policy: the recoveries of log %s are not sorted, or one stands twice", l.ID.Short())
		}
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

// maxCertificates bounds the certificates of one authority.
const maxCertificates = 16

func (p *Policy) checkTime() error {
	for i, a := range p.TimestampAuthorities {
		if slices.ContainsFunc(p.TimestampAuthorities[:i], func(b PolicyAuthority) bool { return a.Name == b.Name }) {
			return fmt.Errorf("couldn't read policy: time-stamping authority %.60q is listed twice", a.Name)
		}
		if err := custody.CheckText(a.Name); err != nil || a.Name == "" {
			return errors.New("couldn't read policy: a time-stamping authority has no name that can be shown")
		}
		if n := len(a.Certificates); n == 0 || n > maxCertificates {
			return fmt.Errorf("couldn't read policy: time-stamping authority %.60q has %d certificates, not 1 to %d", a.Name, n, maxCertificates)
		}
		for _, raw := range a.Certificates {
			if _, err := x509.ParseCertificate(raw); err != nil {
				return fmt.Errorf("couldn't read policy: a certificate of time-stamping authority %.60q: %w", a.Name, err)
			}
		}
	}
	for i, a := range p.Algorithms {
		switch {
		case a.Algorithm != AlgorithmP256 && a.Algorithm != AlgorithmEd25519:
			return fmt.Errorf("couldn't read policy: algorithm %.40q is not %s or %s", string(a.Algorithm), AlgorithmP256, AlgorithmEd25519)
		case a.Until.IsZero():
			return fmt.Errorf("couldn't read policy: algorithm %s has no date", a.Algorithm)
		case slices.ContainsFunc(p.Algorithms[:i], func(b PolicyAlgorithm) bool { return a.Algorithm == b.Algorithm }):
			return fmt.Errorf("couldn't read policy: algorithm %s is listed twice", a.Algorithm)
		}
	}
	return nil
}

// policyMembers are all member names of a policy. encoding/json would also
// take "Quorum" for "quorum": a reader of the file would not.
var policyMembers = []string{"format", "logs", "organisations", "witnesses", "quorum", "timestampAuthorities", "algorithms",
	"id", "origin", "recoveries", "name", "oldestStatus", "key", "certificates", "algorithm", "until"}

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
	if tok == nil {
		return errors.New("null has no place in it")
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
