package notes

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/custody/seal/sealtest"
	"github.com/evidence-custody/custodyd/custody/tlog"
)

// LeafVector is one byte string read as a leaf.
type LeafVector struct {
	Name     string `json:"name"`
	Rule     string `json:"rule"` // "ok" or "not-a-leaf"
	LeafHash string `json:"leafHash,omitempty"`
	Leaf     string `json:"leaf"`
}

const LeafPayload = `{"_type":"https://in-toto.io/Statement/v1","subject":[]}`

// KnownLeaf was written by hand from the Rekor v2 schema, not by this code.
const KnownLeaf = `{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{"hashedRekordV002":{"data":{"algorithm":"SHA2_256","digest":"DIGEST"},` +
	`"signature":{"content":"SIG","verifier":{"keyDetails":"PKIX_ECDSA_P256_SHA_256","publicKey":{"rawBytes":"SPKI"}}}}}}`

func LeafVectors(t testing.TB) []LeafVector {
	e, key := sealtest.Seal(t, "officer", []byte(LeafPayload)), sealtest.Public(t, "officer")
	b64 := base64.StdEncoding.EncodeToString
	id := e.EventID()
	digest, sig, spki := b64(id[:]), b64(e.Signature), b64(key.SPKI())
	good := strings.NewReplacer("DIGEST", digest, "SIG", sig, "SPKI", spki).Replace(KnownLeaf)
	bad := func(name, old, new string) LeafVector {
		if strings.Count(good, old) != 1 {
			t.Fatalf("%s: %q does not stand once in the leaf", name, old)
		}
		return LeafVector{Name: name, Rule: "not-a-leaf", Leaf: strings.Replace(good, old, new, 1)}
	}
	return []LeafVector{
		{"good", "ok", tlog.LeafHash(tlog.Leaf(e, key)).String(), good},
		{Name: "empty", Rule: "not-a-leaf"},
		{Name: "null", Rule: "not-a-leaf", Leaf: "null"},
		{Name: "trailing-newline", Rule: "not-a-leaf", Leaf: good + "\n"},
		{Name: "two", Rule: "not-a-leaf", Leaf: good + good},
		{Name: "leading-space", Rule: "not-a-leaf", Leaf: " " + good},
		bad("api-version", "0.0.2", "0.0.1"),
		bad("kind", "hashedrekord", "intoto"),
		bad("unknown-member", `{"apiVersion"`, `{"a":1,"apiVersion"`),
		bad("duplicate-member", `"data":`, `"data":{},"data":`),
		bad("case-variant-member", `"digest":`, `"Digest":`),
		bad("algorithm", "SHA2_256", "SHA2_512"),
		bad("key-details", "PKIX_ECDSA_P256_SHA_256", "PKIX_ED25519"),
		bad("digest-short", digest, b64(id[:31])),
		bad("digest-missing", `"digest":"`+digest+`"`, `"digest":null`),
		bad("digest-line-break", digest, digest[:4]+`\n`+digest[4:]),
		bad("digest-loose-bits", digest, digest[:42]+string(digest[42]+1)+"="),
		bad("signature-empty", sig, ""),
		bad("signature-long", sig, b64(make([]byte, 73))),
		bad("key-empty", spki, ""),
		bad("key-not-spki", spki, b64([]byte("key"))),
		bad("key-trailing-byte", spki, b64(append(key.SPKI(), 0))),
	}
}
