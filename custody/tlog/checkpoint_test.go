package tlog_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/seal/sealtest"
	"github.com/evidence-custody/custodyd/custody/tlog"
)

func TestCheckpointVectors(t *testing.T) {
	v, err := tlog.NewLogVerifier(origin, edPublic("log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, vector := range sealtest.Vectors(t, "tlog/checkpoints.json", checkpointVectors(t)) {
		t.Run(vector.Name, func(t *testing.T) {
			c, err := tlog.OpenCheckpoint([]byte(vector.Note), origin, note.VerifierList(v))
			switch {
			case vector.Rule == "ok" && (err != nil || c != head):
				t.Errorf("got %+v, %v", c, err)
			case vector.Rule != "ok" && (!errors.Is(err, tlog.ErrCheckpoint) || c != tlog.Checkpoint{}):
				t.Errorf("got %+v, %v, want ErrCheckpoint", c, err)
			}
		})
	}
	long := signed(string(head.Body())) + strings.Repeat(signature("w", 1, make([]byte, 700)), 80)
	if _, err := tlog.OpenCheckpoint([]byte(long), origin, note.VerifierList(v)); len(long) < 64<<10 || !errors.Is(err, tlog.ErrCheckpoint) {
		t.Errorf("a note of %d bytes: %v", len(long), err)
	}
}

func TestSignCheckpoint(t *testing.T) {
	s, err := tlog.NewLogSigner(origin, edKey("log"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := tlog.SignCheckpoint(head, s)
	if err != nil || string(got) != signed(string(head.Body())) {
		t.Errorf("signs as %s (%v)", got, err)
	}
	id := sha256.Sum256(append([]byte(origin+"\n\x01"), edPublic("log")...))
	if tlog.LogID(origin, edPublic("log")) != id || tlog.KeyHash(origin, edPublic("log")) != binary.BigEndian.Uint32(id[:4]) {
		t.Error("log id or key hash are not C2SP's")
	}
	for name, c := range map[string]tlog.Checkpoint{"no origin": {Size: 1}, "port": {Origin: origin + ":1"}, "size": {Origin: origin, Size: tlog.MaxSize + 1}} {
		if _, err := tlog.SignCheckpoint(c, s); err == nil {
			t.Errorf("%s: signed", name)
		}
	}
	if _, err := tlog.SignCheckpoint(head); err == nil {
		t.Error("a checkpoint without a signature")
	}
	if _, err := tlog.NewLogSigner(origin, nil); err == nil {
		t.Error("a signer without a key")
	}
	if _, err := tlog.NewLogVerifier(origin, nil); err == nil {
		t.Error("a verifier without a key")
	}
}

func TestLogKeys(t *testing.T) {
	spki, err := x509.MarshalPKIXPublicKey(edPublic("log"))
	if err != nil {
		t.Fatal(err)
	}
	if k, err := tlog.ParseLogKey(spki); err != nil || !k.Equal(edPublic("log")) {
		t.Errorf("%v, %v", k, err)
	}
	for _, bad := range [][]byte{nil, spki[1:], append(bytes.Clone(spki), 0), sealtest.Public(t, "officer").SPKI()} {
		if _, err := tlog.ParseLogKey(bad); err == nil {
			t.Errorf("reads %x", bad)
		}
	}
	doc := custody.LogDocument{Origin: origin, Keys: []custody.LogKey{{Algorithm: custody.LogEd25519, Key: spki}, {Algorithm: "slh-dsa-128s", Key: []byte("later")}}}
	keys, err := tlog.LogVerifiers(doc)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := tlog.OpenCheckpoint([]byte(signed(string(head.Body()))), origin, keys); err != nil || c != head {
		t.Errorf("%+v, %v", c, err)
	}
	doc.Keys = doc.Keys[1:]
	if _, err := tlog.LogVerifiers(doc); err == nil {
		t.Error("verifiers of a log without a key that is understood")
	}
	doc.Keys = []custody.LogKey{{Algorithm: custody.LogEd25519, Key: []byte("key")}}
	if _, err := tlog.LogVerifiers(doc); err == nil {
		t.Error("verifiers by a key that cannot be read")
	}
}

// FuzzOpenCheckpoint: text that is accepted is exactly what the checkpoint
// writes. The text is signed first, so that the reader gets to it.
func FuzzOpenCheckpoint(f *testing.F) {
	v, err := tlog.NewLogVerifier(origin, edPublic("log"))
	if err != nil {
		f.Fatal(err)
	}
	for _, size := range []string{"42", "042", "0", "9007199254740992"} {
		f.Add(origin+"\n"+size+"\n"+base64.StdEncoding.EncodeToString(head.Root[:])+"\n", "")
	}
	f.Add(string(head.Body()), cosigned("witness.example", string(head.Body()), 7))
	f.Add(string(head.Body())+"extension\n", "\u2014 x AAAA\n")
	f.Fuzz(func(t *testing.T, text, more string) {
		c, err := tlog.OpenCheckpoint([]byte(signed(text)+more), origin, note.VerifierList(v))
		if err != nil {
			if !errors.Is(err, tlog.ErrCheckpoint) {
				t.Errorf("untyped: %v", err)
			}
			return
		}
		if string(c.Body()) != text {
			t.Errorf("%q was accepted as %q", text, c.Body())
		}
	})
}
