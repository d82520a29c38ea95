//go:build !linux

package bulk

import (
	"errors"
	"os"
)

var errCannot = errors.ErrUnsupported

func openDirect(*os.File, bool) *os.File { return nil }

// Reserve makes a file size bytes long.
func Reserve(f *os.File, size int64) error { return f.Truncate(size) }
