package locals3_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

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
	put := func(ctx context.Context, n int) (vault.Part, error) {
		off := uint64(n-1) * u.PartSize
		return store.PutPart(ctx, u, n, data[off:off+u.PartLen(n)])
	}
	acknowledged := map[int]vault.Part{}
	for n := 1; n <= 2; n++ {
		if acknowledged[n], err = put(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	// The kill falls into the third part.
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			if part, err := put(ctx, 3); err != nil {
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
			if parts[n], err = put(t.Context(), n); err != nil {
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

// TestInterruptedCompleteIsRepaired makes by hand the state in which a kill
// leaves an upload of the gateway's: claimed, but nothing made of it.
func TestInterruptedCompleteIsRepaired(t *testing.T) {
	for _, sidecar := range []bool{false, true} {
		t.Run("sidecar="+strconv.FormatBool(sidecar), func(t *testing.T) {
			p := newPlace(t)
			if sidecar {
				p.giveSidecar(t)
			}
			s := p.start(t)
			c := config(s)
			store := open(t, plain(c))
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
