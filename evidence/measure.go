package evidence

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
	"sync/atomic"
)

// Measured is what the bytes of an artifact say about themselves.
//
// SHA256 and BlockRoot identify the bytes. SHA-1 and MD5 are computed only to
// be compared with what an imager declared; nothing rests on them.
type Measured struct {
	Size      uint64 // bytes
	SHA256    Digest // of the whole artifact
	BlockRoot Digest // see BlockRoot
	SHA1      [sha1.Size]byte
	MD5       [md5.Size]byte
}

// ErrPart reports a part that cannot follow what a Hasher has taken so far.
var ErrPart = errors.New("part doesn't fit the parts before it")

// Hasher measures an artifact that arrives in parts, in order. It is not safe
// for concurrent use. Its state marshals, so that a deposit whose service died
// goes on from the last part it had persisted.
type Hasher struct {
	sha256, sha1, md5 hash.Hash
	spine             blockSpine
	size              uint64
}

// NewHasher returns a Hasher that has taken no bytes.
func NewHasher() *Hasher {
	return &Hasher{sha256: sha256.New(), sha1: sha1.New(), md5: md5.New()}
}

// Size returns how many bytes have been taken.
func (h *Hasher) Size() uint64 { return h.size }

// Part takes the next part and returns the leaves of its blocks, which the
// caller keeps. A part has a multiple of BlockSize bytes; only the last may be
// shorter, after which none can follow. No part is empty. A part refused with
// ErrPart changes nothing.
//
// The digests read the same buffer in parallel; it must not change meanwhile.
func (h *Hasher) Part(data []byte) ([]Digest, error) {
	if len(data) == 0 {
		return nil, fmt.Errorf("couldn't take an empty part at byte %d: %w", h.size, ErrPart)
	}
	if h.size%BlockSize != 0 {
		return nil, fmt.Errorf("couldn't take a part after the last one, which ended at byte %d: %w", h.size, ErrPart)
	}
	var wg sync.WaitGroup
	wg.Go(func() { h.sha256.Write(data) })
	wg.Go(func() { h.sha1.Write(data) })
	leaves := make([]Digest, BlockCount(uint64(len(data))))
	wg.Go(func() {
		for i := range leaves {
			leaves[i] = BlockLeaf(data[i*BlockSize : min((i+1)*BlockSize, len(data))])
		}
	})
	h.md5.Write(data) // the slowest of the four, so it need not wait for a goroutine
	wg.Wait()
	for _, leaf := range leaves {
		h.spine.add(leaf)
	}
	h.size += uint64(len(data))
	return leaves, nil
}

// Measured returns the measure of the bytes taken so far. More parts may follow.
func (h *Hasher) Measured() Measured {
	m := Measured{Size: h.size, BlockRoot: h.spine.root()}
	h.sha256.Sum(m.SHA256[:0])
	h.sha1.Sum(m.SHA1[:0])
	h.md5.Sum(m.MD5[:0])
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

// Measure reads r to its end and returns its measure and the leaves of its
// blocks, in order. Each digest runs in a goroutine of its own over shared
// buffers (48 MiB). An error of r is returned wrapped; no bytes at all is not
// an error but a size of 0.
func Measure(r io.Reader) (Measured, []Digest, error) {
	h := NewHasher()
	free := make(chan *ringBlock, ringBuffers)
	for range ringBuffers {
		free <- &ringBlock{}
	}
	var leaves []Digest
	takers := []func([]byte){
		func(b []byte) { h.md5.Write(b) },
		func(b []byte) { h.sha1.Write(b) },
		func(b []byte) { h.sha256.Write(b) },
		func(b []byte) { leaves = append(leaves, BlockLeaf(b)) },
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
