package report

import (
	"fmt"
	"time"

	"github.com/evidence-custody/custodyd/evidence"
)

// Instant is a point in time in UTC with whole seconds. The zero Instant is
// "no time" and is left out of report.json.
type Instant struct{ t time.Time }

// At returns t in UTC, cut to whole seconds. A time outside the years 1 to 9999
// has no RFC 3339 spelling in UTC and is no time: one absurd claim of a signer
// must not keep a court from its report.
func At(t time.Time) Instant {
	u := t.UTC().Truncate(time.Second)
	if y := u.Year(); u.IsZero() || y < 1 || y > 9999 {
		return Instant{}
	}
	return Instant{u}
}

// ParseInstant reads RFC 3339 with any offset.
func ParseInstant(s string) (Instant, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return Instant{}, fmt.Errorf("couldn't read time %.40q: %w", s, err)
	}
	return At(t), nil
}

// IsZero reports whether there is no time.
func (i Instant) IsZero() bool { return i.t.IsZero() }

// Time returns the time in UTC.
func (i Instant) Time() time.Time { return i.t }

// In returns the time in the given zone.
func (i Instant) In(z Zone) time.Time {
	return i.t.In(time.FixedZone(z.Label(), z.OffsetMinutes*60))
}

// MarshalText writes RFC 3339 in UTC.
func (i Instant) MarshalText() ([]byte, error) {
	return []byte(i.t.Format("2006-01-02T15:04:05Z")), nil
}

// UnmarshalText reads what MarshalText writes and nothing else, so that one
// time has one spelling.
func (i *Instant) UnmarshalText(b []byte) error {
	t, err := time.Parse("2006-01-02T15:04:05Z", string(b))
	if err != nil {
		return fmt.Errorf("couldn't read time %.40q: %w", b, err)
	}
	*i = At(t)
	return nil
}

// Zone is a fixed offset from UTC for display.
type Zone struct {
	// OffsetMinutes east of UTC, within a day.
	OffsetMinutes int `json:"offsetMinutes"`
}

// Label returns the offset as +05:00.
func (z Zone) Label() string {
	sign, m := '+', z.OffsetMinutes
	if m < 0 {
		sign, m = '-', -m
	}
	return fmt.Sprintf("%c%02d:%02d", sign, m/60, m%60)
}

// Span is an interval between two claimed times.
type Span struct {
	From Instant `json:"from,omitzero"`
	// To absent: not ended at the log head.
	To Instant `json:"to,omitzero"`
	// Seconds is To minus From; 0 when either is absent. It is negative when
	// the claimed times contradict each other.
	Seconds int64 `json:"seconds"`
}

// SpanOf returns the interval between two times, either of which may be absent.
func SpanOf(from, to Instant) Span {
	s := Span{From: from, To: to}
	if !from.IsZero() && !to.IsZero() {
		s.Seconds = to.t.Unix() - from.t.Unix()
	}
	return s
}

// IsZero reports whether neither end is known.
func (s Span) IsZero() bool { return s.From.IsZero() && s.To.IsZero() }

// Length says how long the span is in hours and minutes, and in days where
// that helps; an open or contradictory span says so.
func (s Span) Length() string {
	switch {
	case s.From.IsZero():
		return "unknown"
	case s.To.IsZero():
		return "not ended"
	case s.Seconds < 0:
		return "times contradict"
	case s.Seconds < 60:
		return fmt.Sprintf("%d s", s.Seconds)
	}
	h, m := s.Seconds/3600, s.Seconds%3600/60
	switch {
	case h == 0:
		return fmt.Sprintf("%d min", m)
	case h < 48:
		return fmt.Sprintf("%d h %02d min", h, m)
	}
	return fmt.Sprintf("%d h %02d min (%d days %d h)", h, m, h/24, h%24)
}

// TextState says whether a personal or free-text field can be read.
type TextState string

// The states of a text. The zero value means nothing was recorded.
const (
	Given    TextState = "given"
	Withheld TextState = "withheld"
)

// Text is a personal or free-text field. A withheld field is shown as
// withheld, and is never counted as checked.
type Text struct {
	State TextState `json:"state,omitempty"`
	Value string    `json:"value,omitempty"`
	// Digest is the SHA-256 of the detail's file, where it comes from one.
	Digest evidence.Digest `json:"digest,omitzero"`
}

// Said is a text that can be read.
func Said(value string) Text { return Text{State: Given, Value: value} }

// SaidIn is a text read from the detail with this digest.
func SaidIn(value string, detail evidence.Digest) Text {
	return Text{State: Given, Value: value, Digest: detail}
}

// WithheldAs is a text whose detail is not in the dossier.
func WithheldAs(detail evidence.Digest) Text { return Text{State: Withheld, Digest: detail} }

// IsZero reports whether nothing was recorded.
func (t Text) IsZero() bool { return t == Text{} }
