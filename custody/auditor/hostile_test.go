package auditor_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody/auditor"
	"github.com/evidence-custody/custodyd/custody/seal/sealtest"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/evidence"
)

func gives(b []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.Write(b) }
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// TestHostile: whatever the server answers, each with its one finding. The head
// that was seen before stands.
func TestHostile(t *testing.T) {
	h := newHistory(t, 600)
	must := func(path string) []byte {
		tile, err := tlog.ParseTilePath(path)
		if err != nil {
			t.Fatal(err)
		}
		b, ok := h.tile(tile)
		if !ok {
			t.Fatal(path)
		}
		return b
	}
	flip := func(b []byte, bit int) []byte {
		b = bytes.Clone(b)
		b[bit/8] ^= 1 << (bit % 8)
		return b
	}
	bundle := must("tile/entries/001")
	swapped := slices.Clone(h.entries[256:512])
	swapped[3], swapped[4] = swapped[4], swapped[3]
	swappedBundle, err := tlog.EncodeEntries(swapped)
	if err != nil {
		t.Fatal(err)
	}
	endless := func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	}
	cut := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "8192")
		w.Write(make([]byte, 100))
	}
	slow := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	elsewhere := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://127.0.0.1:1/steal", http.StatusFound)
	}
	bad, unread := 3, 1
	for _, c := range []struct {
		name, path string
		way        http.HandlerFunc
		want       auditor.Name
		exit       int
	}{
		{"head: html", "checkpoint", gives([]byte("<html>hello</html>")), auditor.CheckpointInvalid, bad},
		{"head: by another key", "checkpoint", gives(signNote(t, "thief", tlog.Checkpoint{Origin: origin, Size: 600, Root: evidence.Sum(nil)})), auditor.CheckpointInvalid, bad},
		{"head: of another log", "checkpoint", gives(signNote(t, "log", tlog.Checkpoint{Origin: "other.example.org", Size: 600})), auditor.CheckpointInvalid, bad},
		{"head: flipped", "checkpoint", gives(flip(h.note(600), 8*20)), auditor.CheckpointInvalid, bad},
		{"head: a root that no tree has", "checkpoint", gives(signNote(t, "log", tlog.Checkpoint{Origin: origin, Size: 600, Root: evidence.Sum([]byte("x"))})), auditor.ContentMismatch, bad},
		{"head: no entries and a root", "checkpoint", gives(signNote(t, "log", tlog.Checkpoint{Origin: origin, Root: evidence.Sum([]byte("x"))})), auditor.ContentMismatch, bad},
		{"head: of a longer tree", "checkpoint", gives(signNote(t, "log", tlog.Checkpoint{Origin: origin, Size: 601, Root: evidence.Sum([]byte("x"))})), auditor.NotRead, unread},
		{"head: as long as can be", "checkpoint", gives(signNote(t, "log", tlog.Checkpoint{Origin: origin, Size: tlog.MaxSize, Root: evidence.Sum([]byte("x"))})), auditor.NotRead, unread},
		{"head: endless", "checkpoint", endless, auditor.ContentMalformed, bad},
		{"head: gone", "checkpoint", status(404), auditor.NotRead, unread},
		{"head: slow", "checkpoint", slow, auditor.NotRead, unread},
		{"head: elsewhere", "checkpoint", elsewhere, auditor.NotRead, unread},
		{"head: failing", "checkpoint", status(503), auditor.NotRead, unread},
		{"tile: flipped", "tile/0/001", gives(flip(must("tile/0/001"), 77)), auditor.ContentMismatch, bad},
		{"tile: flipped, partial", "tile/0/002.p/88", gives(flip(must("tile/0/002.p/88"), 7)), auditor.ContentMismatch, bad},
		{"tile: flipped, upper", "tile/1/000.p/2", gives(flip(must("tile/1/000.p/2"), 500)), auditor.ContentMismatch, bad},
		{"tile: another", "tile/0/001", gives(must("tile/0/000")), auditor.ContentMismatch, bad},
		{"tile: short", "tile/0/001", gives(must("tile/0/001")[:8160]), auditor.ContentMalformed, bad},
		{"tile: not of hashes", "tile/0/001", gives(must("tile/0/001")[:8191]), auditor.ContentMalformed, bad},
		{"tile: empty", "tile/0/001", gives(nil), auditor.ContentMalformed, bad},
		{"tile: long", "tile/0/001", gives(append(must("tile/0/001"), 0)), auditor.ContentMalformed, bad},
		{"tile: too narrow", "tile/0/002.p/88", gives(must("tile/0/002.p/87")), auditor.ContentMalformed, bad},
		{"tile: too wide", "tile/0/002.p/88", gives(append(must("tile/0/002.p/88"), make([]byte, 32)...)), auditor.ContentMalformed, bad},
		{"tile: endless", "tile/0/000", endless, auditor.ContentMalformed, bad},
		{"tile: gone", "tile/0/000", status(404), auditor.NotRead, unread},
		{"tile: forbidden", "tile/0/000", status(403), auditor.NotRead, unread},
		{"tile: cut", "tile/0/000", cut, auditor.NotRead, unread},
		{"tile: slow", "tile/0/000", slow, auditor.NotRead, unread},
		{"tile: elsewhere", "tile/0/000", elsewhere, auditor.NotRead, unread},
		{"entries: flipped", "tile/entries/001", gives(flip(bundle, 8*100)), auditor.ContentMismatch, bad},
		{"entries: swapped", "tile/entries/001", gives(swappedBundle), auditor.ContentMismatch, bad},
		{"entries: another bundle", "tile/entries/001", gives(must("tile/entries/000")), auditor.ContentMismatch, bad},
		{"entries: one short", "tile/entries/001", gives(must("tile/entries/001.p/255")), auditor.ContentMalformed, bad},
		{"entries: one long", "tile/entries/002.p/88", gives(append(must("tile/entries/002.p/88"), bundle[:2+len(h.entries[256])]...)), auditor.ContentMalformed, bad},
		{"entries: truncated", "tile/entries/001", gives(bundle[:len(bundle)-1]), auditor.ContentMalformed, bad},
		{"entries: a byte after", "tile/entries/001", gives(append(bytes.Clone(bundle), 0)), auditor.ContentMalformed, bad},
		{"entries: empty", "tile/entries/001", gives(nil), auditor.ContentMalformed, bad},
		{"entries: endless", "tile/entries/001", endless, auditor.ContentMalformed, bad},
		{"entries: gone", "tile/entries/002.p/88", status(404), auditor.NotRead, unread},
		{"entries: elsewhere", "tile/entries/001", elsewhere, auditor.NotRead, unread},
		{"entries: slow", "tile/entries/001", slow, auditor.NotRead, unread},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, h)
			a := newAuditor(t, s)
			a.Source.Timeout = 300 * time.Millisecond
			s.show(h, h.note(10))
			if out := run(t, a); out.Verdict != verify.Whole {
				t.Fatal(out.Findings)
			}
			before, err := os.ReadFile(a.State)
			if err != nil {
				t.Fatal(err)
			}
			s.show(h, h.note(600))
			s.answer(c.path, c.way)
			if c.name == "entries: gone" {
				s.answer("tile/entries/002", status(404))
			}
			a.Full = true
			out := run(t, a)
			if out.Exit != c.exit || !slices.Equal(names(out), []auditor.Name{c.want}) {
				t.Errorf("exit %d, %v; want %d, %s", out.Exit, out.Findings, c.exit, c.want)
			}
			after, err := os.ReadFile(a.State)
			if err != nil || !bytes.Contains(after, headLine(before)) {
				t.Errorf("the head moved to %s (%v)", after, err)
			}
			if s.leaked != nil {
				t.Errorf("the token was shown for %v", s.leaked)
			}
			// The server mends its ways, and the same auditor goes on.
			s.mu.Lock()
			clear(s.ways)
			s.mu.Unlock()
			if out := run(t, auditorAt(t, s, a.State)); out.Verdict != verify.Whole {
				t.Errorf("afterwards: %v", out.Findings)
			}
		})
	}
}

