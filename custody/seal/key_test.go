package seal_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/custody/seal/sealtest"
)

// keyVector is one byte string read as a SubjectPublicKeyInfo.
type keyVector struct {
	Name string `json:"name"`
	Rule string `json:"rule"`
	ID   string `json:"id,omitempty"`
	SPKI []byte `json:"spki"`
}

var (
	oidEC   = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	oidP256 = asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7}
	oidP384 = asn1.ObjectIdentifier{1, 3, 132, 0, 34}
	oidECDH = asn1.ObjectIdentifier{1, 3, 132, 1, 12}
)

func must(t *testing.T, v any) []byte {
	t.Helper()
	b, err := asn1.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// spki writes an SPKI by hand.
func spki(t *testing.T, algorithm asn1.ObjectIdentifier, parameters, point []byte) []byte {
	t.Helper()
	return must(t, struct {
		A struct {
			OID asn1.ObjectIdentifier
			P   asn1.RawValue
		}
		K asn1.BitString
	}{struct {
		OID asn1.ObjectIdentifier
		P   asn1.RawValue
	}{algorithm, asn1.RawValue{FullBytes: parameters}}, asn1.BitString{Bytes: point, BitLength: 8 * len(point)}})
}

// fewerBits is the same key with a BIT STRING of five bits less: crypto/x509
// reads it as the same point, whose first five bits are zero.
func fewerBits(t *testing.T, point []byte) []byte {
	t.Helper()
	shifted := new(big.Int).Lsh(new(big.Int).SetBytes(point), 5).FillBytes(make([]byte, len(point)))
	out := spki(t, oidEC, must(t, oidP256), shifted)
	out[len(out)-len(point)-1] = 5 // unused bits
	if _, err := x509.ParsePKIXPublicKey(out); err != nil {
		t.Fatalf("no longer a twin: %v", err)
	}
	return out
}

// explicitP256 is the curve spelled out (X9.62 SpecifiedECDomain) instead of named.
func explicitP256(t *testing.T) []byte {
	t.Helper()
	p := elliptic.P256().Params()
	a := new(big.Int).Sub(p.P, big.NewInt(3))
	base := append([]byte{4}, append(p.Gx.FillBytes(make([]byte, 32)), p.Gy.FillBytes(make([]byte, 32))...)...)
	return must(t, struct {
		Version int
		Field   struct {
			OID asn1.ObjectIdentifier
			P   *big.Int
		}
		Curve    struct{ A, B []byte }
		Base     []byte
		Order    *big.Int
		Cofactor int
	}{1, struct {
		OID asn1.ObjectIdentifier
		P   *big.Int
	}{asn1.ObjectIdentifier{1, 2, 840, 10045, 1, 1}, p.P}, struct{ A, B []byte }{a.Bytes(), p.B.Bytes()}, base, p.N, 1})
}

func keyVectors(t *testing.T) []keyVector {
	key := sealtest.Key("officer")
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	good := sealtest.Public(t, "officer").SPKI()
	named := must(t, oidP256)
	off := bytes.Clone(point)
	off[64] ^= 1
	zero := append([]byte{4}, make([]byte, 64)...)
	compressed := append([]byte{2 + point[64]&1}, point[1:33]...)
	hybrid := append([]byte{6 + point[64]&1}, point[1:]...)
	ed := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32)).Public()
	edSPKI, err := x509.MarshalPKIXPublicKey(ed)
	if err != nil {
		t.Fatal(err)
	}
	rsaSPKI, err := x509.MarshalPKIXPublicKey(&rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 2047, 1), E: 65537})
	if err != nil {
		t.Fatal(err)
	}
	g := elliptic.P384().Params()
	p384 := append([]byte{4}, append(g.Gx.FillBytes(make([]byte, 48)), g.Gy.FillBytes(make([]byte, 48))...)...)
	long := append([]byte{0x30, 0x81, good[1]}, good[2:]...)
	bad := func(name string, b []byte) keyVector { return keyVector{Name: name, Rule: seal.RuleKeyForm, SPKI: b} }
	return []keyVector{
		{"good", "ok", sealtest.Public(t, "officer").ID().String(), good},
		bad("empty", nil),
		bad("point-only", point),
		bad("compressed-point", spki(t, oidEC, named, compressed)),
		bad("hybrid-point", spki(t, oidEC, named, hybrid)),
		bad("explicit-parameters", spki(t, oidEC, explicitP256(t), point)),
		bad("null-parameters", spki(t, oidEC, []byte{5, 0}, point)),
		bad("no-parameters", spki(t, oidEC, nil, point)),
		bad("ecdh-algorithm", spki(t, oidECDH, named, point)),
		bad("p-384", spki(t, oidEC, must(t, oidP384), p384)),
		bad("p-384-point-named-p-256", spki(t, oidEC, named, p384)),
		bad("ed25519", edSPKI),
		bad("rsa", rsaSPKI),
		bad("not-on-curve", spki(t, oidEC, named, off)),
		bad("zero-point", spki(t, oidEC, named, zero)),
		bad("infinity", spki(t, oidEC, named, []byte{0})),
		bad("short-point", spki(t, oidEC, named, point[:64])),
		bad("long-form-length", long),
		bad("bit-string-of-515-bits", fewerBits(t, point)),
		bad("trailing-byte", append(bytes.Clone(good), 0)),
		bad("truncated", good[:len(good)-1]),
	}
}

func TestKeyVectors(t *testing.T) {
	for _, v := range sealtest.Vectors(t, "seal/keys.json", keyVectors(t)) {
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
	e := sealtest.Seal(t, "officer", []byte(payload))
	r, s := integers(t, e.Signature)
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
	if err := k.Verify(sealtest.Seal(t, "officer", []byte(payload))); err != nil {
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
		e, err := signer.Sign([]byte(payload))
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
	e := sealtest.Seal(t, "officer", []byte(payload))
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
	if out, err := run(seal.PAE([]byte(payload + " "))); err == nil {
		t.Errorf("verifies another payload: %s", out)
	}
}
