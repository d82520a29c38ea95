package sum

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"
)

// state is the eight words of SHA-256 in the order in which the processor's
// instructions want them: f e b a, h g d c.
type state [8]uint32

// order says where each of them is in a state that crypto/sha256 marshalled.
var order = [8]int{5, 4, 1, 0, 7, 6, 3, 2}

// What crypto/sha256 marshals: a mark, the words, the bytes of a block that is
// not whole, and how many bytes were taken in all; big endian.
const (
	markSize   = 4
	storedSize = markSize + 8*4 + block + 8
)

// stored is such a state, between two blocks.
type stored [storedSize]byte

func (m *stored) load(h inner) {
	if b, err := h.AppendBinary(m[:0]); err != nil || len(b) != storedSize {
		panic("sum: crypto/sha256 has another state than able found") // able compared them
	}
}

func (m *stored) state() (s state) {
	for i, at := range order {
		s[i] = binary.BigEndian.Uint32(m[markSize+4*at:])
	}
	return s
}

// store puts h where it is after n bytes more.
func (m *stored) store(h inner, s state, n int) {
	for i, at := range order {
		binary.BigEndian.PutUint32(m[markSize+4*at:], s[i])
	}
	taken := m[storedSize-8:]
	binary.BigEndian.PutUint64(taken, binary.BigEndian.Uint64(taken)+uint64(n))
	if err := h.UnmarshalBinary(m[:]); err != nil {
		panic("sum: " + err.Error())
	}
}

// able says that this processor can, and that it and the state of crypto/sha256
// are as they were when this was written: both streams of a trial come out as
// crypto/sha256 alone has them. Where they don't, crypto/sha256 does everything.
var able = sync.OnceValue(func() bool {
	if !paired {
		return false
	}
	data := make([]byte, 5*block)
	for i := range data {
		data[i] = byte(i*7 + i>>8)
	}
	x, y := sha256.New().(inner), sha256.New().(inner)
	y.Write(data[:block]) // two different states
	if b, err := x.AppendBinary(nil); err != nil || len(b) != storedSize {
		return false
	}
	together(&lane{x, data[:4*block]}, &lane{y, data[block:]}, 4*block)
	x.Write(data[:3])
	return [Size]byte(x.Sum(nil)) == sha256.Sum256(append(append([]byte{}, data[:4*block]...), data[:3]...)) &&
		[Size]byte(y.Sum(nil)) == sha256.Sum256(data)
})
