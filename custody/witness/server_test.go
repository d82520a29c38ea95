package witness_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/custody/witness"
	"github.com/evidence-custody/custodyd/custody/witness/witnesstest"
)

func cosigner(t *testing.T, name string) *tlog.Cosigner {
	t.Helper()
	seed := sha256.Sum256([]byte(name))
	c, err := tlog.NewCosigner(name, ed25519.NewKeyFromSeed(seed[:]))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func open(t *testing.T, dir string) *witness.Directory {
	t.Helper()
	d, err := witness.OpenDirectory(dir, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// house runs a witness on a directory.
func house(t *testing.T, d *witness.Directory, name string) witnesstest.Subject {
	t.Helper()
	c := cosigner(t, name)
	server := httptest.NewServer(witness.New(c, d, time.Now, nil).Handler())
	t.Cleanup(server.Close)
	return witnesstest.Subject{URL: server.URL, Key: c.VerifierKey(), Strict: true, Know: func(t *testing.T, origin, key string) {
		t.Helper()
		if err := d.Add(origin, key); err != nil {
			t.Fatal(err)
		}
	}}
}

func TestConforms(t *testing.T) {
	s := house(t, open(t, t.TempDir()), "w.example.org/one")
	witnesstest.Conform(t, s)
	t.Run("strictly", func(t *testing.T) { witnesstest.ConformStrict(t, s) })
}

// TestRemembers: another process on the same directory knows what was cosigned,
// refuses what does not go on from it, and keeps the refused heads as evidence.
func TestRemembers(t *testing.T) {
	dir := t.TempDir()
	s := house(t, open(t, dir), "w")
	l, fork := witnesstest.NewLog("l.example.org", 9, "one", 9), witnesstest.NewLog("l.example.org", 9, "two", 3)
	s.Know(t, l.Origin, l.VerifierKey())
	s.Cosigned(t, l.Request(t, 0, 7))
	again := open(t, dir)
	s = house(t, again, "w")
	s.Holds(t, l, 7)
	for range 2 {
		if status, _, _ := s.Post(t, fork.Request(t, 7, 7)); status != http.StatusUnprocessableEntity {
			t.Errorf("a fork: status %d", status)
		}
	}
	if status, _, _ := s.Post(t, fork.Request(t, 7, 9)); status != http.StatusUnprocessableEntity {
		t.Errorf("a fork that went on: status %d", status)
	}
	kept, err := again.Suspects()
	if err != nil || len(kept) != 2 || !kept[0].Fork || kept[1].Fork || kept[0].Size != 7 || kept[1].Size != 9 {
		t.Fatalf("kept %+v, %v", kept, err)
	}
	v, err := note.NewVerifier(l.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	if n, err := note.Open(kept[0].Note, note.VerifierList(v)); err != nil || !strings.HasPrefix(n.Text, string(fork.Head(t, 7).Body())) {
		t.Errorf("the kept head does not convict the log: %v", err)
	}
	if err := again.Add(l.Origin, l.VerifierKey()); !errors.Is(err, witness.ErrKnownLog) {
		t.Errorf("added again: %v", err)
	}
}

// TestDamagedState: a witness that is not sure of what it cosigned stays silent.
func TestDamagedState(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"emptied":      func([]byte) []byte { return nil },
		"cut":          func(b []byte) []byte { return b[:len(b)/2] },
		"size changed": func(b []byte) []byte { return []byte(strings.Replace(string(b), `"size": 7`, `"size": 6`, 1)) },
		"note gone": func(b []byte) []byte {
			i := strings.Index(string(b), `"note"`)
			return []byte(string(b[:i]) + `"note": ""}`)
		},
		"of another": func(b []byte) []byte {
			return []byte(strings.ReplaceAll(string(b), "l.example.org", "m.example.org"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := house(t, open(t, dir), "w")
			l := witnesstest.NewLog("l.example.org", 9, "one", 9)
			s.Know(t, l.Origin, l.VerifierKey())
			s.Cosigned(t, l.Request(t, 0, 7))
			path := filepath.Join(dir, "logs", witness.OriginHash(l.Origin)+".json")
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, damage(b), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, body := range []string{l.Request(t, 7, 9), l.Request(t, 0, 9), l.Request(t, 6, 9)} {
				if status, _, answer := s.Post(t, body); status != http.StatusInternalServerError || strings.Contains(answer, dir) {
					t.Errorf("status %d: %s", status, answer)
				}
			}
		})
	}
}

// TestAtOnce: of two heads that do not agree, asked for at the same moment, in
// two processes on one directory, exactly one is ever cosigned.
func TestAtOnce(t *testing.T) {
	dir := t.TempDir()
	a, b := house(t, open(t, dir), "w"), house(t, open(t, dir), "w")
	for round := range 12 {
		origin := fmt.Sprintf("l%d.example.org", round)
		l, fork := witnesstest.NewLog(origin, 9, "one", 9), witnesstest.NewLog(origin, 9, "two", 3)
		a.Know(t, origin, l.VerifierKey())
		var mu sync.Mutex
		cosigned := map[string]int{}
		var all sync.WaitGroup
		for _, s := range []witnesstest.Subject{a, b} {
			for story, log := range map[string]*witnesstest.Log{"one": l, "two": fork} {
				all.Go(func() {
					if status, _, _ := s.Post(t, log.Request(t, 0, 7)); status == http.StatusOK {
						mu.Lock()
						cosigned[story]++
						mu.Unlock()
					}
				})
			}
		}
		all.Wait()
		if len(cosigned) != 1 {
			t.Fatalf("round %d: cosigned %v", round, cosigned)
		}
	}
}

func TestShowsItsHeads(t *testing.T) {
	s := house(t, open(t, t.TempDir()), "w")
	l := witnesstest.NewLog("l.example.org", 9, "one", 9)
	s.Know(t, l.Origin, l.VerifierKey())
	get := func(path string) (int, string) {
		t.Helper()
		resp, err := http.Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b)
	}
	path := "/" + witness.OriginHash(l.Origin) + "/checkpoint"
	if status, _ := get(path); status != http.StatusNotFound {
		t.Errorf("before any head: status %d", status)
	}
	stray := tlog.Signature{Name: "stray", KeyHash: 1, Bytes: make([]byte, 64)}
	s.Cosigned(t, l.Request(t, 0, 7)+stray.String())
	status, text := get(path)
	v, err := tlog.NewWitnessVerifier(s.Key)
	if err != nil {
		t.Fatal(err)
	}
	own, err := note.NewVerifier(l.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	if cp, err := tlog.OpenCheckpoint([]byte(text), l.Origin, note.VerifierList(own)); status != 200 || err != nil || cp.Size != 7 ||
		tlog.CountWitnesses([]byte(text), []note.Verifier{v}) != 1 || strings.Contains(text, "stray") {
		t.Errorf("status %d, %v: %s", status, err, text)
	}
	if status, text := get("/"); status != 200 || !strings.Contains(text, s.Key) || !strings.Contains(text, "7 leaves") {
		t.Errorf("status %d: %s", status, text)
	}
	for path, want := range map[string]int{"/add-checkpoint": 405, "/x": 404, "/x/checkpoint": 404, "/../logs": 404} {
		if status, _ := get(path); status != want {
			t.Errorf("GET %s: status %d, want %d", path, status, want)
		}
	}
}

// TestSlowRequest: who sends nothing does not hold a place for long.
func TestSlowRequest(t *testing.T) {
	server := witness.NewServer(witness.New(cosigner(t, "w"), open(t, t.TempDir()), time.Now, nil).Handler(), slog.New(slog.DiscardHandler))
	if server.ReadTimeout == 0 || server.ReadHeaderTimeout == 0 || server.WriteTimeout == 0 || server.IdleTimeout == 0 || server.MaxHeaderBytes == 0 {
		t.Fatal("a timeout is missing")
	}
	server.ReadTimeout, server.ReadHeaderTimeout = 100*time.Millisecond, 100*time.Millisecond
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Shutdown(context.WithoutCancel(t.Context())) })
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 100\r\n\r\nold"); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(conn); err != nil || !strings.Contains(string(b), " 400 ") {
		t.Errorf("%v: %s", err, b)
	}
}

func TestAddRefuses(t *testing.T) {
	d := open(t, t.TempDir())
	l := witnesstest.NewLog("l.example.org", 1, "one", 1)
	for name, keys := range map[string][]string{"no key": nil, "junk": {"junk"}, "another origin's": {witnesstest.NewLog("m.example.org", 1, "one", 1).VerifierKey()}} {
		if err := d.Add(l.Origin, keys...); err == nil {
			t.Errorf("added with %s", name)
		}
	}
}
