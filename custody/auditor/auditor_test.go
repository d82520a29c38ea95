package auditor_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/custody/auditor"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/evidence"
)

// vkeyBody is the base64 part of an Ed25519 verifier key.
func vkeyBody(name string) string {
	return base64.StdEncoding.EncodeToString(append([]byte{1}, edKey(name).Public().(ed25519.PublicKey)...))
}

// TestFollows: a log that grows is followed over tile borders, and what its
// head says is computed.
func TestFollows(t *testing.T) {
	h := newHistory(t, 0)
	s := serve(t, h)
	a := newAuditor(t, s)
	var last uint64
	for _, n := range []int{0, 1, 2, 255, 256, 257, 511, 512, 600, 600} {
		h.grow("main", n)
		s.show(h, h.note(n))
		out := run(t, a)
		if out.Verdict != verify.Whole || out.Head.Size != uint64(n) || names(out) != nil {
			t.Fatalf("%d entries: %s at %+v: %v", n, out.Verdict, out.Head, out.Findings)
		}
		if n > 0 && (out.Since == nil || out.Since.Size != last) {
			t.Errorf("%d entries: since %+v, want %d", n, out.Since, last)
		}
		last = uint64(n)
	}
	if s.leaked != nil {
		t.Errorf("the token was shown for %v", s.leaked)
	}
	if slices.ContainsFunc(keysOf(s.asked), func(p string) bool { return strings.HasPrefix(p, "tile/entries/") }) {
		t.Error("entries were read where nothing needs them")
	}
}

func keysOf(m map[string]int) (out []string) {
	for k := range m {
		out = append(out, k)
	}
	return out
}

// TestFull re-hashes everything, counts it, and goes on in the same process.
func TestFull(t *testing.T) {
	h := newHistory(t, 600)
	s := serve(t, h)
	a := newAuditor(t, s)
	a.Full = true
	a.Keys = []evidence.Digest{examiner(t)}
	out := run(t, a)
	root, err := h.tree.Root(600)
	if err != nil {
		t.Fatal(err)
	}
	if out.Verdict != verify.Whole || out.Full == nil || out.Full.From != 0 || out.Full.Entries != 600 || out.Full.Root != root {
		t.Fatalf("%s, %+v: %v", out.Verdict, out.Full, out.Findings)
	}
	// Every tile and every bundle of that head was read: nothing is taken from another.
	for _, path := range []string{"tile/0/000", "tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2", "tile/entries/000", "tile/entries/001", "tile/entries/002.p/88"} {
		if s.asked[path] == 0 {
			t.Errorf("%s was not read", path)
		}
	}
	if got := indexes(out.Uses); !slices.Equal(got, []uint64{42, 142, 242, 342, 442, 542}) {
		t.Errorf("uses at %v", got)
	}
	for _, u := range out.Uses {
		leaf, err := tlog.ParseLeaf(h.entries[u.Index])
		if err != nil || !u.Holds || u.Key != examiner(t) || u.Event != leaf.EventID || !bytes.Equal(u.Signature, leaf.Signature) {
			t.Errorf("use %+v, %v", u, err)
		}
	}
	h.grow("main", 700)
	s.show(h, h.note(700))
	if out = run(t, a); out.Verdict != verify.Whole || out.Full.From != 600 || out.Full.Entries != 100 || !slices.Equal(indexes(out.Uses), []uint64{642}) {
		t.Errorf("goes on: %s, %+v, %v", out.Verdict, out.Full, out.Uses)
	}
	// Another process starts from the beginning.
	a = auditorAt(t, s, a.State)
	a.Full = true
	if out = run(t, a); out.Full.From != 0 || out.Full.Entries != 700 {
		t.Errorf("a new re-hash: %+v", out.Full)
	}
}

func indexes(uses []auditor.Use) (out []uint64) {
	for _, u := range uses {
		out = append(out, u.Index)
	}
	return out
}

// TestUses: each use once; a key that is new is looked for from the beginning.
func TestUses(t *testing.T) {
	h := newHistory(t, 300)
	s := serve(t, h)
	a := newAuditor(t, s)
	a.Keys = []evidence.Digest{examiner(t)}
	if out := run(t, a); !slices.Equal(indexes(out.Uses), []uint64{42, 142, 242}) {
		t.Errorf("uses at %v", indexes(out.Uses))
	}
	if out := run(t, a); len(out.Uses) != 0 || out.Verdict != verify.Whole {
		t.Errorf("again: %v", out.Uses)
	}
	h.grow("main", 350)
	s.show(h, h.note(350))
	a.Keys = []evidence.Digest{examiner(t), officer(t)}
	out := run(t, a)
	if n := len(out.Uses); n != 347 || out.Uses[0].Key != officer(t) || out.Uses[0].Index != 0 {
		t.Errorf("%d uses from %+v", n, out.Uses[0])
	}
}

