package bulk

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// errCannot is how a file system says that it can't do this directly.
var errCannot error = unix.EINVAL

func openDirect(f *os.File, writable bool) *os.File {
	flag := os.O_RDONLY
	if writable {
		flag = os.O_RDWR
	}
	d, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), flag|unix.O_DIRECT, 0)
	if err != nil {
		return nil
	}
	return d
}

// Reserve makes room on the disk for a file of size bytes, and makes it that
// long. A file system that can't reserve only makes it that long.
func Reserve(f *os.File, size int64) error {
	err := error(unix.EINTR)
	for size > 0 && errors.Is(err, unix.EINTR) {
		err = unix.Fallocate(int(f.Fd()), 0, 0, size)
	}
	if size > 0 && err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
		return &os.PathError{Op: "fallocate", Path: f.Name(), Err: err}
	}
	return f.Truncate(size)
}
