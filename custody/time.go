package custody

import (
	"sync"
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
	t, ok := parseTime(s)
	if !ok {
		return Time{}, Refuse("statement.time", "", "%.40q is not an RFC 3339 time with whole seconds and offset", s)
	}
	return Time{t}, nil
}

// parseTime reads the one spelling. Package time would read more, and make a
// new zone for each time of a long record.
func parseTime(s string) (time.Time, bool) {
	const form = "0000-00-00T00:00:00"
	if len(s) < len(form)+1 {
		return time.Time{}, false
	}
	for i := range form {
		digit := s[i] >= '0' && s[i] <= '9'
		if form[i] == '0' && !digit || form[i] != '0' && s[i] != form[i] {
			return time.Time{}, false
		}
	}
	number := func(from, to int) (n int) {
		for _, c := range s[from:to] {
			n = n*10 + int(c-'0')
		}
		return n
	}
	zone, ok := parseZone(s[len(form):])
	year, month, day, hour, minute, second := number(0, 4), number(5, 7), number(8, 10), number(11, 13), number(14, 16), number(17, 19)
	if !ok || year < 1970 || month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, zone)
	return t, t.Day() == day // else the month has no such day
}

// parseZone reads Z, or an offset that is not zero and below 24 hours.
func parseZone(s string) (*time.Location, bool) {
	if s == "Z" {
		return time.UTC, true
	}
	if len(s) != len("+00:00") || s[0] != '+' && s[0] != '-' || s[3] != ':' {
		return nil, false
	}
	for _, i := range []int{1, 2, 4, 5} {
		if s[i] < '0' || s[i] > '9' {
			return nil, false
		}
	}
	hours, minutes := int(s[1]-'0')*10+int(s[2]-'0'), int(s[4]-'0')*10+int(s[5]-'0')
	offset := hours*60 + minutes
	if hours > 23 || minutes > 59 || offset == 0 {
		return nil, false
	}
	if s[0] == '-' {
		offset = -offset
	}
	if zone, ok := zones.Load(offset); ok {
		return zone.(*time.Location), true
	}
	zone, _ := zones.LoadOrStore(offset, time.FixedZone("", offset*60))
	return zone.(*time.Location), true
}

// zones are those read so far, by offset in minutes: there are less than 2880.
var zones sync.Map

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
