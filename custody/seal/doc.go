// Package seal signs and verifies events: one DSSE envelope with exactly one
// ECDSA P-256 signature over the pre-authentication encoding of its payload
// (FORMAT, ENVELOPE and SIG; https://github.com/secure-systems-lab/dsse).
//
// One event has one signature, one envelope and one key, to the byte: twins
// that verify as well (the other s, another encoding of the DER or of the key)
// are refused by signer, server and verifier alike.
package seal

import "fmt"

// Error says which rule an envelope, signature or key breaks.
type Error struct {
	Rule   string // one of the Rule constants
	Detail string
}

// Rules.
const (
	RuleEnvelopeForm     = "envelope-form"     // not the one JSON form of an envelope
	RuleEnvelopeSize     = "envelope-size"     // payload over the limit
	RuleSignatureForm    = "signature-form"    // not minimal DER of r and s in range
	RuleSignatureHighS   = "signature-high-s"  // the twin with s over n/2
	RuleSignatureInvalid = "signature-invalid" // well formed, but not by this key over this payload
	RuleKeyForm          = "key-form"          // not a P-256 SPKI that re-encodes to itself
)

func (e *Error) Error() string { return e.Rule + ": " + e.Detail }

func refuse(rule, format string, args ...any) *Error {
	return &Error{Rule: rule, Detail: fmt.Sprintf(format, args...)}
}
