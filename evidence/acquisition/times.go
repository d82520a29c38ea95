package acquisition

import (
	"strings"
	"time"
)

// Forms in which programs write times. None of the first kind says a zone, and
// so none is given them; the asctime form is that of the C locale everywhere.
var (
	zoneless = []string{
		"Mon Jan _2 15:04:05 2006",
		"Jan _2, 2006 15:04:05",
		"Jan 02, 2006 15:04:05",
		"2006-01-02 15:04:05",
		"2006-01-02T15:04:05",
	}
	zoned = []string{
		"2006-01-02 15:04:05 -0700",
		"2006-01-02T15:04:05Z07:00",
		"2006-01-02 15:04:05Z07:00",
	}
)

// when reads a time. Words that fit no form are kept as words.
func (t *text) when(s string) Time {
	out := Time{Text: t.clean(s)}
	form := strings.Join(strings.Fields(out.Text), " ")
	for _, layout := range zoned {
		if at, err := time.Parse(layout, form); err == nil {
			out.Value, out.Zone = at.Format("2006-01-02T15:04:05Z07:00"), true
			return out
		}
	}
	for _, layout := range zoneless {
		if at, err := time.Parse(strings.ReplaceAll(layout, "_2", "2"), form); err == nil {
			out.Value = at.Format("2006-01-02T15:04:05")
			return out
		}
	}
	return out
}
