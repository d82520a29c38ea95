package evidence

import (
	"encoding"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"math/bits"
	"sync/atomic"
)

// stateVersion is the first byte of a marshalled Hasher. A state of another
// version is refused: the deposit then starts its hashing again from its
// stored parts.
const stateVersion = 2

// ErrState reports bytes that are not the marshalled state of a Hasher.
var ErrState = errors.New("not a hashing state")

// stateSegmented is set in the second byte of the state of a segmented image.
const stateSegmented = 0x80

// digests are those of the whole, in the order of the state.
func (h *Hasher) digests() []hash.Hash { return append([]hash.Hash{h.sha256}, h.legacy...) }

// MarshalBinary returns the state: version (1 byte), legacy digests (1 byte:
// their bits), size (8 bytes, big endian), the tree's spine (32 bytes for each
// bit set in the number of blocks), then the states of SHA-256 and of the
// legacy digests, SHA-1 first, each with its length (2 bytes) before it. 120
// bytes to 1 KiB. A segmented image's has its segments' state instead of these,
// about 40 bytes for each segment. While bytes are ahead (Ahead) there is no
// state: ErrState.
func (h *Hasher) MarshalBinary() ([]byte, error) {
	if atomic.LoadUint64(&h.ahead) != 0 {
		return nil, fmt.Errorf("couldn't keep the hashing state: bytes went ahead of it: %w", ErrState)
	}
	b := make([]byte, 0, 1024)
	b = append(b, stateVersion, byte(h.also))
	b = binary.BigEndian.AppendUint64(b, h.size)
	for _, root := range h.spine.roots {
		b = append(b, root[:]...)
	}
	if h.segments != nil {
		b[1] |= stateSegmented
		return h.segments.append(b)
	}
	for _, state := range h.digests() {
		s, err := state.(encoding.BinaryMarshaler).MarshalBinary()
		if err != nil {
			return nil, fmt.Errorf("couldn't keep the hashing state: %w", err)
		}
		b = binary.BigEndian.AppendUint16(b, uint16(len(s)))
		b = append(b, s...)
	}
	return b, nil
}

// UnmarshalBinary replaces h by a state that MarshalBinary returned. Anything
// else is ErrState and leaves h as it was.
func (h *Hasher) UnmarshalBinary(b []byte) error {
	bad := func(what string) error {
		return fmt.Errorf("couldn't resume hashing, %s: %w", what, ErrState)
	}
	if len(b) < 10 || b[0] != stateVersion {
		return bad("version")
	}
	inSegments := b[1] == stateSegmented
	if !inSegments && Legacy(b[1])&^(SHA1|MD5) != 0 {
		return bad("digests")
	}
	n := NewHasher(Legacy(b[1]) & (SHA1 | MD5))
	n.size = binary.BigEndian.Uint64(b[2:])
	n.spine.count = BlockCount(n.size)
	b = b[10:]
	for range bits.OnesCount64(n.spine.count) {
		if len(b) < len(Digest{}) {
			return bad("spine")
		}
		n.spine.roots = append(n.spine.roots, Digest(b[:len(Digest{})]))
		b = b[len(Digest{}):]
	}
	if inSegments {
		var err error
		if n.segments, err = parseSegmented(b, n.size); err != nil {
			return err
		}
		n.sha256 = nil
		*h = *n
		return nil
	}
	for _, state := range n.digests() {
		if len(b) < 2 || len(b)-2 < int(binary.BigEndian.Uint16(b)) {
			return bad("length")
		}
		s := b[2 : 2+binary.BigEndian.Uint16(b)]
		if err := state.(encoding.BinaryUnmarshaler).UnmarshalBinary(s); err != nil {
			return bad(err.Error())
		}
		// Go's digests end their state with the number of bytes taken; a
		// state whose digests disagree about it was never one of ours.
		if binary.BigEndian.Uint64(s[len(s)-8:]) != n.size {
			return bad("sizes differ")
		}
		b = b[2+len(s):]
	}
	if len(b) != 0 {
		return bad("bytes left over")
	}
	*h = *n
	return nil
}
