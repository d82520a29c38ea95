package tlog_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/seal/sealtest"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

const origin = "log.example.org"

// edKey returns the Ed25519 key of that name.
func edKey(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("tlog:" + name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func edPublic(name string) ed25519.PublicKey { return edKey(name).Public().(ed25519.PublicKey) }

// signature is a note's signature line.
func signature(name string, hash uint32, sig []byte) string {
	return fmt.Sprintf("\u2014 %s %s\n", name, base64.StdEncoding.EncodeToString(append(binary.BigEndian.AppendUint32(nil, hash), sig...)))
}

// signed is text signed by the log's key, whatever the text.
func signed(text string) string {
	return text + "\n" + signature(origin, tlog.KeyHash(origin, edPublic("log")), ed25519.Sign(edKey("log"), []byte(text)))
}

// witnessKey is the verifier key of the witness of that name.
func witnessKey(name string) (vkey string, hash uint32) {
	raw := append([]byte{4}, edPublic(name)...)
	sum := sha256.Sum256(append([]byte(name+"\n"), raw...))
	hash = binary.BigEndian.Uint32(sum[:])
	return fmt.Sprintf("%s+%08x+%s", name, hash, base64.StdEncoding.EncodeToString(raw)), hash
}

// cosigned is a cosignature/v1 line over text.
func cosigned(name, text string, time uint64) string {
	_, hash := witnessKey(name)
	sig := ed25519.Sign(edKey(name), fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", time, text))
	return signature(name, hash, append(binary.BigEndian.AppendUint64(nil, time), sig...))
}

// logKey is the log's verifier key.
func logKey() string {
	raw := append([]byte{1}, edPublic("log")...)
	return fmt.Sprintf("%s+%08x+%s", origin, tlog.KeyHash(origin, edPublic("log")), base64.StdEncoding.EncodeToString(raw))
}

// checkpointVector is one note opened as a checkpoint of the log of that verifier key.
type checkpointVector struct {
	Name string `json:"name"`
	Rule string `json:"rule"` // "ok" or "not-a-checkpoint"
	Note string `json:"note"`
	Log  string `json:"log"`
}

var head = tlog.Checkpoint{Origin: origin, Size: 42, Root: evidence.Sum([]byte("root"))}

func checkpointVectors(t *testing.T) []checkpointVector {
	text := string(head.Body())
	root := base64.StdEncoding.EncodeToString(head.Root[:])
	lines := func(l ...string) string { return strings.Join(l, "\n") + "\n" }
	key := logKey()
	ok := func(name, n string) checkpointVector { return checkpointVector{name, "ok", n, key} }
	bad := func(name, n string) checkpointVector { return checkpointVector{name, "not-a-checkpoint", n, key} }
	good := signed(text)
	thief := signature(origin, tlog.KeyHash(origin, edPublic("thief")), ed25519.Sign(edKey("thief"), []byte(text)))
	return []checkpointVector{
		ok("good", good),
		ok("cosigned", good+cosigned("witness.example", text, 1_790_000_000)),
		ok("cosigned-badly", good+cosigned("witness.example", text+"x", 1_790_000_000)),
		ok("unknown-signature-too", good+thief),
		ok("unknown-type-too", good+signature(origin, 0x06060606, make([]byte, 2420))),
		bad("unknown-signature-only", text+"\n"+thief),
		bad("cosignature-only", text+"\n"+cosigned("witness.example", text, 1)),
		bad("unsigned", text+"\n"),
		bad("text-only", text),
		bad("signature-of-another-text", strings.Replace(good, "\n42\n", "\n43\n", 1)),
		bad("signature-by-another-key", text+"\n"+signature(origin, tlog.KeyHash(origin, edPublic("log")), ed25519.Sign(edKey("thief"), []byte(text)))),
		bad("a-good-and-a-bad-signature", text+"\n"+signature(origin, tlog.KeyHash(origin, edPublic("log")), make([]byte, 64))+strings.SplitAfter(good, "\n\n")[1]),
		bad("extension-line", signed(text+"extension\n")),
		bad("two-lines", signed(lines(origin, "42"))),
		bad("wrong-origin", signed(lines("other.example.org", "42", root))),
		bad("origin-with-port", signed(lines(origin+":443", "42", root))),
		bad("origin-with-path", signed(lines(origin+"/log", "42", root))),
		bad("origin-upper-case", signed(lines("LOG.example.org", "42", root))),
		bad("origin-empty", signed(lines("", "42", root))),
		bad("leading-zero", signed(lines(origin, "042", root))),
		bad("plus-sign", signed(lines(origin, "+42", root))),
		bad("minus-sign", signed(lines(origin, "-42", root))),
		bad("size-with-space", signed(lines(origin, "42 ", root))),
		bad("size-empty", signed(lines(origin, "", root))),
		bad("size-over-2-53", signed(lines(origin, "9007199254740992", root))),
		bad("size-over-2-62", signed(lines(origin, "4611686018427387905", root))),
		bad("size-over-2-64", signed(lines(origin, "18446744073709551617", root))),
		bad("root-short", signed(lines(origin, "42", base64.StdEncoding.EncodeToString(head.Root[:31])))),
		bad("root-hex", signed(lines(origin, "42", head.Root.String()))),
		bad("root-without-padding", signed(lines(origin, "42", strings.TrimSuffix(root, "=")))),
		bad("root-loose-bits", signed(lines(origin, "42", root[:42]+string(root[42]+1)+"="))),
		bad("carriage-returns", signed(strings.ReplaceAll(text, "\n", "\r\n"))),
		bad("blank-line-first", signed("\n"+text)),
		bad("junk-after-signatures", good+"junk\n"),
		bad("no-final-newline", strings.TrimSuffix(good, "\n")),
		bad("empty", ""),
	}
}

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
