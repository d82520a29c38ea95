package fixity_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/fixity"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/vault/strongbox"
)

// encrypted is the same artifact as deposited, in a store that has it encrypted.
func encrypted(t *testing.T) (docket.Artifact, []byte, *store) {
	t.Helper()
	a, s := deposited(t)
	plain := s.data
	leaves, err := evidence.SplitLeaves(a.Leaves)
	if err != nil {
		t.Fatal(err)
	}
	if s.key, err = strongbox.NewDataKey(bytes.NewReader(bytes.Repeat([]byte{5}, 32))); err != nil {
		t.Fatal(err)
	}
	s.data = nil
	for i, leaf := range leaves {
		block := plain[i*evidence.BlockSize : min((i+1)*evidence.BlockSize, len(plain))]
		if s.data, err = s.key.Seal(s.data, uint64(i), leaf, block); err != nil {
			t.Fatal(err)
		}
	}
	a.Encoding = custody.EncodingDARE
	return a, plain, s
}

func TestSealedBlock(t *testing.T) {
	t.Parallel()
	another, err := strongbox.NewDataKey(bytes.NewReader(bytes.Repeat([]byte{6}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	swapped := func(s *store) {
		first := bytes.Clone(s.data[:strongbox.BlockSize])
		copy(s.data, s.data[strongbox.BlockSize:2*strongbox.BlockSize])
		copy(s.data[strongbox.BlockSize:], first)
	}
	for _, c := range []struct {
		name   string
		harm   func(*store)
		block  uint64
		reason custody.FixityReason
		err    error
	}{
		{name: "whole", harm: func(*store) {}, block: 1},
		{name: "whole at the end", harm: func(*store) {}, block: 2},
		{name: "one bit of a payload", harm: func(s *store) { s.data[strongbox.BlockSize+500] ^= 1 }, block: 1, reason: custody.FixityMismatch},
		{name: "one bit of a header", harm: func(s *store) { s.data[strongbox.BlockSize+3] ^= 1 }, block: 1, reason: custody.FixityMismatch},
		{name: "one bit of another block", harm: func(s *store) { s.data[strongbox.BlockSize+3] ^= 1 }, block: 0},
		{name: "last bit", harm: func(s *store) { s.data[len(s.data)-1] ^= 1 }, block: 2, reason: custody.FixityMismatch},
		{name: "blocks in another order", harm: swapped, block: 0, reason: custody.FixityMismatch},
		{name: "another key", harm: func(s *store) { s.key = another }, block: 0, reason: custody.FixityMismatch},
		{name: "damaged on the way", harm: func(s *store) { s.once = true }, block: 0},
		{name: "gone", harm: func(s *store) { s.missing = true }, block: 0, reason: custody.FixityMissing},
		{name: "a byte short", harm: func(s *store) { s.data = s.data[:len(s.data)-1] }, block: 2, reason: custody.FixityShort},
		{name: "its key is destroyed", harm: func(s *store) { s.key = nil }, block: 0, err: fixity.ErrNoKey},
	} {
		a, plain, s := encrypted(t)
		held, err := fixity.Open(s, a, nil)
		if err != nil {
			t.Fatal(err)
		}
		c.harm(s)
		got, err := held.Block(t.Context(), c.block, make([]byte, evidence.BlockSize))
		var rot *fixity.Rot
		switch off, n := held.Span(c.block); {
		case c.err != nil:
			if !errors.Is(err, c.err) || errors.As(err, &rot) || got != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		case c.reason != "":
			// The block is named by its place in what was deposited.
			if !errors.As(err, &rot) || rot.Reason != c.reason || rot.Block != c.block || rot.Offset != off || rot.Length != n || got != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		case err != nil || !bytes.Equal(got, plain[off:off+uint64(n)]):
			t.Errorf("%s: %d bytes, %v", c.name, len(got), err)
		}
	}
}