func headLine(state []byte) []byte {
	for line := range bytes.Lines(state) {
		if bytes.Contains(line, []byte(`"head"`)) {
			return line
		}
	}
	return []byte("no head")
}

// TestOnlyFullTiles: a log that dropped its partial tiles and bundles is read
// from the full ones, and so is none that fails in another way than with 404.
func TestOnlyFullTiles(t *testing.T) {
	h := newHistory(t, 600)
	s := serve(t, h)
	s.show(h, h.note(300))
	gone := []string{"tile/0/001.p/44", "tile/entries/001.p/44", "tile/1/000.p/1"}
	for _, path := range gone[:2] {
		s.answer(path, status(404))
	}
	a := newAuditor(t, s)
	a.Full = true
	if out := run(t, a); out.Verdict != verify.Whole || out.Full.Entries != 300 {
		t.Errorf("%s, %+v: %v", out.Verdict, out.Full, out.Findings)
	}
	for _, path := range gone[:2] {
		s.answer(path, status(500))
		a := newAuditor(t, s)
		a.Full = true
		if out := run(t, a); out.Exit != 1 || !slices.Equal(names(out), []auditor.Name{auditor.NotRead}) {
			t.Errorf("%s fails: %v", path, out.Findings)
		}
		s.answer(path, status(404))
	}
}

