package custody

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/evidence-custody/custodyd/evidence"
)

// Field names one detail: a personal or free-text statement of an event. The
// list is closed; KindRule.Details says which kind may tell which.
type Field string

// Fields (the vocabulary of a custody record).
const (
	FieldNote            Field = "note"
	FieldPlace           Field = "place"
	FieldMethod          Field = "method"
	FieldPurpose         Field = "purpose"
	FieldCondition       Field = "condition"
	FieldAuthority       Field = "authority"
	FieldPossessor       Field = "possessor"
	FieldStoreRegister   Field = "storeRegister"
	FieldRoadCertificate Field = "roadCertificate"
	FieldFileName        Field = "fileName"
	FieldExaminer        Field = "examiner"
	FieldTool            Field = "tool"
	FieldWriteBlocker    Field = "writeBlocker"
	FieldSource          Field = "source"
	FieldErrors          Field = "errors"
	FieldOpinion         Field = "opinion"
	FieldQualification   Field = "qualification"

	// What an imager wrote into an image (image.read).
	FieldCaseNumber     Field = "caseNumber"
	FieldEvidenceNumber Field = "evidenceNumber"
	FieldDescription    Field = "description"
	FieldSystem         Field = "system"   // operating system of the acquiring machine
	FieldMedium         Field = "medium"   // its model, serial number and label
	FieldAcquired       Field = "acquired" // a date as written
	FieldWritten        Field = "written"  // the acquiring machine's clock, as written
)

var allFields = []Field{FieldNote, FieldPlace, FieldMethod, FieldPurpose, FieldCondition, FieldAuthority,
	FieldPossessor, FieldStoreRegister, FieldRoadCertificate, FieldFileName, FieldExaminer, FieldTool,
	FieldWriteBlocker, FieldSource, FieldErrors, FieldOpinion, FieldQualification,
	FieldCaseNumber, FieldEvidenceNumber, FieldDescription, FieldSystem, FieldMedium, FieldAcquired, FieldWritten}

// Fields returns the closed list.
func Fields() []Field { return append([]Field(nil), allFields...) }

// MaxDetail bounds one detail file and one founding document, in bytes.
const MaxDetail = 64 << 10

// Salt is 32 random bytes, written base64url without padding. It keeps a
// withheld value from being guessed from its digest.
type Salt [32]byte

// MarshalText implements encoding.TextMarshaler.
func (s Salt) MarshalText() ([]byte, error) {
	return []byte(base64.RawURLEncoding.EncodeToString(s[:])), nil
}

// UnmarshalText implements encoding.TextUnmarshaler, strictly.
func (s *Salt) UnmarshalText(b []byte) error {
	var raw [len(s)]byte
	n := 0
	err := error(base64.CorruptInputError(0))
	// The length: decoding passes over line breaks.
	if len(b) == base64.RawURLEncoding.EncodedLen(len(s)) {
		n, err = strictURL.Decode(raw[:], b)
	}
	if err != nil || n != len(s) {
		return Refuse("detail.salt", "salt", "must be 32 bytes in base64url without padding")
	}
	*s = raw
	return nil
}

var strictURL = base64.RawURLEncoding.Strict()

// Detail is one field's value with its salt (FORMAT, DETAIL). Its file's name
// is the SHA-256 of its exact bytes.
type Detail struct {
	Field Field  `json:"field"`
	Salt  Salt   `json:"salt"`
	Value string `json:"value"`
}

// NewDetail checks the value as a client must: NFC, no bidi controls.
func NewDetail(field Field, salt Salt, value string) (Detail, error) {
	value = norm.NFC.String(value)
	if err := CheckText(value); err != nil {
		return Detail{}, Refuse("detail.text", string(field), "%v", err.Detail)
	}
	return Detail{field, salt, value}, nil
}

