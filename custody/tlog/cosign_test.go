package tlog_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// TestCosign: what a cosigner makes is what the vectors' own arithmetic makes.
func TestCosign(t *testing.T) {
	c, err := tlog.NewCosigner("a.example", edKey("a.example"))
	if err != nil {
		t.Fatal(err)
	}
	vkey, hash := witnessKey("a.example")
	if c.VerifierKey() != vkey || c.KeyHash() != hash || c.Name() != "a.example" {
		t.Errorf("verifier key %s, want %s", c.VerifierKey(), vkey)
	}
	at := time.Unix(1_790_000_000, 999)
	s, err := c.Cosign(head.Body(), at)
	if err != nil {
		t.Fatal(err)
	}
	if want := cosigned("a.example", string(head.Body()), 1_790_000_000); s.String() != want {
		t.Errorf("made %swant %s", s, want)
	}
	if !s.Time().Equal(at.Truncate(time.Second)) {
		t.Errorf("says %s", s.Time())
	}
	w, err := tlog.NewWitnessVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	msg, err := tlog.AddSignatures([]byte(signed(string(head.Body()))), s)
	if err != nil {
		t.Fatal(err)
	}
	if tlog.CountWitnesses(msg, []note.Verifier{w}) != 1 {
		t.Error("does not count")
	}
	for name, body := range map[string]string{"no checkpoint": "text\n", "none": "", "no root": "log\n1\n\n"} {
		if _, err := c.Cosign([]byte(body), at); err == nil {
			t.Errorf("cosigned %s", name)
		}
	}
	if _, err := c.Cosign(head.Body(), time.Time{}); err == nil {
		t.Error("cosigned at no time")
	}
	for _, name := range []string{"", "a b", "a+b", "a\nb", strings.Repeat("a", 256)} {
		if _, err := tlog.NewCosigner(name, edKey("a.example")); err == nil {
			t.Errorf("took the name %q", name)
		}
	}
	if _, err := tlog.NewCosigner("a", nil); err == nil {
		t.Error("took no key")
	}
}

// liar is a key that was replaced where it is kept.
type liar struct{ ed25519.PrivateKey }

func (l liar) Public() crypto.PublicKey { return edPublic("a.example") }

