package acquisition

import (
	"strings"
)

// Lists of hashes: what sha256sum, md5sum, shasum and hashdeep write over files,
// and dcfldd over what it copied.

func isSums(t *text) bool {
	lines := 0
	for line := range t.head(20) {
		if strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
			continue
		}
		if _, _, ok := sumLine(line); !ok {
			return false
		}
		lines++
	}
	return lines > 0
}

// sumLine reads "HEX  name", "HEX *name", "SHA256 (name) = HEX", or HEX alone. A
// leading backslash of coreutils marks a name with escapes.
func sumLine(line string) (h Hash, name string, ok bool) {
	line = strings.TrimSpace(line)
	if _, rest, tagged := strings.Cut(line, " ("); tagged {
		if at := strings.LastIndex(rest, ") = "); at >= 0 {
			if algorithm, hex, is := hexHash(rest[at+4:]); is {
				return Hash{Algorithm: algorithm, Value: hex, Over: OverFile}, rest[:at], true
			}
		}
	}
	line, escaped := strings.CutPrefix(line, `\`)
	hex, name, _ := strings.Cut(line, " ")
	algorithm, value, is := hexHash(hex)
	if !is {
		return Hash{}, "", false
	}
	name = strings.TrimPrefix(strings.TrimLeft(name, " "), "*")
	if escaped {
		name = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\r`, "\r").Replace(name)
	}
	return Hash{Algorithm: algorithm, Value: value, Over: OverFile}, name, true
}

func readSums(t *text, own string) *Log {
	l := &Log{Tool: ToolSums}
	for line := range t.lines() {
		h, name, ok := sumLine(line)
		if !ok || !named(line, h.Algorithm) || name == "" && !named(own, h.Algorithm) {
			continue
		}
		h.File = base(t.clean(name))
		if h.File == "" { // about the file after which it is named
			if dot := strings.LastIndex(own, "."); dot > 0 {
				h.File = own[:dot]
			}
		}
		l.addHash(h)
	}
	return l
}

// named reports whether a name of an algorithm before a hash, or at the end of the
// list's own name, is that of its length: half a SHA-256 looks like an MD5.
func named(s string, is Algorithm) bool {
	low := strings.ToLower(s)
	for name, algorithm := range map[string]Algorithm{"md5": MD5, "sha1": SHA1, "sha256": SHA256, "sha384": SHA384, "sha512": SHA512} {
		if (strings.HasPrefix(low, name+" (") || strings.HasSuffix(low, "."+name)) && algorithm != is {
			return false
		}
	}
	return true
}

func isHashdeep(t *text) bool {
	for line := range t.head(1) {
		return strings.HasPrefix(line, "%%%% HASHDEEP-1.")
	}
	return false
}

// readHashdeep reads "%%%% size,md5,sha256,filename" and its rows.
func readHashdeep(t *text, _ string) *Log {
	l := &Log{Tool: ToolHashdeep}
	columns := 0
	for line := range t.lines() {
		if head, ok := strings.CutPrefix(line, "%%%% size,"); ok {
			columns = strings.Count(head, ",") + 2
			continue
		}
		if command, ok := strings.CutPrefix(line, "## # "); ok {
			l.Command = t.clean(command)
		}
		if line == "" || line[0] == '#' || line[0] == '%' || columns < 3 {
			continue
		}
		cells := strings.SplitN(line, ",", columns)
		if len(cells) != columns {
			continue
		}
		file := base(t.clean(cells[columns-1]))
		for _, cell := range cells[1 : columns-1] {
			if algorithm, hex, ok := hexHash(cell); ok {
				l.addHash(Hash{Algorithm: algorithm, Value: hex, Over: OverFile, File: file})
			}
		}
	}
	return l
}

func isDCFLDD(t *text) bool {
	for line := range t.head(20) {
		if _, ok := window(line); ok {
			return true
		}
		if total, _, ok := strings.Cut(line, "): "); ok && strings.HasPrefix(total, "Total (") {
			return true
		}
	}
	return false
}

// window reads "0 - 2097152: HEX", the hash of a piece, and returns its end.
func window(line string) (end uint64, ok bool) {
	span, hash, ok := strings.Cut(line, ": ")
	if !ok {
		return 0, false
	}
	_, _, isHash := hexHash(hash)
	from, to, ranged := strings.Cut(span, " - ")
	_, ok1 := digits(from)
	end, ok2 := digits(to)
	return end, isHash && ranged && ok1 && ok2
}

// readDCFLDD reads hashlog=: hashes over pieces, and "Total (sha256): HEX".
func readDCFLDD(t *text, _ string) *Log {
	l := &Log{Tool: ToolDCFLDD, State: CutShort}
	for line := range t.lines() {
		if end, ok := window(line); ok {
			l.Pieces++
			l.Source.Bytes = max(l.Source.Bytes, end)
			continue
		}
		if _, hash, ok := strings.Cut(line, "): "); ok && strings.HasPrefix(line, "Total (") {
			if algorithm, hex, ok := hexHash(hash); ok {
				l.addHash(Hash{Algorithm: algorithm, Value: hex, Over: OverMedia})
				l.State = Finished
			}
		}
	}
	return l
}
