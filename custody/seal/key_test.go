package seal_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/custody/seal/sealtest"
	"github.com/evidence-custody/custodyd/custody/testdata/golden/seals"
)

func TestKeyVectors(t *testing.T) {
	for _, v := range sealtest.Vectors(t, "seal/keys.json", seals.KeyVectors(t)) {
		t.Run(v.Name, func(t *testing.T) {
			k, err := seal.ParseSPKI(v.SPKI)
			if got := ruleOf(err); got != v.Rule {
				t.Fatalf("got %s, want %s (%v)", got, v.Rule, err)
			}
			if err != nil {
				return
			}
			if k.ID().String() != v.ID || !bytes.Equal(k.SPKI(), v.SPKI) {
				t.Error("reads as another key")
			}
			again, err := seal.ParsePublicPEM(k.PEM())
			if err != nil || again.ID() != k.ID() {
				t.Errorf("its PEM reads as %v, %v", again.ID(), err)
			}
		})
	}
}

// TestPEMForm: one key, one PEM file.
func TestPEMForm(t *testing.T) {
	good := string(sealtest.Public(t, "officer").PEM())
	other := string(sealtest.Public(t, "thief").PEM())
	lines := strings.Split(good, "\n")
	for name, s := range map[string]string{
		"empty":              "",
		"two keys":           good + other,
		"text before":        "officer's key\n" + good,
		"text after":         good + "officer's key\n",
		"blank line after":   good + "\n",
		"no final newline":   strings.TrimSuffix(good, "\n"),
		"CRLF":               strings.ReplaceAll(good, "\n", "\r\n"),
		"headers":            strings.Replace(good, "-----\n", "-----\nProc-Type: 4\n\n", 1),
		"EC PUBLIC KEY":      strings.ReplaceAll(good, "PUBLIC KEY", "EC PUBLIC KEY"),
		"other line length":  strings.Replace(good, lines[1]+"\n", lines[1][:32]+"\n"+lines[1][32:]+"\n", 1),
		"a broken one first": strings.Replace(other, lines[2][:1], "*", 1) + good,
	} {
		if _, err := seal.ParsePublicPEM([]byte(s)); ruleOf(err) != seal.RuleKeyForm {
			t.Errorf("%s: %v, want %s", name, err, seal.RuleKeyForm)
		}
	}
}

// TestRecoveredKey: another key verifies the same signature over the same
// payload (ECDSA recovery). No signature check can tell; that is why the
// statement names its key and verifiers compare (finding signer-key-mismatch),
// and why the leaf commits to the key.
func TestRecoveredKey(t *testing.T) {
	officer := sealtest.Public(t, "officer")
	e := sealtest.Seal(t, "officer", []byte(seals.Payload))
	r, s := seals.Integers(t, e.Signature)
	curve := elliptic.P256()
	n, p := curve.Params().N, curve.Params().P
	sum := sha256.Sum256(seal.PAE(e.Payload))
	z := new(big.Int).SetBytes(sum[:])
	// The nonce's point R has x = r; both square roots give a key: Q = (sR - zG)/r.
	y := new(big.Int).Exp(r, big.NewInt(3), p)
	y.Sub(y, new(big.Int).Mul(r, big.NewInt(3))).Add(y, curve.Params().B).Mod(y, p).ModSqrt(y, p)
	inverse := new(big.Int).ModInverse(r, n)
	u := new(big.Int).Mul(s, inverse)
	v := new(big.Int).Mod(new(big.Int).Neg(new(big.Int).Mul(z, inverse)), n)
	var others int
	for _, y := range []*big.Int{y, new(big.Int).Sub(p, y)} {
		ax, ay := curve.ScalarMult(r, y, new(big.Int).Mod(u, n).Bytes())
		bx, by := curve.ScalarBaseMult(v.Bytes())
		x, y := curve.Add(ax, ay, bx, by)
		k, err := seal.FromECDSA(&ecdsa.PublicKey{Curve: curve, X: x, Y: y}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := k.Verify(e); err != nil {
			t.Errorf("recovered key %s does not verify: %v", k.ID().Short(), err)
		}
		if k.ID() != officer.ID() {
			others++
		}
	}
	if others != 1 {
		t.Errorf("%d recovered keys are others than the officer's, want 1", others)
	}
}

func TestFromECDSA(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, k := range map[string]*ecdsa.PublicKey{
		"nil": nil, "zero": {}, "no point": {Curve: elliptic.P256()}, "P-384": &p384.PublicKey,
		"not on curve": {Curve: elliptic.P256(), X: big.NewInt(1), Y: big.NewInt(1)},
	} {
		if _, err := seal.FromECDSA(k, nil); ruleOf(err) != seal.RuleKeyForm {
			t.Errorf("%s: %v", name, err)
		}
	}
	mine := sealtest.Key("officer").PublicKey
	k, err := seal.FromECDSA(&mine, nil)
	if err != nil {
		t.Fatal(err)
	}
	mine.X.SetInt64(1)
	if err := k.Verify(sealtest.Seal(t, "officer", []byte(seals.Payload))); err != nil {
		t.Errorf("changed along with the caller's key: %v", err)
	}
	if got := ruleOf((seal.PublicKey{}).Verify(seal.Envelope{Payload: []byte("x"), Signature: []byte{1}})); got != seal.RuleKeyForm {
		t.Errorf("the zero key: %s", got)
	}
}

// TestSigner: what is signed verifies, in the one form, by openssl too.
func TestSigner(t *testing.T) {
	key, err := seal.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	signer, err := seal.NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	for range 200 { // half of all raw signatures are high
		e, err := signer.Sign([]byte(seals.Payload))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := seal.ParseEnvelope(e.JSON()); err != nil {
			t.Fatal(err)
		}
		if err := signer.Public().Verify(e); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range []int{0, custody.MaxPayload + 1} {
		if e, err := signer.Sign(make([]byte, n)); ruleOf(err) != seal.RuleEnvelopeSize || e.Signature != nil {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if _, err := seal.NewSigner(nil); err == nil {
		t.Error("a signer without a key")
	}
}

func TestOpenSSLVerifies(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		sealtest.Tool(t, "openssl")
	}
	dir := t.TempDir()
	e := sealtest.Seal(t, "officer", []byte(seals.Payload))
	write := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	run := func(pae []byte) (string, error) {
		out, err := exec.Command("openssl", "dgst", "-sha256", "-verify", write("key.pem", sealtest.Public(t, "officer").PEM()),
			"-signature", write("sig", e.Signature), write("pae", pae)).CombinedOutput()
		return string(out), err
	}
	if out, err := run(seal.PAE(e.Payload)); err != nil || !strings.Contains(out, "Verified OK") {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := run(seal.PAE([]byte(seals.Payload + " "))); err == nil {
		t.Errorf("verifies another payload: %s", out)
	}
}
