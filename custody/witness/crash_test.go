package witness_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/custody/witness"
	"github.com/evidence-custody/custodyd/custody/witness/witnesstest"
)

var errDisk = errors.New("the disk is full")

// killed is what a test's process dies of.
type killed struct{}

// frail is a shelf whose writes come to grief, as told.
type frail struct {
	*witness.Directory
	fate string // of the next write
	left int    // writes that still succeed
}

func (f *frail) Update(origin string, change func(*witness.Log) error) error {
	if f.left > 0 || f.fate == "" {
		f.left--
		return f.Directory.Update(origin, change)
	}
	switch f.fate {
	case "failed":
		return f.Directory.Update(origin, func(l *witness.Log) error {
			if err := change(l); err != nil {
				return err
			}
			return errDisk // nothing is written
		})
	case "failed but persisted":
		if err := f.Directory.Update(origin, change); err != nil {
			return err
		}
		return errDisk
	case "killed before":
		return f.Directory.Update(origin, func(l *witness.Log) error {
			if err := change(l); err != nil {
				return err
			}
			panic(killed{})
		})
	case "killed after":
		if err := f.Directory.Update(origin, change); err != nil {
			return err
		}
		panic(killed{})
	}
	panic("no such fate: " + f.fate)
}

// TestCrashTable: whatever becomes of any write, what was cosigned is held: a
// later witness on the same directory never cosigns anything that does not go
// on from every cosignature that left, and the log can go on.
func TestCrashTable(t *testing.T) {
	for _, fate := range []string{"failed", "failed but persisted", "killed before", "killed after"} {
		for at := range 4 {
			t.Run(fate, func(t *testing.T) {
				dir := t.TempDir()
				c := cosigner(t, "w")
				l, fork := witnesstest.NewLog("l.example.org", 12, "one", 12), witnesstest.NewLog("l.example.org", 12, "two", 2)
				shelf := &frail{open(t, dir), fate, at}
				if err := shelf.Add(l.Origin, l.VerifierKey()); err != nil {
					t.Fatal(err)
				}
				var left uint64 // largest head of which a cosignature left
				sizes := []uint64{0, 3, 5, 8, 11}
				died := false
				for i := 1; i < len(sizes); i++ {
					_, err, killed := ask(t, witness.New(c, shelf, time.Now, nil), l.Request(t, sizes[i-1], sizes[i]))
					if err == nil && !killed {
						left = sizes[i]
						continue
					}
					if !killed && !errors.Is(err, errDisk) {
						t.Fatalf("size %d: %v", sizes[i], err)
					}
					died = true
					break
				}
				if !died || left != sizes[at] {
					t.Fatalf("write %d did not come to grief: %d cosigned", at, left)
				}
				// The machine starts again.
				w := witness.New(c, open(t, dir), time.Now, nil)
				_, err, _ := ask(t, w, l.Request(t, 12, 12))
				var no *witness.Refusal
				if !errors.As(err, &no) || no.Status != http.StatusConflict || no.Size < left {
					t.Fatalf("after the crash: %v", err)
				}
				if persisted := fate == "failed but persisted" || fate == "killed after"; persisted != (no.Size == sizes[at+1]) {
					t.Errorf("holds %d leaves", no.Size)
				}
				if no.Size > 2 {
					for _, size := range []uint64{no.Size, 12} {
						if _, err, _ := ask(t, w, fork.Request(t, no.Size, size)); err == nil {
							t.Errorf("cosigned a fork of %d leaves", size)
						}
					}
				}
				if _, err, _ := ask(t, w, l.Request(t, no.Size, 12)); err != nil {
					t.Errorf("the log cannot go on: %v", err)
				}
			})
		}
	}
}

func ask(t *testing.T, w *witness.Witness, body string) (sig tlog.Signature, err error, died bool) {
	t.Helper()
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(killed); !ok {
				panic(r)
			}
			died = true
		}
	}()
	sig, err = w.AddCheckpoint(t.Context(), []byte(body))
	return sig, err, false
}
