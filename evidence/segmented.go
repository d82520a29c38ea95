package evidence

import (
	"encoding"
	"encoding/binary"
	"fmt"
	"hash"
)

// segmented takes a stream whose segments have these sizes, and computes the
// SHA-256 of each. In a Hasher it stands in the place of the whole's.
type segmented struct {
	sizes []uint64
	sums  []Digest // of the segments that are whole
	at    uint64   // bytes of the segment after them
	h     hash.Hash
}

// NewSegmentedHasher measures a segmented image that arrives as one stream.
// Measured has no SHA-256 of it then, and no legacy digest: see Manifest. The
// sizes are as CheckSegments takes them; else nothing is ever whole.
func NewSegmentedHasher(sizes []uint64) *Hasher {
	h := NewHasher()
	if len(sizes) > 0 {
		h.sha256, h.segments = nil, &segmented{sizes: sizes, h: NewSHA256()}
	}
	return h
}

// Segments returns the sizes of the segments; nil where the artifact is one file.
func (h *Hasher) Segments() []uint64 {
	if h.segments == nil {
		return nil
	}
	return h.segments.sizes
}

// SegmentSums returns the SHA-256 of each segment that was taken whole, in order.
func (h *Hasher) SegmentSums() []Digest {
	if h.segments == nil {
		return nil
	}
	return h.segments.sums
}

func (s *segmented) Write(data []byte) (int, error) {
	n := len(data)
	for len(data) > 0 && len(s.sums) < len(s.sizes) {
		some := data[:min(uint64(len(data)), s.sizes[len(s.sums)]-s.at)]
		s.h.Write(some)
		s.at += uint64(len(some))
		data = data[len(some):]
		if s.at == s.sizes[len(s.sums)] {
			s.sums = append(s.sums, Digest(s.h.Sum(nil)))
			s.h.Reset()
			s.at = 0
		}
	}
	return n, nil
}

// done is how many bytes were taken.
func (s *segmented) done() uint64 {
	n := s.at
	for _, size := range s.sizes[:len(s.sums)] {
		n += size
	}
	return n
}

// append adds the state: number of sizes (4 bytes), the sizes (8 each), number
// of sums (4), the sums (32 each), then the state of SHA-256 with its length (2).
func (s *segmented) append(b []byte) ([]byte, error) {
	be := binary.BigEndian
	b = be.AppendUint32(b, uint32(len(s.sizes)))
	for _, size := range s.sizes {
		b = be.AppendUint64(b, size)
	}
	b = be.AppendUint32(b, uint32(len(s.sums)))
	b = append(b, JoinLeaves(s.sums)...)
	state, err := s.h.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("couldn't keep the hashing state: %w", err)
	}
	b = be.AppendUint16(b, uint16(len(state)))
	return append(b, state...), nil
}

// parseSegmented reads what append wrote for size bytes; nothing may follow.
func parseSegmented(b []byte, size uint64) (*segmented, error) {
	bad := fmt.Errorf("couldn't resume hashing segments: %w", ErrState)
	be := binary.BigEndian
	number := func() (int, bool) {
		if len(b) < 4 || be.Uint32(b) > MaxSegments {
			return 0, false
		}
		n := int(be.Uint32(b))
		b = b[4:]
		return n, true
	}
	s := &segmented{h: NewSHA256()}
	n, ok := number()
	if !ok || len(b) < 8*n {
		return nil, bad
	}
	var total uint64
	for range n {
		s.sizes = append(s.sizes, be.Uint64(b))
		total += be.Uint64(b)
		b = b[8:]
	}
	if CheckSegments(s.sizes, total) != nil {
		return nil, bad
	}
	if n, ok = number(); !ok || n > len(s.sizes) || len(b) < 32*n+2 {
		return nil, bad
	}
	sums, err := SplitLeaves(b[:32*n])
	if err != nil {
		return nil, bad
	}
	s.sums = append(s.sums, sums...)
	b = b[32*n:]
	state := b[2:]
	if len(state) != int(be.Uint16(b)) || s.h.(encoding.BinaryUnmarshaler).UnmarshalBinary(state) != nil {
		return nil, bad
	}
	// SHA-256's state ends with the number of bytes it took.
	s.at = be.Uint64(state[len(state)-8:])
	if n < len(s.sizes) && s.at >= s.sizes[n] || n == len(s.sizes) && s.at != 0 || s.done() != size {
		return nil, bad
	}
	return s, nil
}

// SegmentDigests computes the SHA-256 of each segment of a stream.
type SegmentDigests struct{ s segmented }

// NewSegmentDigests expects segments of these sizes; bytes behind the last are
// passed over.
func NewSegmentDigests(sizes []uint64) *SegmentDigests {
	return &SegmentDigests{segmented{sizes: sizes, h: NewSHA256()}}
}

// Write takes the next bytes. It never fails.
func (d *SegmentDigests) Write(data []byte) (int, error) { return d.s.Write(data) }

// Sums returns the digests of the segments that are whole.
func (d *SegmentDigests) Sums() []Digest { return d.s.sums }
