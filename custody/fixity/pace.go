package fixity

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Pace keeps everybody who shares it below a rate, all together. It is safe for
// concurrent use.
type Pace struct {
	rate uint64 // bytes a second; 0: any

	mu   sync.Mutex
	from time.Time
	sent uint64
}

// NewPace is a pace of so many bytes a second; 0: as fast as they come.
func NewPace(rate uint64) *Pace { return &Pace{rate: rate} }

// Bounded reports whether there is a rate.
func (p *Pace) Bounded() bool { return p.rate > 0 }

// Wait returns when so many more bytes may be read, or ctx ends.
func (p *Pace) Wait(ctx context.Context, n uint64) {
	if p.rate > 0 {
		Rest(ctx, p.next(n))
	}
}

// next enters n bytes, and says after how long they may be read.
func (p *Pace) next(n uint64) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	at := p.from.Add(time.Duration(float64(p.sent) / float64(p.rate) * float64(time.Second)))
	if at.Before(now) { // what wasn't used is not made up for
		p.from, p.sent, at = now, 0, now
	}
	p.sent += n
	return at.Sub(now)
}

// Rest waits, or until ctx ends.
func Rest(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

const tries = 4 // of what the store doesn't answer, with pauses that double

// Insist repeats what the store didn't answer, the first time after the pause;
// what it said of the bytes stands.
func Insist(ctx context.Context, pause time.Duration, do func() error) error {
	for try := 1; ; try, pause = try+1, 2*pause {
		err := do()
		var rot *Rot
		if err == nil || errors.As(err, &rot) || errors.Is(err, ErrMissing) || errors.Is(err, ErrNoKey) || ctx.Err() != nil || try == tries {
			return err
		}
		Rest(ctx, pause)
	}
}
