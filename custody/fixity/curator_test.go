package fixity_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/fixity"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/ruling"
	"github.com/evidence-custody/custodyd/evidence"
)

// book is a ledger of one artifact.
type book struct {
	mu     sync.Mutex
	a      docket.Artifact
	f      docket.Fixity
	holder string
	said   []custody.Body
	effect docket.FixityEffect
	saved  func(docket.Fixity) error
	done   bool
	phase  custody.Phase
}

func (b *book) Chain(_ context.Context, item custody.ID) (*docket.Chain, error) {
	return &docket.Chain{Chain: ruling.Chain{ID: item, State: ruling.State{Item: &custody.Item{Phase: b.phase}}}}, nil
}

func (b *book) ClaimFixity(_ context.Context, holder string, _ time.Time, _ time.Duration) (docket.Fixity, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.done || b.holder != "" {
		return docket.Fixity{}, docket.ErrNotFound
	}
	b.holder = holder
	if b.f.Began.IsZero() {
		b.f.Began = time.Now()
	}
	return b.f, nil
}

func (b *book) KeepFixity(_ context.Context, holder string, f docket.Fixity, _ time.Duration) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.holder != holder {
		return docket.ErrClosed
	}
	b.f = f
	return nil
}

func (b *book) LetGoFixity(context.Context, string, custody.ID, time.Duration) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.holder = ""
	return nil
}

func (b *book) Artifact(context.Context, custody.ID) (docket.Artifact, error) { return b.a, nil }

func (b *book) Observe(_ context.Context, act docket.Act, effects docket.Effects) (docket.Receipt, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.said, b.effect, b.done, b.holder = append(b.said, act.Body), *effects.Fixity, true, ""
	return docket.Receipt{}, nil
}

func curator(b *book, s *store) *fixity.Curator {
	return fixity.New(fixity.Options{Ledger: b, Store: s, Holder: "me", Every: time.Hour, Pause: time.Microsecond})
}

// TestReadBack: what is wrong with a copy is told in full, and what isn't known
// is never told as rot.
func TestReadBack(t *testing.T) {
	sum := func(t *testing.T) evidence.Digest { a, _ := deposited(t); return a.SHA256 }(t)
	failed := func(why custody.FixityReason, count uint64, bad ...uint64) custody.Body {
		return &custody.FixityFailed{Artifact: sum, Blocks: append([]uint64{}, bad...), Checked: 3, Count: count, Item: custody.ID{1}, Reason: why}
	}
	unchecked := func(why custody.UncheckedReason) custody.Body {
		return &custody.FixityUnchecked{Artifact: sum, Item: custody.ID{1}, Reason: why}
	}
	for _, test := range []struct {
		name string
		harm func(*store, *docket.Artifact)
		want custody.Body
	}{
		{"whole", func(*store, *docket.Artifact) {}, &custody.FixityPassed{Artifact: sum, Bytes: size, Item: custody.ID{1}}},
		{"damaged on the way", func(s *store, _ *docket.Artifact) { s.once = true }, &custody.FixityPassed{Artifact: sum, Bytes: size, Item: custody.ID{1}}},
		{"two bits", func(s *store, _ *docket.Artifact) { s.data[3] ^= 1; s.data[size-1] ^= 128 }, failed(custody.FixityMismatch, 2, 0, 2)},
		{"two blocks changed places", func(s *store, _ *docket.Artifact) {
			first := slices.Clone(s.data[:evidence.BlockSize])
			copy(s.data, s.data[evidence.BlockSize:2*evidence.BlockSize])
			copy(s.data[evidence.BlockSize:], first)
		}, failed(custody.FixityMismatch, 2, 0, 1)},
		{"cut in the second block", func(s *store, _ *docket.Artifact) { s.data = s.data[:evidence.BlockSize+1] }, failed(custody.FixityShort, 2, 1, 2)},
		{"cut, and rotten before", func(s *store, _ *docket.Artifact) { s.data[9] ^= 4; s.data = s.data[:size-1] }, failed(custody.FixityShort, 2, 0, 2)},
		{"empty", func(s *store, _ *docket.Artifact) { s.data = nil }, failed(custody.FixityShort, 3, 0, 1, 2)},
		{"a byte more", func(s *store, _ *docket.Artifact) { s.data = append(s.data, 0) }, failed(custody.FixityLong, 0)},
		{"a byte more, and rotten", func(s *store, _ *docket.Artifact) { s.data = append(s.data, 0); s.data[1] ^= 1 }, failed(custody.FixityMismatch, 1, 0)},
		{"gone", func(s *store, _ *docket.Artifact) { s.missing = true }, failed(custody.FixityMissing, 3)},
		{"away", func(s *store, _ *docket.Artifact) { s.down = errors.New("no route to host") }, unchecked(custody.UncheckedUnavailable)},
		{"cut on the way, always", func(s *store, _ *docket.Artifact) { s.cut = true }, unchecked(custody.UncheckedUnavailable)},
		{"wrong about ranges", func(s *store, _ *docket.Artifact) { s.liar = true }, unchecked(custody.UncheckedUnavailable)},
		{"in another bucket", func(_ *store, a *docket.Artifact) { a.Bucket = "elsewhere" }, unchecked(custody.UncheckedUnavailable)},
		{"its key away", func(s *store, _ *docket.Artifact) { s.down = fixity.ErrNoKey }, unchecked(custody.UncheckedKey)},
		{"erased", func(s *store, _ *docket.Artifact) { s.down = fixity.ErrNoKey }, unchecked(custody.UncheckedErased)},
		{"other leaves", func(_ *store, a *docket.Artifact) { a.Leaves[40] ^= 1 }, unchecked(custody.UncheckedLeaves)},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, s := deposited(t)
			test.harm(s, &a)
			b := &book{a: a, f: docket.Fixity{Item: a.Item}, phase: custody.PhaseHeld}
			if test.name == "erased" {
				b.phase = custody.PhaseDisposed
			}
			if _, err := curator(b, s).Next(t.Context()); err != nil {
				t.Fatal(err)
			}
			if len(b.said) != 1 {
				t.Fatalf("said %d things", len(b.said))
			}
			if got, want := payload(t, b.said[0]), payload(t, test.want); got != want {
				t.Errorf("said %s\nwant %s", got, want)
			}
			if _, open := test.want.(*custody.FixityUnchecked); b.effect.Ended == open || open && b.effect.Again == 0 {
				t.Errorf("effect %+v", b.effect)
			}
		})
	}
}

