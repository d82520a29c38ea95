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

var steps = []struct {
	length time.Duration
	layout string
}{
	{time.Second, "15:04:05"}, {5 * time.Second, "15:04:05"}, {15 * time.Second, "15:04:05"},
	{time.Minute, "15:04"}, {5 * time.Minute, "15:04"}, {15 * time.Minute, "15:04"},
	{time.Hour, "02 Jan 15:04"}, {3 * time.Hour, "02 Jan 15:04"}, {6 * time.Hour, "02 Jan 15:04"}, {12 * time.Hour, "02 Jan 15:04"},
	{day, "02 Jan"}, {2 * day, "02 Jan"}, {7 * day, "02 Jan 2006"}, {14 * day, "02 Jan 2006"},
	{30 * day, "02 Jan 2006"}, {91 * day, "02 Jan 2006"}, {182 * day, "02 Jan 2006"}, {365 * day, "02 Jan 2006"},
}

const day = 24 * time.Hour

// ticks are at most six marks at round times of the report's zone, and the
// words that say which zone and, where the marks do not, which day.
func (a axis) ticks(z report.Zone) ([]tick, printable) {
	length := a.to.Sub(a.from)
	step := steps[len(steps)-1]
	step.length *= 1 + length/(6*step.length)
	for _, try := range steps {
		if length/try.length < 6 {
			step = try
			break
		}
	}
	zone := time.FixedZone(z.Label(), z.OffsetMinutes*60)
	local := a.from.In(zone)
	offset := time.Duration(z.OffsetMinutes) * time.Minute
	first := a.from.Add(offset).Truncate(step.length).Add(-offset)
	var out []tick
	for t := first; !t.After(a.to); t = t.Add(step.length) {
		if t.Before(a.from) {
			continue
		}
		out = append(out, tick{a.at(report.At(t)), printable(t.In(zone).Format(step.layout))})
	}
	label := "UTC" + printable(z.Label())
	if step.length < 7*day {
		label = printable(local.Format("from 2 Jan 2006")) + ", " + label
	}
	return out, label
}

// arrowHead ends an open bar.
func (s *sheet) arrowHead(x, y, h float64, c colour) {
	s.fill(c)
	s.pdf.Polygon([]fpdf.PointType{{X: x, Y: y - 0.8}, {X: x + 2.4, Y: y + h/2}, {X: x, Y: y + h + 0.8}}, "F")
}
