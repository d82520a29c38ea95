package report_test

import (
	"testing"

	"github.com/evidence-custody/custodyd/custody/report"
)

// FuzzParseInstant: an instant is written in UTC, and reads as it is written.
func FuzzParseInstant(f *testing.F) {
	for _, s := range []string{"2026-01-01T00:02:03Z", "2026-01-01T00:02:03.999+05:00", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		i, err := report.ParseInstant(s)
		if err != nil {
			return
		}
		b, err := i.MarshalText()
		if err != nil {
			return
		}
		var again report.Instant
		if err := again.UnmarshalText(b); err != nil || !again.Time().Equal(i.Time()) {
			t.Errorf("%q is written as %s and read as %s (%v)", s, b, again.Time(), err)
		}
	})
}
