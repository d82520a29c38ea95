package custody

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// Encode returns the statement's one byte string: RFC 8785 form. It refuses
// what Decode would refuse, so nothing is ever signed that cannot be read.
func Encode(s *Statement) ([]byte, error) {
	b, err := marshal(s)
	if err != nil {
		return nil, Refuse("statement.form", "", "couldn't encode: %v", err)
	}
	if _, err := Decode(b); err != nil {
		return nil, err
	}
	return b, nil
}

// marshal writes v without HTML escaping and without a final newline.
func marshal(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return rawSeparators(bytes.TrimSuffix(buf.Bytes(), []byte("\n"))), nil
}

// rawSeparators undoes encoding/json's escapes of U+2028 and U+2029, the one
// point in which it differs from RFC 8785 for the values written here.
func rawSeparators(b []byte) []byte {
	if !bytes.Contains(b, []byte(`\u202`)) {
		return b
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] != '\\' || i+1 == len(b):
			out = append(out, b[i])
		case bytes.HasPrefix(b[i:], []byte(`\u2028`)), bytes.HasPrefix(b[i:], []byte(`\u2029`)):
			out = append(out, 0xe2, 0x80, 0xa0|(b[i+5]-'0'))
			i += 5
		default: // any other escape is two bytes as far as this loop is concerned
			out = append(out, b[i], b[i+1])
			i++
		}
	}
	return out
}

// Decode reads a payload strictly (FORMAT, PAYLOAD and PREDICATE). Every
// error is a *Refusal.
//
// The payload must be byte-equal to the encoding of what was read from it.
// That one comparison refuses duplicate, unknown-by-case and missing members,
// null, floats, escapes, white space and any other order: two readers can
// never read two different things.
func Decode(payload []byte) (*Statement, error) {
	if s, rule := decodeShort(payload); s != nil {
		if err := s.check(rule); err != nil {
			return nil, err
		}
		return s, nil
	}
	return decodeLong(payload)
}

// decodeShort reads a payload that is the one encoding of a statement of this
// version; nil where it is anything else, or need not be.
func decodeShort(payload []byte) (*Statement, *KindRule) {
	if len(payload) > MaxPayload {
		return nil, nil
	}
	st, in := new(Statement), scan{b: payload}
	if !in.whole(st) || st.PredicateType != PredicateType {
		return nil, nil
	}
	rule, ok := kinds[st.Predicate.Kind]
	if !ok {
		return nil, nil
	}
	st.Predicate.Body = rule.New()
	if !readCanonical(in.body, st.Predicate.Body) {
		return nil, nil
	}
	return st, rule
}

// decodeLong reads any payload, and says why it is refused.
func decodeLong(payload []byte) (*Statement, error) {
	if err := checkBytes(payload); err != nil {
		return nil, err
	}
	var raw struct {
		Type      string `json:"_type"`
		Predicate struct {
			Basis   []ID            `json:"basis"`
			Body    json.RawMessage `json:"body"`
			Chains  []Link          `json:"chains"`
			Details map[Field]ID    `json:"details"`
			Kind    Kind            `json:"kind"`
			Log     *ID             `json:"log"`
			Nonce   ID              `json:"nonce"`
			Seen    Seen            `json:"seen"`
			Signer  Signer          `json:"signer"`
			Times   Times           `json:"times"`
		} `json:"predicate"`
		PredicateType string    `json:"predicateType"`
		Subject       []Subject `json:"subject"`
	}
	if err := unmarshal(payload, &raw); err != nil {
		return nil, formRefusal("statement.form", "", err)
	}
	if raw.PredicateType != PredicateType {
		return nil, Refuse("statement.version", "predicateType", "%.120q is not a version this reader knows", raw.PredicateType)
	}
	rule, ok := kinds[raw.Predicate.Kind]
	if !ok {
		return nil, Refuse("statement.kind", "predicate.kind", "%.80q is not in the closed list of kinds", string(raw.Predicate.Kind))
	}
	body := rule.New()
	if err := unmarshal(raw.Predicate.Body, body); err != nil {
		return nil, formRefusal("statement.form", "predicate.body", err)
	}
	p := raw.Predicate
	s := &Statement{Type: raw.Type, PredicateType: raw.PredicateType, Subject: raw.Subject,
		Predicate: Predicate{Basis: p.Basis, Body: body, Chains: p.Chains, Details: p.Details, Kind: p.Kind,
			Log: p.Log, Nonce: p.Nonce, Seen: p.Seen, Signer: p.Signer, Times: p.Times}}
	again, err := marshal(s)
	if err != nil {
		return nil, formRefusal("statement.form", "", err)
	}
	if !bytes.Equal(again, payload) {
		return nil, Refuse("statement.not-canonical", "", "the payload is not byte-equal to its RFC 8785 form without unknown, duplicate, missing or null members (first difference at byte %d)", firstDifference(again, payload))
	}
	if err := s.check(rule); err != nil {
		return nil, err
	}
	return s, nil
}

