package bulk

import (
	"errors"
	"os"
	"unsafe"
)

// File is an open file whose whole pages are written, and read, past the page
// cache, where it and the memory they are in allow that. What is left before a
// first and behind a last whole page goes through the cache; the system keeps
// the two ways consistent.
type File struct {
	*os.File
	direct *os.File // nil where there is no such way
}

// Past makes a File of f, which must be open for both reading and writing if
// writable. Closing it closes f.
func Past(f *os.File, writable bool) *File { return &File{f, openDirect(f, writable)} }

// Close implements io.Closer.
func (f *File) Close() error {
	f.Release()
	return f.File.Close()
}

// Release ends the way past the cache and leaves the file open.
func (f *File) Release() {
	if f.direct != nil {
		_ = f.direct.Close() // nothing is held back in it
		f.direct = nil
	}
}

// pages is how much of b, which belongs at off, can go past the cache.
func (f *File) pages(b []byte, off int64) int {
	if f.direct == nil || len(b) < page || off%page != 0 || uintptr(unsafe.Pointer(&b[0]))%page != 0 {
		return 0
	}
	return len(b) &^ (page - 1)
}

// WriteAt implements io.WriterAt.
func (f *File) WriteAt(b []byte, off int64) (int, error) {
	n := f.pages(b, off)
	if n > 0 {
		done, err := f.direct.WriteAt(b[:n], off)
		if errors.Is(err, errCannot) {
			n, done, err = 0, 0, nil
		}
		if err != nil {
			return done, err
		}
	}
	if n == len(b) {
		return n, nil
	}
	rest, err := f.File.WriteAt(b[n:], off+int64(n))
	return n + rest, err
}

// ReadAt implements io.ReaderAt.
func (f *File) ReadAt(b []byte, off int64) (int, error) {
	n := f.pages(b, off)
	if n > 0 {
		done, err := f.direct.ReadAt(b[:n], off)
		if !errors.Is(err, errCannot) {
			if err != nil || n == len(b) {
				return done, err
			}
		} else {
			n = 0
		}
	}
	rest, err := f.File.ReadAt(b[n:], off+int64(n))
	return n + rest, err
}
