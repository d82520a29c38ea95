package pace

import (
	"io"
	"os"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/vault"
)

// parallel is how many parts or blocks are under way at a time.
const parallel = 3

// put stores the file with the vault alone: parts of 16 MiB, a checksum of
// each, nothing hashed.
func (b *bench) put(t testing.TB, s *vault.Store) vault.Object {
	t.Helper()
	f, err := os.Open(b.file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	u, err := s.Begin(t.Context(), uint64(b.size))
	if err != nil {
		t.Fatal(err)
	}
	parts := make([]vault.Part, u.Parts())
	var group errgroup.Group
	numbers := make(chan int)
	for range parallel {
		group.Go(func() error {
			buf := make([]byte, u.PartSize)
			for n := range numbers {
				data := buf[:u.PartLen(n)]
				_, err := f.ReadAt(data, int64(n-1)*int64(u.PartSize))
				if err == nil {
					parts[n-1], err = s.PutPart(t.Context(), u, n, data)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	for n := 1; n <= u.Parts(); n++ {
		numbers <- n
	}
	close(numbers)
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	o, err := s.Complete(t.Context(), u, parts)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// BenchmarkStorePut is the store's share of a deposit.
func BenchmarkStorePut(t *testing.B) {
	b := setUp(t)
	s, _ := b.store(t)
	b.measure(t, func() { b.put(t, s) })
}

// BenchmarkStoreGet is the store's share of a retrieval: blocks of 8 MiB, read
// and thrown away.
func BenchmarkStoreGet(t *testing.B) {
	b := setUp(t)
	s, _ := b.store(t)
	o := b.put(t, s)
	b.measure(t, func() {
		var group errgroup.Group
		offsets := make(chan uint64)
		for range parallel {
			group.Go(func() error {
				buf := make([]byte, evidence.BlockSize)
				for off := range offsets {
					n := min(uint64(evidence.BlockSize), o.Size-off)
					body, err := s.ReadRange(t.Context(), o.Key, o.Version, off, n)
					if err != nil {
						return err
					}
					_, err = io.ReadFull(body, buf[:n])
					body.Close()
					if err != nil {
						return err
					}
				}
				return nil
			})
		}
		for off := uint64(0); off < o.Size; off += evidence.BlockSize {
			offsets <- off
		}
		close(offsets)
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
	})
}
