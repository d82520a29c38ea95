package custody

import (
	"time"
)

// Time is a claimed time: RFC 3339 with whole seconds and the offset that the
// clock on the wall had (FORMAT, PREDICATE times). UTC is written "Z", so one
// time with one offset has one spelling. The zero value is invalid.
type Time struct{ t time.Time }

// NewTime drops t's fraction of a second and keeps its offset, where that has
// whole minutes; RFC 3339 cannot write another, so UTC stands for it.
func NewTime(t time.Time) Time {
	if _, offset := t.Zone(); offset%60 != 0 {
		t = t.UTC()
	}
	return Time{t.Truncate(time.Second)}
}

// ParseTime reads RFC 3339 with whole seconds; anything that does not format
// back to itself ("+00:00" for "Z", a fraction, lower-case letters) is refused.
func ParseTime(s string) (Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || t.Format(time.RFC3339) != s || t.Year() < 1970 || !writable(t) {
		return Time{}, Refuse("statement.time", "", "%.40q is not an RFC 3339 time with whole seconds and offset", s)
	}
	return Time{t}, nil
}

// writable: package time lets the offset 24:00 pass, which RFC 3339 does not have.
func writable(t time.Time) bool {
	_, offset := t.Zone()
	return offset > -24*60*60 && offset < 24*60*60
}

// Std returns the instant with its offset.
func (t Time) Std() time.Time { return t.t }

// IsZero reports whether t was never set.
func (t Time) IsZero() bool { return t.t.IsZero() }

func (t Time) String() string { return t.t.Format(time.RFC3339) }

// MarshalText implements encoding.TextMarshaler.
func (t Time) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler; see ParseTime.
func (t *Time) UnmarshalText(b []byte) error {
	p, err := ParseTime(string(b))
	if err != nil {
		return err
	}
	*t = p
	return nil
}
