package seal

import (
	"crypto/ecdsa"

	"github.com/evidence-custody/custodyd/evidence"
)

// VerifyEventID reports whether sig is this key's, in its one form, over the
// event of that id. The id is SHA-256 of what is signed (SPEC, event id), which
// is all that ECDSA looks at: a leaf of the log can be checked without the
// event. Every error is an *Error.
func (k PublicKey) VerifyEventID(id evidence.Digest, sig []byte) error {
	if k.key == nil {
		return refuse(RuleKeyForm, "no key")
	}
	if err := checkSignature(sig); err != nil {
		return err
	}
	if !ecdsa.VerifyASN1(k.key, id[:], sig) {
		return refuse(RuleSignatureInvalid, "not by key %s over event %s", k.ID().Short(), id.Short())
	}
	return nil
}
