package imaging

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/ewf"
)

// foundIn writes down what was found in an image.
func foundIn(m *ewf.Image, r ewf.Report) *custody.ImageFound {
	f := &custody.ImageFound{ChunkSize: uint64(m.Medium.ChunkSize), Chunks: r.Chunks, Compressed: r.Compressed,
		Damaged: custody.DamagedChunks{Count: r.Damaged, First: []uint64{}}, Dialect: custody.EWFDialect(m.Kind),
		SectorSize: uint64(m.Medium.SectorSize), Segments: uint64(m.Segments()), Size: r.Size}
	for _, d := range r.First[:min(len(r.First), custody.MaxDamagedChunks)] {
		f.Damaged.First = append(f.Damaged.First, d.Chunk)
	}
	if r.Damaged == 0 {
		sum := evidence.Digest(*r.SHA256)
		f.MD5, f.SHA1, f.SHA256 = hex.EncodeToString(r.MD5[:]), hex.EncodeToString(r.SHA1[:]), &sum
	}
	stored := r.Compared(m.Stored)
	if h := stored.MD5; h != nil {
		f.Stored.MD5 = hex.EncodeToString(h[:])
	}
	if h := stored.SHA1; h != nil {
		f.Stored.SHA1 = hex.EncodeToString(h[:])
	}
	flaws := r.FlawKinds
	// A list of more than the medium has says nothing.
	if e := m.Errors; e.Sectors <= f.Size/f.SectorSize && e.Ranges <= e.Sectors && (e.Ranges > 0 || e.Sectors == 0) {
		f.Unread = custody.UnreadSectors{Ranges: e.Ranges, Sectors: e.Sectors}
	} else {
		flaws = append(flaws, string(custody.FlawErrors))
	}
	f.Flaws = custody.FlawsOf(flaws)
	return f
}

// toldBy is what the imager wrote into the image, as details.
func toldBy(m *ewf.Image) map[custody.Field]string {
	d := m.Metadata
	out := map[custody.Field]string{}
	for field, text := range map[custody.Field]string{
		custody.FieldCaseNumber: d.Case, custody.FieldEvidenceNumber: d.Evidence, custody.FieldDescription: d.Description,
		custody.FieldExaminer: d.Examiner, custody.FieldNote: d.Notes, custody.FieldTool: d.Tool, custody.FieldSystem: d.System,
		custody.FieldWriteBlocker: m.Medium.WriteBlocker, custody.FieldMedium: medium(m),
		custody.FieldAcquired: date(d.Acquired), custody.FieldWritten: date(d.Written),
	} {
		if text = fit(text); strings.TrimSpace(text) != "" {
			out[field] = text
		}
	}
	return out
}

// medium names what was imaged, as far as the imager did.
func medium(m *ewf.Image) string {
	var parts []string
	add := func(words ...string) {
		if words[len(words)-1] != "" {
			parts = append(parts, strings.Join(words, " "))
		}
	}
	add(m.Medium.Type)
	if m.Medium.Physical {
		add("physical")
	}
	add("model", m.Metadata.Model)
	add("serial number", m.Metadata.Serial)
	add("label", m.Metadata.Label)
	return strings.Join(parts, ", ")
}

// date is a time as people read it, with what was written where that is another text.
func date(d ewf.Date) string {
	switch {
	case d.At.IsZero():
		return d.Text
	case d.Zone:
		return d.At.UTC().Format("2006-01-02T15:04:05Z") + " (written: " + d.Text + ")"
	}
	return d.At.Format("2006-01-02T15:04:05") + ", zone not stated (written: " + d.Text + ")"
}

// longest is how many bytes of one text are repeated.
const longest = 16 << 10

// fit makes a text of an image one that a detail may have: what a reader could be
// led astray by is written as an escape, and what is too long is cut.
func fit(text string) string {
	text = norm.NFC.String(strings.ToValidUTF8(text, "\uFFFD"))
	var b strings.Builder
	for _, r := range text {
		if custody.CheckText(string(r)) != nil {
			b.WriteString(escape(r))
		} else {
			b.WriteRune(r)
		}
	}
	out := cut(b.String())
	if custody.CheckText(norm.NFC.String(out)) != nil {
		return cut(strings.Trim(strconv.QuoteToASCII(text), `"`))
	}
	return out
}

func escape(r rune) string {
	if r > 0xffff {
		return fmt.Sprintf(`\U%08x`, r)
	}
	return fmt.Sprintf(`\u%04x`, r)
}

func cut(s string) string {
	if len(s) <= longest {
		return s
	}
	s = s[:longest]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s + "…"
}
