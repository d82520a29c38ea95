package tlog_test

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/custody/seal/sealtest"
	"github.com/evidence-custody/custodyd/custody/tlog"
)

// witnessVector is a cosigned note and the keys of witnesses to count.
type witnessVector struct {
	Name      string   `json:"name"`
	Count     int      `json:"count"`
	Witnesses []string `json:"witnesses"`
	Note      string   `json:"note"`
}

func witnessVectors(t *testing.T) []witnessVector {
	text := string(head.Body())
	base := signed(text)
	a, _ := witnessKey("a.example")
	b, _ := witnessKey("b.example")
	c, _ := witnessKey("c.example")
	at := uint64(1_790_000_000)
	byA, byB := cosigned("a.example", text, at), cosigned("b.example", text, at+1)
	all := []string{a, b, c}
	// A line of a's name and hash by another key, and one of a signature over the
	// bare text, as a log would sign it.
	forged := strings.Replace(cosigned("b.example", text, at), "b.example", "a.example", 1)
	return []witnessVector{
		{"none", 0, all, base},
		{"one", 1, all, base + byA},
		{"two", 2, all, base + byA + byB},
		{"two-in-another-order", 2, []string{b, a}, base + byB + byA},
		{"same-line-twice", 1, all, base + byA + byA},
		{"same-witness-at-two-times", 1, all, base + byA + cosigned("a.example", text, at+9)},
		{"same-key-asked-twice", 1, []string{a, a}, base + byA},
		{"other-text", 0, all, base + cosigned("a.example", text+"x", at)},
		{"other-size", 0, all, base + cosigned("a.example", strings.Replace(text, "\n42\n", "\n41\n", 1), at)},
		{"by-another-key", 0, all, base + forged},
		{"not-asked-for", 0, []string{c}, base + byA + byB},
		{"bad-line-does-not-spoil-others", 1, all, base + cosigned("a.example", "x", at) + byB},
		{"no-witnesses-asked", 0, []string{}, base + byA},
		{"ml-dsa", 1, []string{mldsaVerifierKeyOf(t, "pq.example")}, base + mldsaCosigned(t, "pq.example", head, at)},
		{"ml-dsa-and-ed25519", 2, []string{a, mldsaVerifierKeyOf(t, "pq.example")}, base + byA + mldsaCosigned(t, "pq.example", head, at)},
		{"ml-dsa-without-a-time", 0, []string{mldsaVerifierKeyOf(t, "pq.example")}, base + mldsaCosigned(t, "pq.example", head, 0)},
		{"ml-dsa-of-another-head", 0, []string{mldsaVerifierKeyOf(t, "pq.example")}, base + mldsaCosigned(t, "pq.example", tlog.Checkpoint{Origin: origin, Size: 43, Root: head.Root}, at)},
		{"without-a-time", 0, all, base + cosigned("a.example", text, 0)},
		{"time-over-2^63", 0, all, base + cosigned("a.example", text, 1<<63)},
		{"last-possible-time", 1, all, base + cosigned("a.example", text, 1<<63-1)},
	}
}

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
