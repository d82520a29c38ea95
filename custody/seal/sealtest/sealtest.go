// Package sealtest gives tests keys and signatures that are the same every
// time, and keeps the vectors that are made of them.
package sealtest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/evidence-custody/custodyd/custody/seal"
)

var update = flag.Bool("update", false, "write the vectors of dossiers under custody/testdata anew")

// Key returns the private key of that name.
func Key(name string) *ecdsa.PrivateKey {
	// The SHA-256 of a name is a scalar in range but for odds of 2^-32; try on.
	for scalar := sha256.Sum256([]byte("sealtest:" + name)); ; scalar = sha256.Sum256(scalar[:]) {
		if key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar[:]); err == nil {
			return key
		}
	}
}

// Public returns the verifying key of that name.
func Public(t testing.TB, name string) seal.PublicKey {
	t.Helper()
	k, err := seal.FromECDSA(&Key(name).PublicKey, nil)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Seal signs a payload by the key of that name. The signature's nonce is
// derived from key and payload (RFC 6979).
func Seal(t testing.TB, name string, payload []byte) seal.Envelope {
	t.Helper()
	digest := sha256.Sum256(seal.PAE(payload))
	raw, err := Key(name).Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := seal.NormaliseSignature(raw)
	if err != nil {
		t.Fatal(err)
	}
	return seal.Envelope{Payload: payload, Signature: sig}
}

// Vectors returns the stored vectors of a file below custody/testdata, for a
// package directly below custody. They must be those that would be made today:
// a record cannot be migrated, so its vectors do not move unnoticed. They are
// made by custody/testdata/generate; those of dossiers by their tests with
// -update. No vectors at all is a failure.
func Vectors[T any](t *testing.T, file string, make []T) []T {
	t.Helper()
	path := filepath.Join("..", "testdata", filepath.FromSlash(file))
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(make); err != nil {
		t.Fatal(err)
	}
	if *update && filepath.Dir(path) == filepath.Join("..", "testdata", "dossier") {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, buf.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	stored, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []T
	if err := json.Unmarshal(stored, &out); err != nil {
		t.Fatal(err)
	}
	if len(out) == 0 {
		t.Fatalf("%s has no vectors", path)
	}
	if !bytes.Equal(stored, buf.Bytes()) {
		t.Errorf("%s is not what would be made today: find out why before making it anew", path)
	}
	return out
}

// Tool runs out of the test where a program it needs is missing; with
// CUSTODY_TEST_REQUIRE=all that is a failure.
func Tool(t testing.TB, missing string) {
	t.Helper()
	if os.Getenv("CUSTODY_TEST_REQUIRE") == "all" {
		t.Fatalf("%s is missing, and CUSTODY_TEST_REQUIRE=all", missing)
	}
	t.Skipf("%s is missing", missing)
}
