package desk

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"sync"

	"github.com/evidence-custody/custodyd/evidence"
)

// fetchState is which blocks a part file should have, in a file beside it. It
// saves work and is not believed: what it names is checked again, and where it
// can't be read, every block is fetched.
//
// It is the line "custody-blocks 1", the block root (32 bytes), one bit for each
// block, the lowest first, and the SHA-256 of all that.
type fetchState struct {
	path string
	root evidence.Digest

	mu   sync.Mutex
	bits []byte
}

const stateMagic = "custody-blocks 1\n"

func openState(path string, root evidence.Digest, count uint64) *fetchState {
	s := &fetchState{path: path, root: root, bits: make([]byte, (count+7)/8)}
	b, err := os.ReadFile(path)
	head := append([]byte(stateMagic), root[:]...)
	if err != nil || len(b) != len(head)+len(s.bits)+sha256.Size || !bytes.HasPrefix(b, head) ||
		sha256.Sum256(b[:len(b)-sha256.Size]) != [sha256.Size]byte(b[len(b)-sha256.Size:]) {
		return s
	}
	copy(s.bits, b[len(head):])
	return s
}

func (s *fetchState) has(i uint64) bool { return s.bits[i/8]&(1<<(i%8)) != 0 }

func (s *fetchState) add(i uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bits[i/8] |= 1 << (i % 8)
}

func (s *fetchState) drop(i uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bits[i/8] &^= 1 << (i % 8)
}

// write keeps the state; a half-written one is noticed by its digest.
func (s *fetchState) write() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := append(append([]byte(stateMagic), s.root[:]...), s.bits...)
	sum := sha256.Sum256(b)
	if err := os.WriteFile(s.path, append(b, sum[:]...), 0o600); err != nil {
		return fmt.Errorf("couldn't note what has come: %w", err)
	}
	return nil
}

func (s *fetchState) remove() { _ = os.Remove(s.path) }
