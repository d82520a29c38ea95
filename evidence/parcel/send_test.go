package parcel

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/evidence"
)

// once is a source of which every byte may be read once, in order.
type once struct {
	b  []byte
	at atomic.Int64
}

func (o *once) ReadAt(b []byte, off int64) (int, error) {
	if off != o.at.Load() {
		return 0, fmt.Errorf("read at %d after %d", off, o.at.Load())
	}
	n := copy(b, o.b[off:])
	o.at.Add(int64(n))
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// TestSend: one pass over the source gives every part, in order of their
// beginning and no more at once than the window, and the measure of the whole.
func TestSend(t *testing.T) {
	const part = 2 * evidence.BlockSize
	for _, size := range []int{1, evidence.BlockSize - 1, part, 4*part + 5} {
		b := random(size)
		source := &once{b: b}
		var mu sync.Mutex
		got := map[int][]byte{}
		var under, most, last int
		heard := sha256.New()
		var done int64
		s := Sending{Source: source, Size: int64(size), PartSize: part, Window: 2, Held: map[int]bool{2: true}, Hasher: evidence.NewHasher(evidence.SHA1),
			Hear: heard, Done: func(n int64) { done += n },
			Put: func(_ context.Context, n int, p *Parcel) error {
				mu.Lock()
				under++
				most, last = max(most, under), max(last, n)
				if n < last-1 {
					t.Errorf("part %d begins after part %d", n, last)
				}
				mu.Unlock()
				in := p.Open()
				defer in.Close()
				all, err := io.ReadAll(in)
				time.Sleep(2 * time.Millisecond)
				mu.Lock()
				defer mu.Unlock()
				got[n] = all
				under--
				return err
			}}
		m, err := s.Send(t.Context())
		want, _, _ := evidence.Measure(bytes.NewReader(b), evidence.SHA1)
		if err != nil || m != want {
			t.Fatalf("%d bytes are measured as %+v, not %+v (%v)", size, m, want, err)
		}
		if evidence.Digest(heard.Sum(nil)) != want.SHA256 || done != int64(size) || most > 2 {
			t.Errorf("%d bytes: heard %x, done %d, %d at once", size, heard.Sum(nil), done, most)
		}
		for n := 1; n <= s.parts(); n++ {
			if n == 2 {
				if got[n] != nil {
					t.Error("a part that is there was sent")
				}
				continue
			}
			if off := (n - 1) * part; !bytes.Equal(got[n], b[off:min(off+part, size)]) {
				t.Errorf("part %d of %d bytes is another", n, size)
			}
		}
	}
}

// TestSendFails: whoever fails is named, and nobody goes on for ever.
func TestSendFails(t *testing.T) {
	const part = evidence.BlockSize
	b := random(6 * part)
	broken := errors.New("broken")
	good := func() Sending {
		return Sending{Source: bytes.NewReader(b), Size: int64(len(b)), PartSize: part, Window: 2, Hasher: evidence.NewHasher(),
			Put: func(context.Context, int, *Parcel) error { return nil }}
	}
	for name, spoil := range map[string]func(*Sending){
		"a part": func(s *Sending) {
			s.Put = func(ctx context.Context, n int, _ *Parcel) error {
				if n == 3 {
					return broken
				}
				return ctx.Err()
			}
		},
		"the source":   func(s *Sending) { s.Source = bytes.NewReader(b[:4*part-1]) },
		"the listener": func(s *Sending) { s.Hear = failing{broken} },
	} {
		s := good()
		spoil(&s)
		_, err := s.Send(t.Context())
		if !errors.Is(err, broken) && !(name == "the source" && errors.Is(err, ErrShort)) {
			t.Errorf("%s failed: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	s := good()
	s.Put = func(ctx context.Context, n int, _ *Parcel) error { cancel(); <-ctx.Done(); return ctx.Err() }
	if _, err := s.Send(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	for name, spoil := range map[string]func(*Sending){
		"of nothing":              func(s *Sending) { s.Size = 0 },
		"in parts of odd size":    func(s *Sending) { s.PartSize = part + 1 },
		"into digests that began": func(s *Sending) { s.Hasher.Part(b[:part]) },
	} {
		s := good()
		spoil(&s)
		if _, err := s.Send(t.Context()); err == nil {
			t.Errorf("a sending %s went well", name)
		}
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