// TestInterrupted: a re-hash that was cut is taken up where it was, and the
// head of before stands until it is done.
func TestInterrupted(t *testing.T) {
	h := newHistory(t, 1200)
	s := serve(t, h)
	a := newAuditor(t, s)
	a.Full = true
	ctx, cancel := context.WithCancel(t.Context())
	a.Progress = func(done, _ uint64) {
		if done >= 512 {
			cancel()
		}
	}
	if _, err := a.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	a = auditorAt(t, s, a.State)
	a.Full = true
	out := run(t, a)
	if out.Verdict != verify.Whole || out.Since != nil || out.Full.From < 512 || out.Full.From+out.Full.Entries != 1200 {
		t.Errorf("%s since %+v, %+v: %v", out.Verdict, out.Since, out.Full, out.Findings)
	}
}

// TestForks: neither head continues the other. The proof is kept, it holds for
// others, and the log is refused for ever, whatever it shows afterwards.
func TestForks(t *testing.T) {
	long := newHistory(t, 700)
	branch := (&history{t: t}).grow("main", 280).grow("other", 700)
	for _, c := range []struct {
		name       string
		seen, then func() ([]byte, *history)
	}{
		{"grown", at(long, 300), at(branch, 700)},
		{"same size", at(long, 700), at(branch, 700)},
		{"put back and forked", at(long, 700), at(branch, 300)},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, long)
			a := newAuditor(t, s)
			first, h := c.seen()
			s.show(h, first)
			run(t, a)
			second, h := c.then()
			s.show(h, second)
			out := run(t, a)
			if c.name == "put back and forked" {
				// The tiles of the longer tree are gone: what is left are two notes.
				if !slices.Equal(names(out), []auditor.Name{auditor.LogShrunk}) {
					t.Fatal(out.Findings)
				}
				both, err := os.ReadFile(out.Evidence)
				if err != nil || !bytes.Contains(both, first) || !bytes.Contains(both, second) {
					t.Errorf("kept %q, %v", both, err)
				}
				return
			}
			if out.Exit != 3 || !slices.Equal(names(out), []auditor.Name{auditor.LogFork}) {
				t.Fatalf("%s: %v", out.Verdict, out.Findings)
			}
			proof, err := os.ReadFile(out.Evidence)
			if err != nil {
				t.Fatal(err)
			}
			fork, err := auditor.ReadFork(proof, trustedLog())
			if err != nil || !slices.Contains([]string{fork.Older, fork.Newer}, string(first)) || !slices.Contains([]string{fork.Older, fork.Newer}, string(second)) {
				t.Errorf("the proof: %v", err)
			}
			// Back to the first: too late. Without a word to the log.
			s.show(long, first)
			clear(s.asked)
			again := run(t, a)
			if again.Exit != 3 || again.Evidence != out.Evidence || !slices.Equal(names(again), []auditor.Name{auditor.LogFork}) || len(s.asked) != 0 {
				t.Errorf("afterwards: %s, %v, asked %v", again.Verdict, again.Findings, s.asked)
			}
			// No other than this proof passes.
			for bit := 0; bit < 8*len(proof); bit += 7 {
				proof[bit/8] ^= 1 << (bit % 8)
				if _, err := auditor.ReadFork(proof, trustedLog()); err == nil {
					t.Fatalf("a proof with bit %d flipped passes", bit)
				}
				proof[bit/8] ^= 1 << (bit % 8)
			}
		})
	}
}

func at(h *history, size int) func() ([]byte, *history) {
	return func() ([]byte, *history) { return h.note(size), h }
}

// TestShrunk: an old head played again is found, and not for ever: the log may
// have been behind.
func TestShrunk(t *testing.T) {
	h := newHistory(t, 300)
	s := serve(t, h)
	a := newAuditor(t, s)
	run(t, a)
	s.show(h, h.note(290))
	out := run(t, a)
	if out.Exit != 3 || !slices.Equal(names(out), []auditor.Name{auditor.LogShrunk}) || out.Evidence == "" {
		t.Fatalf("%s: %v", out.Verdict, out.Findings)
	}
	s.show(h, h.note(300))
	if out := run(t, a); out.Verdict != verify.Whole || out.Since.Size != 300 {
		t.Errorf("back again: %s since %+v: %v", out.Verdict, out.Since, out.Findings)
	}
	// Put back for good, its later tiles gone.
	s.show(newHistory(t, 200), newHistory(t, 200).note(200))
	if out := run(t, a); out.Exit != 3 || !slices.Equal(names(out), []auditor.Name{auditor.LogShrunk}) {
		t.Errorf("put back: %v", out.Findings)
	}
	// And grown on from there in another way: now it is a fork.
	branch := newHistory(t, 200).grow("other", 400)
	s.show(branch, branch.note(400))
	if out := run(t, a); out.Exit != 3 || !slices.Equal(names(out), []auditor.Name{auditor.LogFork}) {
		t.Errorf("grown in another way: %v", out.Findings)
	}
}

