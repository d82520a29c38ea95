package main

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/custody/tlog"
)

// serveLog serves the story's log by the read API, entries for a token alone,
// and adds the token, a note of another history and one of a longer log.
func serveLog(t *testing.T, s *rulingtest.Story, signer note.Signer, files map[string][]byte) (live map[string]string) {
	t.Helper()
	var entries [][]byte
	for _, e := range s.Sealed {
		entries = append(entries, tlog.Leaf(e.Envelope, e.Key))
	}
	sign := func(size uint64, leaves *tlog.Tree) []byte {
		t.Helper()
		root, err := leaves.Root(size)
		if err != nil {
			t.Fatal(err)
		}
		b, err := tlog.SignCheckpoint(tlog.Checkpoint{Origin: signer.Name(), Size: size, Root: root}, signer)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var other tlog.Tree
	for i, e := range entries {
		if i == 3 {
			other.Append(tlog.LeafHash([]byte("another entry")))
		}
		other.Append(tlog.LeafHash(e))
	}
	size := uint64(len(entries))
	files["token"] = []byte("auditors-token\n")
	files["fork.note"], files["longer.note"] = sign(5, &other), sign(size+1, &other)
	head := sign(size, s.Leaves)
	files["checkpoint.note"], files["fork-same.note"] = head, sign(size, &other)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimPrefix(r.URL.Path, "/")
		tile, err := tlog.ParseTilePath(path)
		switch {
		case path == "checkpoint":
			w.Write(head)
		case err != nil || !tile.In(size):
			http.NotFound(w, r)
		case tile.Entries && r.Header.Get("Authorization") != "Bearer auditors-token":
			w.WriteHeader(http.StatusUnauthorized)
		case tile.Entries:
			b, err := tlog.EncodeEntries(entries[tile.First() : tile.First()+uint64(tile.Width)])
			if err != nil {
				t.Error(err)
			}
			w.Write(b)
		default:
			var nodes []tlog.Node
			for i := range uint64(tile.Width) {
				nodes = append(nodes, tlog.Node{Level: 8 * tile.Level, N: tile.First() + i})
			}
			hashes, err := s.Leaves.Hashes(nodes)
			if err != nil {
				t.Error(err)
			}
			w.Write(tlog.EncodeTile(hashes))
		}
	}))
	t.Cleanup(server.Close)
	return map[string]string{"LOG": server.URL, "SIZE": strconv.FormatUint(size, 10)}
}
