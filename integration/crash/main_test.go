package crash

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/parcel"
	"github.com/evidence-custody/custodyd/integration/stage"
)

func TestMain(m *testing.M) { os.Exit(stage.Main(m)) }

// site is one state directory with the people who work on its service.
type site struct {
	data    string
	process *stage.Process
	cast    *stage.Cast
	kase    evidence.Digest
	exhibit evidence.Digest
}

// newSite starts a service with a case and an exhibit in it.
func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{data: stage.Dir(t)}
	s.start(t)
	s.cast = stage.NewCast(t, s.process.URL, s.process.Token)
	s.kase = s.cast.Investigator.OpenCase(t)
	s.exhibit = s.cast.Investigator.Register(t, s.kase)
	return s
}

func (s *site) start(t *testing.T) {
	t.Helper()
	s.process = stage.ServeProcess(t, s.data, "--mode", "test")
	if s.cast != nil {
		s.cast.Reach(t, s.process.URL)
	}
}

// depositing is the investigator's deposit of a file.
func (s *site) depositing(path string) desk.Depositing {
	return desk.Depositing{Path: path, Case: s.kase, Parent: &s.exhibit, Role: custody.RoleMaster, Fields: map[string]string{"exhibit": "MA/1/1"}}
}

// deposits are the artifact.deposited events in the case, by log index.
func (s *site) deposits(t *testing.T) (indexes []uint64) {
	t.Helper()
	d, err := s.cast.Investigator.Desk.VerifyCase(stage.Context(t), s.kase)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range d.Readings[0].Events {
		if e.Statement.Predicate.Kind == custody.KindDeposited {
			indexes = append(indexes, e.Index)
		}
	}
	return indexes
}

// counting is a service that counts the parts it is sent, and calls on each
// one after it was acknowledged.
type counting struct {
	desk.Service
	sent, acknowledged atomic.Int64
	after              func(n int)
}

func (c *counting) PutPart(ctx context.Context, upload string, n int, content *parcel.Parcel) error {
	c.sent.Add(1)
	err := c.Service.PutPart(ctx, upload, n, content)
	if err == nil {
		c.acknowledged.Add(1)
		if c.after != nil {
			c.after(n)
		}
	}
	return err
}

// childOf finds the child of process pid that executes a program of this name;
// "" the same program as its parent.
func childOf(t *testing.T, pid int, name string) int {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	want := name
	if name == "" {
		self, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		if err != nil {
			t.Fatal(err)
		}
		want = filepath.Base(self)
	}
	for _, e := range entries {
		id, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", id))
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		fields := strings.Fields(rest)
		if len(fields) < 2 || fields[0] == "Z" || fields[1] != strconv.Itoa(pid) {
			continue
		}
		if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", id)); err == nil && filepath.Base(exe) == want {
			return id
		}
	}
	t.Fatalf("process %d has no child %q", pid, want)
	return 0
}

// killPID kills a process that the service under test started.
func killPID(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// same compares a retrieved file with what went in.
func same(t *testing.T, a, b string) {
	t.Helper()
	var sums [2]evidence.Measured
	for i, path := range []string{a, b} {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if sums[i], _, err = evidence.Measure(io.Reader(f)); err != nil {
			t.Fatal(err)
		}
	}
	if sums[0] != sums[1] {
		t.Errorf("%s and %s differ", a, b)
	}
}

// retrieve reads a deposited item back and holds it to the file it was.
func (s *site) retrieve(t *testing.T, item evidence.Digest, original string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "retrieved")
	_, err := s.cast.Investigator.Desk.Retrieve(stage.Context(t), desk.Retrieval{Reading: desk.Reading{Item: item, Purpose: custody.PurposeExamination}, Path: path})
	if err != nil {
		t.Fatal(err)
	}
	same(t, original, path)
}

// itemOf finds the item of a deposit by its event.
func itemOf(t *testing.T, s *site, d desk.Deposited) evidence.Digest {
	t.Helper()
	v, err := s.cast.Investigator.Desk.VerifyCase(stage.Context(t), s.kase)
	if err != nil {
		t.Fatal(err)
	}
	if e := v.Event(d.Leaf); e != nil {
		if b, ok := e.Body().(*custody.Deposited); ok {
			return b.Item
		}
	}
	t.Fatalf("event %d is no deposit of the case", d.Index)
	return evidence.Digest{}
}

// acknowledged is a case whose opening was acknowledged.
type acknowledged = desk.Opened

func (s *site) open(t *testing.T) (acknowledged, error) {
	return s.cast.Investigator.Desk.OpenCase(stage.Context(t), desk.Opening{Fields: map[string]string{"title": "State v. unknown"}})
}
