// Package parcel carries the parts of an artifact between where they are read
// and where they are kept: each with the leaf hashes of its blocks, in memory
// that is bounded and used again, or in a file where it is too large for that.
//
// A parcel's leaves are known before anybody may read it. Whoever keeps its
// blocks can therefore derive from a block's leaf what it keeps it under.
package parcel

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/evidence-custody/custodyd/evidence"
)

// Parcel is the content of one part. Its blocks have evidence.BlockSize bytes,
// but for the last. Readers may read at once; nobody writes to it.
//
// It is counted by who uses it: made with one use, it goes back where its
// memory came from with the last Drop. Every Open is a use until its Close.
type Parcel struct {
	size   int64
	leaves []evidence.Digest
	blocks [][]byte    // in memory, each of BlockSize but the last; or
	file   io.ReaderAt // from byte 0
	free   func()
	uses   atomic.Int32
}

// Of makes a parcel of bytes in memory, which must not change while it is used.
func Of(data []byte) *Parcel {
	p := &Parcel{size: int64(len(data)), leaves: evidence.BlockLeaves(data)}
	for off := 0; off < len(data); off += evidence.BlockSize {
		p.blocks = append(p.blocks, data[off:min(off+evidence.BlockSize, len(data))])
	}
	p.uses.Store(1)
	return p
}

// OfSection makes a parcel of what a section of a file or of memory holds,
// which is read now, for the leaves, and again whenever the parcel is read.
func OfSection(s *io.SectionReader) (*Parcel, error) {
	p := &Parcel{size: s.Size(), file: s}
	p.uses.Store(1)
	scratch := make([]byte, min(evidence.BlockSize, s.Size()))
	for i := range Blocks(s.Size()) {
		b, err := p.Block(i, scratch)
		if err != nil {
			return nil, err
		}
		p.leaves = append(p.leaves, evidence.BlockLeaf(b))
	}
	return p, nil
}

// Size returns the number of bytes.
func (p *Parcel) Size() int64 { return p.size }

// Leaves returns the leaf hash of each block (evidence.BlockLeaf), in order.
// They are not to be changed.
func (p *Parcel) Leaves() []evidence.Digest { return p.leaves }

// Root returns the RFC 6962 root over the leaves, which identifies the content.
func (p *Parcel) Root() evidence.Digest { return evidence.BlockRoot(p.leaves) }

// Block returns block i, from 0. Where the parcel lies in a file, it is read
// into scratch, which has evidence.BlockSize bytes; in memory, scratch isn't
// touched and may be nil. What is returned is only to be read, and not after
// Drop.
func (p *Parcel) Block(i int, scratch []byte) ([]byte, error) {
	if p.file == nil {
		return p.blocks[i], nil
	}
	off := int64(i) * evidence.BlockSize
	b := scratch[:min(evidence.BlockSize, p.size-off)]
	if n, err := p.file.ReadAt(b, off); n < len(b) {
		return nil, fmt.Errorf("couldn't read byte %d of a part: %w", off+int64(n), err)
	}
	return b, nil
}

// InMemory reports whether Block needs no scratch.
func (p *Parcel) InMemory() bool { return p.file == nil }

// Hold counts one use more.
func (p *Parcel) Hold() { p.uses.Add(1) }

// Drop ends a use.
func (p *Parcel) Drop() {
	switch n := p.uses.Add(-1); {
	case n < 0:
		panic("parcel: dropped more often than held")
	case n == 0 && p.free != nil:
		p.free()
	}
}

// Open reads the parcel from its beginning, any number of times and at once.
// The reader is a use of the parcel until it is closed, and until the Read that
// is under way then has ended: net/http may go on reading a request's body for a
// while after the request has failed, and over HTTP/2 it closes it meanwhile.
func (p *Parcel) Open() io.ReadCloser {
	p.Hold()
	return &reader{p: p}
}

type reader struct {
	p      *Parcel
	off    int64
	closed atomic.Bool

	mu           sync.Mutex
	busy, ending bool // a read is under way; it drops the parcel when it ends
}

// begin says that the parcel is there until end.
func (r *reader) begin() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed.Load() {
		return false
	}
	r.busy = true
	return true
}

func (r *reader) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.busy = false
	if r.ending {
		r.ending = false
		r.p.Drop()
	}
}

// Read implements io.Reader.
func (r *reader) Read(b []byte) (int, error) {
	if !r.begin() {
		return 0, io.ErrClosedPipe
	}
	defer r.end()
	if r.off == r.p.size {
		return 0, io.EOF
	}
	if r.p.file != nil {
		n, err := r.p.file.ReadAt(b[:min(int64(len(b)), r.p.size-r.off)], r.off)
		r.off += int64(n)
		if err == io.EOF && n > 0 {
			err = nil
		} else if err == io.EOF {
			err = io.ErrUnexpectedEOF // the file is shorter than it was
		}
		return n, err
	}
	n := copy(b, r.p.blocks[r.off/evidence.BlockSize][r.off%evidence.BlockSize:])
	r.off += int64(n)
	return n, nil
}

// WriteTo implements io.WriterTo: blocks in memory go to a connection without
// being copied.
func (r *reader) WriteTo(w io.Writer) (int64, error) {
	if r.p.file != nil {
		// Not this method again, which io.Copy would call.
		return io.CopyBuffer(w, struct{ io.Reader }{r}, make([]byte, 1<<18))
	}
	if !r.begin() {
		return 0, io.ErrClosedPipe
	}
	defer r.end()
	var done int64
	for r.off < r.p.size {
		if r.closed.Load() {
			return done, io.ErrClosedPipe
		}
		n, err := w.Write(r.p.blocks[r.off/evidence.BlockSize][r.off%evidence.BlockSize:])
		r.off, done = r.off+int64(n), done+int64(n)
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// Close ends the use, and waits for nobody; again: no effect.
func (r *reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed.Swap(true):
	case r.busy:
		r.ending = true
	default:
		r.p.Drop()
	}
	return nil
}