// TestStoppedReading: what was read before a stop is not read again, and its bad
// blocks are not forgotten.
func TestStoppedReading(t *testing.T) {
	a, s := deposited(t)
	s.data[0] ^= 1
	b := &book{a: a, f: docket.Fixity{Item: a.Item}}
	ctx, stop := context.WithCancel(t.Context())
	c := fixity.New(fixity.Options{Ledger: b, Store: s, Holder: "me", Every: time.Hour, Pause: time.Microsecond, Pace: fixity.NewPace(1 << 40),
		Reading: func(docket.Fixity) { stop() }})
	if _, err := c.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("stopped: %v", err)
	}
	if len(b.said) != 0 || b.f.Next != 1 || b.f.Count != 1 || b.holder != "" {
		t.Fatalf("left behind: %+v, said %v, held by %q", b.f, b.said, b.holder)
	}
	before := s.reads.Load()
	if _, err := curator(b, s).Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := s.reads.Load() - before; got != 2 {
		t.Errorf("read %d blocks after the stop, 2 were left", got)
	}
	if f, ok := b.said[0].(*custody.FixityFailed); !ok || f.Count != 1 || !slices.Equal(f.Blocks, []uint64{0}) || f.Checked != 3 {
		t.Errorf("said %s", payload(t, b.said[0]))
	}
}

// TestYields: nothing is read while evidence is taken in.
func TestYields(t *testing.T) {
	a, s := deposited(t)
	b := &book{a: a, f: docket.Fixity{Item: a.Item}}
	var asked int
	var early int32
	c := fixity.New(fixity.Options{Ledger: b, Store: s, Holder: "me", Every: time.Hour, Busy: func() bool {
		asked++
		early = max(early, s.reads.Load())
		return asked < 3
	}})
	if _, err := c.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	if early != 0 || len(b.said) != 1 {
		t.Errorf("read %d blocks while evidence came in; said %d", early, len(b.said))
	}
}

// TestRate: reading is no faster than is configured.
func TestRate(t *testing.T) {
	a, s := deposited(t)
	b := &book{a: a, f: docket.Fixity{Item: a.Item}}
	c := fixity.New(fixity.Options{Ledger: b, Store: s, Holder: "me", Every: time.Hour, Pace: fixity.NewPace(40 << 20)})
	began := time.Now()
	if _, err := c.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Two blocks are waited for, the third is read then: 16 MiB at 40 MiB a second.
	if took := time.Since(began); took < 390*time.Millisecond {
		t.Errorf("took %s", took)
	}
}

// TestTakenOver: a process that another took over from says nothing.
func TestTakenOver(t *testing.T) {
	a, s := deposited(t)
	b := &book{a: a, f: docket.Fixity{Item: a.Item}}
	c := fixity.New(fixity.Options{Ledger: b, Store: s, Holder: "me", Every: time.Hour, Reading: func(docket.Fixity) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.holder = "another"
	}})
	if _, err := c.Next(t.Context()); !errors.Is(err, docket.ErrClosed) || len(b.said) != 0 || b.holder != "another" {
		t.Errorf("%v; said %v; held by %s", err, b.said, b.holder)
	}
	if s.reads.Load() == 0 {
		t.Error("it read nothing")
	}
}

func payload(t *testing.T, b custody.Body) string {
	t.Helper()
	out, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b.Kind()) + " " + string(out)
}
