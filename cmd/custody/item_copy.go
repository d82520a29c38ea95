package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/evidence-custody/custodyd/evidence"
)

// copyWord is how the service last found an item's copy, in a list.
func (s shownItem) copyWord() string {
	if s.Fixity == nil {
		return "-"
	}
	switch s.Fixity.State {
	case "failed":
		return "DAMAGED"
	case "unchecked":
		return "not-checked"
	}
	return printable(s.Fixity.State)
}

// printCopy says how the service last found an item's copy, and what is known of
// the rest.
func (s shownItem) printCopy(w io.Writer) {
	f := s.Fixity
	if f == nil {
		return
	}
	at := "at an unknown time"
	if f.Checked != nil {
		at = moment(*f.Checked)
	}
	switch f.State {
	case "unread":
		fmt.Fprintf(w, "copy    not read back since its deposit at %s\n", moment(f.Whole))
	case "passed":
		fmt.Fprintf(w, "copy    read back whole at %s, as deposited\n", at)
	case "failed":
		fmt.Fprintf(w, "copy    DAMAGED, found at %s: %s\n        last found whole at %s\n", at, s.damage(), moment(f.Whole))
	case "unchecked":
		fmt.Fprintf(w, "copy    could not be checked at %s (%s), which says nothing about the bytes\n        last found whole at %s\n", at, printable(f.Reason), moment(f.Whole))
	case "erased":
		fmt.Fprintf(w, "copy    erased at %s: the item was disposed of, and the key of its copy destroyed\n", at)
	default:
		fmt.Fprintf(w, "copy    %s at %s\n", printable(f.State), at)
	}
	if f.Due != nil {
		fmt.Fprintf(w, "        to be read back from %s on\n", moment(*f.Due))
	}
	if !f.Event.IsZero() {
		fmt.Fprintf(w, "        event %s\n", f.Event)
	}
}

// named is how many bad blocks are shown; --json has all that the event names.
const named = 8

// damage names the bad blocks with their bytes, as whoever repairs a copy needs
// them.
func (s shownItem) damage() string {
	f := s.Fixity
	if f.Reason == "missing" {
		return "the store has no such object"
	}
	words := []string{}
	for i, n := range f.Blocks {
		if i == named {
			words = append(words, "…")
			break
		}
		end := (n + 1) * evidence.BlockSize
		if s.Artifact != nil {
			end = min(end, s.Artifact.Size)
		}
		words = append(words, fmt.Sprintf("block %d (bytes %d to %d)", n, n*evidence.BlockSize, max(end, 1)-1))
	}
	out := fmt.Sprintf("%s, %d of %d blocks looked at are bad", printable(f.Reason), f.Bad, f.Looked)
	if len(words) > 0 {
		out += ": " + strings.Join(words, ", ")
	}
	return out
}

func moment(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 -07:00") }
