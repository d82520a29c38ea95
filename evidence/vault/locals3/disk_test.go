package locals3_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/vault"
	"github.com/evidence-custody/custodyd/evidence/vault/vaulttest"
)

// tinyPlace has a disk of 40 MiB.
func tinyPlace(t *testing.T) *place {
	p := newPlace(t)
	r := p.options.Runner.(runner)
	r.namespace = true
	p.options.Runner = r
	p.options.Args = []string{tinyArg, p.options.Dir}
	return p
}

// TestFullDisk: a deposit that doesn't fit is refused before anything is sent,
// and one that fits does, whatever else is put on the disk meanwhile.
func TestFullDisk(t *testing.T) {
	c := config(tinyPlace(t).start(t))
	store := open(t, c)
	for range 2 { // what is refused takes no room
		if _, err := store.Begin(t.Context(), 64*mib); !errors.Is(err, vault.ErrFull) {
			t.Errorf("64 MiB on a disk of 40: %v, want ErrFull", err)
		}
	}
	if pending, err := store.ListUploads(t.Context()); err != nil || len(pending) != 0 {
		t.Errorf("pending: %v, %v", pending, err)
	}
	data := vaulttest.Bytes(5, 30*mib)
	u, err := store.Begin(t.Context(), uint64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Begin(t.Context(), 30*mib); !errors.Is(err, vault.ErrFull) {
		t.Errorf("30 MiB twice on a disk of 40: %v, want ErrFull", err)
	}
	parts := vaulttest.PutAll(t, store, u, data)
	// Other bytes for a part need room of their own, and have none.
	if _, err := store.PutPart(t.Context(), u, 1, vaulttest.Bytes(6, 16*mib)); !errors.Is(err, vault.ErrFull) {
		t.Errorf("other bytes for a part: %v, want ErrFull", err)
	}
	if held, err := store.ListParts(t.Context(), u); err != nil || len(held) != 2 || held[0] != parts[0] {
		t.Errorf("listed: %+v, %v", held, err)
	}
	o, err := store.Complete(t.Context(), u, parts)
	if err != nil {
		t.Fatal(err)
	}
	vaulttest.CheckBytes(t, store, o, data)
	// Given up, an upload makes room.
	if u, err = store.Begin(t.Context(), 9*mib); err != nil {
		t.Fatal(err)
	}
	if err := store.Abort(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	vaulttest.Deposit(t, store, vaulttest.Bytes(6, 9*mib))
}

// TestFullDiskOfTheGateway is about parts that are files of the gateway's.
func TestFullDiskOfTheGateway(t *testing.T) {
	c := config(tinyPlace(t).start(t))
	store := open(t, plain(c))
	kept := vaulttest.Deposit(t, store, vaulttest.Bytes(4, 4*mib))
	data := vaulttest.Bytes(5, 64*mib)
	u, err := store.Begin(t.Context(), uint64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var parts []vault.Part
	for n := 1; n <= u.Parts(); n++ {
		off := uint64(n-1) * u.PartSize
		part, err := store.PutPart(t.Context(), u, n, data[off:off+u.PartLen(n)])
		if errors.Is(err, vault.ErrFull) {
			break
		}
		if err != nil {
			t.Fatalf("part %d: %v, want ErrFull", n, err)
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 || len(parts) == u.Parts() {
		t.Fatalf("%d of %d parts went onto a disk with room for two", len(parts), u.Parts())
	}
	held, err := store.ListParts(t.Context(), u)
	if err != nil || len(held) != len(parts) {
		t.Errorf("%d parts were acknowledged, %d are listed, %v", len(parts), len(held), err)
	}
	vaulttest.CheckBytes(t, store, kept, vaulttest.Bytes(4, 4*mib))
	// Given up, it makes room: the next deposit fits.
	if err := store.Abort(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	vaulttest.Deposit(t, store, vaulttest.Bytes(6, 10*mib))

	// The disk can also be full only when the parts are put together.
	u, err = store.Begin(t.Context(), 14*mib)
	if err != nil {
		t.Fatal(err)
	}
	parts = vaulttest.PutAll(t, store, u, data[:14*mib])
	if _, err := store.Complete(t.Context(), u, parts); !errors.Is(err, vault.ErrFull) {
		t.Errorf("completing on a full disk: %v, want ErrFull", err)
	}
	if held, err := store.ListParts(t.Context(), u); err != nil || len(held) != 1 {
		t.Errorf("the upload is lost with it: %v, %v", held, err)
	}
}

func BenchmarkDeposit(b *testing.B) {
	store := open(b, config(newPlace(b).start(b)))
	data := vaulttest.Bytes(7, 256*mib)
	b.Run("one part after the other", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			vaulttest.Deposit(b, store, data)
		}
	})
	b.Run("three parts at a time, hashed meanwhile", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			hashedDeposit(b, store, data)
		}
	})
	b.Run("write and fsync of the same", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		path := filepath.Join(b.TempDir(), "file")
		for b.Loop() {
			f, err := os.Create(path)
			if err != nil {
				b.Fatal(err)
			}
			_, err = f.ReadFrom(bytes.NewReader(data))
			if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// hashedDeposit is a deposit as the service makes it: the parts are hashed in
// order while others are on their way into the store.
func hashedDeposit(b *testing.B, store *vault.Store, data []byte) {
	u, err := store.Begin(b.Context(), uint64(len(data)))
	if err != nil {
		b.Fatal(err)
	}
	var wg sync.WaitGroup
	parts, errs := make([]vault.Part, u.Parts()), make([]error, u.Parts())
	room := make(chan struct{}, 3)
	h := evidence.NewHasher()
	for n := 1; n <= u.Parts(); n++ {
		off := uint64(n-1) * u.PartSize
		part := data[off : off+u.PartLen(n)]
		room <- struct{}{}
		wg.Go(func() {
			parts[n-1], errs[n-1] = store.PutPart(b.Context(), u, n, part)
			<-room
		})
		if _, err := h.Part(part); err != nil {
			b.Fatal(err)
		}
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		b.Fatal(err)
	}
	if _, err := store.Complete(b.Context(), u, parts); err != nil {
		b.Fatal(err)
	}
}
