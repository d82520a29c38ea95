package keyring

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/evidence-custody/custodyd/evidence"
)

// testLog is a log in memory: its hashes by stored index.
type testLog struct {
	hashes []tlog.Hash
	size   int64
}

func (l *testLog) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = l.hashes[x]
	}
	return out, nil
}

func newTestLog(t *testing.T, label string, n int) *testLog {
	t.Helper()
	l := new(testLog)
	for range n {
		more, err := tlog.StoredHashes(l.size, fmt.Appendf(nil, "%s %d", label, l.size), l)
		if err != nil {
			t.Fatal(err)
		}
		l.hashes, l.size = append(l.hashes, more...), l.size+1
	}
	return l
}

func (l *testLog) head(t *testing.T, size int64) Head {
	t.Helper()
	root, err := tlog.TreeHash(size, l)
	if err != nil {
		t.Fatal(err)
	}
	return Head{Size: uint64(size), Root: evidence.Digest(root), Note: fmt.Sprint("note ", size)}
}

func (l *testLog) proof(from, to uint64) ([]evidence.Digest, error) {
	p, err := tlog.ProveTree(int64(to), int64(from), l)
	out := make([]evidence.Digest, len(p))
	for i, h := range p {
		out[i] = evidence.Digest(h)
	}
	return out, err
}

func testSeen(t *testing.T) *SeenStore {
	t.Helper()
	s, err := OpenSeen(t.TempDir()+"/seen", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSeenAdvancesAndNeverGoesBack(t *testing.T) {
	s, l := testSeen(t), newTestLog(t, "leaf", 20)
	id := evidence.Sum([]byte("log"))
	for _, step := range []struct{ show, want int64 }{{3, 3}, {3, 3}, {8, 8}, {5, 8}, {20, 20}, {1, 20}} {
		got, err := s.Advance(id, l.head(t, step.show), l.proof)
		if err != nil || got.Size != uint64(step.want) {
			t.Fatalf("shown %d: at %d, %v; want %d", step.show, got.Size, err, step.want)
		}
		if last, ok, err := s.Last(id); !ok || err != nil || last != got {
			t.Fatalf("remembered %+v %v %v, want %+v", last, ok, err, got)
		}
	}
	if _, ok, err := s.Last(evidence.Sum([]byte("another log"))); ok || err != nil {
		t.Errorf("another log: %v %v", ok, err)
	}
}

func TestSeenRefusesAnotherHistory(t *testing.T) {
	honest, other := newTestLog(t, "leaf", 20), newTestLog(t, "forged", 20)
	id := evidence.Sum([]byte("log"))
	wrong := func(from, to uint64) ([]evidence.Digest, error) { return nil, nil }
	tests := []struct {
		name  string
		show  Head
		proof Consistency
	}{
		{"larger, its own proof", other.head(t, 12), other.proof},
		{"larger, the honest proof", other.head(t, 12), honest.proof},
		{"honest head, no proof", honest.head(t, 12), wrong},
		{"same size, other root", other.head(t, 8), honest.proof},
		{"smaller, rolled back and changed", other.head(t, 5), other.proof},
		{"smaller, and the log denies the larger", honest.head(t, 5), func(uint64, uint64) ([]evidence.Digest, error) {
			return nil, fmt.Errorf("%w: answered", ErrShorter)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := testSeen(t)
			seen := honest.head(t, 8)
			if _, err := s.Advance(id, seen, honest.proof); err != nil {
				t.Fatal(err)
			}
			_, err := s.Advance(id, tt.show, tt.proof)
			var split *SplitViewError
			if !errors.As(err, &split) {
				t.Fatalf("got %v, want a SplitViewError", err)
			}
			if split.Seen != seen || split.New != tt.show {
				t.Errorf("reports %+v", split)
			}
			if b, err := os.ReadFile(split.Kept); err != nil || len(b) == 0 {
				t.Errorf("proof not kept: %v", err)
			}
			if last, _, _ := s.Last(id); last != seen {
				t.Errorf("the store moved to %+v", last)
			}
		})
	}
}

func TestSeenKeepsItsPlaceWhenTheProofCannotBeHad(t *testing.T) {
	s, l := testSeen(t), newTestLog(t, "leaf", 9)
	id := evidence.Sum([]byte("log"))
	if _, err := s.Advance(id, l.head(t, 4), l.proof); err != nil {
		t.Fatal(err)
	}
	offline := errors.New("offline")
	if _, err := s.Advance(id, l.head(t, 9), func(uint64, uint64) ([]evidence.Digest, error) { return nil, offline }); !errors.Is(err, offline) {
		t.Errorf("got %v", err)
	}
	if last, _, _ := s.Last(id); last.Size != 4 {
		t.Errorf("moved to %d", last.Size)
	}
	if _, err := s.Advance(id, Head{}, l.proof); err == nil {
		t.Error("the head of an empty log was accepted")
	}
}

func TestGarbledSeenFileIsNotForgotten(t *testing.T) {
	s, l := testSeen(t), newTestLog(t, "leaf", 4)
	id := evidence.Sum([]byte("log"))
	for _, bad := range []string{"", "{}", "null", `{"size":3}x`[:9], `{"size":0,"root":""}`} {
		if err := os.WriteFile(s.path(id), []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		// Starting afresh would let whoever can garble a file reset trust.
		if _, err := s.Advance(id, l.head(t, 4), l.proof); err == nil {
			t.Errorf("file %q was taken for a fresh start", bad)
		}
	}
}

func TestSeenConcurrently(t *testing.T) {
	s, l := testSeen(t), newTestLog(t, "leaf", 16)
	id := evidence.Sum([]byte("log"))
	var group sync.WaitGroup
	for size := int64(1); size <= 16; size++ {
		head := l.head(t, size)
		group.Go(func() {
			if _, err := s.Advance(id, head, l.proof); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if last, _, _ := s.Last(id); last.Size != 16 {
		t.Errorf("ended at %d, want 16", last.Size)
	}
}

// TestRestart: going on from a loss keeps what it replaces, and happens only
// where nothing newer was seen meanwhile.
func TestRestart(t *testing.T) {
	s, err := OpenSeen(t.TempDir(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	log := evidence.Sum([]byte("log"))
	seen := Head{Size: 20, Root: evidence.Sum([]byte("20")), Note: "twenty"}
	head := Head{Size: 13, Root: evidence.Sum([]byte("13")), Note: "thirteen"}
	if _, err := s.Restart(log, seen, head); err == nil {
		t.Error("restarted where nothing was seen")
	}
	if _, err := s.Advance(log, seen, nil); err != nil {
		t.Fatal(err)
	}
	other := seen
	other.Size = 19
	if _, err := s.Restart(log, other, head); err == nil {
		t.Error("restarted from another head than the newest seen")
	}
	kept, err := s.Restart(log, seen, head)
	if err != nil {
		t.Fatal(err)
	}
	if last, ok, err := s.Last(log); err != nil || !ok || last != head {
		t.Errorf("last: %+v, %v", last, err)
	}
	b, err := os.ReadFile(kept)
	if err != nil || !bytes.Contains(b, []byte("twenty")) || !bytes.Contains(b, []byte("thirteen")) {
		t.Errorf("kept %s: %v", b, err)
	}
}
