package tlog_test

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/custody/seal/sealtest"
	"github.com/evidence-custody/custodyd/custody/tlog"
)

func TestWitnessVectors(t *testing.T) {
	for _, v := range sealtest.Vectors(t, "tlog/witnesses.json", witnessVectors(t)) {
		t.Run(v.Name, func(t *testing.T) {
			var witnesses []note.Verifier
			for _, key := range v.Witnesses {
				w, err := tlog.NewWitnessVerifier(key)
				if err != nil {
					t.Fatal(err)
				}
				witnesses = append(witnesses, w)
			}
			if got := tlog.CountWitnesses([]byte(v.Note), witnesses); got != v.Count {
				t.Errorf("counts %d, want %d", got, v.Count)
			}
		})
	}
}

// TestCountWitnessesOnce: one key under two names is one witness, and the
// log's own signature is none.
func TestCountWitnessesOnce(t *testing.T) {
	text := string(head.Body())
	vkey, _ := witnessKey("a.example")
	a, err := tlog.NewWitnessVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	own, err := tlog.NewLogVerifier(origin, edPublic("log"))
	if err != nil {
		t.Fatal(err)
	}
	if n := tlog.CountWitnesses([]byte(signed(text)+cosigned("a.example", text, 5)), []note.Verifier{own, a, a, own}); n != 1 {
		t.Errorf("counts %d, want 1", n)
	}
	for _, junk := range []string{"", "junk", text} {
		if n := tlog.CountWitnesses([]byte(junk), []note.Verifier{a}); n != 0 {
			t.Errorf("counts %d on %q", n, junk)
		}
	}
	if a.Verify([]byte(text), nil) || a.Verify([]byte(text), make([]byte, 64)) || a.Verify([]byte(text), make([]byte, 72)) {
		t.Error("verifies nothing")
	}
}

func TestWitnessKeyForms(t *testing.T) {
	good, hash := witnessKey("a.example")
	if w, err := tlog.NewWitnessVerifier(good); err != nil || w.Name() != "a.example" || w.KeyHash() != hash {
		t.Fatalf("%v", err)
	}
	parts := strings.SplitN(good, "+", 3)
	logKey, err := note.NewEd25519VerifierKey("a.example", edPublic("a.example"))
	if err != nil {
		t.Fatal(err)
	}
	spaced, _ := witnessKey("a example")
	hex := fmt.Sprintf("%08x", hash)
	for name, bad := range map[string]string{
		"empty":          "",
		"no name":        "+" + parts[1] + "+" + parts[2],
		"no key":         parts[0] + "+" + parts[1],
		"other hash":     strings.Replace(good, hex, "00000000", 1),
		"other name":     "b" + good[1:],
		"upper case":     strings.Replace(good, hex, strings.ToUpper(hex), 1),
		"short hash":     strings.Replace(good, hex, hex[:7], 1),
		"log key type":   logKey,
		"trailing bytes": good + "AAAA",
		"line break":     good[:len(good)-4] + "\n" + good[len(good)-4:],
		"space in name":  spaced,
	} {
		if bad == good {
			t.Fatalf("%s: nothing was changed", name)
		}
		if _, err := tlog.NewWitnessVerifier(bad); err == nil {
			t.Errorf("%s: read %q", name, bad)
		}
	}
}