func TestCosignerChecksItself(t *testing.T) {
	c, err := tlog.NewCosigner("a.example", liar{edKey("other")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Cosign(head.Body(), time.Unix(1, 0)); err == nil {
		t.Error("handed out a signature of another key")
	}
}

func TestForeignCheckpoint(t *testing.T) {
	root := base64.StdEncoding.EncodeToString(head.Root[:])
	long := strings.Repeat("o", 256)
	for _, tt := range []struct {
		name, body string
		ok         bool
	}{
		{"ours", string(head.Body()), true},
		{"path in the origin", "example.com/log\n42\n" + root + "\n", true},
		{"extension lines", "example.com/log\n42\n" + root + "\nmore\nand more\n", true},
		{"empty tree", "e\n0\n" + base64.StdEncoding.EncodeToString(tlog.EmptyRoot[:]) + "\n", true},
		{"no origin", "\n42\n" + root + "\n", false},
		{"space in the origin", "a b\n42\n" + root + "\n", false},
		{"plus in the origin", "a+b\n42\n" + root + "\n", false},
		{"long origin", long + "\n42\n" + root + "\n", false},
		{"leading zero", "e\n042\n" + root + "\n", false},
		{"negative", "e\n-1\n" + root + "\n", false},
		{"too large", "e\n9007199254740992\n" + root + "\n", false},
		{"short root", "e\n42\nAAAA\n", false},
		{"root with stray bits", "e\n42\n" + root[:len(root)-2] + "/=\n", false},
		{"carriage return", "e\n42\n" + root + "\r\n", false},
		{"no newline at the end", "e\n42\n" + root, false},
		{"extension without newline", "e\n42\n" + root + "\nmore", false},
		{"empty extension line", "e\n42\n" + root + "\n\nmore\n", false},
	} {
		c, err := tlog.ParseForeignCheckpoint([]byte(tt.body))
		if (err == nil) != tt.ok || err != nil && !errors.Is(err, tlog.ErrCheckpoint) {
			t.Errorf("%s: %v", tt.name, err)
		}
		if tt.ok && !strings.HasPrefix(tt.body, string(c.Body())) {
			t.Errorf("%s: read %+v", tt.name, c)
		}
	}
}

func TestParseSignatures(t *testing.T) {
	text := string(head.Body())
	a, b := cosigned("a.example", text, 5), cosigned("b.example", text, 6)
	for _, tt := range []struct {
		name, in string
		n        int
	}{
		{"one", a, 1},
		{"two", a + b, 2},
		{"none", "", 0},
		{"no newline", a[:len(a)-1], 0},
		{"carriage return", a[:len(a)-1] + "\r\n", 0},
		{"empty line", a + "\n" + b, 0},
		{"hyphen", strings.Replace(a, "\u2014", "-", 1), 0},
		{"two spaces", strings.Replace(a, " a", "  a", 1), 0},
		{"plus in the name", strings.Replace(a, "a.ex", "a+ex", 1), 0},
		{"no signature", "\u2014 a.example \n", 0},
		{"hash only", "\u2014 a.example " + base64.StdEncoding.EncodeToString(make([]byte, 4)) + "\n", 0},
		{"one byte", "\u2014 a.example " + base64.StdEncoding.EncodeToString(make([]byte, 5)) + "\n", 1},
		{"too long", "\u2014 a.example " + base64.StdEncoding.EncodeToString(make([]byte, 9<<10)) + "\n", 0},
		{"words after", strings.TrimSuffix(a, "\n") + " x\n", 0},
		{"64", strings.Repeat(a, 64), 64},
		{"65", strings.Repeat(a, 65), 0},
		{"html", "<html>\n", 0},
	} {
		got, err := tlog.ParseSignatures([]byte(tt.in))
		if len(got) != tt.n || (err == nil) != (tt.n > 0) || err != nil && !errors.Is(err, tlog.ErrSignatureLines) {
			t.Errorf("%s: %d lines, %v", tt.name, len(got), err)
		}
		again := ""
		for _, s := range got {
			again += s.String()
		}
		if tt.n > 0 && again != tt.in {
			t.Errorf("%s: written again as %q", tt.name, again)
		}
	}
}

func TestAddSignatures(t *testing.T) {
	text := string(head.Body())
	base := signed(text)
	parse := func(s string) tlog.Signature {
		t.Helper()
		l, err := tlog.ParseSignatures([]byte(s))
		if err != nil {
			t.Fatal(err)
		}
		return l[0]
	}
	a, b := cosigned("a.example", text, 5), cosigned("b.example", text, 6)
	got, err := tlog.AddSignatures([]byte(base), parse(a), parse(b), parse(cosigned("a.example", text, 9)))
	if err != nil || string(got) != base+a+b {
		t.Errorf("%v: %s", err, got)
	}
	gotText, lines, err := tlog.SplitNote(got)
	if err != nil || string(gotText) != text || len(lines) != 3 {
		t.Errorf("split: %v, %d lines, %q", err, len(lines), gotText)
	}
	w, err := tlog.NewWitnessVerifier(func() string { k, _ := witnessKey("b.example"); return k }())
	if err != nil {
		t.Fatal(err)
	}
	if s, ok := tlog.Cosignature(w, []byte(text), lines); !ok || s.String() != b {
		t.Errorf("found %v %s", ok, s)
	}
	if _, ok := tlog.Cosignature(w, []byte(text+"x"), lines); ok {
		t.Error("found one of another text")
	}
	for name, bad := range map[string]string{"empty": "", "no signature": text, "junk": base + "junk\n", "long": base + strings.Repeat("x", 64<<10)} {
		if _, err := tlog.AddSignatures([]byte(bad), parse(a)); !errors.Is(err, tlog.ErrSignatureLines) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var many []tlog.Signature
	for i := range 64 {
		many = append(many, tlog.Signature{Name: "w", KeyHash: uint32(i), Bytes: []byte{1}})
	}
	if _, err := tlog.AddSignatures([]byte(base), many...); err == nil {
		t.Error("added 64 lines to one")
	}
}

func TestWitnessKeyID(t *testing.T) {
	one, _ := witnessKey("a.example")
	w, err := tlog.NewWitnessVerifier(one)
	if err != nil {
		t.Fatal(err)
	}
	c, err := tlog.NewCosigner("another.name", edKey("a.example"))
	if err != nil {
		t.Fatal(err)
	}
	same, err := tlog.NewWitnessVerifier(c.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	if id := tlog.WitnessKeyID(w); id == (evidence.Digest{}) || id != tlog.WitnessKeyID(same) {
		t.Error("one key under two names is two witnesses")
	}
	if own, err := tlog.NewLogVerifier(origin, edPublic("a.example")); err != nil || tlog.WitnessKeyID(own) != (evidence.Digest{}) {
		t.Errorf("a log's verifier is a witness (%v)", err)
	}
}

// FuzzSignatures: whatever is read is written again as it was.
func FuzzSignatures(f *testing.F) {
	text := string(head.Body())
	f.Add([]byte(signed(text)))
	f.Add([]byte(signed(text) + cosigned("a.example", text, 5)))
	f.Add([]byte("\n\n\u2014 a AAAAAAA=\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = tlog.ParseForeignCheckpoint(b)
		text, lines, err := tlog.SplitNote(b)
		if err != nil {
			return
		}
		again := append(bytes.Clone(text), '\n')
		for _, s := range lines {
			again = append(again, s.String()...)
		}
		if !bytes.Equal(again, b) {
			t.Errorf("%q was read and is written as %q", b, again)
		}
	})
}