// TestSlowCache: an older head that a cache still shows is waited for.
func TestSlowCache(t *testing.T) {
	h := newHistory(t, 300)
	s := serve(t, h)
	a := newAuditor(t, s)
	run(t, a)
	old, asked := h.note(290), 0
	s.answer("checkpoint", func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked < 3 {
			w.Write(old)
			return
		}
		w.Write(h.note(300))
	})
	if out := run(t, a); out.Verdict != verify.Whole || asked != 3 {
		t.Errorf("%s after %d: %v", out.Verdict, asked, out.Findings)
	}
}

// TestCompare holds heads from elsewhere against the live log.
func TestCompare(t *testing.T) {
	h := newHistory(t, 600)
	branch := newHistory(t, 100).grow("other", 650)
	s := serve(t, h)
	for _, c := range []struct {
		name string
		note []byte
		want []auditor.Name
		exit int
	}{
		{"older", h.note(257), nil, 0},
		{"the same", h.note(600), nil, 0},
		{"empty", h.note(0), nil, 0},
		{"older, of another history", branch.note(300), []auditor.Name{auditor.LogFork}, 3},
		{"as long, of another history", branch.note(600), []auditor.Name{auditor.LogFork}, 3},
		{"longer", branch.note(650), []auditor.Name{auditor.LogShrunk}, 3},
		{"by another key", signNote(t, "thief", tlog.Checkpoint{Origin: origin, Size: 1}), []auditor.Name{auditor.CompareInvalid}, 1},
		{"no note", []byte("hello"), []auditor.Name{auditor.CompareInvalid}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newAuditor(t, s)
			a.Compare = []auditor.Elsewhere{{Name: "receipt.json", Note: c.note}}
			out := run(t, a)
			if out.Exit != c.exit || !slices.Equal(names(out), c.want) || (len(out.Compared) == 1) != (c.exit == 0) {
				t.Errorf("exit %d, %v, compared %v", out.Exit, out.Findings, out.Compared)
			}
		})
	}
}

// TestQuorum: a head without the witnesses that the policy asks for moves
// nothing, and one that forks is still found.
func TestQuorum(t *testing.T) {
	h := newHistory(t, 20)
	s := serve(t, h)
	a := newAuditor(t, s)
	two := 2
	a.Policy = &verify.Policy{Quorum: &two, Witnesses: []verify.PolicyWitness{{Key: witnessKey("w1")}, {Key: witnessKey("w2")}, {Key: witnessKey("w2")}, {Key: witnessKey("w3")}}}
	s.show(h, cosigned(h.note(10), "w1", "w3"))
	if out := run(t, a); out.Verdict != verify.Whole || !slices.Equal(out.Witnesses, []string{"w1", "w3"}) {
		t.Fatalf("%s, %v: %v", out.Verdict, out.Witnesses, out.Findings)
	}
	for _, by := range [][]string{{}, {"w2"}, {"w2", "stranger"}} {
		s.show(h, cosigned(h.note(20), by...))
		if out := run(t, a); out.Exit != 1 || !slices.Equal(names(out), []auditor.Name{auditor.QuorumUnmet}) {
			t.Errorf("cosigned by %v: exit %d, %v", by, out.Exit, out.Findings)
		}
	}
	s.show(h, cosigned(h.note(20), "w1", "w2"))
	if out := run(t, a); out.Verdict != verify.Whole || out.Since.Size != 10 {
		t.Errorf("%s since %+v: %v", out.Verdict, out.Since, out.Findings)
	}
	branch := newHistory(t, 5).grow("other", 30)
	s.show(branch, branch.note(30))
	if out := run(t, a); out.Exit != 3 || !slices.Contains(names(out), auditor.LogFork) {
		t.Errorf("a fork that nobody cosigned: %v", out.Findings)
	}
}

func witnessKey(name string) string {
	raw := append([]byte{4}, edKey(name).Public().(ed25519.PublicKey)...)
	sum := sha256.Sum256(append([]byte(name+"\n"), raw...))
	return fmt.Sprintf("%s+%08x+%s", name, binary.BigEndian.Uint32(sum[:]), base64.StdEncoding.EncodeToString(raw))
}

// cosigned adds cosignature/v1 lines.
func cosigned(note []byte, by ...string) []byte {
	text := note[:bytes.Index(note, []byte("\n\n"))+1]
	out := bytes.Clone(note)
	for _, name := range by {
		raw := append([]byte{4}, edKey(name).Public().(ed25519.PublicKey)...)
		sum := sha256.Sum256(append([]byte(name+"\n"), raw...))
		sig := binary.BigEndian.AppendUint64(bytes.Clone(sum[:4]), 1_790_000_000)
		sig = append(sig, ed25519.Sign(edKey(name), fmt.Appendf(nil, "cosignature/v1\ntime 1790000000\n%s", text))...)
		out = fmt.Appendf(out, "\u2014 %s %s\n", name, base64.StdEncoding.EncodeToString(sig))
	}
	return out
}
