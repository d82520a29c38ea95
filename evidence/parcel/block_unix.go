//go:build unix

package parcel

import (
	"syscall"

	"github.com/evidence-custody/custodyd/evidence"
)

// newBlock takes the memory outside of the garbage collector's heap, which
// would otherwise let garbage grow to the size of all blocks before it looks.
// It is never given back: a pool lasts as long as its process.
func newBlock() []byte {
	b, err := syscall.Mmap(-1, 0, evidence.BlockSize, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return make([]byte, evidence.BlockSize)
	}
	return b
}
