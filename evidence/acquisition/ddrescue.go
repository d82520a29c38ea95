package acquisition

import (
	"strconv"
	"strings"
)

// ddrescue keeps a map of the source: lines of position, size and status, in
// bytes ("Mapfile", to version 1.19 "Rescue Logfile"), and with --log-events a
// list of what it did. It computes no hashes and reads nothing back. What the
// image holds where nothing was read is not said: zeros, if the file was new.

func isDDRescue(t *text) bool {
	maps := 0
	for line := range t.head(40) {
		if strings.HasPrefix(line, "#") {
			if strings.Contains(line, "Created by GNU ddrescue") {
				return true
			}
			continue
		}
		if _, _, _, ok := mapLine(line); !ok && !currentLine(line) {
			return false
		}
		maps++
	}
	return maps >= 2
}

// mapLine reads "0x00100000  0x00003000  -".
func mapLine(line string) (pos, size uint64, status byte, ok bool) {
	f := strings.Fields(line)
	if len(f) < 3 || len(f[2]) != 1 || !strings.Contains("?*/-+", f[2]) {
		return 0, 0, 0, false
	}
	pos, err1 := strconv.ParseUint(f[0], 0, 63)
	size, err2 := strconv.ParseUint(f[1], 0, 63)
	return pos, size, f[2][0], err1 == nil && err2 == nil && pos+size < 1<<63
}

// currentLine reads "0x00102E00     +               1": where it stands.
func currentLine(line string) bool {
	f := strings.Fields(line)
	if len(f) < 2 || len(f) > 3 || len(f[1]) != 1 || !strings.Contains("?*/-+FG", f[1]) {
		return false
	}
	_, err := strconv.ParseUint(f[0], 0, 63)
	return err == nil
}

func readDDRescue(t *text, _ string) *Log {
	l := &Log{Tool: ToolDDRescue, State: CutShort}
	events, current := false, false
	end, gap := uint64(0), uint64(0)
	kinds := map[byte]*Damage{'?': {Kind: Untried}, '*': {Kind: Untrimmed}, '/': {Kind: Untrimmed}, '-': {Kind: Unreadable}}
	kinds['/'] = kinds['*']
	for line := range t.lines() {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if strings.HasPrefix(line, "#") {
			events = ddrescueComment(t, l, line) || events
			continue
		}
		if events {
			if strings.Contains(line, "End of run (") {
				_, l.Said, _ = strings.Cut(line, "End of run ")
				l.Said = t.clean(strings.Trim(l.Said, "()"))
			}
			continue
		}
		if !current && currentLine(line) {
			current = true
			continue
		}
		pos, size, status, ok := mapLine(line)
		if !ok {
			l.odd("a line of the map can't be read: %s", t.clean(line[:min(len(line), 60)]))
			continue
		}
		if pos != end && end != 0 || pos < end {
			gap++
		}
		end = pos + size
		if bad := kinds[status]; bad != nil && size > 0 {
			bad.Bytes += size
			bad.add(pos, pos+size-1)
		}
	}
	for _, status := range []byte("-?*") {
		if bad := kinds[status]; bad.Bytes > 0 {
			l.Damage = append(l.Damage, *bad)
		}
	}
	if gap > 0 {
		l.odd("the map has %d gaps or overlaps", gap)
	}
	l.Source.Bytes = end
	if !events && end > 0 {
		l.NoErrors = len(l.Damage) == 0 && gap == 0 && len(l.Odd) == 0
	}
	return l
}

// ddrescueComment reads a line of the head; true where it says that this is the
// list of events.
func ddrescueComment(t *text, l *Log, line string) bool {
	line = strings.TrimSpace(strings.TrimPrefix(line, "#"))
	if kind, version, ok := strings.Cut(line, "Created by GNU ddrescue version "); ok {
		l.Version = t.clean(version)
		return strings.HasPrefix(kind, "Events") || strings.HasPrefix(kind, "Rates") || strings.HasPrefix(kind, "Reads")
	}
	name, value, ok := t.label(line)
	switch {
	case line == "Finished":
		l.State, l.Said = Finished, "Finished"
	case strings.HasPrefix(line, "Copying") || strings.HasPrefix(line, "Trimming") ||
		strings.HasPrefix(line, "Scraping") || strings.HasPrefix(line, "Retrying"):
		l.State, l.Said = Aborted, t.clean(line) // it stopped here, for now
	case !ok:
	case name == "command line":
		l.Command = value
		ddrescueCommand(l, value)
	case name == "start time":
		l.Started = t.when(value)
	case name == "current time", name == "end time":
		l.Ended = t.when(value)
		if name == "end time" {
			l.State = Finished
		}
	}
	return false
}

// ddrescueCommand finds source and image: the first two words that are no options.
// An option's own value, where it stands apart, is skipped.
func ddrescueCommand(l *Log, command string) {
	words := strings.Fields(command)
	var files []string
	for i := 1; i < len(words); i++ {
		w := words[i]
		if strings.HasPrefix(w, "-") {
			if len(w) == 2 && strings.Contains("abceEHiKLmorsTxXZ", w[1:]) {
				i++
			}
			continue
		}
		files = append(files, w)
	}
	if len(files) > 0 {
		l.Source.Device = files[0]
	}
	if len(files) > 1 {
		l.addImage(files[1])
	}
}
