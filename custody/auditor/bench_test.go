package auditor_test

import (
	"io"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody/seal/sealtest"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/custody/verify"
)

// BenchmarkFull re-hashes a log of 100,000 entries (CUSTODY_BENCH_ENTRIES)
// served by HTTP from the same machine. Beside it: what the reading alone
// takes, what the signatures alone take on all cores, and the peak heap, of
// which the served log itself is subtracted.
func BenchmarkFull(b *testing.B) {
	n := 100_000
	if s := os.Getenv("CUSTODY_BENCH_ENTRIES"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			b.Fatal(err)
		}
	}
	h := &history{t: b}
	e := entry(b, "main", 0)
	for range n {
		h.add(e) // one entry many times: the tree does not mind, and each is read anew
	}
	s := serve(b, h)
	b.Run("audit", func(b *testing.B) {
		before, peak := heap(), uint64(0)
		for b.Loop() {
			a := newAuditor(b, s)
			a.Full = true
			a.Progress = func(done, _ uint64) {
				if done%(1<<13) == 0 {
					peak = max(peak, heap())
				}
			}
			if out := run(b, a); out.Verdict != verify.Whole || out.Full.Entries != uint64(n) {
				b.Fatal(out.Findings)
			}
		}
		b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
		b.ReportMetric((float64(peak)-float64(before))/(1<<20), "MiB-peak")
	})
	b.Run("reading", func(b *testing.B) {
		var bytes atomic.Int64
		for b.Loop() {
			inParallel(n/tlog.TileWidth, func(i int) {
				for _, entries := range []bool{false, true} {
					res, err := http.NewRequest(http.MethodGet, s.URL+"/"+tlog.Tile{Entries: entries, N: uint64(i), Width: tlog.TileWidth}.Path(), nil)
					if err != nil {
						b.Error(err)
						return
					}
					res.Header.Set("Authorization", "Bearer "+token)
					got, err := http.DefaultClient.Do(res)
					if err != nil {
						b.Error(err)
						return
					}
					m, err := io.Copy(io.Discard, got.Body)
					if err != nil || got.StatusCode != http.StatusOK {
						b.Error(got.Status, err)
					}
					bytes.Add(m)
					got.Body.Close()
				}
			})
		}
		b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
		b.ReportMetric(float64(bytes.Load())/float64(b.N)/(1<<20), "MiB-read")
	})
	b.Run("signatures", func(b *testing.B) {
		f, err := tlog.ParseLeaf(e)
		if err != nil {
			b.Fatal(err)
		}
		key := sealtest.Public(b, "officer")
		const some = 20_000
		for b.Loop() {
			inParallel(some, func(int) {
				if err := key.VerifyEventID(f.EventID, f.Signature); err != nil {
					b.Error(err)
				}
			})
		}
		b.ReportMetric(some*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
	})
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func inParallel(n int, f func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wg.Wait()
}

// TestMemory: what a re-hash keeps does not grow with the log.
func TestMemory(t *testing.T) {
	h := &history{t: t}
	e := entry(t, "main", 0)
	for range 40 * tlog.TileWidth {
		h.add(e)
	}
	s := serve(t, h)
	var at []uint64
	a := newAuditor(t, s)
	a.Full = true
	a.Progress = func(done, _ uint64) {
		if done == 10*tlog.TileWidth || done == 40*tlog.TileWidth {
			time.Sleep(10 * time.Millisecond) // the bundles in hand have come
			at = append(at, heap())
		}
	}
	if out := run(t, a); out.Verdict != verify.Whole || len(at) != 2 {
		t.Fatal(out.Findings, at)
	}
	if grown := int64(at[1]) - int64(at[0]); grown > 4<<20 {
		t.Errorf("the heap grew by %d bytes over 30 bundles", grown)
	}
}
