package auditor_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody/auditor"
	"github.com/evidence-custody/custodyd/custody/seal/sealtest"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

const (
	origin = "log.example.org"
	token  = "auditors-token"
)

func edKey(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("auditor:" + name))
	return ed25519.NewKeyFromSeed(seed[:])
}

var trustedLog = sync.OnceValue(func() auditor.Log {
	v, err := tlog.NewLogVerifier(origin, edKey("log").Public().(ed25519.PublicKey))
	if err != nil {
		panic(err)
	}
	log, err := auditor.LogByKey(fmt.Sprintf("%s+%08x+%s", origin, v.KeyHash(), vkeyBody("log")))
	if err != nil {
		panic(err)
	}
	return log
})

// history is a log's entries with its tree.
type history struct {
	t       testing.TB
	tree    tlog.Tree
	entries [][]byte
}

// entry is a leaf signed by the officer; every 100th by the examiner.
var entry = func() func(t testing.TB, branch string, i int) []byte {
	var mu sync.Mutex
	made := map[string][]byte{}
	return func(t testing.TB, branch string, i int) []byte {
		mu.Lock()
		defer mu.Unlock()
		name := fmt.Sprintf("%s/%d", branch, i)
		if made[name] == nil {
			who := "officer"
			if i%100 == 42 {
				who = "examiner"
			}
			made[name] = tlog.Leaf(sealtest.Seal(t, who, []byte(name)), sealtest.Public(t, who))
		}
		return made[name]
	}
}()

func (h *history) add(e []byte) {
	h.entries = append(h.entries, e)
	h.tree.Append(tlog.LeafHash(e))
}

// grow makes the log n entries long, on a branch of that name.
func (h *history) grow(branch string, n int) *history {
	for i := len(h.entries); i < n; i++ {
		h.add(entry(h.t, branch, i))
	}
	return h
}

func newHistory(t testing.TB, n int) *history { return (&history{t: t}).grow("main", n) }

// note is the log's signed head of the first size entries.
func (h *history) note(size int) []byte {
	h.t.Helper()
	root, err := h.tree.Root(uint64(size))
	if err != nil {
		h.t.Fatal(err)
	}
	return signNote(h.t, "log", tlog.Checkpoint{Origin: origin, Size: uint64(size), Root: root})
}

func signNote(t testing.TB, key string, c tlog.Checkpoint) []byte {
	t.Helper()
	s, err := tlog.NewLogSigner(c.Origin, edKey(key))
	if err != nil {
		t.Fatal(err)
	}
	b, err := tlog.SignCheckpoint(c, s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// tile returns what an honest log serves.
func (h *history) tile(tile tlog.Tile) ([]byte, bool) {
	if !tile.In(uint64(len(h.entries))) {
		return nil, false
	}
	first := tile.First()
	if tile.Entries {
		b, err := tlog.EncodeEntries(h.entries[first : first+uint64(tile.Width)])
		return b, err == nil
	}
	nodes := make([]tlog.Node, tile.Width)
	for i := range nodes {
		nodes[i] = tlog.Node{Level: 8 * tile.Level, N: first + uint64(i)}
	}
	hashes, err := h.tree.Hashes(nodes)
	return tlog.EncodeTile(hashes), err == nil
}

// server serves a history as the read API has it; hostile ways of answering a
// path are put into ways.
type server struct {
	*history
	*httptest.Server
	mu         sync.Mutex
	checkpoint []byte
	ways       map[string]http.HandlerFunc
	asked      map[string]int
	leaked     []string // paths that were shown the token and don't need it
}

func serve(t testing.TB, h *history) *server {
	s := &server{history: h, checkpoint: h.note(len(h.entries)), ways: map[string]http.HandlerFunc{}, asked: map[string]int{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Server.Close)
	return s
}

// show makes the log show another history.
func (s *server) show(h *history, note []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.history, s.checkpoint = h, note
}

func (s *server) answer(path string, way http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ways[path] = way
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	path := strings.TrimPrefix(r.URL.Path, "/")
	way, h, checkpoint := s.ways[path], s.history, s.checkpoint
	s.asked[path]++
	entries := strings.HasPrefix(path, "tile/entries/")
	if !entries && r.Header.Get("Authorization") != "" {
		s.leaked = append(s.leaked, path)
	}
	s.mu.Unlock()
	if way != nil {
		way(w, r)
		return
	}
	if path == "checkpoint" {
		w.Write(checkpoint)
		return
	}
	if entries && r.Header.Get("Authorization") != "Bearer "+token {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	tile, err := tlog.ParseTilePath(path)
	b, ok := h.tile(tile)
	if err != nil || !ok {
		http.NotFound(w, r)
		return
	}
	w.Write(b)
}

// newAuditor follows the server with a state of its own.
func newAuditor(t testing.TB, s *server) *auditor.Auditor {
	t.Helper()
	return auditorAt(t, s, filepath.Join(t.TempDir(), "audit", "state.json"))
}

func auditorAt(t testing.TB, s *server, state string) *auditor.Auditor {
	t.Helper()
	source, err := auditor.NewSource(s.URL, token, nil)
	if err != nil {
		t.Fatal(err)
	}
	source.Retries, source.Pause, source.Timeout = 1, time.Millisecond, 2*time.Second
	return &auditor.Auditor{Log: trustedLog(), Source: source, State: state, Clock: func() time.Time { return time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC) }}
}

// run audits once.
func run(t testing.TB, a *auditor.Auditor) *auditor.Audit {
	t.Helper()
	out, err := a.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if out.Exit != out.Verdict.ExitCode() {
		t.Errorf("exit %d for verdict %s", out.Exit, out.Verdict)
	}
	return out
}

// names lists an audit's findings but for the limitations of these tests.
func names(out *auditor.Audit) (list []auditor.Name) {
	for _, f := range out.Findings {
		if f.Name != auditor.Unwitnessed && f.Name != auditor.FirstSight {
			list = append(list, f.Name)
		}
	}
	return list
}

func officer(t testing.TB) evidence.Digest  { return sealtest.Public(t, "officer").ID() }
func examiner(t testing.TB) evidence.Digest { return sealtest.Public(t, "examiner").ID() }
