package seal_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/custody/seal/sealtest"
	"github.com/evidence-custody/custodyd/custody/testdata/golden/seals"
	"github.com/evidence-custody/custodyd/evidence"
)

// ruleOf is the rule that err names, or "ok".
func ruleOf(err error) string {
	var e *seal.Error
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &e):
		return e.Rule
	}
	return "untyped: " + err.Error()
}

func TestEnvelopeVectors(t *testing.T) {
	key := sealtest.Public(t, "officer")
	for _, v := range sealtest.Vectors(t, "seal/envelopes.json", seals.EnvelopeVectors(t)) {
		t.Run(v.Name, func(t *testing.T) {
			e, err := seal.ParseEnvelope(v.Envelope)
			if err == nil {
				err = key.Verify(e)
			}
			if got := ruleOf(err); got != v.Rule {
				t.Fatalf("got %s, want %s (%v)", got, v.Rule, err)
			}
			if err == nil && (!bytes.Equal(e.JSON(), v.Envelope) || e.EventID().String() != v.EventID) {
				t.Error("reads as another envelope")
			}
		})
	}
}

func TestEnvelopeSize(t *testing.T) {
	for n, want := range map[int]string{custody.MaxPayload: "ok", custody.MaxPayload + 1: seal.RuleEnvelopeSize, 4 * custody.MaxPayload: seal.RuleEnvelopeSize} {
		e := seal.Envelope{Payload: bytes.Repeat([]byte("x"), n), Signature: []byte{1}}
		if _, err := seal.ParseEnvelope(e.JSON()); ruleOf(err) != want {
			t.Errorf("%d bytes: %v, want %s", n, err, want)
		}
	}
	long := []byte(`{"` + strings.Repeat("x", 200_000) + `":1}`)
	if _, err := seal.ParseEnvelope(long); ruleOf(err) != seal.RuleEnvelopeForm || len(err.Error()) > 400 {
		t.Errorf("a refusal of %d bytes", len(fmt.Sprint(err)))
	}
}

func TestSignatureVectors(t *testing.T) {
	key := sealtest.Public(t, "officer")
	for _, v := range sealtest.Vectors(t, "seal/signatures.json", seals.SignatureVectors(t)) {
		t.Run(v.Name, func(t *testing.T) {
			err := key.Verify(seal.Envelope{Payload: []byte(seals.Payload), Signature: v.Signature})
			if got := ruleOf(err); got != v.Rule {
				t.Fatalf("got %s, want %s (%v)", got, v.Rule, err)
			}
			// The event's id says the same as the event.
			id := seal.Envelope{Payload: []byte(seals.Payload)}.EventID()
			if got := ruleOf(key.VerifyEventID(id, v.Signature)); got != v.Rule {
				t.Errorf("by its id: got %s, want %s", got, v.Rule)
			}
		})
	}
	if got := ruleOf(seal.PublicKey{}.VerifyEventID(evidence.Sum(nil), nil)); got != seal.RuleKeyForm {
		t.Errorf("without a key: %s", got)
	}
}

// TestFlippedSignatures: no bit of a signature is without meaning.
func TestFlippedSignatures(t *testing.T) {
	key := sealtest.Public(t, "officer")
	e := sealtest.Seal(t, "officer", []byte(seals.Payload))
	for bit := range 8 * len(e.Signature) {
		e.Signature[bit/8] ^= 1 << (bit % 8)
		if key.Verify(e) == nil {
			t.Errorf("verifies with bit %d flipped", bit)
		}
		e.Signature[bit/8] ^= 1 << (bit % 8)
	}
	for bit := range 8 * len(e.Payload) {
		e.Payload[bit/8] ^= 1 << (bit % 8)
		if got := ruleOf(key.Verify(e)); got != seal.RuleSignatureInvalid {
			t.Errorf("payload bit %d flipped: %s", bit, got)
		}
		e.Payload[bit/8] ^= 1 << (bit % 8)
	}
}
