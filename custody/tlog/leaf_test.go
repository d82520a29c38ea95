package tlog_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/custody/seal/sealtest"
	"github.com/evidence-custody/custodyd/custody/tlog"
)

// leafVector is one byte string read as a leaf.
type leafVector struct {
	Name     string `json:"name"`
	Rule     string `json:"rule"` // "ok" or "not-a-leaf"
	LeafHash string `json:"leafHash,omitempty"`
	Leaf     string `json:"leaf"`
}

const leafPayload = `{"_type":"https://in-toto.io/Statement/v1","subject":[]}`

// knownLeaf was written by hand from the Rekor v2 schema, not by this code.
const knownLeaf = `{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{"hashedRekordV002":{"data":{"algorithm":"SHA2_256","digest":"DIGEST"},` +
	`"signature":{"content":"SIG","verifier":{"keyDetails":"PKIX_ECDSA_P256_SHA_256","publicKey":{"rawBytes":"SPKI"}}}}}}`

func leafVectors(t *testing.T) []leafVector {
	e, key := sealtest.Seal(t, "officer", []byte(leafPayload)), sealtest.Public(t, "officer")
	b64 := base64.StdEncoding.EncodeToString
	id := e.EventID()
	digest, sig, spki := b64(id[:]), b64(e.Signature), b64(key.SPKI())
	good := strings.NewReplacer("DIGEST", digest, "SIG", sig, "SPKI", spki).Replace(knownLeaf)
	bad := func(name, old, new string) leafVector {
		if strings.Count(good, old) != 1 {
			t.Fatalf("%s: %q does not stand once in the leaf", name, old)
		}
		return leafVector{Name: name, Rule: "not-a-leaf", Leaf: strings.Replace(good, old, new, 1)}
	}
	return []leafVector{
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

func TestLeafVectors(t *testing.T) {
	e, key := sealtest.Seal(t, "officer", []byte(leafPayload)), sealtest.Public(t, "officer")
	for _, v := range sealtest.Vectors(t, "tlog/leaves.json", leafVectors(t)) {
		t.Run(v.Name, func(t *testing.T) {
			f, err := tlog.ParseLeaf([]byte(v.Leaf))
			if v.Rule != "ok" {
				if !errors.Is(err, tlog.ErrLeaf) {
					t.Fatalf("got %v, want ErrLeaf", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if f.EventID != e.EventID() || !bytes.Equal(f.Signature, e.Signature) || !bytes.Equal(f.SPKI, key.SPKI()) {
				t.Error("reads as another leaf")
			}
			if leaf := tlog.Leaf(e, key); string(leaf) != v.Leaf || tlog.LeafHash(leaf).String() != v.LeafHash {
				t.Errorf("Leaf writes %s", leaf)
			}
		})
	}
	if _, err := tlog.ParseLeaf(make([]byte, 65536)); !errors.Is(err, tlog.ErrLeaf) {
		t.Errorf("a leaf over the tile limit: %v", err)
	}
	if n := len(tlog.Leaf(e, key)); n > 520 {
		t.Errorf("a leaf has %d bytes", n)
	}
}

// FuzzParseLeaf: what is accepted is one encoding.
func FuzzParseLeaf(f *testing.F) {
	b, err := os.ReadFile("../testdata/tlog/leaves.json")
	if err != nil {
		f.Fatal(err)
	}
	var all []leafVector
	if err := json.Unmarshal(b, &all); err != nil || len(all) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, v := range all {
		f.Add([]byte(v.Leaf))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := tlog.ParseLeaf(b)
		if err != nil {
			if !errors.Is(err, tlog.ErrLeaf) {
				t.Errorf("untyped: %v", err)
			}
			return
		}
		b64 := base64.StdEncoding.EncodeToString
		again := strings.NewReplacer("DIGEST", b64(got.EventID[:]), "SIG", b64(got.Signature), "SPKI", b64(got.SPKI)).Replace(knownLeaf)
		if again != string(b) {
			t.Errorf("accepted another encoding of %s", again)
		}
	})
}
