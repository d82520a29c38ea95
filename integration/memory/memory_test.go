// Package memory holds the service to a promise: how much memory it takes does
// not depend on how large the evidence is.
package memory

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/api/client"
	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/integration/stage"
)

func TestMain(m *testing.M) { os.Exit(stage.Main(m)) }

// largest resident size, in bytes, of custodyd and of its S3 server.
const allowed = 300 << 20

// sizeVariable names the environment variable with the size of the larger
// image, such as 4096 for 4 GiB.
const sizeVariable = "CUSTODY_TEST_IMAGE_MIB"

// TestMemory deposits and retrieves a small image, then a large one. Both
// programs stay below the limit, and hardly grow with the larger image.
func TestMemory(t *testing.T) {
	large := int64(1024)
	if text := os.Getenv(sizeVariable); text != "" {
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil || n < 512 {
			t.Fatalf("%s is %q: say so many MiB, from 512", sizeVariable, text)
		}
		large = n
	}
	p := stage.ServeProcess(t, stage.Dir(t), "--mode", "test")
	store := s3Server(t, p.PID())
	cast := stage.NewCast(t, p.URL, p.Token)
	who := cast.Investigator
	kase := who.OpenCase(t)
	exhibit := who.Register(t, kase)
	c, err := client.New(p.URL, client.WithSigner(who.Desk.Key))
	if err != nil {
		t.Fatal(err)
	}
	peaks := func() (uint64, uint64) { return peak(t, p.PID()), peak(t, store) }
	reset := func() { resetPeak(t, p.PID()); resetPeak(t, store) }
	var first [2]uint64
	for i, mib := range []int64{256, large} {
		image := image{mib << 20}
		if i > 0 { // before that, the start and the people count as well
			reset()
		}
		began := time.Now()
		d := deposit(t, who, c, kase, exhibit, image)
		took := time.Since(began)
		service, s3 := peaks()
		t.Logf("%5d MiB deposited in %s: custodyd %d MiB at most, its S3 server %d MiB", mib, took.Round(time.Second/10), service>>20, s3>>20)
		reset()
		began = time.Now()
		retrieve(t, who, c, d, image)
		took = time.Since(began)
		service2, s32 := peaks()
		t.Logf("%5d MiB retrieved in %s: custodyd %d MiB at most, its S3 server %d MiB", mib, took.Round(time.Second/10), service2>>20, s32>>20)
		now := [2]uint64{max(service, service2), max(s3, s32)}
		for j, name := range []string{"custodyd", "its S3 server"} {
			if now[j] >= allowed {
				t.Errorf("%d MiB took %d MiB of %s's memory, %d are allowed", mib, now[j]>>20, name, allowed>>20)
			}
			if i > 0 && now[j] > first[j]+first[j]/2+32<<20 {
				t.Errorf("%s took %d MiB for the small image and %d for the large one", name, first[j]>>20, now[j]>>20)
			}
		}
		first = now
	}
	// Four at once, as in a busy hour; each image another.
	reset()
	began := time.Now()
	var all sync.WaitGroup
	for i := range int64(4) {
		all.Go(func() {
			image := image{128<<20 + 8*i}
			session, err := c.BeginUpload(t.Context(), kase, &exhibit, image.size, "image.dd")
			if err == nil {
				_, err = c.SendParts(t.Context(), session, image, client.PartsOptions{})
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	service, s3 := peaks()
	t.Logf("4 × 128 MiB sent at once in %s: custodyd %d MiB at most, its S3 server %d MiB", time.Since(began).Round(time.Second/10), service>>20, s3>>20)
	if service >= allowed || s3 >= allowed {
		t.Errorf("four deposits at once took %d MiB of custodyd's memory and %d of its S3 server's, %d are allowed each", service>>20, s3>>20, allowed>>20)
	}
}

// image is a disk that doesn't exist: every byte follows from its place. Runs
// of zeros lie between blocks that no two of are alike, as on a used disk.
type image struct{ size int64 }

const stretch = 64 << 10

// ReadAt implements io.ReaderAt.
func (m image) ReadAt(b []byte, off int64) (int, error) {
	n := 0
	for n < len(b) && off < m.size {
		block, in := off/stretch, off%stretch
		some := b[n:min(int64(len(b)), int64(n)+stretch-in, int64(n)+m.size-off)]
		if block%3 == 2 {
			clear(some)
		} else {
			fill(some, block, in)
		}
		n, off = n+len(some), off+int64(len(some))
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// fill writes the bytes of a block from in on, which is a multiple of 8 as
// every part's and block's beginning is; a cheap generator is enough.
func fill(b []byte, block, in int64) {
	state := rand.NewPCG(uint64(block), 7).Uint64() | 1
	var word [8]byte
	for at := 0; at < len(b); at += 8 {
		x := (state + uint64(in) + uint64(at)) * 0x9e3779b97f4a7c15
		binary.LittleEndian.PutUint64(word[:], x^x>>29)
		copy(b[at:], word[:])
	}
}

// stored is a deposit, as its maker knows it.
type stored struct {
	item     evidence.Digest
	artifact custody.Artifact
}

// deposit sends the image in parts and signs for it, as a desk does with a
// file; no file is made of it.
func deposit(t *testing.T, who *stage.Person, c *client.Client, kase, exhibit evidence.Digest, m image) stored {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	session, err := c.BeginUpload(ctx, kase, &exhibit, m.size, "image.dd")
	if err != nil {
		t.Fatal(err)
	}
	id, err := evidence.ParseDigest(session.Id)
	if err != nil {
		t.Fatal(err)
	}
	// As many parts travel at once as the client sends by itself.
	sum, err := c.SendParts(ctx, session, m, client.PartsOptions{})
	if err != nil {
		t.Fatal(err)
	}
	parent, ok, err := who.Desk.Service.Chain(ctx, exhibit)
	if err != nil || !ok {
		t.Fatalf("the exhibit is not there: %v", err)
	}
	document, item := stage.Founding(t, custody.DocItem, map[string]string{"exhibit": "MA/1/1", "fileName": "image.dd"})
	d := stored{item, custody.Artifact{BlockRoot: sum.BlockRoot, SHA256: sum.SHA256, Size: sum.Size}}
	statement := stage.Draft(t, who, &custody.Deposited{Artifact: d.artifact, Case: kase, Format: custody.FormatRaw, Item: item, Parent: &exhibit,
		Role: custody.RoleMaster}, parent.Leaf)
	env := stage.Seal(t, who.Desk.Key, statement)
	if _, _, err := c.FinishUpload(ctx, id, client.Submission{Envelope: env.JSON(), Documents: [][]byte{document}}); err != nil {
		t.Fatal(err)
	}
	return d
}

// retrieve reads the artifact back as a stream and compares each byte.
func retrieve(t *testing.T, who *stage.Person, c *client.Client, d stored, m image) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	r, err := who.Desk.RequestAccess(ctx, desk.Reading{Item: d.item, Purpose: custody.PurposeExamination})
	if err != nil {
		t.Fatal(err)
	}
	in, err := c.Artifact(ctx, d.artifact.SHA256, r.EventID, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	got, want := make([]byte, 1<<20), make([]byte, 1<<20)
	for off := int64(0); off < m.size; off += int64(len(got)) {
		got = got[:min(int64(len(got)), m.size-off)]
		want = want[:len(got)]
		if _, err := m.ReadAt(want, off); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(in, got); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("at byte %d other bytes come back, or none: %v", off, err)
		}
	}
	if n, err := in.Read(got); n != 0 || err != io.EOF {
		t.Errorf("after the last byte come %d more, %v", n, err)
	}
}

// s3Server finds the service's own S3 server: a child of the same program.
func s3Server(t *testing.T, parent int) int {
	t.Helper()
	self, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", parent))
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if field(pid, "PPid") != strconv.Itoa(parent) {
			continue
		}
		if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); err == nil && exe == self {
			return pid
		}
	}
	t.Fatalf("process %d has no S3 server", parent)
	return 0
}

// field reads a line of a process's status; "" where it is gone.
func field(pid int, name string) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

// peak is the largest resident size that a process had since resetPeak.
func peak(t *testing.T, pid int) uint64 {
	t.Helper()
	kib, err := strconv.ParseUint(strings.TrimSuffix(field(pid, "VmHWM"), " kB"), 10, 64)
	if err != nil || kib == 0 {
		t.Fatalf("the peak of process %d can't be read: %v", pid, err)
	}
	return kib << 10
}

func resetPeak(t *testing.T, pid int) {
	t.Helper()
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0); err != nil {
		t.Fatalf("the peak of process %d can't be reset: %v", pid, err)
	}
}
