package registrar

import (
	"sync/atomic"
	"time"
)

// intake is what is known of evidence coming in.
type intake struct {
	parts atomic.Int64 // under way
	last  atomic.Int64 // when the last one ended; Unix nanoseconds
}

// between parts of one upload there may be no part for so long.
const between = time.Second

// receiving takes note of a part under way, until what it returns is called.
func (r *Registrar) receiving() (done func()) {
	r.intake.parts.Add(1)
	return func() {
		r.intake.last.Store(time.Now().UnixNano())
		r.intake.parts.Add(-1)
	}
}

// Receiving reports whether evidence comes in, to this process: other work with
// the store then waits.
func (r *Registrar) Receiving() bool {
	return r.intake.parts.Load() > 0 || time.Since(time.Unix(0, r.intake.last.Load())) < between
}
