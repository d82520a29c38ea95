package evidence

import (
	"crypto/md5"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
	"sync/atomic"
)

// Legacy names digests that imagers state and that decide nothing. They are
// computed only where somebody has one to compare: MD5 alone takes more time
// than everything else together.
type Legacy uint8

// The legacy digests; they combine by |.
const (
	SHA1 Legacy = 1 << iota
	MD5
)

// legacyNames are the digests' names in requests and records, in their order.
var legacyNames = []struct {
	bit  Legacy
	name string
	make func() hash.Hash
}{{SHA1, "sha1", sha1.New}, {MD5, "md5", md5.New}}

// ErrLegacy reports a name that is no legacy digest's.
var ErrLegacy = errors.New("not sha1 or md5")

// ParseLegacy reads "sha1" and "md5", in any order; twice the same, and
// anything else, is ErrLegacy.
func ParseLegacy(names []string) (Legacy, error) {
	var l Legacy
next:
	for _, name := range names {
		for _, d := range legacyNames {
			if d.name == name && l&d.bit == 0 {
				l |= d.bit
				continue next
			}
		}
		return 0, fmt.Errorf("couldn't take digest %.20q: %w", name, ErrLegacy)
	}
	return l, nil
}

// Names returns the digests' names, SHA-1 first; nil for none.
func (l Legacy) Names() []string {
	var names []string
	for _, d := range legacyNames {
		if l&d.bit != 0 {
			names = append(names, d.name)
		}
	}
	return names
}

// Measured is what the bytes of an artifact say about themselves.
//
// SHA256 and BlockRoot identify the bytes. SHA-1 and MD5 are computed only to
// be compared with what an imager declared; nothing rests on them.
type Measured struct {
	Size      uint64 // bytes
	SHA256    Digest // of the whole artifact; zero for a segmented image, whose Manifest has one
	BlockRoot Digest // see BlockRoot
	SHA1      string // 40 lowercase hex digits; "" where nobody asked for it
	MD5       string // 32 lowercase hex digits; "" where nobody asked for it
}

// ErrPart reports a part that cannot follow what a Hasher has taken so far.
var ErrPart = errors.New("part doesn't fit the parts before it")

// Hasher measures an artifact that arrives in parts, in order. It is not safe
// for concurrent use. Its state marshals, and says which legacy digests it
// computes, so that a deposit whose service died goes on from the last part it
// had persisted.
type Hasher struct {
	sha256   hash.Hash  // nil where segments is not
	segments *segmented // the digests of each segment, in place of the whole's
	also     Legacy
	legacy   []hash.Hash // those of also, in the order of legacyNames
	spine    blockSpine
	size     uint64
	ahead    uint64 // atomic: bytes that the digest of the whole has, of those to come
}

// NewHasher returns a Hasher that has taken no bytes. It computes SHA-256 and
// the block tree, and these legacy digests.
func NewHasher(also ...Legacy) *Hasher {
	h := &Hasher{sha256: NewSHA256()}
	for _, l := range also {
		h.also |= l
	}
	for _, d := range legacyNames {
		if h.also&d.bit != 0 {
			h.legacy = append(h.legacy, d.make())
		}
	}
	return h
}

// Size returns how many bytes have been taken, those of Ahead with them.
func (h *Hasher) Size() uint64 { return h.size + atomic.LoadUint64(&h.ahead) }

// Legacy returns which legacy digests are computed.
func (h *Hasher) Legacy() Legacy { return h.also }

// fits reports whether n bytes can come next.
func (h *Hasher) fits(n int) error {
	if n == 0 {
		return fmt.Errorf("couldn't take an empty part at byte %d: %w", h.size, ErrPart)
	}
	if h.size%BlockSize != 0 {
		return fmt.Errorf("couldn't take a part after the last one, which ended at byte %d: %w", h.size, ErrPart)
	}
	return nil
}

// digest takes data into the digests of the whole, in parallel. The buffer is
// shared, and must not change meanwhile.
func (h *Hasher) digest(data []byte) {
	var wg sync.WaitGroup
	for _, d := range h.legacy {
		wg.Go(func() { d.Write(data) })
	}
	if n := uint64(len(data)); atomic.LoadUint64(&h.ahead) >= n {
		atomic.AddUint64(&h.ahead, -n)
	} else {
		h.whole().Write(data)
	}
	wg.Wait()
}

// Ahead returns a writer that takes the bytes which Take, or Part, is given
// next into the digest of the whole, in order and in the same pieces, before
// their leaves are known: whoever reads them has them hashed beside their
// leaves. It may be written to while Take is called, with earlier bytes. Once
// it was used, all bytes go there first.
func (h *Hasher) Ahead() io.Writer { return ahead{h} }

type ahead struct{ of *Hasher }

func (a ahead) Write(data []byte) (int, error) {
	a.of.whole().Write(data)
	atomic.AddUint64(&a.of.ahead, uint64(len(data)))
	return len(data), nil
}

// whole is what the stream as a whole is hashed by.
func (h *Hasher) whole() io.Writer {
	if h.segments != nil {
		return h.segments
	}
	return h.sha256
}

