package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/custody"
)

// printMedia says what the service found in an image when it decoded it.
func (s shownItem) printMedia(w io.Writer) {
	m := s.Media
	if m == nil {
		return
	}
	switch m.State {
	case "waiting":
		fmt.Fprintln(w, "media   not decoded by the service yet: its media data is not checked")
	case "whole":
		fmt.Fprintf(w, "media   decoded by the service, every chunk: %s\n", storedWords(*m))
	case "damaged":
		fmt.Fprintf(w, "media   DAMAGED, as the service decoded it: %s\n", s.mediaDamage())
	case "unreadable":
		fmt.Fprintf(w, "media   could not be decoded by the service (%s): its media data is not checked\n", printable(m.Reason))
	default:
		fmt.Fprintf(w, "media   %s\n", printable(m.State))
	}
	if m.Size > 0 {
		fmt.Fprintf(w, "        %d bytes in %d files\n", m.Size, m.Segments)
	}
	for _, h := range [][2]string{{"SHA-256", m.SHA256}, {"SHA-1", m.SHA1}, {"MD5", m.MD5}, {"stored SHA-1", m.StoredSHA1}, {"stored MD5", m.StoredMD5}} {
		if h[1] != "" {
			fmt.Fprintf(w, "        %-12s  %s\n", h[0], printable(h[1]))
		}
	}
	for _, f := range m.Flaws {
		fmt.Fprintf(w, "        flaw in its structure: %s\n", printable(f))
	}
	if !m.Event.IsZero() {
		fmt.Fprintf(w, "        of the medium's data, not of the file; event %s\n", m.Event)
	}
}

func (s shownItem) mediaDamage() string {
	m := s.Media
	if m.Damaged == 0 {
		return "a hash stored in it is not that of its media data"
	}
	var words []string
	for i, n := range m.Chunks {
		if i == named {
			words = append(words, "…")
			break
		}
		off := n * m.ChunkSize
		words = append(words, fmt.Sprintf("%d to %d", off, max(min(off+m.ChunkSize, m.Size), 1)-1))
	}
	return fmt.Sprintf("%d chunks can't be decoded, bytes %s of the medium", m.Damaged, strings.Join(words, ", "))
}

// storedWords says what the stored hashes are worth.
func storedWords(m desk.Found) string {
	unsound := slices.Contains(m.Flaws, string(custody.FlawHash))
	switch {
	case unsound && m.StoredMD5+m.StoredSHA1 == "":
		return "the hashes stored in it can't be read: there is none to compare with"
	case unsound:
		return "of the stored hashes those that can be read are those of the media data; others can't be read"
	case m.StoredMD5+m.StoredSHA1 == "":
		return "the imager stored no hash to compare with"
	}
	return "the stored hashes are those of the media data"
}
