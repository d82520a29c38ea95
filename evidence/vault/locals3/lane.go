package locals3

import (
	"context"
	"fmt"
	"hash"
	"io"
	"os"

	"github.com/minio/crc64nvme"
	"golang.org/x/sys/unix"

	"github.com/evidence-custody/custodyd/evidence/bulk"
)

const (
	page = 4 << 10
	// stride is how much of a part is read from the connection, summed and
	// written to the disk at a time: large enough that a disk is busy with it.
	stride = 4 << 20
	// The memory of all parts being written is bounded to 64 MiB, and that of
	// all ranges being read to 32 MiB.
	writingStrides = 16
	readingStrides = 8
)

// lane is the place of one part on the disk: an open file, and where in it.
type lane struct {
	file   *bulk.File
	offset int64
}

// openLane opens the file, which must exist.
func openLane(path string, offset int64) (*lane, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return &lane{bulk.Past(f, true), offset}, nil
}

func (l *lane) close() { l.file.Close() }

// stretch waits for memory. Whoever has some waits for nobody else.
func stretch(s *bulk.Shelf) ([]byte, error) {
	all, err := s.Take(context.Background(), 1)
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// fill reads size bytes from body into the lane and returns their checksum,
// when they are on the disk. A body that ends before is io.ErrUnexpectedEOF.
// While one stride is written the next is read, if there is memory for two.
func (l *lane) fill(body io.Reader, size int64, s *bulk.Shelf) (uint64, error) {
	now, err := stretch(s)
	if err != nil {
		return 0, err
	}
	next := s.TryTake()
	written := make(chan error, 1)
	written <- nil
	defer func() {
		<-written // nobody writes from memory that is given back, nor to a place that is
		s.Give(now)
		if next != nil {
			s.Give(next)
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
			go func(to int64) {
				_, err := l.file.WriteAt(b, to)
				written <- err
			}(l.offset + at)
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

// checked reads a body to its end and returns its checksum, if it has size
// bytes.
func checked(body io.Reader, size int64, s *bulk.Shelf) (uint64, error) {
	buf, err := stretch(s)
	if err != nil {
		return 0, err
	}
	defer s.Give(buf)
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
