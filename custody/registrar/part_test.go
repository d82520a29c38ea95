package registrar

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/parcel"
)

// book is the ledger as far as uploads go, with the rules of the true one
// (custody/ledger TestUploads).
type book struct {
	Ledger
	mu    sync.Mutex
	u     docket.Upload
	parts []docket.UploadPart
	fail  func(n int) error // of a commit, before anything is done
}

func (b *book) Upload(_ context.Context, id custody.ID) (docket.Upload, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if id != b.u.ID {
		return docket.Upload{}, docket.ErrNotFound
	}
	return b.u, nil
}

func (b *book) UploadParts(context.Context, custody.ID) ([]docket.UploadPart, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]docket.UploadPart{}, b.parts...), nil
}

func (b *book) AddPart(ctx context.Context, _ custody.ID, p docket.UploadPart, state []byte, expires time.Time) error {
	if b.fail != nil {
		if err := b.fail(p.N); err != nil {
			return err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if b.u.Status != docket.UploadOpen || p.N != b.u.Frontier+1 {
		return docket.ErrClosed
	}
	b.parts, b.u.Frontier, b.u.HashState, b.u.Expires = append(b.parts, p), p.N, state, expires
	return nil
}

// shelf keeps parts as a store does: the last writer of a number wins.
type shelf struct {
	Vault
	mu    sync.Mutex
	parts map[int][]byte
	fail  func(n int) error
}

func (s *shelf) PutPart(ctx context.Context, _ Object, n int, p *parcel.Parcel) (StoredPart, error) {
	in := p.Open()
	defer in.Close()
	b, err := io.ReadAll(in)
	if err != nil {
		return StoredPart{}, err
	}
	if s.fail != nil {
		if err := s.fail(n); err != nil {
			return StoredPart{}, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parts[n] = b
	return StoredPart{Number: n, Size: uint64(len(b)), ETag: evidence.Sum(b).String(), CRC64: make([]byte, 8)}, ctx.Err()
}

// scene is one upload of parts of a block each, and as many registrars as
// replicas.
type scene struct {
	book     *book
	shelf    *shelf
	replicas []*Registrar
	caller   Caller
	data     []byte
}

func newScene(t *testing.T, size int, replicas int, change func(*Registrar)) *scene {
	t.Helper()
	s := &scene{shelf: &shelf{parts: map[int][]byte{}}, data: make([]byte, size), caller: Caller{Key: evidence.Sum([]byte("key"))}}
	rand.NewChaCha8([32]byte{3}).Read(s.data)
	state, err := evidence.NewHasher(evidence.MD5).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	s.book = &book{u: docket.Upload{ID: evidence.Sum([]byte("upload")), Owner: s.caller.Key, Size: int64(size), PartSize: evidence.BlockSize,
		HashState: state, Status: docket.UploadOpen, Expires: time.Now().Add(time.Hour)}}
	for range replicas {
		r := New(Options{Ledger: s.book, Vault: s.shelf, Spool: t.TempDir()})
		if change != nil {
			change(r)
		}
		s.replicas = append(s.replicas, r)
	}
	return s
}

func (s *scene) bytes(n int) []byte {
	off := (n - 1) * evidence.BlockSize
	return s.data[off:min(off+evidence.BlockSize, len(s.data))]
}

func (s *scene) put(ctx context.Context, r *Registrar, n int, b []byte) error {
	root := evidence.BlockRoot(evidence.BlockLeaves(b))
	_, err := r.PutPart(ctx, s.caller, Part{Upload: s.book.u.ID, Number: n, Size: int64(len(b)), Blocks: &root}, bytes.NewReader(b))
	return err
}

// sendAll sends every part until it is taken, so many at once, each to any
// replica, in any order within the window.
func (s *scene) sendAll(t *testing.T, seed uint64) {
	t.Helper()
	count := partCount(s.book.u)
	order := make(chan int, count)
	for n := 1; n <= count; n++ {
		order <- n
	}
	close(order)
	var wg sync.WaitGroup
	for worker := range 6 {
		dice := rand.New(rand.NewPCG(seed, uint64(worker)))
		wg.Go(func() {
			for n := range order {
				for tries := 0; ; tries++ {
					time.Sleep(time.Duration(dice.IntN(3)) * time.Millisecond)
					err := s.put(t.Context(), s.replicas[dice.IntN(len(s.replicas))], n, s.bytes(n))
					if err == nil {
						break
					}
					var ahead *OutOfWindow
					if !errors.As(err, &ahead) && !errors.Is(err, errMishap) || tries > 1000 {
						t.Errorf("part %d: %v", n, err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	s.whole(t)
}

var errMishap = errors.New("mishap")

// whole holds what the record says to the bytes: digests, leaves, and what the
// store has.
func (s *scene) whole(t *testing.T) {
	t.Helper()
	h, err := hasherOf(s.book.u)
	if err != nil {
		t.Fatal(err)
	}
	want, leaves, err := evidence.Measure(bytes.NewReader(s.data), evidence.MD5)
	if err != nil || h.Measured() != want {
		t.Errorf("the digests are %+v, not %+v (%v)", h.Measured(), want, err)
	}
	var kept []byte
	for i, p := range s.book.parts {
		kept = append(kept, p.Leaves...)
		if p.N != i+1 || p.ETag != evidence.Sum(s.bytes(p.N)).String() || !bytes.Equal(s.shelf.parts[p.N], s.bytes(p.N)) {
			t.Errorf("part %d is kept as %d, or the store has other bytes", i+1, p.N)
		}
	}
	if !bytes.Equal(kept, evidence.JoinLeaves(leaves)) {
		t.Error("the leaves kept are others")
	}
}

// TestPartsInAnyOrder: whatever comes when and to whichever replica, and
// whatever of store and ledger fails on the way, the digests are those of the
// bytes.
func TestPartsInAnyOrder(t *testing.T) {
	t.Parallel()
	for _, replicas := range []int{1, 2} {
		for name, faults := range map[string]int{"calm": 0, "with mishaps": 3} {
			for _, spool := range []bool{false, true} {
				t.Run(fmt.Sprint(replicas, " ", name, " spooled ", spool), func(t *testing.T) {
					s := newScene(t, 3*evidence.BlockSize+5, replicas, func(r *Registrar) {
						if spool {
							r.inMemory = 0
						}
					})
					var mu sync.Mutex
					dice := rand.New(rand.NewPCG(uint64(replicas), 9))
					mishap := func(int) error {
						mu.Lock()
						defer mu.Unlock()
						if dice.IntN(10) < faults {
							return errMishap
						}
						return nil
					}
					s.book.fail, s.shelf.fail = mishap, mishap
					s.sendAll(t, uint64(faults))
				})
			}
		}
	}
}

// TestOneNumberTwice: two requests at once with other bytes under one number
// leave one of them, whole, and the other is told.
func TestOneNumberTwice(t *testing.T) {
	t.Parallel()
	for range 2 {
		s := newScene(t, evidence.BlockSize, 1, nil)
		other := bytes.Clone(s.data)
		other[5] ^= 1
		var errs [2]error
		var wg sync.WaitGroup
		for i, b := range [][]byte{s.data, other} {
			wg.Go(func() { errs[i] = s.put(t.Context(), s.replicas[0], 1, b) })
		}
		wg.Wait()
		if errs[0] != nil { // then the other is the content
			errs[0], errs[1], s.data = errs[1], errs[0], other
		}
		var no *Conflict
		if errs[0] != nil || !errors.As(errs[1], &no) || no.Code != CodePartConflict {
			t.Fatalf("one is told %v, the other %v", errs[0], errs[1])
		}
		s.whole(t)
	}
}

// TestHungUp: a part whose sender went away after it was hashed takes nothing
// with it; the ones behind it go on when it comes again.
func TestHungUp(t *testing.T) {
	t.Parallel()
	s := newScene(t, 3*evidence.BlockSize, 1, nil)
	gone, hangUp := context.WithCancel(t.Context())
	hashed := make(chan struct{})
	var once sync.Once
	s.shelf.fail = func(n int) error {
		if n == 1 && gone.Err() == nil {
			// The store is slow with part 1; meanwhile it is hashed, and part 2 on top of it.
			<-hashed
			hangUp()
			<-gone.Done()
			return gone.Err()
		}
		return nil
	}
	first := make(chan error, 1)
	go func() { first <- s.put(gone, s.replicas[0], 1, s.bytes(1)) }()
	var wg sync.WaitGroup
	for n := 2; n <= 3; n++ {
		wg.Go(func() {
			if err := s.put(t.Context(), s.replicas[0], n, s.bytes(n)); err != nil {
				t.Errorf("part %d: %v", n, err)
			}
		})
	}
	for ahead := false; !ahead; time.Sleep(time.Millisecond) {
		t := s.replicas[0].sessions
		t.mu.Lock()
		for _, u := range t.all {
			ahead = u.hashed >= 2
		}
		t.mu.Unlock()
	}
	once.Do(func() { close(hashed) })
	if err := <-first; err == nil {
		t.Error("a part that was given up is acknowledged")
	}
	if err := s.put(t.Context(), s.replicas[0], 1, s.bytes(1)); err != nil {
		t.Error(err)
	}
	wg.Wait()
	s.whole(t)
	if n := len(s.replicas[0].sessions.all); n != 0 {
		t.Errorf("%d sessions are still worked on", n)
	}
}

// TestWindow: as many parts as the memory bears, two of those that are spooled;
// and one beyond is sent back before a byte of it is read.
func TestWindow(t *testing.T) {
	for size, want := range map[int64]int{8 << 20: 8, 16 << 20: 4, 32 << 20: 2, 64 << 20: 2, 128 << 20: 2, 2 << 30: 2} {
		if got := window(size); got != want {
			t.Errorf("of parts of %d bytes, %d may be under way, not %d", size, got, want)
		}
	}
	s := newScene(t, 20*evidence.BlockSize, 1, nil)
	root := evidence.Sum(nil)
	for n, next := range map[int]bool{9: true, 20: true} {
		var ahead *OutOfWindow
		_, err := s.replicas[0].PutPart(t.Context(), s.caller, Part{Upload: s.book.u.ID, Number: n, Size: evidence.BlockSize, Blocks: &root}, nil)
		if errors.As(err, &ahead) != next || ahead.Next != 1 {
			t.Errorf("part %d: %v", n, err)
		}
	}
}

// TestNoMemory: while all memory is held by others, a part goes through a file
// instead of waiting for them.
func TestNoMemory(t *testing.T) {
	t.Parallel()
	s := newScene(t, evidence.BlockSize, 1, func(r *Registrar) { r.spoolAfter = time.Millisecond })
	r := s.replicas[0]
	held, err := r.next.memory.Take(t.Context(), r.next.memory.Pieces())
	if err != nil {
		t.Fatal(err)
	}
	defer r.next.memory.Give(held...)
	if err := s.put(t.Context(), r, 1, s.data); err != nil {
		t.Fatal(err)
	}
	s.whole(t)
	if !r.next.files.TryAcquire(spooled) {
		t.Error("the file's room was not given back")
	}
}
