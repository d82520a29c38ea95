package custody

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/evidence-custody/custodyd/evidence"
)

// DocumentType says what a founding document founds.
type DocumentType string

// Founding document types (FORMAT, IDS).
const (
	DocCase         DocumentType = "case"
	DocItem         DocumentType = "item"
	DocPerson       DocumentType = "person"
	DocGrant        DocumentType = "grant"
	DocOrganisation DocumentType = "organisation"
	DocLog          DocumentType = "log"
	DocManifest     DocumentType = "manifest" // of a segmented image, in sha256sum's format; see evidence.Manifest
)

// Founding is the document of a case, item, person or grant: what it is
// called and described as, with a salt so that it may be withheld. Its SHA-256
// is the id. Rules never depend on it.
type Founding struct {
	Document DocumentType      `json:"document"`
	Fields   map[string]string `json:"fields"`
	Salt     Salt              `json:"salt"`
}

// foundingFields are the names that each document may use; see
// the fields of a custody record in SPEC.md.
var foundingFields = map[DocumentType][]string{
	DocCase: {"title", "number", "fir", "agency", "court", "sections", "officer", "complainant", "accused", "confidentiality", "note"},
	DocItem: {"exhibit", "description", "type", "make", "model", "serial", "imei", "capacity", "quantity", "condition",
		"owner", "possessor", "packaging", "storeRegister", "fileName", "marks", "note"},
	DocPerson: {"name", "nameNative", "rank", "badge", "role", "unit", "address", "contact", "note"},
	DocGrant:  {"title", "authority", "purpose", "reference", "note"},
}

// FoundingFields returns the field names that a document of type t may use.
func FoundingFields(t DocumentType) []string { return slices.Clone(foundingFields[t]) }

// Encode returns the document's bytes and id.
func (f Founding) Encode() ([]byte, ID, error) {
	if err := f.check(); err != nil {
		return nil, ID{}, err
	}
	for name, v := range f.Fields {
		if err := CheckText(v); err != nil {
			return nil, ID{}, Refuse("document.text", name, "%s", err.Detail)
		}
	}
	b, err := marshal(f)
	if err != nil {
		return nil, ID{}, Refuse("document.form", "", "couldn't encode: %v", err)
	}
	if len(b) > MaxDetail {
		return nil, ID{}, Refuse("document.size", "", "has %d bytes; at most %d are allowed", len(b), MaxDetail)
	}
	return b, evidence.Sum(b), nil
}

func (f Founding) check() error {
	allowed, ok := foundingFields[f.Document]
	if !ok {
		return Refuse("document.type", "document", "%.40q is not case, item, person or grant", string(f.Document))
	}
	for name := range f.Fields {
		if !slices.Contains(allowed, name) {
			return Refuse("document.field", "fields", "a %s document has no field %.40q", f.Document, name)
		}
	}
	return nil
}

// ParseFounding reads a case, item, person or grant document strictly.
func ParseFounding(b []byte) (Founding, error) {
	if f, ok := parseShortFounding(b); ok {
		return f, f.check()
	}
	var f Founding
	if err := parseText(b, &f, "document"); err != nil {
		return Founding{}, err
	}
	if f.Fields == nil {
		return Founding{}, Refuse("document.form", "fields", "is missing")
	}
	return f, f.check()
}

// parseShortFounding reads a document whose texts need no escapes, as
// parseShortDetail does a detail.
func parseShortFounding(b []byte) (f Founding, ok bool) {
	if len(b) > MaxDetail || !utf8.Valid(b) {
		return Founding{}, false
	}
	document, rest, ok1 := cutPlain(b, `{"document":"`)
	rest, ok2 := bytes.CutPrefix(rest, []byte(`,"fields":{`))
	if !ok1 || !ok2 {
		return Founding{}, false
	}
	f.Document, f.Fields = DocumentType(document), map[string]string{}
	for last := ""; ; {
		if rest, ok = bytes.CutPrefix(rest, []byte(`}`)); ok {
			break
		}
		start := `"`
		if len(f.Fields) > 0 {
			start = `,"`
		}
		name, after, ok1 := cutPlain(rest, start)
		value, after, ok2 := cutPlain(after, `:"`)
		if !ok1 || !ok2 || len(f.Fields) > 0 && string(name) <= last {
			return Founding{}, false
		}
		last, rest = string(name), after
		f.Fields[last] = string(value)
	}
	salt, rest, ok := cutPlain(rest, `,"salt":"`)
	if !ok || string(rest) != "}" || f.Salt.UnmarshalText(salt) != nil {
		return Founding{}, false
	}
	return f, true
}

