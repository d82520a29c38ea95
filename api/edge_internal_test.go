package api

import (
	"bytes"
	"errors"
	"net/http"
	"testing"
	"time"
)

// keeper is a connection that fails, and reads on from what it was given.
type keeper struct {
	http.ResponseWriter
	after int // writes that succeed
	kept  []byte
	got   bytes.Buffer
}

func (k *keeper) WriteHeader(int) {}

func (k *keeper) Write(p []byte) (int, error) {
	if k.after--; k.after < 0 {
		k.kept = p
		return 0, errors.New("the stream was reset")
	}
	return k.got.Write(p)
}

// TestSharedConnectionsGetCopies: whatever becomes of a block after its Write
// failed, a connection that others share doesn't send it in this answer's place.
func TestSharedConnectionsGetCopies(t *testing.T) {
	block := bytes.Repeat([]byte("this exhibit"), copyBuffer/4)
	whole := bytes.Clone(block)
	k := &keeper{after: 1}
	w := &pacedWriter{ResponseWriter: k, shared: true, pace: pace{limits: Limits{Grace: time.Hour, Idle: time.Hour, MinRate: 1}, arm: func(time.Time) error { return nil }}}
	n, err := w.Write(block)
	if err == nil || n != copyBuffer || !bytes.Equal(k.got.Bytes(), whole[:n]) {
		t.Fatalf("%d bytes written, %v", n, err)
	}
	copy(block, bytes.Repeat([]byte("another item"), copyBuffer/4)) // lent to the next reader
	if len(k.kept) == 0 || !bytes.Equal(k.kept, whole[n:n+len(k.kept)]) {
		t.Errorf("the connection may send %q", k.kept[:min(len(k.kept), 12)])
	}
	k.after = 1 << 10
	if n, err := w.Write(whole); n != len(whole) || err != nil || !bytes.Equal(k.got.Bytes()[copyBuffer:], whole) {
		t.Errorf("%d of %d bytes written, %v", n, len(whole), err)
	}
}
