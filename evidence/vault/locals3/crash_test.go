package locals3_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/vault"
	"github.com/evidence-custody/custodyd/evidence/vault/vaulttest"
)

const mib = 1 << 20

func itoa(n int) string { return strconv.Itoa(n) }

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// listening counts the process's own sockets among the machine's TCP listeners.
func listening(t *testing.T, pid int) int {
	t.Helper()
	listeners := ""
	for _, table := range []string{"tcp", "tcp6"} {
		for line := range strings.Lines(readFile(t, "/proc/net/"+table)) {
			if f := strings.Fields(line); len(f) > 9 && f[3] == "0A" {
				listeners += " socket:[" + f[9] + "] "
			}
		}
	}
	fds, err := os.ReadDir("/proc/" + itoa(pid) + "/fd")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, fd := range fds {
		if to, err := os.Readlink("/proc/" + itoa(pid) + "/fd/" + fd.Name()); err == nil && strings.Contains(listeners, " "+to+" ") {
			n++
		}
	}
	return n
}

// again starts the place's next server and opens the same bucket on it.
func (p *place) again(t *testing.T, c *vault.Config) *vault.Store {
	t.Helper()
	s := p.start(t)
	c.AccessKey, c.SecretKey = s.Credentials()
	return open(t, *c)
}

func TestKilledInMidUpload(t *testing.T) {
	p := newPlace(t)
	s := p.start(t)
	c := config(s)
	store := open(t, c)
	data := vaulttest.Bytes(1, 4*16*mib+99)
	u, err := store.Begin(t.Context(), uint64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	put := func(n int) (vault.Part, error) {
		off := uint64(n-1) * u.PartSize
		return store.PutPart(t.Context(), u, n, data[off:off+u.PartLen(n)])
	}
	acknowledged := map[int]vault.Part{}
	for n := 1; n <= 2; n++ {
		if acknowledged[n], err = put(n); err != nil {
			t.Fatal(err)
		}
	}
	// The kill falls into the third part.
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			if part, err := put(3); err != nil {
				return
			} else {
				acknowledged[3] = part
			}
		}
	})
	time.Sleep(30 * time.Millisecond)
	kill(t, s)
	cancel()
	wg.Wait()

	store = p.again(t, &c)
	held, err := store.ListParts(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	parts := map[int]vault.Part{}
	for _, part := range held {
		parts[part.Number] = part
	}
	for n, part := range acknowledged {
		if parts[n] != part {
			t.Errorf("part %d was acknowledged as %+v, the server has %+v", n, part, parts[n])
		}
	}
	var list []vault.Part
	for n := 1; n <= u.Parts(); n++ {
		if _, ok := parts[n]; !ok {
			if parts[n], err = put(n); err != nil {
				t.Fatal(err)
			}
		}
		list = append(list, parts[n])
	}
	o, err := store.Complete(t.Context(), u, list)
	if err != nil {
		t.Fatal(err)
	}
	vaulttest.CheckBytes(t, store, o, data)
}

// TestKilledInComplete kills the server at many moments of Complete. Whatever
// it leaves behind, the next server ends with one whole object.
func TestKilledInComplete(t *testing.T) {
	p := newPlace(t)
	s := p.start(t)
	c := config(s)
	store := open(t, c)
	data := vaulttest.Bytes(2, 33*mib)
	interrupted := 0
	for try := range 8 {
		u, err := store.Begin(t.Context(), uint64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		parts := vaulttest.PutAll(t, store, u, data)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := store.Complete(ctx, u, parts); err != nil {
				interrupted++
			}
		})
		time.Sleep(time.Duration(try) * 8 * time.Millisecond)
		kill(t, s)
		cancel()
		wg.Wait()

		s = p.start(t)
		c.AccessKey, c.SecretKey = s.Credentials()
		store = open(t, c)
		o, err := store.Complete(t.Context(), u, parts)
		if err != nil {
			t.Fatalf("after a kill %d ms into Complete: %v", try*8, err)
		}
		vaulttest.CheckBytes(t, store, o, data)
		checkOneVersion(t, c, u.Key)
	}
	if interrupted == 0 {
		t.Error("no kill fell into Complete, so nothing was tested")
	}
}

func checkOneVersion(t *testing.T, c vault.Config, key string) {
	t.Helper()
	n := 0
	for v := range vaulttest.Client(t, c).ListObjectsIter(t.Context(), c.Bucket, minio.ListObjectsOptions{Prefix: key, WithVersions: true, Recursive: true}) {
		if v.Err != nil {
			t.Fatal(v.Err)
		}
		n++
	}
	if n != 1 {
		t.Errorf("%s has %d versions", key, n)
	}
}

// TestInterruptedCompleteIsRepaired makes by hand the two states a kill leaves:
// the upload claimed but nothing made of it, and the object made but the
// upload not yet removed.
func TestInterruptedCompleteIsRepaired(t *testing.T) {
	for _, sidecar := range []bool{false, true} {
		t.Run("sidecar="+strconv.FormatBool(sidecar), func(t *testing.T) {
			p := newPlace(t)
			if sidecar {
				side := filepath.Join(p.options.Dir, "sidecar")
				if err := errors.Join(os.MkdirAll(side, 0o700), p.options.Runner.Own(side)); err != nil {
					t.Fatal(err)
				}
			}
			s := p.start(t)
			c := config(s)
			store := open(t, c)
			data := vaulttest.Bytes(3, 17*mib)
			u, err := store.Begin(t.Context(), uint64(len(data)))
			if err != nil {
				t.Fatal(err)
			}
			parts := vaulttest.PutAll(t, store, u, data)
			kill(t, s)
			dirs, err := filepath.Glob(filepath.Join(p.options.Dir, "objects", c.Bucket, ".sgwtmp", "multipart", "*", u.ID))
			if err != nil || len(dirs) != 1 {
				t.Fatalf("upload directories: %v, %v", dirs, err)
			}
			claimed := dirs[0] + ".abc-2.inprogress"
			if err := os.Rename(dirs[0], claimed); err != nil {
				t.Fatal(err)
			}
			if sidecar {
				inSide := func(dir string) string {
					return strings.Replace(dir, "/objects/", "/sidecar/", 1)
				}
				if err := os.Rename(inSide(dirs[0]), inSide(claimed)); err != nil {
					t.Fatal(err)
				}
			}
			store = p.again(t, &c)
			o, err := store.Complete(t.Context(), u, parts)
			if err != nil {
				t.Fatal(err)
			}
			vaulttest.CheckBytes(t, store, o, data)
			checkOneVersion(t, c, u.Key)
		})
	}
}

func TestFullDisk(t *testing.T) {
	p := newPlace(t)
	r := p.options.Runner.(runner)
	r.namespace = true
	p.options.Runner = r
	p.options.Args = []string{tinyArg, p.options.Dir}
	c := config(p.start(t))
	store := open(t, c)
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
