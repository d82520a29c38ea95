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
