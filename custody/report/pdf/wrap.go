package pdf

import "strings"

// wrap breaks text into lines of at most width millimetres: at line breaks, at
// spaces, and inside a word that alone is wider than a line.
func (a *advances) wrap(text printable, f face, size, width float64) []printable {
	limit := int(width / (size * mmPerPoint) * 1000)
	plain := strings.ReplaceAll(strings.ReplaceAll(string(text), "\r\n", "\n"), "\t", "    ")
	var lines []printable
	for para := range strings.SplitSeq(plain, "\n") {
		lines = a.wrapLine(lines, para, f, limit)
	}
	return lines
}

func (a *advances) wrapLine(lines []printable, para string, f face, limit int) []printable {
	start, used := 0, 0   // of the line being filled
	space, before := 0, 0 // end of its last space, and the width up to there
	for i, r := range para {
		w := a.of(r, f)
		if r == ' ' {
			used += w
			space, before = i+1, used
			continue
		}
		if used+w > limit && i > start {
			if space > start {
				lines = append(lines, printable(strings.TrimRight(para[start:space], " ")))
				start, used = space, used-before
			}
			if used+w > limit && i > start {
				lines = append(lines, printable(para[start:i]))
				start, used = i, 0
			}
			space, before = start, 0
		}
		used += w
	}
	return append(lines, printable(strings.TrimRight(para[start:], " ")))
}
