package ewf_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/evidence/ewf"
)

// BenchmarkVerify computes MD5 and SHA-1 of the medium in an image of 512 MiB,
// and has ewfverify do the same. The issue asks for a ratio of 1 or more.
//
//	go test -run - -bench Verify -benchtime 3x ./evidence/ewf
func BenchmarkVerify(b *testing.B) {
	const size = 512 << 20
	dir := b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "disk.raw"), disk(size), 0o600); err != nil {
		b.Fatal(err)
	}
	for _, compression := range []string{"none", "fast"} {
		run(b, dir, "ewfacquire", "-u", "-q", "-f", "encase6", "-c", compression, "-t", compression, "-C", "c", "-D", "d", "-e", "e", "-E", "e", "-N", "n",
			"-m", "fixed", "-M", "physical", "-S", "1900000000", "-d", "sha1", "disk.raw")
		b.Run(compression, func(b *testing.B) {
			m, err := ewf.Open(files(b, dir, compression))
			if err != nil {
				b.Fatal(err)
			}
			var theirs time.Duration
			b.SetBytes(size)
			for b.Loop() {
				r, err := m.Verify(b.Context(), ewf.Options{MD5: true, SHA1: true})
				if err != nil || !r.Matches(m.Stored) {
					b.Fatalf("%+v, %v", r, err)
				}
				b.StopTimer()
				start := time.Now()
				run(b, dir, "ewfverify", "-q", "-d", "sha1", compression+".E01")
				theirs += time.Since(start)
				b.StartTimer()
			}
			each := theirs.Seconds() / float64(b.N)
			b.ReportMetric(size/1e6/each, "ewfverify-MB/s")
			b.ReportMetric(each/(b.Elapsed().Seconds()/float64(b.N)), "ratio")
		})
	}
}
