package pdf

import (
	"slices"
	"time"

	"github.com/evidence-custody/custodyd/custody/report"
)

const (
	laneHeight = 10.0
	laneLabel  = 52.0
	// lanesPerChart keeps a chart on one page; an item with more holders has
	// more charts over the same stretch of time.
	lanesPerChart = 18
)

// custody shows who held each item when: a chart and the periods behind it.
func (s *sheet) custody() {
	s.turn(false)
	s.section("Who held it when")
	s.para("By the times the signers claim. An item in transit was released and not yet accepted; the releaser answers for it.", faint)
	s.legend()
	shown := 0
	for _, it := range s.doc.Items {
		var periods []report.Period
		for _, p := range s.doc.Periods {
			if p.Item == it.Number {
				periods = append(periods, p)
			}
		}
		if len(periods) == 0 {
			continue
		}
		shown++
		s.need(60)
		s.heading("Item " + s.exhibit(it.Number)[len("item "):])
		s.chart(it.Number, periods)
		s.periods(periods)
	}
	if shown == 0 {
		s.para(noneListed, style{sans, 9, grey})
	}
}

func (s *sheet) legend() {
	x, y := marginLeft, s.y
	for _, l := range []struct {
		name printable
		draw func(x, y, w, h float64)
	}{{"held", s.heldBar}, {"in transit", s.transitBar}, {"gap", s.gapBand}} {
		l.draw(x, y, 9, 4)
		s.put(x+11, y+3.2, l.name, small)
		x += 36
	}
	s.y += 8
}

func (s *sheet) heldBar(x, y, w, h float64) {
	s.fill(colour{74, 112, 168})
	s.pdf.Rect(x, y, w, h, "F")
}

func (s *sheet) transitBar(x, y, w, h float64) {
	s.fill(colour{253, 240, 214})
	s.stroke(amber)
	s.pdf.SetLineWidth(0.25)
	s.pdf.Rect(x, y, w, h, "DF")
	s.hatch(x, y, w, h, 1.8, amber)
}

func (s *sheet) gapBand(x, y, w, h float64) {
	s.fill(colour{252, 238, 238})
	s.pdf.Rect(x, y, w, h, "F")
	s.hatch(x, y, w, h, 1.6, red)
	s.stroke(red)
	s.pdf.SetLineWidth(0.35)
	s.pdf.Rect(x, y, w, h, "D")
}

// hatch fills a rectangle with slanted lines, cut to it.
func (s *sheet) hatch(x, y, w, h, step float64, c colour) {
	s.stroke(c)
	s.pdf.SetLineWidth(0.2)
	for d := step / 2; d < w+h; d += step {
		// From the left or bottom edge up to the top or right edge.
		x1, y1 := x+max(0, d-h), y+min(h, d)
		x2, y2 := x+min(w, d), y+max(0, d-w)
		s.pdf.Line(x1, y1, x2, y2)
	}
}

// axis is the stretch of time a chart shows, and where it lies on the page.
type axis struct {
	from, to    time.Time
	left, width float64
}

// seconds is the length of the axis. A time.Duration would not do: it ends at
// 292 years, and a signer may claim any year.
func (a axis) seconds() int64 { return a.to.Unix() - a.from.Unix() }

func (a axis) at(t time.Time) float64 {
	part := float64(t.Unix()-a.from.Unix()) / float64(a.seconds())
	return a.left + a.width*min(1, max(0, part))
}

func (s *sheet) axisOf(item int, periods []report.Period) (axis, bool) {
	a := axis{left: marginLeft + laneLabel, width: s.width() - laneLabel}
	see := func(i report.Instant) {
		if i.IsZero() {
			return
		}
		if a.from.IsZero() || i.Time().Before(a.from) {
			a.from = i.Time()
		}
		if a.to.IsZero() || i.Time().After(a.to) {
			a.to = i.Time()
		}
	}
	open := false
	for _, p := range periods {
		see(p.Span.From)
		see(p.Span.To)
		open = open || p.Span.To.IsZero()
	}
	for _, g := range s.doc.Gaps {
		if g.Item == item {
			see(g.Span.From)
			see(g.Span.To)
		}
	}
	if a.from.IsZero() {
		return a, false
	}
	if open {
		s.seeRecord(&a)
	}
	if a.seconds() < 10 {
		a.to = a.from.Add(10 * time.Second)
	}
	return a, true
}

// seeRecord stretches an axis to the last act of the record, and a little on:
// up to there an open period is known to be open.
func (s *sheet) seeRecord(a *axis) {
	for _, act := range s.doc.Acts {
		for _, i := range []report.Instant{act.Claimed.From, act.Claimed.To, act.Signed} {
			if i.Time().After(a.to) {
				a.to = i.Time()
			}
		}
	}
	a.to = time.Unix(a.to.Unix()+a.seconds()/12, 0)
}

// chart draws one lane for each holder, in the order they first held it.
func (s *sheet) chart(item int, periods []report.Period) {
	a, ok := s.axisOf(item, periods)
	if !ok {
		s.para("No times were claimed, so there is no chart.", faint)
		return
	}
	var lanes []report.Party
	for _, p := range periods {
		for _, who := range []report.Party{p.Holder, p.To} {
			if who != (report.Party{}) && !slices.Contains(lanes, who) {
				lanes = append(lanes, who)
			}
		}
	}
	for some := range slices.Chunk(lanes, lanesPerChart) {
		s.lanes(item, a, some, periods)
	}
}

