//go:build !linux

package bulk

type piece struct{ memory []byte }

func newPiece(n int) piece { return piece{make([]byte, n)} }

func (piece) free() {}
