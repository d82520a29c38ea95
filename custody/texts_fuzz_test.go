package custody_test

import (
	"testing"

	"github.com/evidence-custody/custodyd/custody"
)

// FuzzTexts: times and salts have one spelling each; text that is shown has
// nothing in it that could reorder what is read.
func FuzzTexts(f *testing.F) {
	for _, s := range []string{
		"2026-03-02T09:00:00+05:00", "2026-03-02T09:00:00Z", "2026-03-02T09:00:00+00:00", "2026-03-02T09:00:00.5Z", "1969-12-31T23:59:59Z",
		"2026-03-02T09:00:00+24:00", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\nAA", "اسلام آباد", "a\u202eb", "log.example.org", "LOG.example.org:80",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if at, err := custody.ParseTime(s); err == nil && at.String() != s {
			t.Errorf("time %q is read as %s", s, at)
		}
		var salt custody.Salt
		if err := salt.UnmarshalText([]byte(s)); err == nil {
			if b, err := salt.MarshalText(); err != nil || string(b) != s {
				t.Errorf("salt %q is read as %s (%v)", s, b, err)
			}
		}
		if custody.ValidOrigin(s) {
			for _, r := range s {
				if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '.' && r != '-' {
					t.Errorf("origin %q", s)
				}
			}
		}
		if custody.CheckText(s) == nil {
			for _, r := range s {
				if r == '\u202e' || r == '\u2066' || r == 0 || r == 0x1b {
					t.Errorf("text %q", s)
				}
			}
		}
	})
}
