package evidence

import "testing"

// FuzzParseDigest: 64 lower-case hex digits, and nothing else.
func FuzzParseDigest(f *testing.F) {
	good := Sum(nil).String()
	for _, s := range []string{good, good[:63], good + "0", "", "E" + good[1:], " " + good[1:], good[:63] + "\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDigest(s)
		if err == nil && d.String() != s {
			t.Errorf("%q is read as %s", s, d)
		}
		var u Digest
		if uerr := u.UnmarshalText([]byte(s)); (uerr == nil) != (err == nil) || err == nil && u != d {
			t.Errorf("%q as a member: %v, else %v", s, uerr, err)
		}
	})
}
