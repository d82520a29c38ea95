package service

import (
	"crypto/ed25519"
	"crypto/rand"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// A head is ready to be shown if this log signed it, and none went before it.
func TestLogHead(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, foreign, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k, err := seal.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	service, err := seal.FromECDSA(&k.PublicKey, nil)
	if err != nil {
		t.Fatal(err)
	}
	const origin = "custody.example.org"
	document, err := ledger.NewLogDocument(origin, custody.ModeTest, public, nil, service, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signed := func(key ed25519.PrivateKey, size uint64) docket.Checkpoint {
		signer, err := tlog.NewLogSigner(origin, key)
		if err != nil {
			t.Fatal(err)
		}
		note, err := tlog.SignCheckpoint(tlog.Checkpoint{Origin: origin, Size: size, Root: evidence.Sum([]byte{byte(size)})}, signer)
		if err != nil {
			t.Fatal(err)
		}
		return docket.Checkpoint{Size: size, Note: note}
	}
	var head logHead
	lying := signed(private, 9)
	lying.Size = 12
	for _, tt := range []struct {
		name string
		cp   docket.Checkpoint
		want string
	}{
		{"the first", signed(private, 5), ""},
		{"the same again", signed(private, 5), ""},
		{"a later one", signed(private, 9), ""},
		{"one that went back", signed(private, 5), "one of 9 was shown before"},
		{"another log's", signed(foreign, 20), "not one of this log"},
		{"a row that lies", lying, "its row says 12"},
		{"no note", docket.Checkpoint{Size: 20, Note: []byte("hello\n")}, "not one of this log"},
		{"put right", signed(private, 10), ""},
	} {
		err := head.hold(document, tt.cp)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}
