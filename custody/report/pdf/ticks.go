package pdf

import (
	"time"

	"codeberg.org/go-pdf/fpdf"

	"github.com/evidence-custody/custodyd/custody/report"
)

// tick is one mark of the time axis.
type tick struct {
	x     float64
	label printable
}

// Lengths in seconds.
const (
	minute = 60
	hour   = 60 * minute
	day    = 24 * hour
)

var steps = []struct {
	seconds int64
	layout  string
}{
	{1, "15:04:05"}, {5, "15:04:05"}, {15, "15:04:05"},
	{minute, "15:04"}, {5 * minute, "15:04"}, {15 * minute, "15:04"},
	{hour, "02 Jan 15:04"}, {3 * hour, "02 Jan 15:04"}, {6 * hour, "02 Jan 15:04"}, {12 * hour, "02 Jan 15:04"},
	{day, "02 Jan"}, {2 * day, "02 Jan"}, {7 * day, "02 Jan 2006"}, {14 * day, "02 Jan 2006"},
	{30 * day, "02 Jan 2006"}, {91 * day, "02 Jan 2006"}, {182 * day, "02 Jan 2006"}, {365 * day, "02 Jan 2006"},
}

// ticks are at most seven marks at round times of the report's zone, and the
// words that say which zone and, where the marks do not, which day.
func (a axis) ticks(z report.Zone) ([]tick, printable) {
	step := steps[len(steps)-1]
	step.seconds *= 1 + a.seconds()/(6*step.seconds)
	for _, try := range steps {
		if a.seconds()/try.seconds < 6 {
			step = try
			break
		}
	}
	zone := time.FixedZone(z.Label(), z.OffsetMinutes*60)
	offset := int64(z.OffsetMinutes) * minute
	local := a.from.Unix() + offset
	past := (local%step.seconds + step.seconds) % step.seconds
	var out []tick
	for at := a.from.Unix() - past; at <= a.to.Unix(); at += step.seconds {
		if at < a.from.Unix() {
			continue
		}
		t := time.Unix(at, 0)
		out = append(out, tick{a.at(t), printable(t.In(zone).Format(step.layout))})
	}
	label := "UTC" + printable(z.Label())
	if step.seconds < 7*day {
		label = printable(a.from.In(zone).Format("from 2 Jan 2006")) + ", " + label
	}
	return out, label
}

// arrowHead ends an open bar.
func (s *sheet) arrowHead(x, y, h float64, c colour) {
	s.fill(c)
	s.pdf.Polygon([]fpdf.PointType{{X: x, Y: y - 0.8}, {X: x + 2.4, Y: y + h/2}, {X: x, Y: y + h + 0.8}}, "F")
}
