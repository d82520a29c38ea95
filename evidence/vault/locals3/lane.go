package locals3

import (
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"unsafe"

	"github.com/minio/crc64nvme"
	"golang.org/x/sys/unix"
)

const (
	page     = 4 << 10
	hugePage = 2 << 20
	// stride is how much of a part is read from the connection, summed and
	// written to the disk at a time: large enough that a disk is busy with it.
	stride = 4 << 20
	// The memory of all parts being written is bounded to 64 MiB, and that of
	// all ranges being read to 32 MiB.
	writingStrides = 16
	readingStrides = 8
)

// strides are buffers of what goes to the disk or comes from it. They lie at huge pages,
// which the disk takes in few long pieces: past the page cache that is twice
// as fast as from ordinary memory, at a tenth of the copying cache's cost.
type strides chan []byte

func newStrides(n int) strides {
	s := make(strides, n)
	for range n {
		s <- nil // made when first needed
	}
	return s
}

// take waits until there is one.
func (s strides) take() ([]byte, error) { return s.made(<-s) }

// tryTake doesn't wait: there may be none, which is nil.
func (s strides) tryTake() []byte {
	select {
	case b := <-s:
		b, _ = s.made(b)
		return b
	default:
		return nil
	}
}

func (s strides) made(b []byte) ([]byte, error) {
	if b != nil {
		return b, nil
	}
	m, err := unix.Mmap(-1, 0, stride+hugePage, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		s <- nil
		return nil, fmt.Errorf("couldn't make a buffer: %w", err)
	}
	_ = unix.Madvise(m, unix.MADV_HUGEPAGE) // slower without, not wrong
	skip := -int(uintptr(unsafe.Pointer(&m[0]))) & (hugePage - 1)
	return m[skip : skip+stride : skip+stride], nil
}

func (s strides) give(b []byte) { s <- b }

// lane is the place of one part on the disk: an open file, and where in it.
type lane struct {
	file   *os.File
	offset int64
	// direct writes whole pages past the page cache; nil where the file system
	// can't, and then all goes through it.
	direct *os.File
}

// openLane opens the file, which must exist.
func openLane(path string, offset int64) (*lane, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	l := &lane{file: f, offset: offset}
	if d, err := os.OpenFile(path, os.O_WRONLY|unix.O_DIRECT, 0); err == nil {
		l.direct = d
	} else if !errors.Is(err, unix.EINVAL) {
		f.Close()
		return nil, err
	}
	return l, nil
}

func (l *lane) close() {
	l.file.Close()
	if l.direct != nil {
		l.direct.Close()
	}
}

// fill reads size bytes from body into the lane and returns their checksum,
// when they are on the disk. A body that ends before is io.ErrUnexpectedEOF.
// While one stride is written the next is read, if there is memory for two.
func (l *lane) fill(body io.Reader, size int64, s strides) (uint64, error) {
	now, err := s.take()
	if err != nil {
		return 0, err
	}
	next := s.tryTake()
	written := make(chan error, 1)
	written <- nil
	defer func() {
		<-written // nobody writes from memory that is given back, nor to a place that is
		s.give(now)
		if next != nil {
			s.give(next)
		}
	}()
	h := crc64nvme.New()
	for at := int64(0); at < size; {
		b := now[:min(stride, size-at)]
		if err := readWhole(body, b, h); err != nil {
			return 0, err
		}
		err := <-written
		if err == nil {
			go func(to int64) { written <- l.write(b, to) }(l.offset + at)
			if next == nil {
				err = <-written
				written <- nil
			}
		} else {
			written <- nil
		}
		if err != nil {
			return 0, fmt.Errorf("couldn't write a part: %w", err)
		}
		if next != nil {
			now, next = next, now
		}
		at += int64(len(b))
	}
	err = <-written
	written <- nil
	if err == nil {
		err = unix.Fdatasync(int(l.file.Fd()))
	}
	if err != nil {
		return 0, fmt.Errorf("couldn't write a part: %w", err)
	}
	return h.Sum64(), nil
}

func readWhole(body io.Reader, b []byte, h hash.Hash64) error {
	if _, err := io.ReadFull(body, b); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	h.Write(b)
	return nil
}

// write writes b, which begins at a page of memory and goes to a page of the
// file. What is left behind the last whole page, the end of the object, goes
// through the page cache.
func (l *lane) write(b []byte, at int64) error {
	if l.direct != nil {
		pages := b[:len(b)&^(page-1)]
		_, err := l.direct.WriteAt(pages, at)
		if err == nil {
			b, at = b[len(pages):], at+int64(len(pages))
		} else if !errors.Is(err, unix.EINVAL) {
			return err
		}
	}
	_, err := l.file.WriteAt(b, at)
	return err
}

// checked reads a body to its end and returns its checksum, if it has size
// bytes.
func checked(body io.Reader, size int64, s strides) (uint64, error) {
	buf, err := s.take()
	if err != nil {
		return 0, err
	}
	defer s.give(buf)
	h := crc64nvme.New()
	for left := size; left > 0; {
		b := buf[:min(stride, left)]
		if err := readWhole(body, b, h); err != nil {
			return 0, err
		}
		left -= int64(len(b))
	}
	return h.Sum64(), nil
}
