package bulk

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// piece is some memory, and the mapping it lies in; nil if it is the heap's.
type piece struct{ memory, mapping []byte }

// newPiece takes n bytes outside of the garbage collector's heap, which would
// otherwise let garbage grow to the size of all of them before it looks. As
// much of it as can be lies at huge pages, which a disk takes in few long
// pieces.
func newPiece(n int) piece {
	m, err := unix.Mmap(-1, 0, n+huge, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return piece{memory: make([]byte, n)} // large, so it begins at a page too
	}
	skip := -int(uintptr(unsafe.Pointer(&m[0]))) & (huge - 1)
	b := m[skip : skip+n : skip+n]
	if whole := n &^ (huge - 1); whole > 0 { // no huge page for a few bytes at the end
		_ = unix.Madvise(b[:whole], unix.MADV_HUGEPAGE) // slower without, not wrong
	}
	return piece{b, m}
}

func (p piece) free() {
	if p.mapping != nil {
		_ = unix.Munmap(p.mapping)
	}
}
