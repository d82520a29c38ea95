package seals

import (
	"bytes"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"math/big"
	"testing"

	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/custody/seal/sealtest"
)

// KeyVector is one byte string read as a SubjectPublicKeyInfo.
type KeyVector struct {
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

func must(t testing.TB, v any) []byte {
	t.Helper()
	b, err := asn1.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// spki writes an SPKI by hand.
func spki(t testing.TB, algorithm asn1.ObjectIdentifier, parameters, point []byte) []byte {
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
func fewerBits(t testing.TB, point []byte) []byte {
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
func explicitP256(t testing.TB) []byte {
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

func KeyVectors(t testing.TB) []KeyVector {
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
	bad := func(name string, b []byte) KeyVector { return KeyVector{Name: name, Rule: seal.RuleKeyForm, SPKI: b} }
	return []KeyVector{
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
