// Package seals makes the vectors of keys, signatures and envelopes.
package seals

import (
	"bytes"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/custody/seal/sealtest"
)

// EnvelopeVector is one byte string read as an envelope and, if it is one,
// verified by key "officer".
type EnvelopeVector struct {
	Name     string `json:"name"`
	Rule     string `json:"rule"`
	EventID  string `json:"eventId,omitempty"`
	Envelope []byte `json:"envelope"`
}

const Payload = `{"_type":"https://in-toto.io/Statement/v1","subject":[]}`

// changed is the good envelope with one part replaced.
func changed(t testing.TB, old, new string) []byte {
	t.Helper()
	good := string(sealtest.Seal(t, "officer", []byte(Payload)).JSON())
	if strings.Count(good, old) != 1 {
		t.Fatalf("%q does not stand once in %s", old, good)
	}
	return []byte(strings.Replace(good, old, new, 1))
}

func EnvelopeVectors(t testing.TB) []EnvelopeVector {
	good := sealtest.Seal(t, "officer", []byte(Payload))
	js := good.JSON()
	sig := base64.StdEncoding.EncodeToString(good.Signature)
	raw64 := base64.StdEncoding.EncodeToString(good.Payload)
	// A payload whose base64 ends in padding has bits that decode to nothing.
	loose := sealtest.Seal(t, "officer", []byte(Payload+"  ")).JSON()
	form := func(name string, b []byte) EnvelopeVector {
		return EnvelopeVector{Name: name, Rule: seal.RuleEnvelopeForm, Envelope: b}
	}
	return []EnvelopeVector{
		{"good", "ok", good.EventID().String(), js},
		form("empty", nil),
		form("not-json", []byte("envelope")),
		form("null", []byte("null")),
		form("array", []byte("[]")),
		form("leading-space", append([]byte(" "), js...)),
		form("trailing-newline", append(bytes.Clone(js), '\n')),
		form("trailing-value", append(bytes.Clone(js), "{}"...)),
		form("inner-space", changed(t, `","payloadType`, `", "payloadType`)),
		form("bom", append([]byte("\xef\xbb\xbf"), js...)),
		form("members-out-of-order", []byte(`{"payloadType":"`+seal.PayloadType+`","payload":"`+raw64+`","signatures":[{"keyid":"","sig":"`+sig+`"}]}`)),
		form("duplicate-payload", changed(t, `{"payload":`, `{"payload":"e30=","payload":`)),
		form("duplicate-signatures", changed(t, `"signatures":`, `"signatures":[],"signatures":`)),
		form("case-variant-member", changed(t, `"payload":`, `"PAYLOAD":`)),
		form("unknown-member", changed(t, `{"payload":`, `{"note":"","payload":`)),
		form("unknown-signature-member", changed(t, `{"keyid":`, `{"cert":"","keyid":`)),
		form("escaped-solidus", changed(t, `application/vnd`, `application\/vnd`)),
		form("escaped-letter", changed(t, `application`, `\u0061pplication`)),
		form("payload-type-other", changed(t, seal.PayloadType, "application/json")),
		form("payload-type-case", changed(t, seal.PayloadType, "application/vnd.in-toto+JSON")),
		form("payload-missing", []byte(`{"payloadType":"`+seal.PayloadType+`","signatures":[{"keyid":"","sig":"`+sig+`"}]}`)),
		form("payload-empty", changed(t, raw64, "")),
		form("payload-null", changed(t, `"`+raw64+`"`, "null")),
		form("payload-url-base64", bytes.Replace(js, []byte(raw64), []byte(strings.ReplaceAll(raw64, "+", "-")+"_w=="), 1)),
		form("payload-line-break", changed(t, raw64, raw64[:8]+`\n`+raw64[8:])),
		form("payload-no-padding", bytes.Replace(loose, []byte(`=","payloadType`), []byte(`","payloadType`), 1)),
		form("payload-loose-bits", looseBits(t, loose)),
		form("no-signature", []byte(`{"payload":"`+raw64+`","payloadType":"`+seal.PayloadType+`","signatures":[]}`)),
		form("signatures-missing", []byte(`{"payload":"`+raw64+`","payloadType":"`+seal.PayloadType+`"}`)),
		form("two-signatures", changed(t, `}]}`, `},{"keyid":"","sig":"`+sig+`"}]}`)),
		form("keyid-set", changed(t, `"keyid":""`, `"keyid":"SHA256:abc"`)),
		form("keyid-missing", changed(t, `"keyid":"",`, ``)),
		form("sig-empty", changed(t, sig, "")),
		form("sig-not-base64", changed(t, sig, "*")),
		form("sig-73-bytes", changed(t, sig, base64.StdEncoding.EncodeToString(make([]byte, 73)))),
		{"other-signer", seal.RuleSignatureInvalid, "", sealtest.Seal(t, "thief", []byte(Payload)).JSON()},
		{"other-payload", seal.RuleSignatureInvalid, "", seal.Envelope{Payload: []byte(Payload + "\n"), Signature: good.Signature}.JSON()},
	}
}

