package seal_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/json"
	"os"
	"testing"

	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/custody/seal/sealtest"
	"github.com/evidence-custody/custodyd/custody/testdata/golden/seals"
)

// seeds reads stored vectors; a fuzz target without seeds fails.
func seeds[T any](f *testing.F, file string, add func(T)) {
	f.Helper()
	b, err := os.ReadFile("../testdata/seal/" + file)
	if err != nil {
		f.Fatal(err)
	}
	var all []T
	if err := json.Unmarshal(b, &all); err != nil || len(all) == 0 {
		f.Fatalf("no seeds in %s: %v", file, err)
	}
	for _, v := range all {
		add(v)
	}
}

// FuzzParseEnvelope: what is accepted is the one encoding of what was read.
func FuzzParseEnvelope(f *testing.F) {
	seeds(f, "envelopes.json", func(v seals.EnvelopeVector) { f.Add(v.Envelope) })
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := seal.ParseEnvelope(b)
		if err != nil {
			if got := ruleOf(err); got != seal.RuleEnvelopeForm && got != seal.RuleEnvelopeSize {
				t.Errorf("refused as %s", got)
			}
			return
		}
		if !bytes.Equal(e.JSON(), b) {
			t.Errorf("accepted another encoding of %s", e.JSON())
		}
	})
}

// FuzzParseSPKI: one key, one encoding, one id.
func FuzzParseSPKI(f *testing.F) {
	seeds(f, "keys.json", func(v seals.KeyVector) { f.Add(v.SPKI) })
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := seal.ParseSPKI(b)
		if err != nil {
			if got := ruleOf(err); got != seal.RuleKeyForm {
				t.Errorf("refused as %s", got)
			}
			return
		}
		if !bytes.Equal(k.SPKI(), b) {
			t.Error("accepted another encoding")
		}
		if again, err := seal.ParsePublicPEM(k.PEM()); err != nil || again.ID() != k.ID() {
			t.Errorf("its PEM: %v", err)
		}
	})
}

// FuzzNormaliseSignature: the result is stable, and the low twin.
func FuzzNormaliseSignature(f *testing.F) {
	seeds(f, "signatures.json", func(v seals.SignatureVector) { f.Add(v.Signature) })
	f.Fuzz(func(t *testing.T, b []byte) {
		once, err := seal.NormaliseSignature(b)
		if err != nil {
			return
		}
		if twice, err := seal.NormaliseSignature(once); err != nil || !bytes.Equal(once, twice) {
			t.Errorf("not stable: %x, %x, %v", once, twice, err)
		}
	})
}

// BenchmarkVerify compares Verify with the bare signature check in it.
func BenchmarkVerify(b *testing.B) {
	e := sealtest.Seal(b, "officer", bytes.Repeat([]byte("x"), 2000))
	k := sealtest.Public(b, "officer")
	b.Run("seal", func(b *testing.B) {
		for b.Loop() {
			if err := k.Verify(e); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("bare", func(b *testing.B) {
		key := k.ECDSA()
		for b.Loop() {
			sum := sha256.Sum256(seal.PAE(e.Payload))
			if !ecdsa.VerifyASN1(key, sum[:], e.Signature) {
				b.Fatal("does not verify")
			}
		}
	})
	b.Run("parse", func(b *testing.B) {
		js := e.JSON()
		for b.Loop() {
			if _, err := seal.ParseEnvelope(js); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// FuzzVerify: an event's id says of a signature what the event says, and what
// holds is in its one form.
func FuzzVerify(f *testing.F) {
	seeds(f, "signatures.json", func(v seals.SignatureVector) { f.Add([]byte(seals.Payload), v.Signature) })
	key := sealtest.Public(f, "officer")
	f.Fuzz(func(t *testing.T, text, sig []byte) {
		e := seal.Envelope{Payload: text, Signature: sig}
		err := key.Verify(e)
		if a, b := ruleOf(err), ruleOf(key.VerifyEventID(e.EventID(), sig)); a != b {
			t.Errorf("the event says %s, its id %s", a, b)
		}
		if err != nil {
			return
		}
		if low, err := seal.NormaliseSignature(sig); err != nil || !bytes.Equal(low, sig) {
			t.Errorf("%x holds beside %x (%v)", sig, low, err)
		}
	})
}

// FuzzParsePublicPEM: one key, one file.
func FuzzParsePublicPEM(f *testing.F) {
	good := sealtest.Public(f, "officer").PEM()
	f.Add(good)
	f.Add(append([]byte("text before\n"), good...))
	f.Add(append(bytes.Clone(good), good...))
	f.Add(bytes.ReplaceAll(good, []byte("\n"), []byte("\r\n")))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := seal.ParsePublicPEM(b)
		if err != nil {
			if got := ruleOf(err); got != seal.RuleKeyForm {
				t.Errorf("refused as %s", got)
			}
			return
		}
		if !bytes.Equal(k.PEM(), b) {
			t.Error("accepted another file of one key")
		}
	})
}