func (s *sheet) lanes(item int, a axis, lanes []report.Party, periods []report.Period) {
	height := float64(len(lanes)) * laneHeight
	s.need(height + 14)
	top := s.y
	ticks, label := a.ticks(s.doc.Zone)
	for _, t := range ticks {
		s.rule(t.x, top, t.x, top+height+1.2, 0.12, hair)
	}
	for i, who := range lanes {
		y := top + float64(i)*laneHeight
		s.rule(marginLeft, y, marginLeft+s.width(), y, 0.12, hair)
		s.laneName(who, y)
	}
	s.rule(marginLeft, top+height, marginLeft+s.width(), top+height, 0.25, ink)
	for _, p := range periods {
		if i := slices.Index(lanes, p.Holder); i >= 0 && p.Span.Seconds >= 0 && !p.Span.From.IsZero() {
			s.bar(a, p, top+float64(i)*laneHeight)
		}
	}
	for _, b := range s.bands(item, periods) {
		if b.From.IsZero() || b.Seconds < 0 {
			continue
		}
		x1, x2 := a.at(b.From.Time()), a.left+a.width
		if !b.To.IsZero() {
			x2 = a.at(b.To.Time())
		}
		s.gapBand(x1, top, max(0.7, x2-x1), height)
	}
	for _, t := range ticks {
		w := s.advances.width(string(t.label), sans, faint.size)
		s.put(min(t.x-w/2, marginLeft+s.width()-w), top+height+4.2, t.label, faint)
	}
	s.put(marginLeft, top+height+4.2, label, faint)
	s.y = top + height + 8.5
}

// bands are the item's gaps and the periods nobody answers for, each once.
func (s *sheet) bands(item int, periods []report.Period) []report.Span {
	var bands []report.Span
	add := func(b report.Span) {
		if !slices.Contains(bands, b) {
			bands = append(bands, b)
		}
	}
	for _, p := range periods {
		if p.State == report.NoCustodian {
			add(p.Span)
		}
	}
	for _, g := range s.doc.Gaps {
		if g.Item == item && g.Kind != report.GapInTransit {
			add(g.Span)
		}
	}
	return bands
}

func (s *sheet) laneName(who report.Party, y float64) {
	name, under := s.person(who.Person), s.organisation(who.Organisation)
	if name == "" {
		name, under = under, ""
	}
	s.put(marginLeft, y+4.2, s.fit(name, cellBig, laneLabel-3), cellBig)
	s.put(marginLeft, y+7.8, s.fit(under, faint, laneLabel-3), faint)
}

// fit cuts a line to a width.
func (s *sheet) fit(p printable, t style, width float64) printable {
	p = printable(oneLine(p))
	if s.advances.width(string(p), t.face, t.size) <= width {
		return p
	}
	runes := []rune(string(p))
	for len(runes) > 0 && s.advances.width(string(runes)+"…", t.face, t.size) > width {
		runes = runes[:len(runes)-1]
	}
	return printable(runes) + "…"
}

// bar draws one period in its holder's lane; one that has not ended runs off
// the chart with an arrow head.
func (s *sheet) bar(a axis, p report.Period, y float64) {
	x1, x2 := a.at(p.Span.From.Time()), a.left+a.width
	if !p.Span.To.IsZero() {
		x2 = a.at(p.Span.To.Time())
	}
	w, h, top := max(0.6, x2-x1), laneHeight-4.4, y+2.2
	open := p.Span.To.IsZero() && w > 4
	if open {
		w -= 2.4
	}
	switch p.State {
	case report.Held:
		s.heldBar(x1, top, w, h)
		if open {
			s.arrowHead(x1+w, top, h, colour{74, 112, 168})
		}
	case report.InTransit:
		s.transitBar(x1, top, w, h)
	}
}

func (s *sheet) periods(periods []report.Period) {
	t := s.table(column{"State", 23}, column{"Who answers for it", s.width() - 137}, column{"From", 39}, column{"To", 39}, column{"Length", 21}, column{"Acts", 15})
	for _, p := range periods {
		length := plain(printable(p.Span.Length()))
		state := plain(stateWords(p.State))
		if p.Gap {
			length, state = in(alarm, printable(p.Span.Length())), in(alarm, stateWords(p.State), "gap")
		}
		who := plain(s.party(p.Holder))
		if p.State == report.InTransit {
			who = append(who, passage{"released to: " + s.party(p.To), small})
		}
		acts := plain(orDash(s.actRange(p.FromAct, p.ToAct)))
		t.row(state, who, in(dated, s.time(p.Span.From)), in(dated, s.end(p.Span)), length, acts)
	}
	t.end()
}

func (s *sheet) actRange(from, to int) printable {
	switch {
	case from == 0 && to == 0:
		return ""
	case to == 0:
		return "since " + number(from)
	case from == 0:
		return "until " + number(to)
	}
	return number(from) + " to " + number(to)
}

func stateWords(p report.PeriodState) printable {
	switch p {
	case report.Held:
		return "held"
	case report.InTransit:
		return "in transit"
	case report.NoCustodian:
		return "no accountable custodian"
	}
	return "custody ended"
}
