package verify_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/custody/verify/verifytest"
)

// BenchmarkVerify100k verifies a dossier of 100,000 events from its bytes, and
// beside it, in the same run, the same signatures alone on all cores: "ratio"
// is how much of that rate is reached. CUSTODY_BENCH_EVENTS takes another
// number, and CUSTODY_BENCH_DIR keeps the dossier, which takes a while to make.
func BenchmarkVerify100k(b *testing.B) {
	n := 100_000
	if s := os.Getenv("CUSTODY_BENCH_EVENTS"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			b.Fatal(err)
		}
	}
	raw, p := long(b, n)
	checks := checksOf(b, raw)
	var whole, alone time.Duration
	for b.Loop() {
		start := time.Now()
		r, err := verify.Sources(context.Background(), p, dossier.DefaultLimits, []verify.Source{{Reader: bytes.NewReader(raw), Size: int64(len(raw))}})
		if err != nil || r.Verdict != verify.Whole || len(r.Readings[0].Events) < n {
			b.Fatal(r, err)
		}
		whole += time.Since(start)
		b.StopTimer()
		alone += signaturesAlone(b, checks)
		b.StartTimer()
		runtime.KeepAlive(r)
	}
	b.ReportMetric(alone.Seconds()/whole.Seconds(), "ratio")
	b.ReportMetric(float64(n)*float64(b.N)/whole.Seconds(), "events/s")
	b.ReportMetric(float64(len(raw))/float64(n), "B/event")
}

// long returns the dossier and its policy, from where they were kept.
func long(b *testing.B, n int) ([]byte, *verify.Policy) {
	dir := os.Getenv("CUSTODY_BENCH_DIR")
	path := filepath.Join(dir, "long-"+strconv.Itoa(n))
	if dir != "" {
		raw, err1 := os.ReadFile(path + ".zip")
		policy, err2 := os.ReadFile(path + ".json")
		if err1 == nil && err2 == nil {
			p, err := verify.ParsePolicy(policy)
			if err != nil {
				b.Fatal(err)
			}
			return raw, p
		}
	}
	d, p := verifytest.Long(b, n)
	raw, err := d.Encode()
	if err != nil {
		b.Fatal(err)
	}
	if dir != "" {
		policy, err := p.Encode()
		if err != nil {
			b.Fatal(err)
		}
		for name, content := range map[string][]byte{path + ".zip": raw, path + ".json": policy} {
			if err := os.WriteFile(name, content, 0o600); err != nil {
				b.Fatal(err)
			}
		}
	}
	return raw, p
}

// check is one signature to verify, its digest at hand.
type check struct {
	key    *ecdsa.PublicKey
	digest [32]byte
	sig    []byte
}

func checksOf(b *testing.B, raw []byte) []check {
	d, bad, err := verify.Read(bytes.NewReader(raw), int64(len(raw)), dossier.DefaultLimits)
	if err != nil || bad != nil {
		b.Fatal(bad, err)
	}
	checks := make([]check, len(d.Events))
	for i, e := range d.Events {
		checks[i] = check{e.Key.ECDSA(), sha256.Sum256(seal.PAE(e.Envelope.Payload)), bytes.Clone(e.Envelope.Signature)}
	}
	return checks
}

// signaturesAlone verifies all signatures on all cores.
func signaturesAlone(b *testing.B, checks []check) time.Duration {
	start := time.Now()
	var wg sync.WaitGroup
	cores := runtime.GOMAXPROCS(0)
	for c := range cores {
		wg.Go(func() {
			for i := c; i < len(checks); i += cores {
				if !ecdsa.VerifyASN1(checks[i].key, checks[i].digest[:], checks[i].sig) {
					b.Error("a signature does not hold")
				}
			}
		})
	}
	wg.Wait()
	return time.Since(start)
}