func firstDifference(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// formRefusal keeps a Refusal from deeper down and words the rest.
func formRefusal(rule, field string, err error) *Refusal {
	var r *Refusal
	if errors.As(err, &r) {
		return r
	}
	return Refuse(rule, field, "%v", err)
}

// unmarshal decodes exactly one value with no unknown member.
func unmarshal(b []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if dec.InputOffset() != int64(len(b)) {
		return errors.New("bytes follow the value")
	}
	return nil
}

// checkBytes is what can be said before reading: size, printable ASCII, depth.
func checkBytes(b []byte) error {
	switch {
	case len(b) == 0:
		return Refuse("statement.form", "", "the payload is empty")
	case len(b) > MaxPayload:
		return Refuse("statement.size", "", "the payload has %d bytes; at most %d are allowed", len(b), MaxPayload)
	}
	for i, c := range b {
		if c < 0x20 || c > 0x7e {
			return Refuse("statement.ascii", "", "byte %d (0x%02x) is not printable ASCII", i, c)
		}
	}
	depth, inString := 0, false
	for i := 0; i < len(b); i++ {
		c := b[i]
		if inString {
			switch c {
			case '\\':
				i++ // the canonical comparison judges the escape itself
			case '"':
				inString = false
			}
			continue
		}
		switch c {
		case 'n':
			// Outside a string only null begins with n. It would survive the
			// round trip through a nil slice, so it is refused here.
			return Refuse("statement.null", "", "null at byte %d: an absent member is left out", i)
		case '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
			end := i
			for end < len(b) && b[end] >= '0' && b[end] <= '9' {
				end++
			}
			if n, err := strconv.ParseUint(string(b[i:end]), 10, 64); err != nil || n > MaxInteger {
				return Refuse("statement.integer", "", "the integer at byte %d is over 2^53-1", i)
			}
			i = end - 1
		case '"':
			inString = true
		case '{', '[':
			if depth++; depth > MaxDepth {
				return Refuse("statement.depth", "", "nested deeper than %d", MaxDepth)
			}
		case '}', ']':
			depth--
		}
	}
	return nil
}

// check holds the statement to what does not depend on any other event.
func (s *Statement) check(rule *KindRule) error {
	p := &s.Predicate
	if s.Type != StatementType {
		return Refuse("statement.type", "_type", "must be %q", StatementType)
	}
	if (p.Log == nil) != (p.Kind == KindGenesis) {
		return Refuse("statement.log", "predicate.log", "the log id is absent in log.genesis and in nothing else")
	}
	if b, ok := p.Body.(interface{ log() ID }); ok && b.log() != *p.Log {
		return Refuse("statement.log", "predicate.body.log", "must be the log that the event is for")
	}
	if p.Signer.Class != rule.Signer {
		return Refuse("signer.class", "predicate.signer.class", "%s is signed by a %s key, not %.20q", p.Kind, rule.Signer, string(p.Signer.Class))
	}
	if (p.Signer.Cert == nil) != rule.Uncertified {
		return Refuse("signer.cert", "predicate.signer.cert", "cert is absent only for the service, org.founded and key.requested")
	}
	if p.Nonce.IsZero() || p.Signer.Key.IsZero() {
		return Refuse("statement.form", "predicate.nonce", "nonce and signer.key are never zero")
	}
	if p.Seen.Size > MaxInteger {
		return Refuse("statement.integer", "predicate.seen.size", "integers end at 2^53-1")
	}
	if p.Times.Act.To != nil && p.Times.Act.To.t.Before(p.Times.Act.From.t) {
		return Refuse("statement.time", "predicate.times.act", "the act ends before it begins")
	}
	if !sortedUnique(p.Basis) || len(p.Basis) > MaxBasis {
		return Refuse("statement.basis", "predicate.basis", "must be sorted and unique, at most %d", MaxBasis)
	}
	if err := checkLinks(p.Chains); err != nil {
		return err
	}
	if err := checkDetails(p.Kind, p.Details); err != nil {
		return err
	}
	if err := p.Body.check(); err != nil {
		return err
	}
	if named := p.Body.subjects(); !namesExactly(s.Subject, named) {
		return Refuse("statement.subject", "subject", "must name exactly the %d artifacts and founding documents of a %s, sorted", len(SortedIDs(named...)), p.Kind)
	}
	return checkChainSet(p)
}

// namesExactly: these are the subjects of those ids.
func namesExactly(subjects []Subject, ids []ID) bool {
	if !sortedUnique(ids) {
		ids = SortedIDs(ids...)
	}
	return slices.EqualFunc(subjects, ids, func(s Subject, id ID) bool { return s.Digest.SHA256 == id })
}

func sortedUnique(ids []ID) bool {
	for i := 1; i < len(ids); i++ {
		if ids[i-1].Compare(ids[i]) >= 0 {
			return false
		}
	}
	return true
}

func checkLinks(links []Link) error {
	if len(links) == 0 || len(links) > MaxChains {
		return Refuse("chain.count", "predicate.chains", "an event advances between 1 and %d chains", MaxChains)
	}
	for i, l := range links {
		switch {
		case i > 0 && links[i-1].ID.Compare(l.ID) >= 0:
			return Refuse("chain.order", "predicate.chains", "must be sorted by id and unique")
		case (l.Seq == 0) != (l.Prev == nil):
			return Refuse("chain.link", "predicate.chains", "seq is 0 exactly where prev is absent")
		case l.Seq > MaxInteger:
			return Refuse("statement.integer", "predicate.chains", "integers end at 2^53-1")
		}
	}
	return nil
}

// checkChainSet holds the chains to those the kind advances.
func checkChainSet(p *Predicate) error {
	want := p.Body.chains(p.Signer.Key)
	if slices.EqualFunc(want, p.Chains, func(c Advance, l Link) bool { return c.ID == l.ID }) { // in the links' order, as most are
		for i, c := range want {
			if err := checkFounding(p.Kind, c, p.Chains[i]); err != nil {
				return err
			}
		}
		return nil
	}
	all := make([]ID, 0, len(want))
	for _, c := range want {
		all = append(all, c.ID)
	}
	sorted := SortedIDs(all...)
	if len(sorted) != len(p.Chains) {
		return Refuse("chain.set", "predicate.chains", "%s advances %d chains, not %d: %s", p.Kind, len(sorted), len(p.Chains), kinds[p.Kind].Chains)
	}
	for i, id := range sorted {
		if p.Chains[i].ID != id {
			return Refuse("chain.set", "predicate.chains", "%s advances: %s; chain %s is missing", p.Kind, kinds[p.Kind].Chains, id.Short())
		}
	}
	for _, c := range want {
		i := slices.IndexFunc(p.Chains, func(l Link) bool { return l.ID == c.ID })
		if err := checkFounding(p.Kind, c, p.Chains[i]); err != nil {
			return err
		}
	}
	return nil
}

// checkFounding: the event founds the chain where, and only where, its kind may.
func checkFounding(kind Kind, c Advance, l Link) error {
	if c.Founds && l.Seq != 0 {
		return Refuse("chain.founding", "predicate.chains", "%s founds its %s chain, so seq is 0 there", kind, c.Type)
	}
	if !c.Founds && !c.MayFound && l.Seq == 0 {
		return Refuse("chain.founding", "predicate.chains", "%s cannot found a %s chain", kind, c.Type)
	}
	return nil
}

// checkDetails: a field is from the kind's list.
func checkDetails(kind Kind, details map[Field]ID) error {
	for f := range details {
		if !kinds[kind].allows(f) {
			return Refuse("detail.field", "predicate.details", "%s has no field %.40q; it has: %s", kind, string(f), joinFields(kinds[kind].Details))
		}
	}
	return nil
}

func joinFields(fs []Field) string {
	names := make([]string, len(fs))
	for i, f := range fs {
		names[i] = string(f)
	}
	return strings.Join(names, ", ")
}
