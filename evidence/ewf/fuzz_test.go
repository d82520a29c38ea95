package ewf_test

import (
	"crypto/md5"
	"errors"
	"io"
	"testing"

	"github.com/evidence-custody/custodyd/evidence/ewf"
	"github.com/evidence-custody/custodyd/evidence/ewf/ewftest"
)

// FuzzOpen: whatever two segments hold, reading ends, stays within its memory
// and says one thing: what ReadAt gives is what Verify hashed.
func FuzzOpen(f *testing.F) {
	small := ewftest.Media(5 * 512)
	for _, im := range []ewftest.Image{
		{Media: small, PerChunk: 2, Compressed: true, Base: true, SHA1: ewftest.SHA1(small)},
		{Media: small, PerChunk: 2, Smart: true},
		{Media: small, PerChunk: 2, Segments: 2, Errors: [][2]uint32{{1, 1}}, Header2: ewftest.DefaultHeader},
	} {
		files := append(ewftest.Build(im), nil)
		f.Add(files[0], files[1])
	}
	f.Fuzz(func(t *testing.T, one, two []byte) {
		segments := set(one)
		if len(two) > 0 {
			segments = set(one, two)
		}
		m, err := ewf.Open(segments)
		if err != nil {
			var refused *ewf.Error
			if !errors.As(err, &refused) || refused.Rule == "" {
				t.Fatalf("%v", err)
			}
			return
		}
		ewf.Shown(m.Metadata.Examiner)
		if m.Medium.Size > 8<<20 {
			return // a large medium only takes its time
		}
		r, err := m.Verify(t.Context(), ewf.Options{MD5: true, Workers: 2})
		if err != nil {
			t.Fatalf("bytes in memory can't be read: %v", err)
		}
		if r.Damaged > 0 {
			return
		}
		h := md5.New()
		if n, err := io.Copy(h, io.NewSectionReader(m, 0, int64(r.Size))); err != nil || n != int64(r.Size) || [16]byte(h.Sum(nil)) != *r.MD5 {
			t.Errorf("ReadAt and Verify read different media: %d bytes, %v", n, err)
		}
	})
}
