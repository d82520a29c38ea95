package pdf

// column is one column of a table; width in millimetres.
type column struct {
	head  printable
	width float64
}

// passage is a paragraph of a cell.
type passage struct {
	text  printable
	style style
}

// cell is what stands in one cell, one passage under the other.
type cell []passage

func in(t style, texts ...printable) cell {
	var c cell
	for _, p := range texts {
		if p != "" {
			c = append(c, passage{p, t})
		}
	}
	return c
}

func plain(texts ...printable) cell { return in(small, texts...) }

// table draws rows as they come, repeats its header on each page, and breaks
// a row only when it is too high to be moved whole.
type table struct {
	s       *sheet
	columns []column
	rows    int
}

const (
	padX, padY = 1.6, 1.3
	// wholeRow is the height up to which a row is moved rather than broken.
	wholeRow = 90.0
)

type line struct {
	text  printable
	style style
}

func (s *sheet) table(columns ...column) *table { return &table{s: s, columns: columns} }

// end closes the table; one without rows says so.
func (t *table) end() {
	if t.rows == 0 {
		t.s.para(noneListed, style{sans, 9, grey})
	}
	t.s.y += 3
}

func (t *table) header() {
	if t.columns[0].head == "" {
		return
	}
	height := 0.0
	style := style{bold, 7.5, navy}
	var heads [][]printable
	for _, c := range t.columns {
		lines := t.s.advances.wrap(c.head, style.face, style.size, c.width-2*padX)
		heads = append(heads, lines)
		height = max(height, float64(len(lines))*style.height()+2*padY)
	}
	t.s.fill(head)
	t.s.pdf.Rect(marginLeft, t.s.y, t.width(), height, "F")
	x := marginLeft
	for i, c := range t.columns {
		for j, l := range heads[i] {
			t.s.put(x+padX, t.s.y+padY+(float64(j)+0.78)*style.height(), l, style)
		}
		x += c.width
	}
	t.s.y += height
}

func (t *table) width() float64 {
	w := 0.0
	for _, c := range t.columns {
		w += c.width
	}
	return w
}

func (t *table) newPage() {
	t.s.page()
	t.header()
}

// row draws one row.
func (t *table) row(cells ...cell) {
	lines := make([][]line, len(t.columns))
	for i, c := range cells {
		for _, p := range c {
			for _, l := range t.s.advances.wrap(p.text, p.style.face, p.style.size, t.columns[i].width-2*padX) {
				lines[i] = append(lines[i], line{l, p.style})
			}
		}
	}
	height := 0.0
	for _, ls := range lines {
		height = max(height, sum(ls)+2*padY)
	}
	switch left := t.s.bottom() - t.s.y; {
	case t.rows == 0 && left < min(height+12, 40):
		// A heading stands above: rather break the row than leave it alone.
		t.newPage()
	case t.rows == 0:
		t.header()
	case height > left && (height <= wholeRow || left < 15):
		t.newPage()
	}
	for t.chunk(lines) {
		t.newPage()
	}
	t.rows++
}

func sum(ls []line) float64 {
	h := 0.0
	for _, l := range ls {
		h += l.style.height()
	}
	return h
}

// chunk draws as many lines of a row as fit on the page and takes them off;
// it reports whether lines are left.
func (t *table) chunk(lines [][]line) (more bool) {
	room := t.s.bottom() - t.s.y - 2*padY
	take, height := make([]int, len(lines)), 0.0
	for i, ls := range lines {
		h := 0.0
		for take[i] < len(ls) && h+ls[take[i]].style.height() <= room {
			h += ls[take[i]].style.height()
			take[i]++
		}
		height = max(height, h)
	}
	height += 2 * padY
	if t.rows%2 == 1 {
		t.s.fill(zebra)
		t.s.pdf.Rect(marginLeft, t.s.y, t.width(), height, "F")
	}
	x := marginLeft
	for i, ls := range lines {
		y := t.s.y + padY
		for _, l := range ls[:take[i]] {
			t.s.put(x+padX, y+l.style.height()*0.78, l.text, l.style)
			y += l.style.height()
		}
		lines[i] = ls[take[i]:]
		more = more || len(lines[i]) > 0
		x += t.columns[i].width
	}
	t.s.y += height
	t.s.rule(marginLeft, t.s.y, marginLeft+t.width(), t.s.y, 0.15, hair)
	return more
}