// looseBits sets a bit in the payload's last base64 digit that decodes to nothing.
func looseBits(t testing.TB, js []byte) []byte {
	t.Helper()
	at := bytes.Index(js, []byte(`=","payloadType`))
	if at < 0 {
		t.Fatal("no padding to loosen")
	}
	for js[at-1] == '=' {
		at--
	}
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	out := bytes.Clone(js)
	out[at-1] = digits[strings.IndexByte(digits, js[at-1])+1]
	return out
}

// SignatureVector is a signature over Payload, judged by key "officer".
type SignatureVector struct {
	Name      string `json:"name"`
	Rule      string `json:"rule"`
	Signature []byte `json:"signature"`
}

// Integers reads a DER signature.
func Integers(t testing.TB, der []byte) (r, s *big.Int) {
	t.Helper()
	r, s = new(big.Int), new(big.Int)
	in := cryptobyte.String(der)
	if !in.ReadASN1(&in, asn1.SEQUENCE) || !in.ReadASN1Integer(r) || !in.ReadASN1Integer(s) {
		t.Fatal("not a signature")
	}
	return r, s
}

// der writes any two integers, negative and huge ones too.
func der(r, s *big.Int) []byte {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1BigInt(r); b.AddASN1BigInt(s) })
	return b.BytesOrPanic()
}

// tlv is one ASN.1 element of up to 127 bytes.
func tlv(tag byte, content ...byte) []byte {
	return append([]byte{tag, byte(len(content))}, content...)
}

// intBytes is an INTEGER's minimal content.
func intBytes(n *big.Int) []byte {
	b := n.Bytes()
	if len(b) == 0 || b[0] >= 0x80 {
		b = append([]byte{0}, b...)
	}
	return b
}

func SignatureVectors(t testing.TB) []SignatureVector {
	good := sealtest.Seal(t, "officer", []byte(Payload)).Signature
	n := sealtest.Key("officer").Curve.Params().N
	r, s := Integers(t, good)
	one, zero := big.NewInt(1), new(big.Int)
	half := new(big.Int).Rsh(n, 1)
	plus := func(a, b *big.Int) *big.Int { return new(big.Int).Add(a, b) }
	minus := func(a, b *big.Int) *big.Int { return new(big.Int).Sub(a, b) }
	content := append(tlv(2, intBytes(r)...), tlv(2, intBytes(s)...)...)
	form := func(name string, b []byte) SignatureVector {
		return SignatureVector{name, seal.RuleSignatureForm, b}
	}
	return []SignatureVector{
		{"good", "ok", good},
		{"high-s-twin", seal.RuleSignatureHighS, der(r, minus(n, s))},
		{"s-is-half", seal.RuleSignatureInvalid, der(r, half)},
		{"s-is-half-plus-1", seal.RuleSignatureHighS, der(r, plus(half, one))},
		{"s-is-1", seal.RuleSignatureInvalid, der(r, one)},
		{"r-is-1", seal.RuleSignatureInvalid, der(one, s)},
		{"r-is-n-minus-1", seal.RuleSignatureInvalid, der(minus(n, one), s)},
		{"s-is-n-minus-1", seal.RuleSignatureHighS, der(r, minus(n, one))},
		form("r-zero", der(zero, s)),
		form("s-zero", der(r, zero)),
		form("both-zero", der(zero, zero)),
		form("r-is-n", der(n, s)),
		form("s-is-n", der(r, n)),
		form("s-plus-n", der(r, plus(s, n))),
		form("r-plus-n", der(plus(r, n), s)),
		form("r-negative", der(minus(zero, r), s)),
		form("s-negative", der(r, minus(zero, s))),
		form("empty", nil),
		form("empty-sequence", tlv(0x30)),
		form("one-integer", tlv(0x30, tlv(2, intBytes(r)...)...)),
		form("three-integers", tlv(0x30, append(bytes.Clone(content), tlv(2, 1)...)...)),
		form("padded-r", tlv(0x30, append(tlv(2, append([]byte{0}, intBytes(r)...)...), tlv(2, intBytes(s)...)...)...)),
		form("padded-s", tlv(0x30, append(tlv(2, intBytes(r)...), tlv(2, append([]byte{0}, intBytes(s)...)...)...)...)),
		form("long-form-length", append([]byte{0x30, 0x81, byte(len(content))}, content...)),
		form("indefinite-length", append(append([]byte{0x30, 0x80}, content...), 0, 0)),
		form("trailing-byte", append(bytes.Clone(good), 0)),
		form("truncated", good[:len(good)-1]),
		form("set-not-sequence", tlv(0x31, content...)),
		form("octet-string-r", tlv(0x30, append(tlv(4, intBytes(r)...), tlv(2, intBytes(s)...)...)...)),
		form("raw-64-bytes", append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)),
		form("huge", der(new(big.Int).Lsh(one, 5000), s)),
	}
}
