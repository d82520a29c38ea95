package parcel

import (
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"sync"

	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/bulk"
)

// ErrShort reports a source that ended before the bytes it was to give; Short
// says how far it came.
var ErrShort = errors.New("content ended early")

// Short is ErrShort with its numbers.
type Short struct{ Expected, Received int64 } // bytes

func (e *Short) Error() string {
	return fmt.Sprintf("couldn't read %d bytes: content ended after %d", e.Expected, e.Received)
}

// Is makes it an ErrShort.
func (e *Short) Is(target error) bool { return target == ErrShort }

// Blocks returns how many blocks of a pool a part of size bytes takes.
func Blocks(size int64) int { return int(evidence.BlockCount(uint64(size))) }

// Receive reads exactly size bytes of r into blocks of the pool, which must be
// Blocks(size) of them, and makes a parcel that gives them back. A block's leaf
// is computed while the next one is read. whole, if not nil, takes all bytes in
// order, at the same time. On error the blocks are given back; a source that
// ends early is ErrShort.
func Receive(r io.Reader, size int64, pool *bulk.Shelf, blocks [][]byte, whole io.Writer) (*Parcel, error) {
	p := &Parcel{size: size, leaves: make([]evidence.Digest, len(blocks)), blocks: blocks, free: func() { pool.Give(blocks...) }}
	p.uses.Store(1)
	var wg sync.WaitGroup
	full := make(chan []byte, len(blocks))
	if whole != nil {
		wg.Go(func() {
			for b := range full {
				whole.Write(b)
			}
		})
	}
	var failed error
	for i := range blocks {
		off := int64(i) * evidence.BlockSize
		blocks[i] = blocks[i][:min(evidence.BlockSize, size-off)]
		if n, err := io.ReadFull(r, blocks[i]); err != nil {
			failed = cut(err, size, off+int64(n))
			break
		}
		full <- blocks[i]
		wg.Go(func() { p.leaves[i] = evidence.BlockLeaf(blocks[i]) })
	}
	close(full)
	wg.Wait()
	if failed != nil {
		p.Drop()
		return nil, failed
	}
	return p, nil
}

func cut(err error, size, got int64) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &Short{Expected: size, Received: got}
	}
	return err
}

// Spool is Receive into a file in dir that has no name, so that a crash leaves
// nothing of it. No more than a mebibyte is held in memory. freed, if not nil,
// is called once the file is gone, on errors too.
func Spool(r io.Reader, size int64, dir string, whole hash.Hash, freed func()) (*Parcel, error) {
	if freed == nil {
		freed = func() {}
	}
	f, err := unnamed(dir)
	if err != nil {
		freed()
		return nil, err
	}
	p := &Parcel{size: size, file: f, free: func() { f.Close(); freed() }}
	p.uses.Store(1)
	if err := p.fill(r, f, whole); err != nil {
		p.Drop()
		return nil, err
	}
	return p, nil
}

func (p *Parcel) fill(r io.Reader, f *os.File, whole hash.Hash) error {
	buf := make([]byte, 1<<20)
	leaf := evidence.NewSHA256()
	for off := int64(0); off < p.size; {
		if off%evidence.BlockSize == 0 {
			leaf.Reset()
			leaf.Write([]byte{0x00}) // RFC 6962, 2.1: a leaf
		}
		b := buf[:min(int64(len(buf)), p.size-off)]
		if n, err := io.ReadFull(r, b); err != nil {
			return cut(err, p.size, off+int64(n))
		}
		if _, err := f.Write(b); err != nil {
			return fmt.Errorf("couldn't spool a part: %w", err)
		}
		leaf.Write(b)
		if whole != nil {
			whole.Write(b)
		}
		if off += int64(len(b)); off%evidence.BlockSize == 0 || off == p.size {
			p.leaves = append(p.leaves, evidence.Digest(leaf.Sum(nil)))
		}
	}
	return nil
}

// unnamed makes a file that only this process knows.
func unnamed(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "part-*")
	if err != nil {
		return nil, fmt.Errorf("couldn't spool a part: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, fmt.Errorf("couldn't spool a part: %w", err)
	}
	return f, nil
}
