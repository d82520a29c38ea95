package gallery

import (
	"sync"

	"github.com/evidence-custody/custodyd/custody/tlog"
)

// memory keeps complete tiles and bundles that were checked, about limit bytes
// of them. It has two generations: what is used moves to the young one, and
// when that is full the old one is forgotten.
type memory struct {
	limit int

	mu         sync.Mutex
	young, old map[tlog.Tile][]byte
	size       int // bytes of the young
}

func (m *memory) at(t tlog.Tile) ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b, ok := m.young[t]; ok {
		return b, true
	}
	b, ok := m.old[t]
	if ok {
		m.store(t, b)
	}
	return b, ok
}

func (m *memory) put(t tlog.Tile, b []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.store(t, b)
}

func (m *memory) store(t tlog.Tile, b []byte) {
	if m.young == nil || m.size+len(b) > m.limit/2 {
		m.old, m.young, m.size = m.young, map[tlog.Tile][]byte{}, 0
	}
	if _, ok := m.young[t]; !ok {
		m.young[t] = b
		m.size += len(b)
	}
}