// Part takes the next part and returns the leaves of its blocks, which the
// caller keeps. A part has a multiple of BlockSize bytes; only the last may be
// shorter, after which none can follow. No part is empty. A part refused with
// ErrPart changes nothing.
//
// The digests read the same buffer in parallel; it must not change meanwhile.
func (h *Hasher) Part(data []byte) ([]Digest, error) {
	if err := h.fits(len(data)); err != nil {
		return nil, err
	}
	var leaves []Digest
	var wg sync.WaitGroup
	wg.Go(func() { leaves = BlockLeaves(data) })
	h.digest(data)
	wg.Wait()
	h.add(len(data), leaves)
	return leaves, nil
}

// Take is Part for a part whose leaves are known already, by BlockLeaf of each
// of its blocks: the caller may compute them out of order and in parallel, as
// bytes arrive. Another number of leaves than the part has blocks is ErrPart.
func (h *Hasher) Take(data []byte, leaves ...Digest) error {
	if err := h.fits(len(data)); err != nil {
		return err
	}
	if uint64(len(leaves)) != BlockCount(uint64(len(data))) {
		return fmt.Errorf("couldn't take %d bytes with %d leaves: %w", len(data), len(leaves), ErrPart)
	}
	h.digest(data)
	h.add(len(data), leaves)
	return nil
}

func (h *Hasher) add(n int, leaves []Digest) {
	for _, leaf := range leaves {
		h.spine.add(leaf)
	}
	h.size += uint64(n)
}

// Measured returns the measure of the bytes taken so far. More parts may follow.
func (h *Hasher) Measured() Measured {
	m := Measured{Size: h.size, BlockRoot: h.spine.root()}
	if h.sha256 != nil {
		h.sha256.Sum(m.SHA256[:0])
	}
	at := 0
	for _, d := range legacyNames {
		if h.also&d.bit == 0 {
			continue
		}
		text := hex.EncodeToString(h.legacy[at].Sum(nil))
		at++
		switch d.bit {
		case SHA1:
			m.SHA1 = text
		case MD5:
			m.MD5 = text
		}
	}
	return m
}

// ringBuffers is how many blocks Measure holds: enough that the reader stays
// ahead while the slowest digest catches up. Memory is ringBuffers * BlockSize.
const ringBuffers = 6

// ringBlock is one block in flight, read by every digest of the ring.
type ringBlock struct {
	buf  []byte // BlockSize long
	n    int
	uses atomic.Int32
}

// Measure reads r to its end and returns its measure, with these legacy
// digests, and the leaves of its blocks, in order. Each digest runs in a goroutine of its own over shared
// buffers (48 MiB). An error of r is returned wrapped; no bytes at all is not
// an error but a size of 0.
func Measure(r io.Reader, also ...Legacy) (Measured, []Digest, error) {
	return measure(r, NewHasher(also...))
}

// MeasureSegments is Measure for a segmented image, whose segments r reads one
// after the other; it returns the SHA-256 of each, too. Other sizes than
// CheckSegments takes for the bytes of r are ErrManifest.
func MeasureSegments(r io.Reader, sizes []uint64) (Measured, []Digest, []Digest, error) {
	h := NewSegmentedHasher(sizes)
	m, leaves, err := measure(r, h)
	if err == nil {
		err = CheckSegments(sizes, m.Size)
	}
	return m, leaves, h.SegmentSums(), err
}

func measure(r io.Reader, h *Hasher) (Measured, []Digest, error) {
	free := make(chan *ringBlock, ringBuffers)
	for range ringBuffers {
		free <- &ringBlock{}
	}
	var leaves []Digest
	takers := []func([]byte){
		func(b []byte) { h.whole().Write(b) },
		func(b []byte) { leaves = append(leaves, BlockLeaf(b)) },
	}
	for _, d := range h.legacy {
		takers = append(takers, func(b []byte) { d.Write(b) })
	}
	var wg sync.WaitGroup
	lanes := make([]chan *ringBlock, len(takers))
	for i, take := range takers {
		lanes[i] = make(chan *ringBlock, ringBuffers)
		wg.Go(func() {
			for block := range lanes[i] {
				take(block.buf[:block.n])
				if block.uses.Add(-1) == 0 {
					free <- block
				}
			}
		})
	}
	var failed error
	for failed == nil {
		block := <-free
		if block.buf == nil { // small files never need the whole ring
			block.buf = make([]byte, BlockSize)
		}
		// Not io.ReadFull: it answers ErrUnexpectedEOF at a short last block,
		// which could not be told from a source that was itself cut short.
		block.n = 0
		for block.n < BlockSize && failed == nil {
			var n int
			n, failed = r.Read(block.buf[block.n:])
			block.n += n
		}
		if block.n == 0 {
			break
		}
		h.size += uint64(block.n)
		block.uses.Store(int32(len(lanes)))
		for _, lane := range lanes {
			lane <- block
		}
	}
	for _, lane := range lanes {
		close(lane)
	}
	wg.Wait()
	if failed != io.EOF {
		return Measured{}, nil, fmt.Errorf("couldn't read byte %d onwards: %w", h.size, failed)
	}
	for _, leaf := range leaves {
		h.spine.add(leaf)
	}
	return h.Measured(), leaves, nil
}
