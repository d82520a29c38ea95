package witness

import (
	"bytes"
	"testing"
)

// FuzzRequest: what is read is written again as it was.
func FuzzRequest(f *testing.F) {
	f.Add([]byte("old 0\n\nl.example.org\n1\nAAAA\n\n\u2014 l AAAAAAA=\n"))
	f.Add([]byte("old 7\nPlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n\nx\n"))
	f.Add([]byte("old 007\n\nx\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseRequest(b)
		if err != nil {
			return
		}
		if again := r.encode(); !bytes.Equal(again, b) {
			t.Errorf("%q was read and is written as %q", b, again)
		}
	})
}