// TestBadEntries are in the tree, signed by the log, and yet not what a log of
// this format may hold.
func TestBadEntries(t *testing.T) {
	good := entry(t, "main", 7)
	fields, err := tlog.ParseLeaf(good)
	if err != nil {
		t.Fatal(err)
	}
	other := sealtest.Seal(t, "officer", []byte("another"))
	b64 := base64.StdEncoding.EncodeToString
	for _, c := range []struct {
		name  string
		entry []byte
		want  auditor.Name
	}{
		{"text", []byte("hello"), auditor.EntryMalformed},
		{"another form of JSON", append(bytes.Clone(good), '\n'), auditor.EntryMalformed},
		{"another event's signature", bytes.Replace(good, []byte(b64(fields.Signature)), []byte(b64(other.Signature)), 1), auditor.SignatureInvalid},
		{"another's key", tlog.Leaf(other, sealtest.Public(t, "examiner")), auditor.SignatureInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHistory(t, 300)
			h.add(c.entry)
			h.grow("main", 400)
			s := serve(t, h)
			a := newAuditor(t, s)
			a.Full = true
			out := run(t, a)
			if out.Exit != 3 || !slices.Equal(names(out), []auditor.Name{c.want}) || out.Findings[0].Index == nil || *out.Findings[0].Index != 300 {
				t.Errorf("exit %d: %v", out.Exit, out.Findings)
			}
		})
	}
	// A use in somebody's name whose signature isn't theirs is shown as such.
	h := newHistory(t, 3)
	h.add(tlog.Leaf(other, sealtest.Public(t, "examiner")))
	a := newAuditor(t, serve(t, h))
	a.Keys = []evidence.Digest{examiner(t)}
	out := run(t, a)
	if out.Exit != 3 || !slices.Equal(names(out), []auditor.Name{auditor.SignatureInvalid}) || len(out.Uses) != 1 || out.Uses[0].Holds {
		t.Errorf("%v, uses %+v", out.Findings, out.Uses)
	}
}

// TestWithoutToken: the service says no, and the auditor says what it needs.
func TestWithoutToken(t *testing.T) {
	s := serve(t, newHistory(t, 10))
	a := newAuditor(t, s)
	var err error
	if a.Source, err = auditor.NewSource(s.URL+"/", "", nil); err != nil {
		t.Fatal(err)
	}
	a.Full = true
	out := run(t, a)
	if out.Exit != 1 || !slices.Equal(names(out), []auditor.Name{auditor.NotRead}) || !strings.Contains(out.Findings[0].Detail, "token") {
		t.Errorf("exit %d: %v", out.Exit, out.Findings)
	}
	for _, c := range []struct{ url, token string }{
		{"http://log.example.org", "secret"}, {"ftp://127.0.0.1", ""}, {"127.0.0.1:80", ""}, {"http://u:p@127.0.0.1", ""}, {"http://127.0.0.1/?x", ""}, {"http://127.0.0.1", "a\nb"},
	} {
		if _, err := auditor.NewSource(c.url, c.token, nil); err == nil {
			t.Errorf("reads %q with token %q", c.url, c.token)
		}
	}
}

// TestState: a state that was touched is not used, and not replaced either.
func TestState(t *testing.T) {
	s := serve(t, newHistory(t, 10))
	a := newAuditor(t, s)
	run(t, a)
	good, err := os.ReadFile(a.State)
	if err != nil {
		t.Fatal(err)
	}
	for bit := 0; bit < 8*len(good); bit += 5 {
		b := bytes.Clone(good)
		b[bit/8] ^= 1 << (bit % 8)
		if err := os.WriteFile(a.State, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Run(t.Context()); !errors.Is(err, auditor.ErrState) {
			t.Fatalf("bit %d flipped: %v", bit, err)
		}
		if now, err := os.ReadFile(a.State); err != nil || !bytes.Equal(now, b) {
			t.Fatalf("bit %d flipped: replaced", bit)
		}
	}
}
