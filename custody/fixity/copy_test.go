package fixity_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/fixity"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/vault/strongbox"
)

// store is an object in memory, with faults.
type store struct {
	data    []byte
	missing bool
	once    bool  // damaged on the way, the first time alone
	cut     bool  // the connection ends early
	liar    bool  // refuses ranges that it has
	down    error // doesn't answer
	reads   atomic.Int32
	key     *strongbox.DataKey // of an encrypted object
}

func (s *store) DataKey(context.Context, string) (*strongbox.DataKey, error) {
	if s.key == nil {
		return nil, fixity.ErrNoKey
	}
	return s.key, nil
}

func (s *store) Bucket() string { return "" }

func (s *store) Size(context.Context, string, string) (uint64, error) {
	switch {
	case s.down != nil:
		return 0, s.down
	case s.missing:
		return 0, fixity.ErrMissing
	}
	return uint64(len(s.data)), nil
}

func (s *store) ReadRange(_ context.Context, _, _ string, off, n uint64) (io.ReadCloser, error) {
	try := s.reads.Add(1)
	switch {
	case s.down != nil:
		return nil, s.down
	case s.missing:
		return nil, fixity.ErrMissing
	case s.liar || off+n > uint64(len(s.data)):
		return nil, fixity.ErrShort
	}
	b := bytes.Clone(s.data[off : off+n])
	if s.once && try == 1 {
		b[len(b)/2] ^= 1
	}
	if s.cut {
		b = b[:len(b)-1]
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

const size = 2*evidence.BlockSize + 12345

// deposited is an artifact of three blocks and the store that has it.
func deposited(t *testing.T) (docket.Artifact, *store) {
	t.Helper()
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(data)
	m, leaves, err := evidence.Measure(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return docket.Artifact{Item: custody.ID{1}, SHA256: m.SHA256, Size: m.Size, BlockRoot: m.BlockRoot, Leaves: evidence.JoinLeaves(leaves)}, &store{data: data}
}

func TestBlock(t *testing.T) {
	away := errors.New("connection refused")
	tests := []struct {
		name   string
		harm   func(*store)
		block  uint64
		reason custody.FixityReason // of the Rot; "" for none
		err    error                // that it couldn't be found out
		reads  int32
	}{
		{name: "whole", harm: func(*store) {}, block: 1, reads: 1},
		{name: "whole at the end", harm: func(*store) {}, block: 2, reads: 1},
		{name: "one bit", harm: func(s *store) { s.data[evidence.BlockSize+5] ^= 0x10 }, block: 1, reason: custody.FixityMismatch, reads: 2},
		{name: "one bit of another block", harm: func(s *store) { s.data[evidence.BlockSize+5] ^= 0x10 }, block: 2, reads: 1},
		{name: "last bit", harm: func(s *store) { s.data[size-1] ^= 1 }, block: 2, reason: custody.FixityMismatch, reads: 2},
		{name: "damaged on the way", harm: func(s *store) { s.once = true }, block: 0, reads: 2},
		{name: "gone", harm: func(s *store) { s.missing = true }, block: 0, reason: custody.FixityMissing, reads: 1},
		{name: "cut short before", harm: func(s *store) { s.data = s.data[:evidence.BlockSize] }, block: 0, reads: 1},
		{name: "cut short behind", harm: func(s *store) { s.data = s.data[:evidence.BlockSize] }, block: 1, reason: custody.FixityShort, reads: 1},
		{name: "short of one byte", harm: func(s *store) { s.data = s.data[:size-1] }, block: 2, reason: custody.FixityShort, reads: 1},
		{name: "a server wrong about ranges", harm: func(s *store) { s.liar = true }, block: 2, err: fixity.ErrShort, reads: 1},
		{name: "cut on the way", harm: func(s *store) { s.cut = true }, block: 0, err: io.ErrUnexpectedEOF, reads: 1},
		{name: "away", harm: func(s *store) { s.down = away }, block: 0, err: away, reads: 1},
		{name: "no such block", harm: func(*store) {}, block: 3, err: evidence.ErrBlock},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a, s := deposited(t)
			whole := bytes.Clone(s.data)
			test.harm(s)
			c, err := fixity.Open(s, a, nil)
			if err != nil {
				t.Fatal(err)
			}
			memory := fixity.Buffer()
			defer fixity.Return(memory)
			got, err := c.Block(t.Context(), test.block, memory[:])
			if s.reads.Load() != test.reads {
				t.Errorf("read %d times, want %d", s.reads.Load(), test.reads)
			}
			var rot *fixity.Rot
			switch {
			case test.reason != "":
				if !errors.As(err, &rot) || rot.Reason != test.reason || rot.Block != test.block || rot.Offset != test.block*evidence.BlockSize {
					t.Fatalf("got %v, want %s", err, test.reason)
				}
			case test.err != nil:
				if !errors.Is(err, test.err) || errors.As(err, &rot) || errors.Is(err, io.EOF) {
					t.Fatalf("got %v, want %v and no Rot", err, test.err)
				}
			default:
				off, n := c.Span(test.block)
				if err != nil || !bytes.Equal(got, whole[off:off+uint64(n)]) {
					t.Fatalf("got %d bytes, %v", len(got), err)
				}
			}
		})
	}
}

// TestLeaves: what is checked against must itself lead to what was signed.
func TestLeaves(t *testing.T) {
	a, s := deposited(t)
	for name, leaves := range map[string][]byte{
		"a bit":        append([]byte{a.Leaves[0] ^ 1}, a.Leaves[1:]...),
		"one too few":  a.Leaves[:64],
		"one too many": append(bytes.Clone(a.Leaves), a.Leaves[:32]...),
		"half a leaf":  a.Leaves[:80],
		"none":         nil,
	} {
		b := a
		b.Leaves = leaves
		if _, err := fixity.Open(s, b, nil); !errors.Is(err, fixity.ErrLeaves) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
