package vault

import "testing"

// FuzzParseChecksum: one checksum, one spelling.
func FuzzParseChecksum(f *testing.F) {
	good := ChecksumOf([]byte("part")).String()
	for _, s := range []string{good, good[:11], "", "AAAAAAAAAAA=", "AAAAAAAAAAB=", good + "\n", "AAAA\nAAAAAAA="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if c, err := ParseChecksum(s); err == nil && c.String() != s {
			t.Errorf("%q is read as %s", s, c)
		}
	})
}