// CheckFounding reports whether a document that an event of this body
// introduces is of the type that belongs there, and in its form.
func CheckFounding(body Body, want DocumentType, b []byte) error {
	if want == DocManifest {
		m, err := evidence.ParseManifest(b)
		if err != nil {
			return Refuse("document.form", "documents", "%v", err)
		}
		if d, ok := body.(*Deposited); !ok || len(m) != len(d.Segments) {
			return Refuse("document.form", "documents", "a manifest of %d segments belongs to another deposit", len(m))
		}
		return nil
	}
	f, err := ParseFounding(b)
	if err != nil {
		return err
	}
	if f.Document != want {
		return Refuse("document.type", "documents", "a %s document stands where a %s document belongs", f.Document, want)
	}
	return nil
}

// OrgClass says what an organisation is.
type OrgClass string

// Organisation classes.
const (
	OrgAgency      OrgClass = "agency"
	OrgLaboratory  OrgClass = "laboratory"
	OrgCourt       OrgClass = "court"
	OrgProsecution OrgClass = "prosecution"
	OrgDefence     OrgClass = "defence"
	OrgOther       OrgClass = "other"
)

// OrgDocument is an organisation's public founding document. Its SHA-256 is
// the organisation's id, so nobody can add a root key to it.
type OrgDocument struct {
	Class        OrgClass     `json:"class"`
	ControlledBy []ID         `json:"controlledBy"` // organisations that own or control it; sorted
	Document     DocumentType `json:"document"`
	Name         string       `json:"name"`
	RootKeys     [][]byte     `json:"rootKeys"`  // SPKI DER, base64
	Threshold    uint64       `json:"threshold"` // root keys that must approve a change of root keys
}

// Encode returns the document's bytes and id.
func (o OrgDocument) Encode() ([]byte, ID, error) {
	if err := o.check(); err != nil {
		return nil, ID{}, err
	}
	b, err := marshal(o)
	if err != nil {
		return nil, ID{}, Refuse("document.form", "", "couldn't encode: %v", err)
	}
	return b, evidence.Sum(b), nil
}

// RootKey reports whether key is the id of one of the root keys.
func (o OrgDocument) RootKey(key ID) bool { return hasKey(o.RootKeys, key) }

func hasKey(spkis [][]byte, key ID) bool {
	return slices.ContainsFunc(spkis, func(spki []byte) bool { return evidence.Sum(spki) == key })
}

func (o OrgDocument) check() error {
	if o.Document != DocOrganisation {
		return Refuse("document.type", "document", "must be organisation")
	}
	if err := CheckText(o.Name); err != nil || o.Name == "" || len(o.Name) > 300 || strings.ContainsAny(o.Name, "\n\t") {
		return Refuse("document.text", "name", "an organisation has a name of one line and at most 300 bytes without control characters")
	}
	if n := len(o.RootKeys); n == 0 || n > 16 || o.Threshold == 0 || o.Threshold > uint64(n) {
		return Refuse("document.keys", "rootKeys", "1 to 16 root keys, and a threshold between 1 and their number")
	}
	if err := checkKeys("rootKeys", o.RootKeys); err != nil {
		return err
	}
	if !sortedUnique(o.ControlledBy) || len(o.ControlledBy) > 16 || o.ControlledBy == nil {
		return Refuse("document.form", "controlledBy", "must be a sorted, unique list of at most 16")
	}
	if !slices.Contains(orgClasses, o.Class) {
		return Refuse("document.enum", "class", "%.40q is not a class of organisation", string(o.Class))
	}
	return nil
}

var orgClasses = []OrgClass{OrgAgency, OrgLaboratory, OrgCourt, OrgProsecution, OrgDefence, OrgOther}

// maxSPKI bounds a listed P-256 key, in bytes of DER; it has 91.
const maxSPKI = 256

// checkKeys holds a list of SPKIs to what can be said without reading them.
func checkKeys(field string, spkis [][]byte) error {
	seen := map[ID]bool{}
	for _, k := range spkis {
		if len(k) == 0 || len(k) > maxSPKI || seen[evidence.Sum(k)] {
			return Refuse("document.keys", field, "a key is empty, too long or listed twice")
		}
		seen[evidence.Sum(k)] = true
	}
	return nil
}

// ParseOrgDocument reads an organisation document strictly.
func ParseOrgDocument(b []byte) (OrgDocument, error) {
	var o OrgDocument
	if err := parseText(b, &o, "document"); err != nil {
		return OrgDocument{}, err
	}
	return o, o.check()
}

// Mode says what a log's records are for.
type Mode string

// Modes.
const (
	ModeProduction Mode = "production"
	ModeTest       Mode = "test"
)

// LogKeyAlgorithm names a checkpoint signature algorithm.
type LogKeyAlgorithm string