// Encode returns the file's bytes and their digest.
func (d Detail) Encode() ([]byte, ID, error) {
	b, err := marshal(d)
	if err != nil {
		return nil, ID{}, Refuse("detail.form", string(d.Field), "couldn't encode: %v", err)
	}
	if len(b) > MaxDetail {
		return nil, ID{}, Refuse("detail.size", string(d.Field), "the value makes a file of %d bytes; at most %d are allowed", len(b), MaxDetail)
	}
	return b, evidence.Sum(b), nil
}

// ParseDetail reads a detail file strictly: exactly these members in this
// order, valid UTF-8. It hashes nothing; the caller compares the digest.
func ParseDetail(b []byte) (Detail, error) {
	if d, ok := parseShortDetail(b); ok {
		return d, nil
	}
	var d Detail
	if err := parseText(b, &d, "detail"); err != nil {
		return Detail{}, err
	}
	return d, nil
}

// parseShortDetail reads a detail whose texts need no escapes: most are so, and
// encoding/json costs many times as much. Every byte outside the three values
// is fixed, and each value is the one text of itself; whatever it does not
// accept is read the long way, and a test holds the two to each other.
func parseShortDetail(b []byte) (d Detail, ok bool) {
	if len(b) > MaxDetail || !utf8.Valid(b) {
		return Detail{}, false
	}
	field, rest, ok1 := cutPlain(b, `{"field":"`)
	salt, rest, ok2 := cutPlain(rest, `,"salt":"`)
	value, rest, ok3 := cutPlain(rest, `,"value":"`)
	if !ok1 || !ok2 || !ok3 || string(rest) != "}" || d.Salt.UnmarshalText(salt) != nil {
		return Detail{}, false
	}
	d.Field, d.Value = Field(field), string(value)
	return d, true
}

// cutPlain takes the fixed text and then a string without escapes, up to and
// with its closing quotation mark.
func cutPlain(b []byte, fixed string) (text, rest []byte, ok bool) {
	b, ok = bytes.CutPrefix(b, []byte(fixed))
	if !ok {
		return nil, nil, false
	}
	for i, c := range b {
		switch {
		case c == '"':
			return b[:i], b[i+1:], true
		case c == '\\' || c < 0x20:
			return nil, nil, false
		}
	}
	return nil, nil, false
}

// parseText reads a UTF-8 JSON document whose one encoding is marshal's.
func parseText(b []byte, v any, what string) error {
	if len(b) > MaxDetail {
		return Refuse(what+".size", "", "has %d bytes; at most %d are allowed", len(b), MaxDetail)
	}
	if !utf8.Valid(b) {
		return Refuse(what+".form", "", "is not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return formRefusal(what+".form", "", err)
	}
	again, err := marshal(v)
	if err != nil || !bytes.Equal(again, b) {
		return Refuse(what+".form", "", "is not in its one encoding (exact members in order, no white space, no needless escapes)")
	}
	return nil
}

// CheckText refuses text that could be read as something other than it is:
// invalid UTF-8, not NFC, bidirectional controls and other invisible format
// characters, control characters but line feed and tab. ZWNJ and ZWJ are
// ordinary letters of Urdu and Persian spelling and pass; so do the visible
// signs that Arabic script sets around numbers.
func CheckText(s string) *Refusal {
	if !utf8.ValidString(s) {
		return Refuse("text.utf8", "", "is not valid UTF-8")
	}
	if !norm.NFC.IsNormalString(s) {
		return Refuse("text.nfc", "", "is not in Unicode normal form C")
	}
	for _, r := range s {
		switch {
		case r == '\n' || r == '\t' || r == '\u200c' || r == '\u200d':
		case strings.ContainsRune("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069", r):
			return Refuse("text.bidi", "", "has the bidirectional control U+%04X, which can make text read as what it is not", r)
		case unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || (unicode.Is(unicode.Cf, r) && !unicode.Is(unicode.Prepended_Concatenation_Mark, r)):
			return Refuse("text.control", "", "has the control or invisible format character U+%04X", r)
		}
	}
	return nil
}
