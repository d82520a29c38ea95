// Package notes makes the vectors of leaves, checkpoints, cosignatures and
// timestamps.
package notes

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

const Origin = "log.example.org"

// EdKey returns the Ed25519 key of that name.
func EdKey(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("tlog:" + name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func EdPublic(name string) ed25519.PublicKey { return EdKey(name).Public().(ed25519.PublicKey) }

// Signature is a note's signature line.
func Signature(name string, hash uint32, sig []byte) string {
	return fmt.Sprintf("\u2014 %s %s\n", name, base64.StdEncoding.EncodeToString(append(binary.BigEndian.AppendUint32(nil, hash), sig...)))
}

// Signed is text signed by the log's key, whatever the text.
func Signed(text string) string {
	return text + "\n" + Signature(Origin, tlog.KeyHash(Origin, EdPublic("log")), ed25519.Sign(EdKey("log"), []byte(text)))
}

// WitnessKey is the verifier key of the witness of that name.
func WitnessKey(name string) (vkey string, hash uint32) {
	raw := append([]byte{4}, EdPublic(name)...)
	sum := sha256.Sum256(append([]byte(name+"\n"), raw...))
	hash = binary.BigEndian.Uint32(sum[:])
	return fmt.Sprintf("%s+%08x+%s", name, hash, base64.StdEncoding.EncodeToString(raw)), hash
}

// Cosigned is a cosignature/v1 line over text.
func Cosigned(name, text string, time uint64) string {
	_, hash := WitnessKey(name)
	sig := ed25519.Sign(EdKey(name), fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", time, text))
	return Signature(name, hash, append(binary.BigEndian.AppendUint64(nil, time), sig...))
}

// LogKey is the log's verifier key.
func LogKey() string {
	raw := append([]byte{1}, EdPublic("log")...)
	return fmt.Sprintf("%s+%08x+%s", Origin, tlog.KeyHash(Origin, EdPublic("log")), base64.StdEncoding.EncodeToString(raw))
}

// CheckpointVector is one note opened as a checkpoint of the log of that verifier key.
type CheckpointVector struct {
	Name string `json:"name"`
	Rule string `json:"rule"` // "ok" or "not-a-checkpoint"
	Note string `json:"note"`
	Log  string `json:"log"`
}

var Head = tlog.Checkpoint{Origin: Origin, Size: 42, Root: evidence.Sum([]byte("root"))}

func CheckpointVectors(t testing.TB) []CheckpointVector {
	text := string(Head.Body())
	root := base64.StdEncoding.EncodeToString(Head.Root[:])
	lines := func(l ...string) string { return strings.Join(l, "\n") + "\n" }
	key := LogKey()
	ok := func(name, n string) CheckpointVector { return CheckpointVector{name, "ok", n, key} }
	bad := func(name, n string) CheckpointVector { return CheckpointVector{name, "not-a-checkpoint", n, key} }
	good := Signed(text)
	thief := Signature(Origin, tlog.KeyHash(Origin, EdPublic("thief")), ed25519.Sign(EdKey("thief"), []byte(text)))
	return []CheckpointVector{
		ok("good", good),
		ok("cosigned", good+Cosigned("witness.example", text, 1_790_000_000)),
		ok("cosigned-badly", good+Cosigned("witness.example", text+"x", 1_790_000_000)),
		ok("unknown-signature-too", good+thief),
		ok("unknown-type-too", good+Signature(Origin, 0x06060606, make([]byte, 2420))),
		bad("unknown-signature-only", text+"\n"+thief),
		bad("cosignature-only", text+"\n"+Cosigned("witness.example", text, 1)),
		bad("unsigned", text+"\n"),
		bad("text-only", text),
		bad("signature-of-another-text", strings.Replace(good, "\n42\n", "\n43\n", 1)),
		bad("signature-by-another-key", text+"\n"+Signature(Origin, tlog.KeyHash(Origin, EdPublic("log")), ed25519.Sign(EdKey("thief"), []byte(text)))),
		bad("a-good-and-a-bad-signature", text+"\n"+Signature(Origin, tlog.KeyHash(Origin, EdPublic("log")), make([]byte, 64))+strings.SplitAfter(good, "\n\n")[1]),
		bad("extension-line", Signed(text+"extension\n")),
		bad("two-lines", Signed(lines(Origin, "42"))),
		bad("wrong-origin", Signed(lines("other.example.org", "42", root))),
		bad("origin-with-port", Signed(lines(Origin+":443", "42", root))),
		bad("origin-with-path", Signed(lines(Origin+"/log", "42", root))),
		bad("origin-upper-case", Signed(lines("LOG.example.org", "42", root))),
		bad("origin-empty", Signed(lines("", "42", root))),
		bad("leading-zero", Signed(lines(Origin, "042", root))),
		bad("plus-sign", Signed(lines(Origin, "+42", root))),
		bad("minus-sign", Signed(lines(Origin, "-42", root))),
		bad("size-with-space", Signed(lines(Origin, "42 ", root))),
		bad("size-empty", Signed(lines(Origin, "", root))),
		bad("size-over-2-53", Signed(lines(Origin, "9007199254740992", root))),
		bad("size-over-2-62", Signed(lines(Origin, "4611686018427387905", root))),
		bad("size-over-2-64", Signed(lines(Origin, "18446744073709551617", root))),
		bad("root-short", Signed(lines(Origin, "42", base64.StdEncoding.EncodeToString(Head.Root[:31])))),
		bad("root-hex", Signed(lines(Origin, "42", Head.Root.String()))),
		bad("root-without-padding", Signed(lines(Origin, "42", strings.TrimSuffix(root, "=")))),
		bad("root-loose-bits", Signed(lines(Origin, "42", root[:42]+string(root[42]+1)+"="))),
		bad("carriage-returns", Signed(strings.ReplaceAll(text, "\n", "\r\n"))),
		bad("blank-line-first", Signed("\n"+text)),
		bad("junk-after-signatures", good+"junk\n"),
		bad("no-final-newline", strings.TrimSuffix(good, "\n")),
		bad("empty", ""),
	}
}

// witnessVector is a cosigned note and the keys of witnesses to count.
type witnessVector struct {
	Name      string   `json:"name"`
	Count     int      `json:"count"`
	Witnesses []string `json:"witnesses"`
	Note      string   `json:"note"`
}

func WitnessVectors(t testing.TB) []witnessVector {
	text := string(Head.Body())
	base := Signed(text)
	a, _ := WitnessKey("a.example")
	b, _ := WitnessKey("b.example")
	c, _ := WitnessKey("c.example")
	at := uint64(1_790_000_000)
	byA, byB := Cosigned("a.example", text, at), Cosigned("b.example", text, at+1)
	all := []string{a, b, c}
	// A line of a's name and hash by another key, and one of a signature over the
	// bare text, as a log would sign it.
	forged := strings.Replace(Cosigned("b.example", text, at), "b.example", "a.example", 1)
	return []witnessVector{
		{"none", 0, all, base},
		{"one", 1, all, base + byA},
		{"two", 2, all, base + byA + byB},
		{"two-in-another-order", 2, []string{b, a}, base + byB + byA},
		{"same-line-twice", 1, all, base + byA + byA},
		{"same-witness-at-two-times", 1, all, base + byA + Cosigned("a.example", text, at+9)},
		{"same-key-asked-twice", 1, []string{a, a}, base + byA},
		{"other-text", 0, all, base + Cosigned("a.example", text+"x", at)},
		{"other-size", 0, all, base + Cosigned("a.example", strings.Replace(text, "\n42\n", "\n41\n", 1), at)},
		{"by-another-key", 0, all, base + forged},
		{"not-asked-for", 0, []string{c}, base + byA + byB},
		{"bad-line-does-not-spoil-others", 1, all, base + Cosigned("a.example", "x", at) + byB},
		{"no-witnesses-asked", 0, []string{}, base + byA},
		{"ml-dsa", 1, []string{MldsaVerifierKeyOf(t, "pq.example")}, base + MldsaCosigned(t, "pq.example", Head, at)},
		{"ml-dsa-and-ed25519", 2, []string{a, MldsaVerifierKeyOf(t, "pq.example")}, base + byA + MldsaCosigned(t, "pq.example", Head, at)},
		{"ml-dsa-without-a-time", 0, []string{MldsaVerifierKeyOf(t, "pq.example")}, base + MldsaCosigned(t, "pq.example", Head, 0)},
		{"ml-dsa-of-another-head", 0, []string{MldsaVerifierKeyOf(t, "pq.example")}, base + MldsaCosigned(t, "pq.example", tlog.Checkpoint{Origin: Origin, Size: 43, Root: Head.Root}, at)},
		{"without-a-time", 0, all, base + Cosigned("a.example", text, 0)},
		{"time-over-2^63", 0, all, base + Cosigned("a.example", text, 1<<63)},
		{"last-possible-time", 1, all, base + Cosigned("a.example", text, 1<<63-1)},
	}
}

// MldsaVerifierKeyOf is the verifier key of the ML-DSA-44 key of that name.
func MldsaVerifierKeyOf(t testing.TB, name string) string {
	t.Helper()
	public := MlKey(t, name).PublicKey()
	raw := append([]byte{6}, public.Bytes()...)
	sum := evidence.Sum(append([]byte(name+"\n"), raw...))
	return fmt.Sprintf("%s+%x+%s", name, sum[:4], base64.StdEncoding.EncodeToString(raw))
}

// MldsaCosigned is a cosignature by the ML-DSA-44 key of that name, its message
// written out field by field (C2SP tlog-cosignature).
func MldsaCosigned(t testing.TB, name string, c tlog.Checkpoint, seconds uint64) string {
	t.Helper()
	m := "subtree/v1\n\x00" + string(byte(len(name))) + name
	m += string(binary.BigEndian.AppendUint64(nil, seconds)) + string(byte(len(c.Origin))) + c.Origin
	m += string(make([]byte, 8)) + string(binary.BigEndian.AppendUint64(nil, c.Size)) + string(c.Root[:])
	key := MlKey(t, name)
	sig, err := key.SignDeterministic([]byte(m), nil)
	if err != nil {
		t.Fatal(err)
	}
	return Signature(name, tlog.MLDSAKeyHash(name, key.PublicKey()), append(binary.BigEndian.AppendUint64(nil, seconds), sig...))
}