// Checkpoint signature algorithms of C2SP signed-note and tlog-cosignature.
const (
	LogEd25519 LogKeyAlgorithm = "ed25519"
	LogMLDSA44 LogKeyAlgorithm = "ml-dsa-44"
)

// LogKey is a public key that signs the log's checkpoints.
type LogKey struct {
	Algorithm LogKeyAlgorithm `json:"algorithm"`
	Key       []byte          `json:"key"` // SPKI DER
}

// Succession points at the log that this one continues.
type Succession struct {
	Log  ID              `json:"log"`
	Root evidence.Digest `json:"root"`
	Size uint64          `json:"size"`
}

// LogDocument founds a log; its SHA-256 is the log's id (FORMAT, GENESIS).
type LogDocument struct {
	Document    DocumentType `json:"document"`
	Keys        []LogKey     `json:"keys"`
	Mode        Mode         `json:"mode"`
	Origin      string       `json:"origin"` // bare lower-case host name (FORMAT, ORIGIN)
	Salt        Salt         `json:"salt"`
	ServiceKeys [][]byte     `json:"serviceKeys"` // SPKI DER, base64
	Succeeds    *Succession  `json:"succeeds,omitempty"`
}

// Encode returns the document's bytes and id.
func (l LogDocument) Encode() ([]byte, ID, error) {
	if err := l.check(); err != nil {
		return nil, ID{}, err
	}
	b, err := marshal(l)
	if err != nil {
		return nil, ID{}, Refuse("document.form", "", "couldn't encode: %v", err)
	}
	return b, evidence.Sum(b), nil
}

// ServiceKey reports whether key is the id of one of the service's keys.
func (l LogDocument) ServiceKey(key ID) bool { return hasKey(l.ServiceKeys, key) }

func (l LogDocument) check() error {
	if l.Document != DocLog {
		return Refuse("document.type", "document", "must be log")
	}
	if !ValidOrigin(l.Origin) {
		return Refuse("document.origin", "origin", "%.80q is not a bare lower-case host name", l.Origin)
	}
	if len(l.Keys) == 0 || len(l.Keys) > 4 || len(l.ServiceKeys) == 0 || len(l.ServiceKeys) > 16 {
		return Refuse("document.keys", "keys", "a log has 1 to 4 log keys and 1 to 16 service keys")
	}
	for i, k := range l.Keys {
		twice := slices.ContainsFunc(l.Keys[:i], func(o LogKey) bool { return bytes.Equal(o.Key, k.Key) })
		if i == 0 && k.Algorithm != LogEd25519 || !algorithmName(k.Algorithm) || len(k.Key) == 0 || len(k.Key) > 4096 || twice {
			return Refuse("document.keys", "keys", "the first log key is ed25519; a key is not empty, over 4096 bytes or listed twice; an algorithm is named in a-z 0-9 -")
		}
	}
	if err := checkKeys("serviceKeys", l.ServiceKeys); err != nil {
		return err
	}
	if s := l.Succeeds; s != nil && (s.Log.IsZero() || s.Size == 0 || s.Size > MaxInteger) {
		return Refuse("document.form", "succeeds", "names a log and a size between 1 and 2^53-1")
	}
	if l.Mode != ModeProduction && l.Mode != ModeTest {
		return Refuse("document.enum", "mode", "%.40q is not production or test", string(l.Mode))
	}
	return nil
}

// algorithmName: an algorithm that this version does not know is let pass
// unused, under a name that cannot be read two ways.
func algorithmName(a LogKeyAlgorithm) bool {
	return len(a) > 0 && len(a) <= 32 && strings.Trim(string(a), "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// ParseLogDocument reads a log document strictly.
func ParseLogDocument(b []byte) (LogDocument, error) {
	var l LogDocument
	if err := parseText(b, &l, "document"); err != nil {
		return LogDocument{}, err
	}
	return l, l.check()
}

// ValidOrigin reports whether s is a bare lower-case host name with at least
// two labels, no port and not an IP address (FORMAT, ORIGIN).
func ValidOrigin(s string) bool {
	if len(s) == 0 || len(s) > 253 {
		return false
	}
	labels, start, numeric := 0, 0, true
	for i := 0; i <= len(s); i++ {
		if i < len(s) && s[i] != '.' {
			c := s[i]
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
				return false
			}
			continue
		}
		label := s[start:i]
		if len(label) == 0 || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		numeric = true
		for _, c := range label {
			numeric = numeric && c >= '0' && c <= '9'
		}
		labels, start = labels+1, i+1
	}
	last := s[strings.LastIndexByte(s, '.')+1:]
	// Browsers and resolvers read a last label of digits, or of hex digits after
	// 0x, as the end of an IPv4 address.
	return labels >= 2 && !numeric && !strings.HasPrefix(last, "0x")
}
